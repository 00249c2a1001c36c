//! RSA public keys in a `SubjectPublicKeyInfo` (RFC 3279, 2.3.1).

use super::algorithm::unknown;
use super::certificate::read_bit_string;
use super::{AlgorithmError, CertificateError};
use crate::crypto::{Hash, MAX_EXPONENT_BITS, PublicKey, RsaScheme, bit_length};
use crate::der::{Reader, Tag, Value, oid_contents};
use crate::{KeyAlgorithm, Limits};

pub(crate) const RSA_ENCRYPTION: &[u8] = oid_contents!("1.2.840.113549.1.1.1");

/// The RSA key of a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RsaPublicKey<'a> {
    modulus: &'a [u8],
    exponent: &'a [u8],
    pub(crate) algorithm: KeyAlgorithm,
}

impl<'a> RsaPublicKey<'a> {
    /// Reads the DER of a `SubjectPublicKeyInfo`, as [`Self::read`] does.
    #[cfg(feature = "issue")]
    pub(crate) fn from_der(octets: &'a [u8], limits: &Limits) -> Result<Self, CertificateError> {
        let info = Reader::read_single(octets, Tag::SEQUENCE)?;
        Self::read(&info, limits)
    }

    /// Returns the length of the key's signatures, in octets.
    #[cfg(feature = "issue")]
    pub(crate) const fn signature_length(&self) -> usize {
        self.modulus.len()
    }

    /// Reads a key of 2048, 3072 or 4096 bits that has at least the minimum size.
    pub(crate) fn read(info: &Value<'a>, limits: &Limits) -> Result<Self, CertificateError> {
        let mut fields = info.reader();
        let mut algorithm = fields.nested(Tag::SEQUENCE)?;
        let oid = algorithm.object_identifier()?;
        if oid != RSA_ENCRYPTION {
            return Err(CertificateError::PublicKeyAlgorithm(unknown(oid)));
        }
        let null = algorithm.read(Tag::NULL)?;
        if !null.contents.is_empty() {
            return Err(CertificateError::PublicKeyAlgorithm(AlgorithmError::Der(
                null.error("NULL"),
            )));
        }
        algorithm.end()?;
        let mut key_bits = Reader::new(read_bit_string(&mut fields)?);
        fields.end()?;
        let mut key = key_bits.nested(Tag::SEQUENCE)?;
        key_bits.end()?;
        let (modulus, exponent) = (key.positive_integer()?, key.positive_integer()?);
        key.end()?;
        Self::check(modulus, exponent, limits)
    }

    fn check(
        modulus: &'a [u8],
        exponent: &'a [u8],
        limits: &Limits,
    ) -> Result<Self, CertificateError> {
        let (bits, minimum) = (bit_length(modulus), limits.min_modulus_bits());
        let size = CertificateError::ModulusBits { minimum, found: bits };
        let algorithm = KeyAlgorithm::from_modulus_bits(bits).filter(|_| bits >= minimum);
        let algorithm = algorithm.ok_or(size)?;
        let (maximum, found) = (MAX_EXPONENT_BITS, bit_length(exponent));
        if found > maximum {
            return Err(CertificateError::ExponentBits { maximum, found });
        }
        Ok(Self { modulus, exponent, algorithm })
    }

    /// Returns the key for signatures with this hash.
    pub(crate) const fn with_pss(&self, hash: Hash) -> PublicKey<'a> {
        PublicKey::Rsa {
            scheme: RsaScheme::Pss(hash),
            modulus: self.modulus,
            exponent: self.exponent,
        }
    }
}
