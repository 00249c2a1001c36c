//! Distinguished names, of which only the common name matters (RFC 5280, 4.1.2.4).

use super::CertificateError;
use crate::der::{DerError, Tag, Value, oid_contents};

pub(crate) const COMMON_NAME: &[u8] = oid_contents!("2.5.4.3");

/// Returns the only common name among the attributes of a `Name`.
///
/// ```text
/// Name ::= SEQUENCE OF RelativeDistinguishedName
/// RelativeDistinguishedName ::= SET SIZE (1..MAX) OF SEQUENCE { type OBJECT IDENTIFIER, value ANY }
/// ```
pub(super) fn read_common_name(name: &Value<'_>) -> Result<String, CertificateError> {
    let mut common_names = Vec::new();
    let mut rdns = name.reader();
    while !rdns.is_empty() {
        let mut attributes = rdns.nested(Tag::SET)?;
        loop {
            let mut attribute = attributes.nested(Tag::SEQUENCE)?;
            let kind = attribute.object_identifier()?;
            let value = attribute.any()?;
            attribute.end()?;
            if kind == COMMON_NAME {
                common_names.push(value);
            }
            if attributes.is_empty() {
                break;
            }
        }
    }
    match common_names.as_slice() {
        [common_name] => Ok(read_string(common_name)?),
        others => Err(CertificateError::CommonNameCount { expected: 1, found: others.len() }),
    }
}

/// Reads the string types that producers use for common names.
fn read_string(value: &Value<'_>) -> Result<String, DerError> {
    let decoded = match value.tag {
        Tag::BMP_STRING => decode_utf16(value.contents),
        Tag::UTF8_STRING => String::from_utf8(value.contents.to_vec()).ok(),
        Tag::PRINTABLE_STRING => decode_printable(value.contents),
        _ => None,
    };
    decoded.ok_or_else(|| value.error("BMPString, UTF8String or PrintableString"))
}

/// Characters beyond the BMP are surrogate pairs: that is what the deployed library writes.
fn decode_utf16(octets: &[u8]) -> Option<String> {
    if !octets.len().is_multiple_of(2) {
        return None;
    }
    let units = octets
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |unit, octet| (unit << 8) | u16::from(*octet)));
    char::decode_utf16(units).collect::<Result<_, _>>().ok()
}

/// X.680, 41.4.
fn decode_printable(octets: &[u8]) -> Option<String> {
    let is_printable =
        |octet: &u8| octet.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(octet);
    let text = std::str::from_utf8(octets).ok()?;
    octets.iter().all(is_printable).then(|| text.to_owned())
}
