//! The agent's own key pair, which exists only in memory.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use secrecy::SecretSlice;
use zeroize::Zeroizing;

use super::AgentPublicKey;

/// The RSA-4096 key pair of an agent, which exists only in memory.
///
/// The private key can be neither exported nor cloned; wrap the key pair in an `Arc` to share it.
/// When the agent exits, ciphertexts for this key can no longer be decrypted: the service encrypts
/// the secrets again, for the agent's next key.
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

/// Key generation failed: the cryptographic library failed, or the runtime is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to generate the agent's key pair")]
pub struct KeyGenerationError;

/// The ciphertext is for another key, or was modified.
///
/// It gives no further reason, since a reason would be a decryption oracle (RFC 8017, 7.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid ciphertext")]
pub struct DecryptionError;

impl AgentKey {
    /// Generates a key pair on one of Tokio's blocking threads. It takes about a second.
    ///
    /// # Errors
    /// [`KeyGenerationError`] if the library fails, or the runtime shuts down in the meantime.
    pub async fn generate() -> Result<Self, KeyGenerationError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let generated = tokio::task::spawn_blocking(Self::generate_blocking).await;
        generated.map_err(|_| KeyGenerationError)?
    }

    /// Generates a key pair on the current thread, which it blocks for about a second.
    ///
    /// # Errors
    /// [`KeyGenerationError`] if the library fails.
    pub fn generate_blocking() -> Result<Self, KeyGenerationError> {
        let failed = |_| KeyGenerationError;
        let private = PrivateDecryptingKey::generate(KeySize::Rsa4096).map_err(failed)?;
        let public: PublicKeyX509Der<'_> = private.public_key().as_der().map_err(failed)?;
        // The agent's own key must meet the requirements that the service checks.
        let public = AgentPublicKey::from_der(public.as_ref()).map_err(|_| KeyGenerationError)?;
        let private = OaepPrivateDecryptingKey::new(private).map_err(failed)?;
        Ok(Self { private, public })
    }

    /// Returns the public key, which the user registers with the service.
    #[must_use]
    pub const fn public_key(&self) -> &AgentPublicKey {
        &self.public
    }

    /// Decrypts a ciphertext of [`AgentPublicKey::encrypt`], or of another implementation of
    /// RSA-OAEP with SHA-256, MGF1 with SHA-256 and an empty label (RFC 8017, 7.1). It takes a few
    /// milliseconds.
    ///
    /// # Errors
    /// [`DecryptionError`] if the ciphertext is for another key, was modified or has another
    /// length.
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
