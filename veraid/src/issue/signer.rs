//! The trait of private keys: in memory, in a KMS or in an HSM.

use std::error::Error;

use crate::Hash;

/// A private RSA key that signs with RSASSA-PSS (RFC 8017, 8.1).
///
/// [`RsaSigner`](super::RsaSigner) holds the key in memory, and `pkcs11::Pkcs11Signer` (feature
/// `pkcs11`) in an HSM. Other keys, such as those of a cloud's KMS, implement the trait. A signer
/// that calls a service blocks its thread: call it outside of async tasks.
///
/// Errors say whether to retry: [`SigningError::unavailable`] if the same call may succeed later,
/// and [`SigningError::signer`] otherwise.
///
/// ```
/// use veraid::Hash;
/// use veraid::issue::{Signer, SigningError};
///
/// # enum KmsError { Throttled, Denied }
/// # impl std::fmt::Display for KmsError {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("") }
/// # }
/// # struct Kms;
/// # impl Kms { fn sign_pss_sha256(&self, _: &[u8]) -> Result<Vec<u8>, KmsError> { Ok(vec![]) } }
/// struct KmsSigner { kms: Kms, subject_public_key_info: Vec<u8> }
///
/// impl Signer for KmsSigner {
///     fn subject_public_key_info(&self) -> &[u8] {
///         &self.subject_public_key_info
///     }
///
///     fn hash(&self) -> Hash {
///         Hash::Sha256
///     }
///
///     fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
///         self.kms.sign_pss_sha256(message).map_err(|error| match error {
///             KmsError::Throttled => SigningError::unavailable(error.to_string()),
///             KmsError::Denied => SigningError::signer(error.to_string()),
///         })
///     }
/// }
/// ```
///
/// With an async client, sign the octets of [`Unsigned::to_be_signed`](super::Unsigned) in place of
/// implementing the trait:
///
/// ```
/// use veraid::issue::{Issued, SigningError, Unsigned};
///
/// # struct Kms;
/// # impl Kms { async fn sign(&self, _: &[u8]) -> std::io::Result<Vec<u8>> { Ok(vec![]) } }
/// async fn sign<T: Issued>(kms: &Kms, unsigned: Unsigned<T>) -> Result<T, SigningError> {
///     let signature = kms.sign(unsigned.to_be_signed()).await;
///     unsigned.with_signature(&signature.map_err(SigningError::unavailable)?)
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
    /// [`SigningError::Unavailable`] if the key cannot sign for now, and [`SigningError::Signer`] if
    /// it cannot sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError>;
}

/// Signs with the signer in the box, such as one of several types.
impl<T: Signer + ?Sized> Signer for Box<T> {
    fn subject_public_key_info(&self) -> &[u8] {
        (**self).subject_public_key_info()
    }

    fn hash(&self) -> Hash {
        (**self).hash()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        (**self).sign(message)
    }
}

/// The error of a signing operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The signer failed, and would fail again.
    #[error("the signer failed: {0}")]
    Signer(#[source] Box<dyn Error + Send + Sync>),
    /// The signer is unavailable. The same call may succeed later.
    #[error("the signer is unavailable: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
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
    /// Creates the error of a signer that failed, and would fail again.
    pub fn signer(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Signer(error.into())
    }

    /// Creates the error of a signer that is unavailable, and may succeed later.
    pub fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(error.into())
    }

    /// Returns whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}
