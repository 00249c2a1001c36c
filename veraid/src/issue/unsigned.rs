//! Certificates and signature bundles before they are signed.

use super::{Signer, SigningError};
use crate::cert::RsaPublicKey;
use crate::crypto::SignatureCheck;
use crate::{CertificateError, Hash, Limits};

/// A certificate or signature bundle without its signature.
///
/// It supports keys that are only accessible asynchronously:
///
/// ```
/// use veraid::issue::{OrganisationCertificate, SigningError, Unsigned};
///
/// # async fn kms_sign(_: &[u8]) -> std::io::Result<Vec<u8>> { Ok(vec![]) }
/// async fn sign(
///     unsigned: Unsigned<OrganisationCertificate>,
/// ) -> Result<OrganisationCertificate, SigningError> {
///     let signature = kms_sign(unsigned.to_be_signed()).await.map_err(SigningError::signer)?;
///     unsigned.with_signature(&signature)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Unsigned<T> {
    /// The value with a placeholder at its end for the signature.
    template: T,
    to_be_signed: Vec<u8>,
    subject_public_key_info: Vec<u8>,
    signature_length: usize,
    hash: Hash,
}

/// A value that can be issued: a certificate or a signature bundle.
pub trait Issued: sealed::EncodedValue {}

pub(super) mod sealed {
    pub trait EncodedValue {
        fn octets(&self) -> &[u8];
        fn octets_mut(&mut self) -> &mut Vec<u8>;
    }
}

/// The key that must sign, and the hash that it signs with.
#[derive(Clone, Copy)]
pub(super) struct SigningKey<'a> {
    subject_public_key_info: &'a [u8],
    signature_length: usize,
    pub(super) hash: Hash,
}

impl<'a> SigningKey<'a> {
    pub(super) fn new(
        subject_public_key_info: &'a [u8],
        hash: Hash,
    ) -> Result<Self, CertificateError> {
        let key = RsaPublicKey::from_der(subject_public_key_info, &Limits::default())?;
        Ok(Self { subject_public_key_info, signature_length: key.signature_length(), hash })
    }

    /// Returns the placeholder of the signature.
    pub(super) fn placeholder(&self) -> Vec<u8> {
        vec![0; self.signature_length]
    }
}

impl<T: Issued> Unsigned<T> {
    /// Removes the placeholder at the end of the value's octets.
    pub(super) fn new(mut value: T, to_be_signed: Vec<u8>, key: SigningKey<'_>) -> Self {
        let octets = value.octets_mut();
        octets.truncate(octets.len().saturating_sub(key.signature_length));
        Self {
            template: value,
            to_be_signed,
            subject_public_key_info: key.subject_public_key_info.to_vec(),
            signature_length: key.signature_length,
            hash: key.hash,
        }
    }

    /// Returns the octets that the signature must cover, before hashing.
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        &self.to_be_signed
    }

    /// Returns the required hash of the message and of the mask. The salt has the same length.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// Returns the DER of the `SubjectPublicKeyInfo` of the key that must sign.
    #[must_use]
    pub fn subject_public_key_info(&self) -> &[u8] {
        &self.subject_public_key_info
    }

    /// Returns the size of the signed value, in octets.
    #[must_use]
    pub fn signed_length(&self) -> usize {
        self.template.octets().len() + self.signature_length
    }

    /// Completes the value with a signature, which is verified first.
    ///
    /// # Errors
    /// [`SigningError::Length`] or [`SigningError::Mismatch`] if the signature does not match the
    /// key that must sign and the octets to be signed.
    pub fn with_signature(mut self, signature: &[u8]) -> Result<T, SigningError> {
        let (expected, found) = (self.signature_length, signature.len());
        if expected != found {
            return Err(SigningError::Length { expected, found });
        }
        let key = RsaPublicKey::from_der(&self.subject_public_key_info, &Limits::default());
        let key = key.map_err(|_| SigningError::Key)?.with_pss(self.hash);
        if !(SignatureCheck { key, message: &self.to_be_signed, signature }).verify() {
            return Err(SigningError::Mismatch);
        }
        self.template.octets_mut().extend_from_slice(signature);
        Ok(self.template)
    }

    /// Completes the value with a signature by the signer, which is verified first.
    ///
    /// # Errors
    /// [`SigningError::Key`] or [`SigningError::Hash`] if the signer holds another key or uses
    /// another hash, [`SigningError::Unavailable`] and [`SigningError::Signer`] if it fails, and as
    /// [`Self::with_signature`].
    pub fn sign(self, signer: &dyn Signer) -> Result<T, SigningError> {
        if signer.subject_public_key_info() != self.subject_public_key_info {
            return Err(SigningError::Key);
        }
        let (expected, found) = (self.hash, signer.hash());
        if expected != found {
            return Err(SigningError::Hash { expected, found });
        }
        let signature = signer.sign(&self.to_be_signed)?;
        self.with_signature(&signature)
    }
}
