//! The trait of private keys: in memory, in a KMS or in an HSM.

use std::error::Error;

use crate::Hash;

/// A private RSA key that signs with RSASSA-PSS (RFC 8017, 8.1).
///
/// [`RsaSigner`](super::RsaSigner) holds the key in memory. For a key that is only accessible
/// asynchronously, sign the octets of [`Unsigned::to_be_signed`](super::Unsigned::to_be_signed),
/// and pass the signature to [`Unsigned::with_signature`](super::Unsigned::with_signature).
///
/// ```
/// use veraid::Hash;
/// use veraid::issue::{Signer, SigningError};
///
/// # struct Session;
/// # impl Session { fn sign(&self, _: &str, _: &[u8]) -> std::io::Result<Vec<u8>> { Ok(vec![]) } }
/// struct HsmSigner { session: Session, subject_public_key_info: Vec<u8> }
///
/// impl Signer for HsmSigner {
///     fn subject_public_key_info(&self) -> &[u8] {
///         &self.subject_public_key_info
///     }
///
///     fn hash(&self) -> Hash {
///         Hash::Sha256
///     }
///
///     fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
///         self.session.sign("SHA256_RSA_PKCS_PSS", message).map_err(SigningError::signer)
///     }
/// }
/// ```
pub trait Signer {
    /// Returns the DER of the public key's `SubjectPublicKeyInfo`: `rsaEncryption`, with a modulus
    /// of 2048, 3072 or 4096 bits.
    fn subject_public_key_info(&self) -> &[u8];

    /// Returns the hash of the message and of the mask. The salt has the same length.
    fn hash(&self) -> Hash;

    /// Signs the message, which is not hashed yet.
    ///
    /// # Errors
    /// [`SigningError::Signer`] if the key cannot sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError>;
}

/// The error of a signing operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The signer failed.
    #[error("the signer failed: {0}")]
    Signer(#[source] Box<dyn Error + Send + Sync>),
    /// The signer's key is not the requested one.
    #[error("the signer's key is not the requested key")]
    Key,
    /// The signer's hash is not the requested one.
    #[error("the signer's hash is not the requested hash: expected {expected:?}, found {found:?}")]
    Hash {
        /// The requested hash.
        expected: Hash,
        /// The signer's hash.
        found: Hash,
    },
    /// The length of the signature is not the length of the modulus.
    #[error("invalid signature length: expected {expected} octets, found {found}")]
    Length {
        /// The length of the modulus, in octets.
        expected: usize,
        /// The length of the signature, in octets.
        found: usize,
    },
    /// The signature does not match the key and the octets to be signed.
    #[error("the signature does not match the key and the octets to be signed")]
    Mismatch,
}

impl SigningError {
    /// Creates the error of a failed signer.
    pub fn signer(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Signer(error.into())
    }
}
