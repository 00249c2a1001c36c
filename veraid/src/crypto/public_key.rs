//! The public keys of DNSSEC zones and of certificates.

use super::Hash;

/// The maximum size of a public exponent of RSA, in bits.
///
/// A TLD signs with 2^32 + 1. The cryptographic library rejects larger ones, which would also make
/// every check expensive.
pub(crate) const MAX_EXPONENT_BITS: usize = 33;

/// An RSA signature scheme.
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
        /// The signature scheme.
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
    /// Returns the cost of an operation with this key, in the units of [`SignatureCheck::cost`].
    ///
    /// [`SignatureCheck::cost`]: super::SignatureCheck::cost
    pub(super) fn cost(&self) -> u32 {
        match self {
            Self::Rsa { modulus, exponent, .. } => rsa_cost(modulus, exponent),
            Self::EcdsaP256(_) => 20,
            Self::EcdsaP384(_) => 76,
            Self::Ed25519(_) => 14,
        }
    }
}

/// Counts a multiplication for each bit of the exponent and each bit set in it. Its cost grows
/// with the square of the modulus, and doubles unless its 64-bit limbs are a multiple of four.
fn rsa_cost(modulus: &[u8], exponent: &[u8]) -> u32 {
    let words = u32::try_from(modulus.len().div_ceil(128)).unwrap_or(u32::MAX);
    let slowness = if modulus.len().div_ceil(8).is_multiple_of(4) { 1 } else { 2 };
    let multiplication = words.saturating_mul(words).saturating_mul(slowness);
    multiplication.saturating_mul(multiplications(exponent)).div_ceil(9)
}

fn multiplications(exponent: &[u8]) -> u32 {
    let bits = bit_length(exponent);
    let set: u32 = exponent.iter().map(|octet| octet.count_ones()).sum();
    u32::try_from(bits).unwrap_or(u32::MAX).saturating_add(set)
}

/// Returns the number of bits of a big-endian number without leading zeros.
pub(crate) fn bit_length(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |first| first.leading_zeros());
    (number.len() * 8).saturating_sub(zeros as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rsa_cost_follows_measurements() {
        let usual = [1, 0, 1];
        for (octets, exponent, cost) in [
            (128, &usual[..], 3),
            (256, &usual, 9),
            (384, &usual, 19),
            (512, &usual, 34),
            (500, &usual, 68),
            (512, &[0xff; 4], 114),
            (256, &[1, 0, 0, 0, 1], 16),
            (512, &[1, 0xff, 0xff, 0xff, 0xff], 118),
        ] {
            assert_eq!(rsa_cost(&vec![0xff; octets], exponent), cost, "{octets} {exponent:?}");
        }
    }
}
