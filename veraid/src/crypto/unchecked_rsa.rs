//! RSA signatures by keys of any size and exponent, for mock zones: neither fast nor constant-time.

use aws_lc_rs::digest::{self, Algorithm};
use num_bigint::BigUint;

use crate::der::{DerError, Reader, Tag};

/// An RSA key that signs with PKCS #1 v1.5 (RFC 8017, 8.2).
#[derive(Clone)]
pub(crate) struct UncheckedRsa {
    modulus: BigUint,
    public_exponent: BigUint,
    private_exponent: BigUint,
    /// `(p - 1)(q - 1)`.
    totient: BigUint,
}

/// The DER before a digest in a signature (RFC 8017, 9.2).
const SHA1_PREFIX: &[u8] =
    &[0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14];
const SHA256_PREFIX: &[u8] = &[
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
const SHA512_PREFIX: &[u8] = &[
    0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05,
    0x00, 0x04, 0x40,
];

/// The hash of a signature.
#[derive(Clone, Copy)]
pub(crate) enum RsaHash {
    Sha1,
    Sha256,
    Sha512,
}

impl RsaHash {
    /// Returns the `DigestInfo` of a message.
    fn digest_info(self, message: &[u8]) -> Vec<u8> {
        let (prefix, algorithm): (_, &'static Algorithm) = match self {
            Self::Sha1 => (SHA1_PREFIX, &digest::SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => (SHA256_PREFIX, &digest::SHA256),
            Self::Sha512 => (SHA512_PREFIX, &digest::SHA512),
        };
        [prefix, digest::digest(algorithm, message).as_ref()].concat()
    }
}

impl UncheckedRsa {
    /// Reads a PKCS #8 key (RFC 5208, 5; RFC 8017, A.1.2).
    pub(super) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, DerError> {
        let mut info = Reader::new(pkcs8).nested(Tag::SEQUENCE)?;
        info.small_integer(Tag::INTEGER)?;
        info.read(Tag::SEQUENCE)?;
        let mut key = info.nested(Tag::OCTET_STRING)?.nested(Tag::SEQUENCE)?;
        key.small_integer(Tag::INTEGER)?;
        let mut number = || key.positive_integer().map(BigUint::from_bytes_be);
        let (modulus, public_exponent, private_exponent) = (number()?, number()?, number()?);
        let (p, q) = (number()?, number()?);
        let totient = (p - 1_u8) * (q - 1_u8);
        Ok(Self { modulus, public_exponent, private_exponent, totient })
    }

    /// Returns the key of the same modulus with another public exponent, or `None` without inverse.
    pub(super) fn with_exponent(&self, exponent: &[u8]) -> Option<Self> {
        let public_exponent = BigUint::from_bytes_be(exponent);
        let private_exponent = public_exponent.modinv(&self.totient)?;
        Some(Self { public_exponent, private_exponent, ..self.clone() })
    }

    /// Returns the public key as DNSKEY records have it: `exponent length, exponent, modulus` (RFC
    /// 3110, 2).
    pub(super) fn public_key(&self) -> Vec<u8> {
        dnskey_form(&self.public_exponent.to_bytes_be(), &self.modulus.to_bytes_be())
    }

    /// Returns [`Self::public_key`] for another exponent. It is cheap enough for searches.
    pub(super) fn public_key_with(&self, exponent: &[u8]) -> Vec<u8> {
        dnskey_form(exponent, &self.modulus.to_bytes_be())
    }

    /// Signs a message, or `None` if the modulus is too short for the digest.
    pub(super) fn sign(&self, hash: RsaHash, message: &[u8]) -> Option<Vec<u8>> {
        let length = self.modulus.to_bytes_be().len();
        let digest_info = hash.digest_info(message);
        let padding = length.checked_sub(digest_info.len() + 3).filter(|padding| *padding >= 8)?;
        let encoded = [&[0, 1], vec![0xff; padding].as_slice(), &[0], &digest_info].concat();
        let number = BigUint::from_bytes_be(&encoded);
        let signature = number.modpow(&self.private_exponent, &self.modulus).to_bytes_be();
        Some([vec![0; length.saturating_sub(signature.len())], signature].concat())
    }
}

fn dnskey_form(exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    let length = match u8::try_from(exponent.len()) {
        Ok(length) => vec![length],
        Err(_) => {
            [&[0], u16::try_from(exponent.len()).unwrap_or(u16::MAX).to_be_bytes().as_slice()]
                .concat()
        }
    };
    [&length, exponent, modulus].concat()
}
