//! `kliento chain`.

use serde_json::json;

use crate::reference::case;
use crate::run::{command, feed};

const OWNER: &str = "_veraid.example.com.";

#[test]
fn prints_records_of_valid_chain() {
    let case = case("member-user");
    let rest = ["--at", &case.at, "--json", "-"];
    let run = feed(command(&case.arguments(&["chain", "verify"], &rest)), &case.chain());
    assert_eq!(run.status, 0, "{run:?}");
    let expected = json!({
        "status": "valid",
        "name": OWNER,
        "zone": "example.com.",
        "records": [["1 bGjno8/z1eivY++GGBNvwVJBlDZTvrwR4Nf/e3Hy4Bg= 86400"]],
        "validFrom": "2026-11-22T17:03:00Z",
        "validUntil": "2026-11-29T18:03:00Z",
    });
    assert_eq!(run.json(), expected);

    let rest = ["--at", &case.at, "--name", "_VERAID.example.com", "-"];
    let run = feed(command(&case.arguments(&["chain", "verify"], &rest)), &case.chain());
    assert_eq!(
        run.output,
        "valid: 1 TXT record of _veraid.example.com.
  \"1 bGjno8/z1eivY++GGBNvwVJBlDZTvrwR4Nf/e3Hy4Bg= 86400\"
  in the zone  example.com.
  valid from   2026-11-22T17:03:00Z
  valid until  2026-11-29T18:03:00Z
"
    );
}

#[test]
fn rejects_unproven_chain() {
    let case = case("member-user");
    let verify = |rest: &[&str], chain: &[u8]| {
        let rest = [rest, &["--json", "-"]].concat();
        let run = feed(command(&case.arguments(&["chain", "verify"], &rest)), chain);
        (run.status, run.code())
    };
    let at = ["--at", case.at.as_str()];
    let rejected = |status, code: &str| (status, code.to_owned());
    let other = [&at[..], &["--name", "_veraid.example.org"]].concat();
    assert_eq!(verify(&other, &case.chain()), rejected(1, "dnssec-txt-responses"));
    let late = ["--at", "2026-11-29T18:03:01Z"];
    assert_eq!(verify(&late, &case.chain()), rejected(1, "dnssec-time"));
    assert_eq!(verify(&at, b"\x31\x00"), rejected(1, "dnssec-txt-responses"));
    assert_eq!(verify(&at, b"\x31\x03\x04\x01x"), rejected(1, "dnssec-message-malformed"));
    for octets in [&b""[..], b"\x30\x00", b"\x31\x01", b"\x31\x02\x05\x00", b"\x31\x00\x00"] {
        assert_eq!(verify(&at, octets), rejected(3, "chain-malformed"), "{octets:?}");
    }
}

#[test]
fn requires_owner_if_ambiguous() {
    let case = case("member-user");
    // A response for another owner's TXT records, without records: a header and a question.
    let other = b"\x04\x15\0\0\x80\0\0\x01\0\0\0\0\0\0\x03foo\0\0\x10\0\x01";
    let messages = [&case.chain()[4..], other].concat();
    let length = u16::try_from(messages.len()).unwrap().to_be_bytes();
    let chain = [&[0x31, 0x82], &length[..], &messages].concat();
    let run = feed(command(&["chain", "verify", "-"]), &chain);
    assert_eq!((run.status, run.errors.contains("--name")), (2, true), "{run:?}");

    let rest = ["--at", &case.at, "--name", "_veraid.example.com", "-"];
    let run = feed(command(&case.arguments(&["chain", "verify"], &rest)), &chain);
    assert_eq!(run.status, 0, "{run:?}");
}
