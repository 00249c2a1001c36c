//! The agent's own key pair, which is in memory alone.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use secrecy::SecretSlice;
use zeroize::Zeroizing;

use super::AgentPublicKey;

/// The key pair of an agent: RSA-4096, in memory alone, until the agent ends.
///
/// Nothing writes the private half, nor clones it: put it into an `Arc` to share it. What is
/// encrypted to its public half is lost with it, and has to be sent again to the next one.
///
/// ```
/// use kleidia_tower::agent::AgentKey;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = AgentKey::generate().await?;
/// assert!(key.public_key().to_pem().starts_with("-----BEGIN PUBLIC KEY-----\n"));
/// assert!(key.decrypt(b"noise").is_err());
/// # Ok(()) }
/// ```
pub struct AgentKey {
    private: OaepPrivateDecryptingKey,
    public: AgentPublicKey,
}

/// No key was made: the cryptographic library fails, or the runtime shuts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no key could be made for the agent")]
pub struct KeyGenerationError;

/// Something is not encrypted to this key, or was changed on the way.
///
/// It says no more on purpose: reasons are what an attacker would decrypt with (RFC 8017, 7.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ciphertext is not for this key, or was changed")]
pub struct DecryptionError;

impl AgentKey {
    /// Makes a key on one of Tokio's blocking threads, because that takes a second or so.
    ///
    /// # Errors
    /// [`KeyGenerationError`] if the library fails, or the runtime shuts down meanwhile.
    pub async fn generate() -> Result<Self, KeyGenerationError> {
        let made = tokio::task::spawn_blocking(Self::generate_blocking).await;
        made.map_err(|_| KeyGenerationError)?
    }

    /// Makes a key on this thread, which should be no async worker: it takes a second or so.
    ///
    /// # Errors
    /// [`KeyGenerationError`] if the library fails.
    pub fn generate_blocking() -> Result<Self, KeyGenerationError> {
        let failed = |_| KeyGenerationError;
        let private = PrivateDecryptingKey::generate(KeySize::Rsa4096).map_err(failed)?;
        let public: PublicKeyX509Der<'_> = private.public_key().as_der().map_err(failed)?;
        // What we would refuse of others we refuse of ourselves.
        let public = AgentPublicKey::from_der(public.as_ref()).map_err(|_| KeyGenerationError)?;
        let private = OaepPrivateDecryptingKey::new(private).map_err(failed)?;
        Ok(Self { private, public })
    }

    /// The public half, to be registered.
    #[must_use]
    pub const fn public_key(&self) -> &AgentPublicKey {
        &self.public
    }

    /// Decrypts what [`AgentPublicKey::encrypt`] made, or any other RSA-OAEP with SHA-256, MGF1
    /// with SHA-256 and an empty label (RFC 8017, 7.1). It takes some milliseconds.
    ///
    /// # Errors
    /// [`DecryptionError`] if it was made for another key, changed, or is of another length.
    pub fn decrypt(&self, ciphertext: &[u8]) -> Result<SecretSlice<u8>, DecryptionError> {
        let mut buffer = Zeroizing::new([0; AgentPublicKey::CIPHERTEXT_OCTETS]);
        let algorithm = &OAEP_SHA256_MGF1SHA256;
        let plaintext = self.private.decrypt(algorithm, ciphertext, &mut *buffer, None);
        let plaintext = plaintext.map_err(|_| DecryptionError)?;
        Ok(plaintext.to_vec().into())
    }
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentKey").finish_non_exhaustive()
    }
}
