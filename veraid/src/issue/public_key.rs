//! Public RSA keys, which are certified without the private key.

use pem_rfc7468::LineEnding;

use super::KeyError;
use crate::cert::RsaPublicKey;
use crate::pem::pem_blocks;
use crate::{KeyAlgorithm, Limits};

/// A public RSA key of 2048, 3072 or 4096 bits.
///
/// The organisation certifies a member's key with it, so that the private key stays with the
/// member.
///
/// ```
/// use veraid::KeyAlgorithm;
/// use veraid::issue::{PublicKey, RsaSigner};
///
/// let key = RsaSigner::generate(KeyAlgorithm::Rsa2048)?;
/// let public_key = PublicKey::from_signer(&key)?;
/// let pem = public_key.to_pem()?;
/// assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----"));
/// assert_eq!(PublicKey::from_pem(pem.as_bytes())?, public_key);
/// # Ok::<(), veraid::issue::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    subject_public_key_info: Vec<u8>,
    algorithm: KeyAlgorithm,
}

impl PublicKey {
    const LABEL: &str = "PUBLIC KEY";

    /// Reads a key from the DER of a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`KeyError::PublicKey`] unless it is an RSA key whose modulus has 2048, 3072 or 4096 bits,
    /// and whose exponent has at most 33.
    pub fn from_der(octets: Vec<u8>) -> Result<Self, KeyError> {
        let key = RsaPublicKey::from_der(&octets, &Limits::default());
        let algorithm = key.map_err(KeyError::PublicKey)?.algorithm;
        Ok(Self { subject_public_key_info: octets, algorithm })
    }

    /// Reads a key from PEM with the label `PUBLIC KEY` (RFC 7468, 13).
    ///
    /// The text may have other blocks, such as certificates, and any text around them.
    ///
    /// # Errors
    /// [`KeyError::Pem`], [`KeyError::PublicKeyLabel`] and [`KeyError::AmbiguousPublicKey`] unless
    /// the PEM has one public key, and as [`Self::from_der`].
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let blocks = pem_blocks(text);
        let mut keys = blocks.iter().filter(|block| block.label == Self::LABEL);
        let Some(block) = keys.next() else {
            let first = blocks.first().map(|block| block.label.to_owned());
            let found = first.ok_or_else(|| KeyError::Pem { reason: "no PEM block".to_owned() })?;
            return Err(KeyError::PublicKeyLabel { found });
        };
        let others = keys.count();
        if others > 0 {
            return Err(KeyError::AmbiguousPublicKey { found: others + 1 });
        }
        let strict = block.to_strict();
        let decoded = pem_rfc7468::decode_vec(&strict);
        let (_, octets) = decoded.map_err(|error| KeyError::Pem { reason: error.to_string() })?;
        Self::from_der(octets)
    }

    /// Returns the public key of a signer.
    ///
    /// # Errors
    /// As [`Self::from_der`].
    pub fn from_signer(signer: &dyn super::Signer) -> Result<Self, KeyError> {
        Self::from_der(signer.subject_public_key_info().to_vec())
    }

    /// Writes the key as PEM, with the label `PUBLIC KEY`.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] if the library fails to.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        let octets = &self.subject_public_key_info;
        pem_rfc7468::encode_string(Self::LABEL, LineEnding::LF, octets)
            .map_err(|_| KeyError::Encoding)
    }

    /// Returns the DER of the `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn subject_public_key_info(&self) -> &[u8] {
        &self.subject_public_key_info
    }

    /// Returns the size of the key.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests {
    use super::super::RsaSigner;
    use super::*;

    #[test]
    fn reads_one_public_key() {
        let key = RsaSigner::generate(KeyAlgorithm::Rsa3072).unwrap();
        let public_key = PublicKey::from_signer(&key).unwrap();
        assert_eq!(public_key.algorithm(), KeyAlgorithm::Rsa3072);
        let pem = public_key.to_pem().unwrap();
        let surrounded = format!("# a comment\n{}{pem}", pem.replace("PUBLIC KEY", "X"));
        assert_eq!(PublicKey::from_pem(surrounded.as_bytes()).unwrap(), public_key);
        let twice = PublicKey::from_pem(pem.repeat(2).as_bytes());
        assert_eq!(twice, Err(KeyError::AmbiguousPublicKey { found: 2 }));
        let private = PublicKey::from_pem(key.to_pkcs8_pem().unwrap().as_bytes());
        let found = "PRIVATE KEY".to_owned();
        assert_eq!(private, Err(KeyError::PublicKeyLabel { found }));
        assert!(matches!(PublicKey::from_pem(b""), Err(KeyError::Pem { .. })));
        assert!(matches!(PublicKey::from_der(vec![0x30, 0]), Err(KeyError::PublicKey(_))));
    }
}
