//! The keys of caches of signature checks.

use std::hash::{Hash as HashTo, Hasher};

use super::{Hash, PublicKey, RsaScheme, SignatureCheck};

/// The octets of a [`SignatureCheck`]: the key of a cache of checks.
///
/// Two are equal if key, message and signature are, so a cache relies on no digest.
///
/// ```
/// # fn is_new(check: &veraid::SignatureCheck<'_>, seen: &mut std::collections::HashSet<veraid::CheckKey>) -> bool {
/// seen.insert(check.to_key())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckKey(Box<[u8]>);

impl CheckKey {
    /// Returns the number of octets.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.0.len()
    }
}

/// Hashes the end, which is that of the signature: as good as unique, and shorter than the whole.
impl HashTo for CheckKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.last_chunk::<16>().map_or(&self.0, |end| end));
    }
}

impl SignatureCheck<'_> {
    /// Returns a copy of key, message and signature: the key of a cache of checks.
    #[must_use]
    pub fn to_key(&self) -> CheckKey {
        let (tag, first, second): (u8, &[u8], &[u8]) = match self.key {
            PublicKey::Rsa { scheme, modulus, exponent } => (scheme_tag(scheme), modulus, exponent),
            PublicKey::EcdsaP256(point) => (7, point, &[]),
            PublicKey::EcdsaP384(point) => (8, point, &[]),
            PublicKey::Ed25519(key) => (9, key, &[]),
        };
        // The lengths make the parts unambiguous.
        let length = |part: &[u8]| (part.len() as u64).to_be_bytes();
        let lengths = [first, second, self.message].map(length);
        let parts = [&[tag], lengths.as_flattened(), first, second, self.message, self.signature];
        CheckKey(parts.concat().into_boxed_slice())
    }
}

const fn scheme_tag(scheme: RsaScheme) -> u8 {
    match scheme {
        RsaScheme::Pkcs1(Hash::Sha256) => 1,
        RsaScheme::Pkcs1(Hash::Sha384) => 2,
        RsaScheme::Pkcs1(Hash::Sha512) => 3,
        RsaScheme::Pss(Hash::Sha256) => 4,
        RsaScheme::Pss(Hash::Sha384) => 5,
        RsaScheme::Pss(Hash::Sha512) => 6,
    }
}
