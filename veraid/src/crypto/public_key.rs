//! The public keys of DNSSEC zones and of certificates.

use super::Hash;

/// How an RSA key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RsaScheme {
    /// RSASSA-PKCS1-v1_5, as DNSSEC has it (RFC 5702).
    Pkcs1(Hash),
    /// RSASSA-PSS, with MGF1 of the same hash and a salt as long as it (RFC 4055).
    Pss(Hash),
}

/// A public key and the algorithm that it is used with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublicKey<'a> {
    /// RSA; both numbers are big-endian without leading zeros.
    Rsa {
        /// How it signs.
        scheme: RsaScheme,
        /// The modulus.
        modulus: &'a [u8],
        /// The public exponent.
        exponent: &'a [u8],
    },
    /// ECDSA on P-256 with SHA-256: the two coordinates, 64 octets (RFC 6605).
    EcdsaP256(&'a [u8]),
    /// ECDSA on P-384 with SHA-384: the two coordinates, 96 octets (RFC 6605).
    EcdsaP384(&'a [u8]),
    /// Ed25519: 32 octets (RFC 8080).
    Ed25519(&'a [u8]),
}

impl PublicKey<'_> {
    /// How dear a check with this key is, where RSA-2048 with exponent 65537 costs 9 units.
    ///
    /// The figures follow measurements of the library (see `benches/`); an RSA check is a
    /// modular multiplication for each bit of the exponent and each bit set in it.
    pub(crate) fn cost(&self) -> u32 {
        match self {
            Self::Rsa { modulus, exponent, .. } => {
                let words = u32::try_from(modulus.len().div_ceil(128)).unwrap_or(u32::MAX);
                words.saturating_mul(words).saturating_mul(multiplications(exponent)).div_ceil(9)
            }
            Self::EcdsaP256(_) => 20,
            Self::EcdsaP384(_) => 76,
            Self::Ed25519(_) => 14,
        }
    }
}

fn multiplications(exponent: &[u8]) -> u32 {
    let bits = bit_length(exponent);
    let set: u32 = exponent.iter().map(|octet| octet.count_ones()).sum();
    u32::try_from(bits).unwrap_or(u32::MAX).saturating_add(set)
}

/// The number of bits of a big-endian number without leading zeros.
pub(crate) fn bit_length(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |first| first.leading_zeros());
    (number.len() * 8).saturating_sub(zeros as usize)
}
