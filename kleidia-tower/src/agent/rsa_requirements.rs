//! Requirements on the modulus and the exponent of an RSA public key.

use super::{AgentPublicKey, PublicKeyError};

/// Checks a public key by itself, as NIST SP 800-89, 5.3.3, requires.
///
/// It does not test whether the modulus is prime: a user who registers such a key harms only
/// themselves, as if they published the private key. Both numbers are big-endian, without leading
/// zeros.
pub(super) fn check(modulus: &[u8], exponent: &[u8]) -> Result<(), PublicKeyError> {
    match bits(modulus) {
        AgentPublicKey::BITS => {}
        found => return Err(PublicKeyError::ModulusBits { found }),
    }
    check_exponent(exponent)?;
    match small_factor(modulus) {
        None => Ok(()),
        Some(factor) => Err(PublicKeyError::SmallFactor { factor }),
    }
}

fn check_exponent(exponent: &[u8]) -> Result<(), PublicKeyError> {
    let found = match bits(exponent) {
        0..=AgentPublicKey::MAX_EXPONENT_BITS => {
            exponent.iter().fold(0, |number, octet| (number << 8) | u64::from(*octet))
        }
        found => return Err(PublicKeyError::ExponentBits { found }),
    };
    let is_strong = found >= u64::from(AgentPublicKey::MIN_EXPONENT) && found % 2 == 1;
    if is_strong { Ok(()) } else { Err(PublicKeyError::Exponent { found }) }
}

fn bits(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |octet| octet.leading_zeros() as usize);
    number.len() * 8 - zeros
}

/// Returns the smallest factor below 752, the bound of SP 800-89. It is always a prime.
fn small_factor(modulus: &[u8]) -> Option<u16> {
    let odd = (3..752).step_by(2);
    std::iter::once(2).chain(odd).find(|factor| remainder(modulus, *factor) == 0)
}

fn remainder(modulus: &[u8], divisor: u16) -> u64 {
    // Four octets at a time, since division dominates the cost.
    modulus.chunks(4).fold(0, |remainder, chunk| {
        let number =
            chunk.iter().fold(remainder, |number, octet| (number << 8) | u64::from(*octet));
        number % u64::from(divisor)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPONENT: [u8; 3] = [1, 0, 1];

    /// 2^4096 - 1, which every Fermat prime divides, minus a difference.
    fn modulus(difference: u8) -> [u8; 512] {
        let mut modulus = [0xff; 512];
        modulus[511] -= difference;
        modulus
    }

    #[test]
    fn rejects_other_lengths() {
        for (modulus, found) in [
            (&[][..], 0),
            (&[0x80], 8),
            (&[0xff; 511], 4088),
            (&[&[0x7f][..], &[0xff; 511]].concat(), 4095),
            (&[&[0x01][..], &[0xff; 512]].concat(), 4097),
        ] {
            assert_eq!(check(modulus, &EXPONENT), Err(PublicKeyError::ModulusBits { found }));
        }
    }

    #[test]
    fn rejects_small_factors() {
        for (difference, factor) in [(0, 3), (1, 2), (2, 13), (8, 7), (10, 5)] {
            let checked = check(&modulus(difference), &EXPONENT);
            assert_eq!(checked, Err(PublicKeyError::SmallFactor { factor }), "{difference}");
        }
        assert_eq!(check(&modulus(4), &EXPONENT), Ok(()));
        let square = |prime: u64| (prime * prime).to_be_bytes();
        assert_eq!(small_factor(&square(751)), Some(751));
        assert_eq!(small_factor(&square(757)), None);
    }

    #[test]
    fn rejects_even_small_and_long_exponents() {
        let check = |exponent: &[u8]| check(&modulus(4), exponent);
        for (exponent, found) in [
            (&[][..], 0),
            (&[1], 1),
            (&[3], 3),
            (&[0xff, 0xff], 65_535),
            (&[1, 0, 0], 65_536),
            (&[1, 0, 2], 65_538),
            (&[0xff, 0xff, 0xff, 0xfe], (1 << 32) - 2),
            (&[1, 0, 0, 0, 0], 1 << 32),
        ] {
            assert_eq!(check(exponent), Err(PublicKeyError::Exponent { found }));
        }
        for exponent in [&EXPONENT[..], &[1, 0, 3], &[0xff; 4], &[1, 0, 0, 0, 1]] {
            assert_eq!(check(exponent), Ok(()));
        }
        let found = 34;
        assert_eq!(check(&[2, 0, 0, 0, 1]), Err(PublicKeyError::ExponentBits { found }));
    }
}
