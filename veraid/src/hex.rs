//! Octets that are formatted in hexadecimal.

use std::fmt;

use base16ct::HexDisplay;

/// The longest digest: SHA-512.
const MAX_OCTETS: usize = 64;

/// Octets in an error, formatted in hexadecimal. Only the first 64 octets are formatted.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Hex(pub Vec<u8>);

impl From<&[u8]> for Hex {
    fn from(octets: &[u8]) -> Self {
        Self(octets.to_vec())
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_at_checked(MAX_OCTETS) {
            Some((first, rest)) if !rest.is_empty() => {
                write!(f, "{:x}… ({} octets)", HexDisplay(first), self.0.len())
            }
            _ => write!(f, "{:x}", HexDisplay(&self.0)),
        }
    }
}

impl fmt::Debug for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_at_most_64_octets() {
        assert_eq!(Hex(vec![0xab; 64]).to_string(), "ab".repeat(64));
        let long = Hex(vec![0xab; 16_000]);
        assert_eq!(long.to_string(), format!("{}… (16000 octets)", "ab".repeat(64)));
        assert_eq!(format!("{long:?}"), long.to_string());
    }
}
