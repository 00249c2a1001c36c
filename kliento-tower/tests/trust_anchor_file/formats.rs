//! The two formats, and the errors of invalid files.

use std::fs;

use kliento_tower::{
    SkipReason, TextFileError, TrustAnchorFile, TrustAnchorFileError as E, TrustAnchorStore as _,
    TrustAnchors, XmlElementError,
};
use veraid::ParseTrustAnchorError;

use crate::fixture::{
    AnchorFile, DIGEST_2010, DIGEST_2017, DIGEST_2024, IANA_DS, IANA_XML, anchors_xml, key_digest,
    key_tags,
};

const FROM: &str = "validFrom=\"2020-01-01T00:00:00Z\"";

fn rejection(content: impl AsRef<[u8]>) -> E {
    AnchorFile::new(content).open().unwrap_err()
}

#[test]
fn both_formats_agree_with_the_built_in_anchors() {
    for content in [IANA_DS.to_owned(), IANA_XML.to_owned(), format!("\u{feff}{IANA_XML}")] {
        let anchor_file = AnchorFile::new(content);
        let store = anchor_file.open().unwrap();
        assert_eq!(store.try_current(), Some(TrustAnchors::iana()));
        assert_eq!(store.skipped(), []);
        assert!(store.last_error().is_none());
        assert_eq!(store.path(), anchor_file.file());
    }
}

#[test]
fn skips_and_reports_unsupported_anchors() {
    let records = format!("20326 5 2 {DIGEST_2017}\n\n38696 8 1 00\n38696 8 2 {DIGEST_2024}");
    let store = AnchorFile::new(records).open().unwrap();
    assert_eq!(key_tags(&store), [38696]);
    let skipped: Vec<_> =
        store.skipped().into_iter().map(|skip| (skip.line, skip.reason)).collect();
    let unsupported = SkipReason::Unsupported;
    let expected = [
        (1, unsupported(ParseTrustAnchorError::Algorithm(5))),
        (3, unsupported(ParseTrustAnchorError::DigestType(1))),
    ];
    assert_eq!(skipped, expected);

    let unknown = IANA_XML.replacen("<Algorithm>8<", "<Algorithm>16<", 1);
    let skipped = AnchorFile::new(unknown).open().unwrap().skipped();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].line, 5);
    assert_eq!(skipped[0].reason, unsupported(ParseTrustAnchorError::Algorithm(16)));
}

/// RFC 9718, 2.2.
#[test]
fn skips_digest_of_another_key() {
    for (was, is) in [
        (DIGEST_2017, DIGEST_2024),
        ("<KeyTag>20326<", "<KeyTag>20327<"),
        ("AwEAAaz/tAm8", "AwEAAaz/tAm9"),
        ("<Flags>257<", "<Flags>256<"),
        ("<Flags>257<", "<Flags>385<"),
    ] {
        let store = AnchorFile::new(IANA_XML.replacen(was, is, 1)).open().unwrap();
        assert_eq!(key_tags(&store), [38696], "{is}");
        assert_eq!(store.skipped()[0].reason, SkipReason::DigestMismatch);
    }
}

#[test]
fn rejects_file_without_usable_anchors() {
    for empty in [String::new(), "; none\n# none\n\n".to_owned(), anchors_xml("")] {
        assert!(matches!(rejection(empty), E::NoUsableAnchor { skipped: 0 }));
    }
    assert!(matches!(rejection(format!("1 5 2 {DIGEST_2017}")), E::NoUsableAnchor { skipped: 1 }));
}

#[test]
fn reports_line_of_invalid_record() {
    for (record, expected) in [
        (&DIGEST_2017[..62], ParseTrustAnchorError::DigestLength { expected: 32, found: 31 }),
        ("zz", ParseTrustAnchorError::Syntax("20326 8 2 zz".to_owned())),
    ] {
        let content = format!("38696 8 2 {DIGEST_2024}\n20326 8 2 {record}\n");
        let E::Record { line: 2, error } = rejection(content) else { panic!("{record}") };
        assert_eq!(error, expected);
    }
    let record = format!("com. IN DS 20326 8 2 {DIGEST_2017}");
    assert!(matches!(rejection(record), E::Record { line: 1, .. }));
}

#[test]
fn reports_line_and_name_of_invalid_element() {
    for (was, is, expected) in [
        ("<TrustAnchor ", "<TrustAnchor xmlns='urn:x' ", "line 2: TrustAnchor is missing"),
        ("<Zone>.</Zone>", "", "line 2: Zone is missing"),
        ("<Zone>.</Zone>", "<Zone>com.</Zone>", "line 2: Zone has the invalid value \"com.\""),
        ("<Zone>.</Zone>", "<Zone>.</Zone>\n<Zone>.</Zone>", "line 5: Zone is repeated"),
        ("<KeyTag>20326</KeyTag>", "", "line 12: KeyTag is missing"),
        ("<KeyTag>20326", "<KeyTag>65536", "line 12: KeyTag has the invalid value \"65536\""),
        ("<DigestType>2<", "<DigestType>two<", "line 5: DigestType has the invalid value \"two\""),
        ("<Digest>E06D", "<Digest>06D", "line 12: KeyDigest is malformed: invalid DS record"),
        ("<Digest>E06D", "<Digest>6D", "line 12: KeyDigest is malformed: invalid digest length"),
        ("<Flags>257</Flags>", "", "line 12: Flags is missing"),
        (
            "<PublicKey>AwEAAaz/",
            "<PublicKey>?",
            "line 12: PublicKey has the invalid value \"?tAm8yTn4",
        ),
        ("validFrom=\"2017", "from=\"2017", "line 12: validFrom is missing"),
        ("validFrom=\"2017", "xml:validFrom=\"2017", "line 12: validFrom is missing"),
        ("+00:00\">", "\">", "line 5: validUntil has the invalid value \"2019-01-11T00:00:00\""),
        (
            "Until=\"2019",
            "Until=\"2009",
            "line 5: validUntil has the invalid value \"2009-01-11T00:00:00Z\"",
        ),
    ] {
        assert!(IANA_XML.contains(was), "{was}");
        let error = rejection(IANA_XML.replacen(was, is, 1));
        assert!(matches!(error, E::Element { .. }), "{is}: {error:?}");
        assert!(error.to_string().starts_with(expected), "{is}: {error}");
    }
    let other = "<Anchor><Zone>.</Zone></Anchor>";
    let E::Element { line: 1, name: "TrustAnchor", error } = rejection(other) else { panic!() };
    assert_eq!(error, XmlElementError::Missing);
}

#[test]
fn accepts_split_text_but_no_nested_elements() {
    let (head, tail) = DIGEST_2024.split_at(10);
    let pieces = format!(" {head}<!-- -->{tail}\n");
    let store = AnchorFile::new(anchors_xml(key_digest(38696, FROM, &pieces))).open().unwrap();
    assert_eq!(key_tags(&store), [38696]);
    let nested = format!("<b>{DIGEST_2024}</b>");
    assert!(matches!(
        rejection(anchors_xml(key_digest(38696, FROM, &nested))),
        E::Element { name: "Digest", .. }
    ));
}

#[test]
fn ignores_unknown_elements() {
    let added = IANA_XML.replace("<Flags>", "<New since=\"2030\"/><Flags>");
    assert_eq!(AnchorFile::new(added).open().unwrap().try_current(), Some(TrustAnchors::iana()));
}

#[test]
fn rejects_document_type_declarations() {
    let entities = r#"<!DOCTYPE T [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY z SYSTEM "/etc/hostname">]>"#;
    let body = anchors_xml(key_digest(38696, FROM, "&b;"));
    for content in
        [format!("{entities}{body}"), format!("<?xml version=\"1.0\"?>{entities}{body}"), body]
    {
        assert!(matches!(rejection(content), E::Xml(_)));
    }
}

#[test]
fn limits_sizes() {
    let comment = |length: usize| format!("38696 8 2 {DIGEST_2024}\n;{}", " ".repeat(length));
    assert!(AnchorFile::new(comment(1000)).open().is_ok());
    assert!(matches!(
        rejection(comment(1 << 20)),
        E::File(TextFileError::TooLarge { limit: 1_048_576 })
    ));

    let records = |count: usize| format!("38696 8 2 {DIGEST_2024}\n").repeat(count);
    assert!(AnchorFile::new(records(64)).open().is_ok());
    assert!(matches!(rejection(records(65)), E::TooMany { limit: 64 }));
    let skipped = format!("1 5 2 {DIGEST_2010}\n").repeat(64);
    assert!(matches!(rejection(records(1) + &skipped), E::TooMany { limit: 64 }));

    assert!(matches!(rejection("<a>".repeat(300_000)), E::Xml(_)));
    assert!(matches!(rejection("<a/>".repeat(200_000)), E::Xml(_)));
    assert!(matches!(rejection(format!("<a {}/>", "b='' ".repeat(200_000))), E::Xml(_)));
}

#[test]
fn reads_only_regular_utf8_files() {
    assert!(matches!(rejection([0xff, 0xfe, b'<', 0]), E::File(TextFileError::Encoding(_))));
    let anchor_file = AnchorFile::new("");
    assert!(matches!(
        TrustAnchorFile::open(anchor_file.folder()),
        Err(E::File(TextFileError::NotRegular))
    ));
    fs::remove_file(anchor_file.file()).unwrap();
    let E::File(TextFileError::Read(error)) = anchor_file.open().unwrap_err() else { panic!() };
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

/// Opening a pipe would block, and reading a device may never end.
#[cfg(unix)]
#[test]
fn rejects_devices() {
    for path in ["/dev/zero", "/dev/null"] {
        assert!(
            matches!(TrustAnchorFile::open(path), Err(E::File(TextFileError::NotRegular))),
            "{path}"
        );
    }
}
