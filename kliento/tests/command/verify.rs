//! `kliento verify`.

use kliento::TokenBundle;
use serde_json::json;

use crate::reference::{case, cases};
use crate::run::{Run, command, feed, kliento};

fn verify(name: &str, at: &str, rest: &[&str]) -> Run {
    let case = case(name);
    let path = case.path();
    let rest = [&["--at", at, "--audience", &case.audience, &path], rest].concat();
    kliento(&case.arguments(&["verify"], &rest))
}

#[test]
fn verifies_bundles_of_reference() {
    for case in cases() {
        let path = case.path();
        let rest = ["--at", &case.at, "--audience", &case.audience, "--json", &path];
        let run = kliento(&case.arguments(&["verify"], &rest));
        assert_eq!(run.status, 0, "{run:?}");
        let expected = json!({
            "status": "valid",
            "subject": case.subject,
            "subjectId": case.subject,
            "audience": case.audience,
            "claims": case.claims,
            "signer": case.signer,
            "validFrom": "2026-11-22T17:58:00Z",
            "validUntil": "2026-11-22T18:58:00Z",
        });
        assert_eq!(run.json(), expected, "{}", case.name);
    }
}

#[test]
fn text_agrees_with_json() {
    let run = verify("member-user", "2026-11-22T18:03:00Z", &[]);
    assert_eq!(run.status, 0);
    assert_eq!(
        run.output,
        "valid: alice@example.com
  audience    https://api.example.com
  claims      permission = read-only
  signed by   the member
  valid from  2026-11-22T17:58:00Z
  valid until 2026-11-22T18:58:00Z (55 minutes left)
"
    );
}

#[test]
fn valid_until_last_instant_inclusive() {
    for (at, status) in [
        ("2026-11-22T17:57:59.999Z", 1),
        ("2026-11-22T17:58:00Z", 0),
        ("2026-11-22T18:58:00Z", 0),
        ("2026-11-22T18:58:00.001Z", 1),
    ] {
        let run = verify("member-user", at, &["--json"]);
        assert_eq!(run.status, status, "{at}");
        if status == 1 {
            assert_eq!(run.code(), "signature-time");
        }
    }
}

#[test]
fn reads_header_values_from_standard_input() {
    let case = case("member-user");
    let header = TokenBundle::from_bytes(case.octets()).unwrap().to_authorization();
    let rest = ["--at", &case.at, "--audience", &case.audience, "--auth-header"];
    let arguments = case.arguments(&["verify"], &rest);
    for end in ["", "\n", "\r\n", "\n\n"] {
        let run = feed(command(&arguments), format!("{header}{end}").as_bytes());
        assert_eq!(run.status, 0, "{run:?}");
    }
    for changed in [format!("{header} "), format!("\n{header}"), format!(" {header}")] {
        let run = feed(command(&arguments), changed.as_bytes());
        assert_eq!(run.status, 3, "{run:?}");
    }
}

#[test]
fn suggests_likely_option() {
    let case = case("member-user");
    let header = TokenBundle::from_bytes(case.octets()).unwrap().to_authorization();
    let run = feed(command(&["verify", "--audience", "x"]), header.as_bytes());
    assert_eq!((run.status, run.errors.contains("add --auth-header")), (3, true), "{run:?}");

    let run = feed(command(&["verify", "--audience", "x", "--auth-header"]), &case.octets());
    assert_eq!((run.status, run.errors.contains("leave out --auth-header")), (3, true), "{run:?}");

    let run = kliento(&["verify", "--audience", "x", "--at", &case.at, &case.path()]);
    assert_eq!((run.status, run.errors.contains("--trust-anchor")), (1, true), "{run:?}");
}

#[test]
fn accepts_any_given_audience() {
    let run =
        verify("member-user", "2026-11-22T18:03:00Z", &["--audience", "https://other.example"]);
    assert_eq!(run.status, 0);
}

#[test]
fn rejects_other_audience() {
    let case = case("member-user");
    let path = case.path();
    let rest = ["--at", &case.at, "--audience", "https://api.example.com/", "--json", &path];
    let run = kliento(&case.arguments(&["verify"], &rest));
    assert_eq!((run.status, run.code().as_str()), (1, "audience-mismatch"));
    assert!(run.output.ends_with('\n'));
    assert_eq!(run.output.lines().count(), 1);
}

#[test]
fn accepts_bundle_that_starts_later_by_at_most_the_clock_skew() {
    // The bundle starts at 17:58:00 and ends at 18:58:00.
    for (at, skew, status) in [
        ("2026-11-22T17:57:55Z", None, 1),
        ("2026-11-22T17:57:55Z", Some("5s"), 0),
        ("2026-11-22T17:57:54Z", Some("5s"), 1),
        ("2026-11-22T17:53:00Z", Some("5m"), 0),
        ("2026-11-22T18:58:00Z", Some("5m"), 0),
        ("2026-11-22T18:58:01Z", Some("5m"), 1),
    ] {
        let rest = skew.map(|skew| ["--clock-skew", skew]);
        let run = verify("member-user", at, rest.as_ref().map_or(&[][..], |rest| rest));
        assert_eq!(run.status, status, "{at} {skew:?}: {run:?}");
    }
    let run = verify("member-user", "2026-11-22T18:03:00Z", &["--clock-skew", "301s"]);
    assert_eq!((run.status, run.errors.contains("at most 5m")), (2, true), "{run:?}");
}

#[test]
fn reports_malformed_input() {
    let large = vec![0x30; 16_385];
    for (octets, code) in [
        (&b""[..], "bundle-malformed"),
        (b"\x30\x00", "bundle-malformed"),
        (b"Not a bundle.", "bundle-malformed"),
        (&large, "bundle-too-large"),
    ] {
        let run = feed(command(&["verify", "--audience", "x", "--json", "-"]), octets);
        assert_eq!((run.status, run.code().as_str()), (3, code), "{run:?}");
        let error = run.json()["error"].as_str().unwrap().to_owned();
        let run = feed(command(&["verify", "--audience", "x"]), octets);
        assert_eq!(run.output, format!("malformed: {error} ({code})\n"));
    }
}

#[test]
fn explains_wrong_usage() {
    for (arguments, words) in [
        (&["verify"][..], &["--audience"][..]),
        (&["verify", "--audience", "x", "/no/such/file"], &["/no/such/file", "No such file"]),
        (&["verify", "--audience", "x", "--at", "now"], &["--at", "2026-11-22T18:03:00Z"]),
        (&["verify", "--audience", "x", "--trust-anchor", "1 2 3"], &["--trust-anchor", ". IN DS"]),
        (&["verify", "--audience", "x", "--trust-anchor", "1 8 1 AA"], &["digest type 1"]),
        (&["verfy"], &["verify"]),
    ] {
        let run = kliento(arguments);
        assert_eq!(run.status, 2, "{arguments:?}");
        assert_eq!(run.output, "", "{arguments:?}");
        for word in words {
            assert!(run.errors.contains(word), "{word:?} in {:?}", run.errors);
        }
    }
}

#[test]
fn uses_colour_on_terminals_or_on_request() {
    let case = case("member-user");
    let path = case.path();
    let rest = ["--at", &case.at, "--audience", &case.audience, &path];
    let arguments = case.arguments(&["verify"], &rest);
    let run = |variable: &str| {
        let mut command = command(&arguments);
        command.env(variable, "1");
        feed(command, b"").output.contains('\x1b')
    };
    assert!(!run("NO_COLOR"));
    assert!(run("CLICOLOR_FORCE"));
}

#[test]
fn ignores_closed_pipe() {
    let mut command = command(&["--help"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command.stdout(writer).status().unwrap();
    assert!(status.code().is_some_and(|code| code == 0), "{status}");
    let case = case("member-user");
    let (path, (reader, writer)) = (case.path(), std::io::pipe().unwrap());
    drop(reader);
    let rest = ["--at", &case.at, "--audience", &case.audience, &path];
    let arguments = case.arguments(&["verify"], &rest);
    let status = crate::run::command(&arguments).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
}
