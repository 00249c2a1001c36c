//! Trust anchors as DS records, one per line.
//!
//! `domain::zonefile` is not used: it accepts mnemonics, escapes, `$ORIGIN` and `$INCLUDE`, which a
//! file of trust anchors must not contain.

use kliento_core::TrustAnchor;
use veraid::ParseTrustAnchorError;

use super::file_contents::{Contents, DatedAnchor};
use super::file_error::{SkipReason, TrustAnchorFileError};

/// In octets, without the comment. The longest record with a supported digest has about 150.
const MAX_RECORD_LENGTH: usize = 512;

/// Reads DS records in presentation form (RFC 4034, 5.3), or as lines of a zone file (RFC 1035,
/// 5.1) without parentheses.
pub(super) fn parse(text: &str) -> Result<Contents, TrustAnchorFileError> {
    let mut contents = Contents::default();
    for (line, record) in (1..).zip(text.lines()) {
        let record = without_comment(record).trim_ascii();
        if record.is_empty() {
            continue;
        }
        match parse_record(record) {
            Ok(anchor) => contents.add(DatedAnchor { anchor, period: None })?,
            Err(error) if is_unsupported(&error) => {
                contents.skip(line, SkipReason::Unsupported(error))?;
            }
            Err(error) => return Err(TrustAnchorFileError::Record { line, error }),
        }
    }
    Ok(contents)
}

/// Returns whether the record is well-formed, but its algorithm or digest type is unsupported.
pub(super) fn is_unsupported(error: &ParseTrustAnchorError) -> bool {
    use ParseTrustAnchorError::{Algorithm, DigestType};
    matches!(error, Algorithm(_) | DigestType(_))
}

fn without_comment(line: &str) -> &str {
    if line.trim_ascii_start().starts_with('#') {
        return "";
    }
    line.split(';').next().unwrap_or_default()
}

/// Strips the owner, TTL, class and type of a zone file; [`TrustAnchor`] parses the rest.
fn parse_record(record: &str) -> Result<TrustAnchor, ParseTrustAnchorError> {
    let syntax = || {
        let truncated = record.chars().take(MAX_RECORD_LENGTH).collect();
        Err(ParseTrustAnchorError::Syntax(truncated))
    };
    if record.len() > MAX_RECORD_LENGTH {
        return syntax();
    }
    let words: Vec<&str> = record.split_ascii_whitespace().collect();
    let Some(record_type) = words.iter().position(|word| word.eq_ignore_ascii_case("DS")) else {
        return record.parse();
    };
    let (head, record_data) = words.split_at(record_type);
    if has_root_owner(head) { record_data.join(" ").parse() } else { syntax() }
}

/// `[.] [TTL] [IN]` or `[.] [IN] [TTL]`.
fn has_root_owner(head: &[&str]) -> bool {
    let is_class = |word: &str| word.eq_ignore_ascii_case("IN");
    match head.strip_prefix(&["."]).unwrap_or(head) {
        [] => true,
        [word] => is_class(word) || is_ttl(word),
        [one, other] => is_class(one) && is_ttl(other) || is_ttl(one) && is_class(other),
        _ => false,
    }
}

fn is_ttl(word: &str) -> bool {
    word.bytes().all(|octet| octet.is_ascii_digit()) && word.parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16";

    #[test]
    fn parses_zone_file_lines() {
        for head in [
            "",
            "DS",
            ". DS",
            "IN DS",
            ". IN DS",
            ". 86400 IN DS",
            ". IN 86400 DS",
            "\t172800 in ds",
            ".\t86400\tDS",
        ] {
            let contents = parse(&format!("{head} 38696 8 2 {DIGEST} ; KSK-2024\r\n")).unwrap();
            let [anchor] = contents.anchors.as_slice() else { panic!("{head}") };
            assert_eq!(anchor.anchor, TrustAnchor::iana()[1], "{head}");
            assert_eq!(anchor.period, None);
        }
    }

    #[test]
    fn rejects_records_of_other_owners_classes_and_types() {
        for head in [
            "com. IN DS",
            ". CH DS",
            ". IN IN DS",
            ". 1 2 DS",
            ". 4294967296 IN DS",
            ". 1d IN DS",
            ". . DS",
            "DS DS",
            ". IN DNSKEY",
            "$ORIGIN",
        ] {
            let rejected = parse(&format!("\n# root\n{head} 38696 8 2 {DIGEST}")).unwrap_err();
            let TrustAnchorFileError::Record { line: 3, error } = rejected else {
                panic!("{rejected}")
            };
            assert!(matches!(error, ParseTrustAnchorError::Syntax(_)), "{head}");
        }
    }

    #[test]
    fn truncates_long_lines_in_errors() {
        let error = parse(&"8 ".repeat(100_000)).unwrap_err();
        assert!(error.to_string().len() < 1000, "{error}");
    }
}
