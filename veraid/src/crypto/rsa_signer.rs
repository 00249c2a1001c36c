//! Private RSA keys in memory.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use super::Hash;
use crate::cert::{CertificateError, RsaPublicKey};
use crate::issue::{Signer, SigningError};
use crate::pem::pem_blocks;
use crate::{Excerpt, KeyAlgorithm, Limits};

/// A private RSA key in memory that signs with RSASSA-PSS.
///
/// It signs with SHA-256 by default, as the keys of deployed organisations do. The private key is
/// never formatted, and is wiped on drop.
///
/// ```
/// use veraid::KeyAlgorithm;
/// use veraid::issue::RsaSigner;
///
/// let key = RsaSigner::generate(KeyAlgorithm::Rsa2048)?;
/// let pem = key.to_pkcs8_pem()?;
/// assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
/// assert_eq!(RsaSigner::from_pem(pem.as_bytes())?.algorithm(), KeyAlgorithm::Rsa2048);
/// # Ok::<(), veraid::issue::KeyError>(())
/// ```
#[derive(Clone)]
pub struct RsaSigner {
    key: RsaKeyPair,
    subject_public_key_info: Vec<u8>,
    algorithm: KeyAlgorithm,
    hash: Hash,
}

/// The error of generating, reading or writing a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No key could be generated.
    #[error("key generation failed")]
    Generation,
    /// The key could not be written.
    #[error("key encoding failed")]
    Encoding,
    /// The PEM is malformed (RFC 7468), or the text has none.
    #[error("invalid PEM: {reason}")]
    Pem {
        /// The error of the PEM reader.
        reason: String,
    },
    /// The key is encrypted. Decrypt it first, for example with `openssl pkey`.
    #[error("encrypted private key: decrypt it first, for example with `openssl pkey`")]
    Encrypted,
    /// The PEM is not of a private key.
    #[error("unexpected PEM label: expected \"PRIVATE KEY\", found {:?}", Excerpt(.found))]
    Label {
        /// The label found.
        found: String,
    },
    /// The PEM has several private keys.
    #[error("expected 1 private key, found {found}")]
    Ambiguous {
        /// The number found.
        found: usize,
    },
    /// The PEM is not of a public key.
    #[error("unexpected PEM label: expected \"PUBLIC KEY\", found {:?}", Excerpt(.found))]
    PublicKeyLabel {
        /// The label found.
        found: String,
    },
    /// The PEM has several public keys.
    #[error("expected 1 public key, found {found}")]
    AmbiguousPublicKey {
        /// The number found.
        found: usize,
    },
    /// The octets are not a valid RSA private key.
    #[error("invalid RSA private key: {reason}")]
    Rejected {
        /// The error of the cryptographic library.
        reason: String,
    },
    /// The size of the key's modulus or exponent is unsupported.
    #[error("invalid public key: {0}")]
    PublicKey(#[source] CertificateError),
}

impl RsaSigner {
    /// Generates a key, with the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Generation`] if the library fails to.
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let size = match algorithm {
            KeyAlgorithm::Rsa2048 => KeySize::Rsa2048,
            KeyAlgorithm::Rsa3072 => KeySize::Rsa3072,
            KeyAlgorithm::Rsa4096 => KeySize::Rsa4096,
        };
        Self::new(RsaKeyPair::generate(size).map_err(|_| KeyError::Generation)?)
    }

    /// Reads a key from the DER of an unencrypted PKCS #8 `PrivateKeyInfo` (RFC 5208).
    ///
    /// # Errors
    /// [`KeyError::Rejected`] unless it is an RSA key, [`KeyError::PublicKey`] if its modulus has
    /// not 2048, 3072 or 4096 bits, or its exponent more than 33.
    pub fn from_pkcs8_der(octets: &[u8]) -> Result<Self, KeyError> {
        Self::new(RsaKeyPair::from_pkcs8(octets).map_err(rejected)?)
    }

    /// Reads a key from PEM: `PRIVATE KEY` (PKCS #8), or `RSA PRIVATE KEY` (PKCS #1).
    ///
    /// The text may have other blocks, such as certificates, and any text around them. Lines have
    /// any length, and white space in them is ignored.
    ///
    /// # Errors
    /// [`KeyError::Encrypted`] for a key that is encrypted either way, [`KeyError::Pem`],
    /// [`KeyError::Label`] and [`KeyError::Ambiguous`] unless the PEM has one private key, and as
    /// [`Self::from_pkcs8_der`].
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let blocks = pem_blocks(text);
        let mut keys = blocks.iter().filter(|block| block.label.ends_with("PRIVATE KEY"));
        let block = keys.next().or(blocks.first());
        let block = block.ok_or_else(|| KeyError::Pem { reason: "no PEM block".to_owned() })?;
        let others = keys.count();
        if others > 0 {
            return Err(KeyError::Ambiguous { found: others + 1 });
        }
        if block.label == "ENCRYPTED PRIVATE KEY" || block.is_encrypted() {
            return Err(KeyError::Encrypted);
        }
        if !["PRIVATE KEY", "RSA PRIVATE KEY"].contains(&block.label) {
            return Err(KeyError::Label { found: block.label.to_owned() });
        }
        let strict = block.to_strict();
        let decoded = pem_rfc7468::decode_vec(&strict);
        let (_, octets) = decoded.map_err(|error| KeyError::Pem { reason: error.to_string() })?;
        let octets = Zeroizing::new(octets);
        match block.label {
            "PRIVATE KEY" => Self::from_pkcs8_der(&octets),
            _ => Self::new(RsaKeyPair::from_der(&octets).map_err(rejected)?),
        }
    }

    /// Writes the key as the DER of an unencrypted PKCS #8 `PrivateKeyInfo`.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] if the library fails to.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let octets: Pkcs8V1Der<'_> = self.key.as_der().map_err(|_| KeyError::Encoding)?;
        Ok(Zeroizing::new(octets.as_ref().to_vec()))
    }

    /// Writes the key as PEM, unencrypted, with the label `PRIVATE KEY`.
    ///
    /// # Errors
    /// [`KeyError::Encoding`] if the library fails to.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let octets = self.to_pkcs8_der()?;
        let pem = pem_rfc7468::encode_string("PRIVATE KEY", LineEnding::LF, &octets);
        pem.map(Zeroizing::new).map_err(|_| KeyError::Encoding)
    }

    /// Sets the hash that it signs with; SHA-256 by default.
    #[must_use]
    pub const fn with_hash(mut self, hash: Hash) -> Self {
        self.hash = hash;
        self
    }

    /// Returns the size of the key.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    fn new(key: RsaKeyPair) -> Result<Self, KeyError> {
        let encoded: PublicKeyX509Der<'_> =
            key.public_key().as_der().map_err(|_| KeyError::Encoding)?;
        let subject_public_key_info = encoded.as_ref().to_vec();
        let public_key = RsaPublicKey::from_der(&subject_public_key_info, &Limits::default());
        let algorithm = public_key.map_err(KeyError::PublicKey)?.algorithm;
        Ok(Self { key, subject_public_key_info, algorithm, hash: Hash::Sha256 })
    }
}

impl Signer for RsaSigner {
    fn subject_public_key_info(&self) -> &[u8] {
        &self.subject_public_key_info
    }

    fn hash(&self) -> Hash {
        self.hash
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let encoding: &dyn RsaEncoding = match self.hash {
            Hash::Sha256 => &RSA_PSS_SHA256,
            Hash::Sha384 => &RSA_PSS_SHA384,
            Hash::Sha512 => &RSA_PSS_SHA512,
        };
        let mut signature = vec![0; self.key.public_modulus_len()];
        let signed = self.key.sign(encoding, &SystemRandom::new(), message, &mut signature);
        signed.map_err(SigningError::signer)?;
        Ok(signature)
    }
}

impl fmt::Debug for RsaSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut output = f.debug_struct("RsaSigner");
        output.field("algorithm", &self.algorithm).field("hash", &self.hash).finish_non_exhaustive()
    }
}

fn rejected(error: aws_lc_rs::error::KeyRejected) -> KeyError {
    KeyError::Rejected { reason: error.to_string() }
}
