//! Octets of recipes, serialised in hexadecimal.

use serde::{Serialize, Serializer};

/// Octets of a recipe.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Octets(pub(crate) Vec<u8>);

impl<const LENGTH: usize> From<[u8; LENGTH]> for Octets {
    fn from(octets: [u8; LENGTH]) -> Self {
        Self(octets.to_vec())
    }
}

impl From<Vec<u8>> for Octets {
    fn from(octets: Vec<u8>) -> Self {
        Self(octets)
    }
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&to_hex(&self.0))
    }
}

/// Returns lower-case hexadecimal.
pub(crate) fn to_hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |text, octet| text + &format!("{octet:02x}"))
}

/// Parses pairs of hexadecimal digits.
pub(crate) fn from_hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let pair = |pair| std::str::from_utf8(pair).expect("digits are ASCII");
    pairs.map(|digits| u8::from_str_radix(pair(digits), 16).expect("digits are paired")).collect()
}
