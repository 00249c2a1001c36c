//! The trust anchors: keys of the DNS root.

use std::fmt;
use std::str::FromStr;

use base16ct::HexDisplay;
use domain::base::Name;

use super::key::{DsRecord, ZoneKey, is_supported_algorithm, matches_any_ds, supported_digest};
use crate::Excerpt;

/// A trust anchor: the DS record of a key of the DNS root (RFC 4034, 5.1).
///
/// ```
/// use veraid::TrustAnchor;
///
/// let text = ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";
/// let anchor: TrustAnchor = text.parse()?;
/// assert_eq!(anchor.key_tag(), 20326);
/// assert_eq!(anchor.to_string(), text);
/// assert!(TrustAnchor::iana().contains(&anchor));
/// # Ok::<(), veraid::ParseTrustAnchorError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TrustAnchor {
    key_tag: u16,
    algorithm: u8,
    digest_type: u8,
    digest: Vec<u8>,
}

/// The error of an invalid or unsupported trust anchor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTrustAnchorError {
    /// It is not the presentation form of a DS record.
    #[error("invalid DS record of the root {:?}", Excerpt(.0))]
    Syntax(String),
    /// The algorithm of the key is not supported.
    #[error("unsupported DNSSEC algorithm {0}")]
    Algorithm(u8),
    /// The digest type is not supported: only SHA-256 (2) and SHA-384 (4) are.
    #[error("unsupported DS digest type {0}")]
    DigestType(u8),
    /// The digest has the wrong length for its type.
    #[error("invalid digest length: expected {expected} octets, found {found}")]
    DigestLength {
        /// The length for the type.
        expected: usize,
        /// The length found.
        found: usize,
    },
}

/// The digest of KSK-2017 and of KSK-2024 (<https://data.iana.org/root-anchors/>).
const KSK_2017: [u8; 32] = [
    0xe0, 0x6d, 0x44, 0xb8, 0x0b, 0x8f, 0x1d, 0x39, 0xa9, 0x5c, 0x0b, 0x0d, 0x7c, 0x65, 0xd0, 0x84,
    0x58, 0xe8, 0x80, 0x40, 0x9b, 0xbc, 0x68, 0x34, 0x57, 0x10, 0x42, 0x37, 0xc7, 0xf8, 0xec, 0x8d,
];
const KSK_2024: [u8; 32] = [
    0x68, 0x3d, 0x2d, 0x0a, 0xcb, 0x8c, 0x9b, 0x71, 0x2a, 0x19, 0x48, 0xb2, 0x7f, 0x74, 0x12, 0x19,
    0x29, 0x8d, 0x0a, 0x45, 0x0d, 0x61, 0x2c, 0x48, 0x3a, 0xf4, 0x44, 0xa4, 0xc0, 0xfb, 0x2b, 0x16,
];

impl TrustAnchor {
    /// Returns the trust anchors that IANA publishes: 20326 (2017) and 38696 (2024).
    #[must_use]
    pub fn iana() -> Vec<Self> {
        let anchor = |key_tag, digest: [u8; 32]| Self {
            key_tag,
            algorithm: 8,
            digest_type: 2,
            digest: digest.to_vec(),
        };
        vec![anchor(20326, KSK_2017), anchor(38696, KSK_2024)]
    }

    /// Creates a trust anchor from the fields of a DS record.
    ///
    /// # Errors
    /// [`ParseTrustAnchorError`] if the algorithm is not 8, 10, 13, 14 or 15, the digest type is
    /// not 2 or 4, or the digest has another length.
    pub fn new(
        key_tag: u16,
        algorithm: u8,
        digest_type: u8,
        digest: Vec<u8>,
    ) -> Result<Self, ParseTrustAnchorError> {
        if !is_supported_algorithm(algorithm) {
            return Err(ParseTrustAnchorError::Algorithm(algorithm));
        }
        let hash = supported_digest(digest_type);
        let hash = hash.ok_or(ParseTrustAnchorError::DigestType(digest_type))?;
        if digest.len() != hash.length() {
            let (expected, found) = (hash.length(), digest.len());
            return Err(ParseTrustAnchorError::DigestLength { expected, found });
        }
        Ok(Self { key_tag, algorithm, digest_type, digest })
    }

    /// Returns the key's tag (RFC 4034, appendix B).
    #[must_use]
    pub const fn key_tag(&self) -> u16 {
        self.key_tag
    }

    /// Returns the number of the key's algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> u8 {
        self.algorithm
    }

    /// Returns the number of the digest's type.
    #[must_use]
    pub const fn digest_type(&self) -> u8 {
        self.digest_type
    }

    /// Returns the digest of the root's name and the key.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Returns whether this is the DS record of the root's key with these flags and this public key
    /// (RFC 4034, 2.1 and 5.1.4).
    ///
    /// The protocol is 3 and the algorithm the anchor's. A key that cannot sign the root's records,
    /// such as a revoked one, has no DS record.
    #[must_use]
    pub fn matches_key(&self, flags: u16, public_key: &[u8]) -> bool {
        let mut rdata = flags.to_be_bytes().to_vec();
        rdata.extend_from_slice(&[3, self.algorithm]);
        rdata.extend_from_slice(public_key);
        let (Some(key), Some(anchor)) = (ZoneKey::read(&rdata), DsRecord::from_trust_anchor(self))
        else {
            return false;
        };
        matches_any_ds(&key, Name::root_slice(), &[anchor])
    }
}

/// Reads the presentation form. `. IN DS` before the fields, or a part of it, may be omitted.
impl FromStr for TrustAnchor {
    type Err = ParseTrustAnchorError;

    fn from_str(text: &str) -> Result<Self, ParseTrustAnchorError> {
        let syntax = || ParseTrustAnchorError::Syntax(text.to_owned());
        let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
        for prefix in [".", "IN", "DS"] {
            if words.first().is_some_and(|word| word.eq_ignore_ascii_case(prefix)) {
                words.remove(0);
            }
        }
        let [key_tag, algorithm, digest_type, digest @ ..] = words.as_slice() else {
            return Err(syntax());
        };
        let digest = base16ct::mixed::decode_vec(digest.concat()).map_err(|_| syntax())?;
        Self::new(
            key_tag.parse().map_err(|_| syntax())?,
            algorithm.parse().map_err(|_| syntax())?,
            digest_type.parse().map_err(|_| syntax())?,
            digest,
        )
    }
}

/// Writes `. IN DS <key tag> <algorithm> <digest type> <digest>`.
impl fmt::Display for TrustAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ". IN DS {} {} {} ", self.key_tag, self.algorithm, self.digest_type)?;
        write!(f, "{:X}", HexDisplay(&self.digest))
    }
}

impl fmt::Debug for TrustAnchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = HexDisplay(&self.digest);
        write!(
            f,
            "TrustAnchor({} {} {} {digest:x})",
            self.key_tag, self.algorithm, self.digest_type
        )
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const DIGEST: &str = "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16";

    #[test]
    fn reads_presentation_form() {
        for prefix in [". IN DS ", ". in ds ", "IN DS ", "DS ", ""] {
            let anchor: TrustAnchor = format!("{prefix}38696 8 2 {DIGEST}").parse().unwrap();
            assert_eq!(anchor, TrustAnchor::iana()[1]);
        }
        let (first, second) = DIGEST.split_at(32);
        let split: TrustAnchor =
            format!("38696 8 2 {first} {}", second.to_lowercase()).parse().unwrap();
        assert_eq!(split, TrustAnchor::iana()[1]);
    }

    #[test]
    fn rejects_unsupported_anchors() {
        use ParseTrustAnchorError as E;
        let rejected = |text: &str| text.parse::<TrustAnchor>().unwrap_err();
        assert_eq!(rejected(&format!("1 5 2 {DIGEST}")), E::Algorithm(5));
        assert_eq!(rejected(&format!("1 8 1 {DIGEST}")), E::DigestType(1));
        assert_eq!(
            rejected(&format!("1 8 4 {DIGEST}")),
            E::DigestLength { expected: 48, found: 32 }
        );
        for text in ["", ". IN DS", "com. IN DS 1 8 2 00", "1 8 2 0", "65536 8 2 00", "1 8 2 zz"] {
            assert_eq!(rejected(text), E::Syntax(text.to_owned()));
        }
    }

    /// The key 38696 as IANA publishes it.
    const KSK_2024_KEY: &str = "\
        AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5eeHspaQ\
        WOmOElZsjICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAxm9qyJNg/\
        wOZqqzL/dL/q8PkcRU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBu\
        zZNQ1K+s2CXkPIZo7s6JgZyvaBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUeayffKC73PYc=";

    #[test]
    fn matches_exactly_one_key() {
        let mut key = STANDARD.decode(KSK_2024_KEY).unwrap();
        let [other, anchor] = TrustAnchor::iana().try_into().unwrap();
        assert!(anchor.matches_key(257, &key));
        assert!(!other.matches_key(257, &key));
        // Without SEP, without ZONE, revoked: each is another key.
        assert!([256, 1, 385].iter().all(|flags| !anchor.matches_key(*flags, &key)));
        assert!(!anchor.matches_key(257, &[]));
        *key.last_mut().unwrap() ^= 1;
        assert!(!anchor.matches_key(257, &key));
    }
}
