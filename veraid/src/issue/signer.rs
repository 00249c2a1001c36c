//! The trait of private keys: in memory, in a KMS or in an HSM.

use std::error::Error;

use crate::Hash;

/// A private RSA key that signs with RSASSA-PSS (RFC 8017, 8.1).
///
/// [`RsaSigner`](super::RsaSigner) holds the key in memory. For a key that can only be reached
/// asynchronously, take the octets from [`Unsigned::to_be_signed`](super::Unsigned::to_be_signed)
/// and give the signature to [`Unsigned::with_signature`](super::Unsigned::with_signature).
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
    /// Returns the DER of the public key's `SubjectPublicKeyInfo`: `rsaEncryption`, with a modulus of
    /// 2048, 3072 or 4096 bits.
    fn subject_public_key_info(&self) -> &[u8];

    /// Returns the hash of message and mask; the salt is as long as it.
    fn hash(&self) -> Hash;

    /// Signs the message, which is not hashed yet.
    ///
    /// # Errors
    /// [`SigningError::Signer`] if the key can't sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError>;
}

/// The error of a signing operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The signer failed.
    #[error("the signer failed: {0}")]
    Signer(#[source] Box<dyn Error + Send + Sync>),
    /// The signer has another key than the request.
    #[error("the signer holds another key than the one that must sign")]
    Key,
    /// The signer uses another hash than the one that was prepared for.
    #[error("the signer uses {found:?} where {expected:?} was prepared for")]
    Hash {
        /// The hash that was prepared for.
        expected: Hash,
        /// The signer's.
        found: Hash,
    },
    /// The signature is not as long as the modulus of the key.
    #[error("invalid signature length: expected {expected} octets, found {found}")]
    Length {
        /// The length of the modulus, in octets.
        expected: usize,
        /// The length of the signature.
        found: usize,
    },
    /// The signature does not match the key and the octets to be signed.
    #[error("the signature does not match the key and the octets to be signed")]
    Mismatch,
}

impl SigningError {
    /// The failure of a signer.
    pub fn signer(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Signer(error.into())
    }
}
