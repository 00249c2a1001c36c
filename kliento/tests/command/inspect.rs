//! `kliento inspect`.

use serde_json::Value;
use snapbox::{assert_data_eq, file};

use crate::reference::{Case, case, cases};
use crate::run::{Run, command, feed};

fn inspect(case: &Case, at: &str, environment: &[(&str, &str)], input: &[u8]) -> Run {
    let mut command = command(&case.arguments(&["inspect"], &["--at", at]));
    command.envs(environment.iter().copied());
    feed(command, input)
}

fn inspect_json(case: &Case, at: &str, input: &[u8]) -> Run {
    feed(command(&case.arguments(&["inspect"], &["--at", at, "--json"])), input)
}

#[test]
fn renders_valid_bundle() {
    let case = case("member-user");
    let run = inspect(&case, &case.at, &[], &case.octets());
    assert_eq!(run.status, 0);
    assert_data_eq!(run.output, file!["valid.txt"].raw());
}

#[test]
fn renders_expired_bundle_in_ascii() {
    let case = case("org-user");
    let environment = [("LANG", "C"), ("COLUMNS", "80")];
    let run = inspect(&case, "2026-11-30T00:00:00Z", &environment, &case.octets());
    assert_eq!(run.status, 1);
    assert!(run.output.is_ascii());
    assert_data_eq!(run.output, file!["expired.txt"].raw());
}

#[test]
fn renders_chain_with_untrusted_root() {
    let case = case("member-bot");
    let run = feed(command(&["inspect", "--at", &case.at]), &case.octets());
    assert_eq!(run.status, 1);
    assert!(run.errors.contains("--trust-anchor"));
    assert_data_eq!(run.output, file!["untrusted.txt"].raw());
}

#[test]
fn fits_terminal_width() {
    for case in cases() {
        for (columns, width) in [("40", 80), ("80", 80), ("100", 100), ("500", 120)] {
            for at in [case.at.as_str(), "2027-11-22T18:03:00Z"] {
                let run = inspect(&case, at, &[("COLUMNS", columns)], &case.octets());
                for line in run.output.lines() {
                    // A key's identifier is one word, which is never broken.
                    let is_record = line.contains("==");
                    assert!(is_record || line.chars().count() <= width, "{columns}: {line}");
                }
            }
        }
    }
}

/// Returns the steps of the tree with their states, in the order of the text.
fn states(node: &Value) -> Vec<(String, String)> {
    let text = |name: &str| node[name].as_str().unwrap().to_owned();
    let mut found = vec![(text("node"), text("state"))];
    found.extend(node["children"].as_array().into_iter().flatten().flat_map(states));
    found
}

#[test]
fn applies_clock_skew_as_verify_does() {
    let case = case("member-user");
    let arguments =
        case.arguments(&["inspect"], &["--at", "2026-11-22T17:57:55Z", "--json", "--clock-skew"]);
    let inspect = |skew| feed(command(&[&arguments, &[skew][..]].concat()), &case.octets());
    let json = inspect("5s").json();
    assert_eq!(json["status"], "valid");
    assert_eq!(json["validPeriods"][0]["validFrom"], "2026-11-22T17:57:55Z");
    assert!(states(&json["tree"]).iter().all(|(_, state)| state == "holds"), "{json}");
    assert_eq!(inspect("4s").code(), "signature-time");
}

#[test]
fn json_agrees_with_text() {
    let case = case("member-user");
    let json = inspect_json(&case, &case.at, &case.octets()).json();
    assert_eq!(json["status"], "valid");
    assert_eq!(json["subjectId"], "alice@example.com");
    assert_eq!(json["validPeriods"][0]["validUntil"], "2026-11-22T18:58:00Z");
    let states = states(&json["tree"]);
    assert!(states.iter().all(|(_, state)| state == "holds"), "{states:?}");
    let nodes: Vec<&str> = states.iter().map(|(node, _)| node.as_str()).collect();
    let zone = ["zone", "DS", "DNSKEY"];
    let expected = [
        &["trustAnchors", "zone", "DNSKEY"][..],
        &zone,
        &zone,
        &["TXT", "organisationCertificate", "memberCertificate", "signature", "token"],
    ];
    assert_eq!(nodes, expected.concat());
}

#[test]
fn reports_error_at_invalid_step() {
    let case = case("member-user");
    let mut octets = case.octets();
    *octets.last_mut().unwrap() ^= 1;
    let run = inspect_json(&case, &case.at, &octets);
    assert_eq!((run.status, run.code().as_str()), (1, "signature-mismatch"));
    let states = states(&run.json()["tree"]);
    let not_valid: Vec<_> = states.iter().filter(|(_, state)| state != "holds").collect();
    let expected =
        [&("signature".to_owned(), "fails".to_owned()), &("token".into(), "unproven".into())];
    assert_eq!(not_valid, expected);
}

#[test]
fn reports_error_at_invalid_zone() {
    let case = case("member-user");
    let mut octets = case.octets();
    // The first DNSKEY record of com in the chain: another key, another tag.
    let position =
        octets.windows(8).position(|window| window == b"\x03com\x00\x00\x30\x00").unwrap();
    octets[position + 60] ^= 1;
    let run = inspect_json(&case, &case.at, &octets);
    assert_eq!(run.status, 1);
    let states = states(&run.json()["tree"]);
    let failing = states.iter().filter(|(_, state)| state == "fails");
    assert!(failing.clone().any(|(node, _)| node == "DNSKEY"), "{states:?}");
    assert!(
        states.iter().any(|(node, state)| node == "token" && state == "unproven"),
        "{states:?}"
    );
    // The zone above is unaffected.
    assert_eq!(states[1], ("zone".to_owned(), "holds".to_owned()));
}

#[test]
fn shows_readable_parts_of_malformed_bundle() {
    let case = case("member-user");
    let octets = case.octets();
    for length in (0..octets.len()).step_by(61) {
        let run = inspect_json(&case, &case.at, &octets[..length]);
        assert_eq!(run.status, 3, "{length}");
        assert_eq!(run.json()["tree"]["node"], "trustAnchors");
    }
    let run = inspect_json(&case, &case.at, &octets[..octets.len() - 1]);
    let states = states(&run.json()["tree"]);
    let is_valid = |name: &str| states.iter().any(|(node, state)| node == name && state == "holds");
    assert!(is_valid("TXT") && is_valid("organisationCertificate"), "{states:?}");
    assert!(states.contains(&("signature".to_owned(), "fails".to_owned())), "{states:?}");
}

#[test]
fn reports_past_and_future_validity() {
    let case = case("member-user");
    for (at, words) in [
        ("2026-11-22T19:58:00Z", "was valid from 2026-11-22T17:58:00Z to 2026-11-22T18:58:00Z"),
        ("2026-11-22T17:50:00Z", "will be valid from 2026-11-22T17:58:00Z"),
    ] {
        let run = inspect(&case, at, &[("COLUMNS", "120")], &case.octets());
        assert_eq!(run.status, 1);
        assert!(run.output.contains(words), "{}", run.output);
    }
}
