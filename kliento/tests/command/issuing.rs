//! `kliento key`, `txt-record`, `mock` and `issue`, in the order of their use.

use std::fs;

use kliento::issue::{RsaSigner, Signer as _, TxtRecord};
use serde_json::{Value, json};
use veraid::{Dialect, DnssecChain};

use crate::cli_fixture::CliFixture;
use crate::run::{command, feed, kliento};

#[test]
fn verifies_issued_bundles() {
    let fixture = CliFixture::new();
    for (arguments, subject, signer) in [
        (&["--member", "alice", "--member-key", "alice.pem"][..], "alice@example.com", "member"),
        (&["--bot", "--member-key", "alice.pem", "--as", "member"], "example.com", "member"),
        (&["--member", "Ünï 🦀"], "Ünï 🦀@example.com", "organisation"),
        (&["--bot", "--as", "organisation"], "example.com", "organisation"),
        (&[], "example.com", "organisation"),
    ] {
        let claims = ["--claim", "a=b=c", "--claim", "empty=", "-o", "bundle"];
        let run = fixture.issue(&[arguments, &claims].concat());
        assert_eq!((run.status, run.errors.as_str()), (0, ""), "{arguments:?}");
        assert!(
            run.output
                .starts_with(&format!("wrote bundle: {subject} for https://a.example, until "))
        );
        let mut verified = fixture.verify(&["--json", "bundle"]).json();
        let times = ["validFrom", "validUntil"].map(|name| verified[name].take());
        let expected = json!({
            "status": "valid",
            "subject": subject,
            "subjectId": subject,
            "audience": "https://a.example",
            "claims": { "a": "b=c", "empty": "" },
            "signer": signer,
            "validFrom": null,
            "validUntil": null,
        });
        assert_eq!(verified, expected);
        let [from, until] = times.map(|time| time.as_str().unwrap().parse::<kliento::Timestamp>());
        assert_eq!(until.unwrap().duration_since(from.unwrap()).as_secs(), 330);
    }
}

#[test]
fn verifies_issued_header() {
    let fixture = CliFixture::new();
    let header = fixture.issue(&["--member", "alice", "--auth-header"]).output;
    assert!(header.starts_with("Kliento ") && header.lines().count() == 1);
    let anchor = fixture.anchor();
    let arguments = ["--audience", "https://a.example", "--trust-anchor", &anchor];
    let run =
        feed(command(&[&["verify", "--auth-header"], &arguments[..]].concat()), header.as_bytes());
    assert_eq!(run.status, 0, "{run:?}");
}

#[test]
fn backdates_within_60_minutes() {
    let fixture = CliFixture::new();
    for (rest, duration) in [
        (&["--ttl", "1h"][..], 3600),
        (&["--ttl", "58m", "--backdating", "150s"], 3600),
        (&["--ttl", "59m 30s"], 3600),
        (&["--ttl", "10s", "--backdating", "0s"], 10),
        (&["--ttl", "10s", "--backdating", "2m"], 130),
    ] {
        let run = fixture.issue(&[rest, &["-o", "bundle"]].concat());
        let is_cut = matches!(rest, [_, "1h"] | [_, "58m", ..]);
        let is_warned = run.errors.contains("the token ends 30 s earlier than --ttl");
        assert_eq!((run.status, is_warned), (0, is_cut), "{run:?}");
        assert_eq!(run.errors.is_empty(), !is_cut, "{run:?}");
        let verified = fixture.verify(&["--json", "bundle"]).json();
        let time = |name: &str| verified[name].as_str().unwrap().parse::<kliento::Timestamp>();
        let (from, until) = (time("validFrom").unwrap(), time("validUntil").unwrap());
        assert_eq!(until.duration_since(from).as_secs(), duration, "{rest:?}");
    }
    // With 60 minutes, the token would have expired.
    for backdating in ["60m", "61m"] {
        let run = fixture.issue(&["--backdating", backdating, "-o", "bundle"]);
        assert_eq!((run.status, run.errors.contains("--backdating")), (2, true), "{run:?}");
    }
}

#[test]
fn warns_of_key_with_several_names() {
    let fixture = CliFixture::new();
    let run = fixture.issue(&["--member-key", "organisation.pem", "-o", "bundle"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert!(run.errors.contains("the member's key is the organisation's"), "{run:?}");
    let mock = ["mock", "--org", "example.org", "--key", "organisation.pem", "--ttl", "3600"];
    fixture.succeed(&[&mock[..], &["--out-dir", "other"]].concat());
    let chains = ["chain.der", "other/chain.der"].map(|name| fixture.read(name));
    let [chain, other] =
        chains.each_ref().map(|file| DnssecChain::messages_from_der(file).unwrap());
    let both = DnssecChain::messages_to_der(&[chain, other].concat());
    fs::write(fixture.folder.path().join("chain.der"), both).unwrap();
    let run = fixture.issue(&["-o", "bundle"]);
    assert!(run.errors.contains("also published at _veraid.example.org"), "{run:?}");
}

#[test]
fn issues_token_with_given_start() {
    let fixture = CliFixture::new();
    let (start, _) = fixture.chain_validity();
    let at = start.replace('Z', ".9Z");
    let run = fixture.issue(&["--at", &at, "--ttl", "1h", "-o", "bundle"]);
    assert_eq!((run.status, run.errors.as_str()), (0, ""));
    let verified = fixture.verify(&["--json", "--at", &start, "bundle"]).json();
    assert_eq!(verified["validFrom"], Value::String(start));
    let early = fixture.issue(&["--at", "2026-01-01T00:00:00Z", "-o", "bundle"]);
    assert_eq!((early.status, early.errors.contains("not valid when")), (0, true), "{early:?}");
}

#[test]
fn escapes_untrusted_text() {
    let fixture = CliFixture::new();
    let rest = ["--claim", "a=\u{1b}[2J\u{9b}\n\u{202e}", "-o", "bundle"];
    assert_eq!(fixture.issue(&rest).status, 0);
    let anchor = fixture.anchor();
    for arguments in [&["inspect"][..], &["verify", "--audience", "https://a.example"]] {
        let arguments = [arguments, &["--trust-anchor", &anchor, "bundle"]].concat();
        let output = fixture.succeed(&arguments);
        assert!(output.contains(r"a = \u{1b}[2J\u{9b}\n\u{202e}"), "{output:?}");
        assert!(!output.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{output:?}");
        let json = fixture.run(&[&arguments, &["--json"][..]].concat());
        assert!(!json.output.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{json:?}");
        assert_eq!(json.json()["claims"]["a"], "\u{1b}[2J\u{9b}\n\u{202e}");
    }
}

#[test]
fn rejects_invalid_requests() {
    let fixture = CliFixture::new();
    let rejected = |arguments: &[&str], words: &str| {
        let run = fixture.issue(arguments);
        assert_eq!((run.status, run.output.as_str()), (2, ""), "{arguments:?}");
        assert!(run.errors.contains(words), "{words:?} in {:?}", run.errors);
    };
    rejected(&["--as", "member"], "--member-key");
    rejected(&["--as", "organisation", "--member-key", "alice.pem"], "--member-key");
    rejected(&["--member", "a@b"], "'@'");
    rejected(&["--member", "alice", "--bot"], "cannot be used with");
    rejected(&["--claim", "a"], "name=value");
    rejected(&["--ttl", "61m"], "--ttl");
    rejected(&["--ttl", "5"], "5m");
    rejected(&["--ttl", "0s"], "at least one second");
    rejected(&["--ttl", "0.5s"], "at least one second");
    for option in ["--ttl", "--backdating"] {
        rejected(&[option, "1.5s"], "in whole seconds");
        rejected(&[option, "1s 1ms"], "in whole seconds");
    }
    rejected(&["--member-key", "chain.der"], "chain.der");
    rejected(&["--claim", &format!("a={}", "b".repeat(16_384))], "octets, maximum 16384");
    let with = |key: &str, chain: &str, org: &str| {
        let key = ["issue", "--audience", "a", "--key", key, "--chain", chain, "--org", org];
        fixture.run(&key)
    };
    let other_key = with("alice.pem", "chain.der", "example.com");
    assert!(other_key.status == 2 && other_key.errors.contains("txt-record"), "{other_key:?}");
    let other_name = with("organisation.pem", "chain.der", "example.org");
    assert!(other_name.status == 2 && other_name.errors.contains("_veraid.example.org"));
    let no_chain = with("organisation.pem", "alice.pem", "example.com");
    assert!(no_chain.status == 2 && no_chain.errors.contains("alice.pem"), "{no_chain:?}");
}

#[test]
fn prints_record_of_key() {
    let fixture = CliFixture::new();
    for (key, algorithm) in [("organisation.pem", 1), ("alice.pem", 2)] {
        let signer = RsaSigner::from_pem(&fixture.read(key)).unwrap();
        for (dialect, form) in [("deployed", Dialect::Deployed), ("spec", Dialect::Spec)] {
            let service = ["--service", "1.3.6.1.4.1.58708.3.0", "--dialect", dialect];
            let arguments =
                [&["txt-record", "--key", key, "--ttl", "86400"], &service[..]].concat();
            let value = fixture.succeed(&arguments);
            let record: TxtRecord = value.trim_end().parse().unwrap();
            assert!(record.identifies(signer.algorithm(), signer.subject_public_key_info()));
            assert_eq!(value, format!("{}\n", record.to_value(form)));
            assert!(value.starts_with(&format!("{algorithm} ")));
            assert_eq!(record.ttl_override().as_secs(), 86_400);
        }
    }
    let value = fixture.succeed(&["txt-record", "--key", "organisation.pem", "--ttl", "3600"]);
    let anchor = fixture.anchor();
    let proven = fixture.succeed(&["chain", "verify", "--trust-anchor", &anchor, "chain.der"]);
    assert!(proven.contains(&format!("\"{}\"", value.trim_end())));
    for ttl in ["0", "7776001", "x"] {
        let run = fixture.run(&["txt-record", "--key", "organisation.pem", "--ttl", ttl]);
        assert_eq!((run.status, run.errors.contains("--ttl")), (2, true), "{run:?}");
    }
}

#[test]
fn keeps_keys_private_and_never_overwrites_them() {
    let fixture = CliFixture::new();
    let before = fixture.read("alice.pem");
    let run = fixture.run(&["key", "generate", "-o", "alice.pem"]);
    assert_eq!((run.status, run.errors.contains("alice.pem already exists")), (2, true), "{run:?}");
    assert_eq!(fixture.read("alice.pem"), before);
    let bundle = fixture.issue(&["--member", "alice", "--member-key", "alice.pem", "-o", "bundle"]);
    assert_eq!(bundle.status, 0);
    #[cfg(unix)]
    for (name, mode) in [("alice.pem", 0o600), ("bundle", 0o600)] {
        use std::os::unix::fs::PermissionsExt as _;
        let metadata = fs::metadata(fixture.folder.path().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{name}");
    }
    let files = fs::read_dir(&fixture.folder).unwrap().count();
    assert_eq!(files, 5, "no temporary file is left behind");
}

#[test]
fn rejects_other_key_sizes_and_files() {
    let run = kliento(&["key", "generate", "--bits", "1024", "-o", "key.pem"]);
    assert_eq!((run.status, run.errors.contains("2048, 3072 or 4096")), (2, true), "{run:?}");
    let run = kliento(&["key", "generate", "-o", "/no/such/folder/key.pem"]);
    assert_eq!((run.status, run.errors.contains("/no/such/folder/key.pem")), (2, true), "{run:?}");
    let run = kliento(&["txt-record", "--key", "/no/such.pem", "--ttl", "1"]);
    assert_eq!((run.status, run.errors.contains("/no/such.pem")), (2, true), "{run:?}");
}
