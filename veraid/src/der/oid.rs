//! Object identifiers in dotted decimal and in their DER contents.

use std::fmt;
use std::str::FromStr;

use crate::Excerpt;

/// The contents octets of an object identifier in dotted decimal.
macro_rules! oid_contents {
    ($text:literal) => {{
        const OID: const_oid::ObjectIdentifier = const_oid::ObjectIdentifier::new_unwrap($text);
        OID.as_bytes()
    }};
}

pub(crate) use oid_contents;

/// An OBJECT IDENTIFIER (X.690, 8.19), at most 64 octets when encoded.
///
/// ```
/// use veraid::ObjectIdentifier;
///
/// let kliento: ObjectIdentifier = "1.3.6.1.4.1.58708.3.0".parse()?;
/// assert_eq!(kliento.to_string(), "1.3.6.1.4.1.58708.3.0");
/// # Ok::<(), veraid::ParseOidError>(())
/// ```
// `const-oid` accepts padded arcs, which DER forbids, and rejects arcs such as 2.999.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ObjectIdentifier(Vec<u8>);

/// The error of an invalid object identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid object identifier {:?}", Excerpt(.0))]
pub struct ParseOidError(pub String);

impl ObjectIdentifier {
    const MAX_OCTETS: usize = 64;

    /// Reads the contents octets.
    pub(crate) fn from_contents(contents: &[u8]) -> Option<Self> {
        let fits = contents.len() <= Self::MAX_OCTETS && arcs(contents).is_some();
        (is_well_formed(contents) && fits).then(|| Self(contents.to_vec()))
    }

    /// Returns the contents octets.
    #[cfg(any(test, feature = "issue"))]
    pub(crate) fn as_contents(&self) -> &[u8] {
        &self.0
    }
}

/// Returns whether there is an arc, and all arcs are complete and minimal (X.690, 8.19).
pub(super) fn is_well_formed(contents: &[u8]) -> bool {
    let is_complete = contents.last().is_some_and(|octet| octet & 0x80 == 0);
    // An arc starts after an octet without the high bit, and 0x80 there is a leading zero.
    let is_minimal = contents.first() != Some(&0x80)
        && contents.windows(2).all(|pair| !matches!(pair, [last, 0x80] if last & 0x80 == 0));
    is_complete && is_minimal
}

/// Returns the arcs, or `None` if one is above 2^64.
fn arcs(contents: &[u8]) -> Option<Vec<u64>> {
    let mut arcs = Vec::with_capacity(contents.len() + 1);
    let mut arc = 0_u64;
    for octet in contents {
        arc = arc.checked_mul(128)? + u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            if arcs.is_empty() {
                let root = (arc / 40).min(2);
                arcs.push(root);
                arc -= root * 40;
            }
            arcs.push(arc);
            arc = 0;
        }
    }
    Some(arcs)
}

impl FromStr for ObjectIdentifier {
    type Err = ParseOidError;

    fn from_str(text: &str) -> Result<Self, ParseOidError> {
        encode(text).ok_or_else(|| ParseOidError(text.to_owned()))
    }
}

fn encode(text: &str) -> Option<ObjectIdentifier> {
    let mut arcs = text.split('.').map(arc_from_decimal);
    let (root, second) = (arcs.next()??, arcs.next()??);
    if root > 2 || (root < 2 && second > 39) {
        return None;
    }
    let mut contents = Vec::new();
    push_arc(&mut contents, second.checked_add(root * 40)?);
    for arc in arcs {
        push_arc(&mut contents, arc?);
    }
    (contents.len() <= ObjectIdentifier::MAX_OCTETS).then_some(ObjectIdentifier(contents))
}

fn arc_from_decimal(digits: &str) -> Option<u64> {
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_digit());
    let is_minimal = digits == "0" || !digits.starts_with('0');
    if is_plain && is_minimal { digits.parse().ok() } else { None }
}

fn push_arc(contents: &mut Vec<u8>, arc: u64) {
    let groups = (u64::BITS - arc.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let bits = u8::try_from((arc >> (7 * group)) & 0x7f).unwrap_or_default();
        contents.push(if group == 0 { bits } else { bits | 0x80 });
    }
}

/// Writes dotted decimal.
impl fmt::Display for ObjectIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, arc) in arcs(&self.0).unwrap_or_default().into_iter().enumerate() {
            let separator = if position == 0 { "" } else { "." };
            write!(f, "{separator}{arc}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ObjectIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectIdentifier({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_text_and_octets() {
        for (text, contents) in [
            ("1.3.6.1.4.1.58708.3.0", &[0x2b, 6, 1, 4, 1, 0x83, 0xca, 0x54, 3, 0][..]),
            ("0.0", &[0]),
            ("2.999.3", &[0x88, 0x37, 3]),
            ("2.5.4.3", &[0x55, 4, 3]),
        ] {
            let oid: ObjectIdentifier = text.parse().unwrap();
            assert_eq!(oid.as_contents(), contents);
            assert_eq!(ObjectIdentifier::from_contents(contents).unwrap().to_string(), text);
        }
    }

    #[test]
    fn rejects_invalid_identifiers() {
        for text in
            ["", "1", "1.", ".1", "3.1", "1.40", "1.02", "1.+2", "1.3.18446744073709551616", "a.b"]
        {
            assert!(text.parse::<ObjectIdentifier>().is_err(), "{text}");
        }
        for contents in [&[][..], &[0x80, 1], &[0x2b, 0x80, 0x01], &[0x2b, 0x81], &[1; 65]] {
            assert_eq!(ObjectIdentifier::from_contents(contents), None, "{contents:?}");
        }
    }
}
