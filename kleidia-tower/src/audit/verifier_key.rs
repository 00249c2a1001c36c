//! The public key of the audit log, which verifies its checkpoints.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use signed_note::{StandardVerifier, Verifier as _};

use super::{AuditKey, AuditKeyError};
use crate::store::StoreError;

/// The public key of an audit log, which verifies its checkpoints. Its text form is that of a
/// verifier key of C2SP signed notes: `<name>+<hash>+<Base64>`.
///
/// ```
/// use kleidia_tower::audit::{AuditKey, AuditVerifierKey};
///
/// let key = AuditKey::generate("audit.example.com")?;
/// let text = key.verifier_key().to_string();
/// assert_eq!(text.parse::<AuditVerifierKey>()?, *key.verifier_key());
/// # Ok::<(), kleidia_tower::audit::AuditKeyError>(())
/// ```
#[derive(Clone)]
pub struct AuditVerifierKey {
    pub(super) verifier: Arc<StandardVerifier>,
    text: String,
}

/// The key with which a store opens its audit log.
///
/// With [`Self::Inspect`] and [`Self::Verify`] the store verifies the log, writes nothing to it,
/// and rejects each change that has to be recorded, except that
/// [`AuditStore::replace_key`](super::AuditStore::replace_key) replaces the key.
#[derive(Clone, Debug)]
pub enum LogKey {
    /// Records events, and signs checkpoints.
    Sign(AuditKey),
    /// Verifies checkpoints, and authenticates the records that are not sealed.
    Inspect(AuditKey),
    /// Verifies checkpoints only.
    Verify(AuditVerifierKey),
}

impl LogKey {
    /// Returns the key that verifies checkpoints.
    #[must_use]
    pub fn verifier_key(&self) -> &AuditVerifierKey {
        match self {
            Self::Sign(key) | Self::Inspect(key) => key.verifier_key(),
            Self::Verify(key) => key,
        }
    }

    /// Returns the secret key, to record events.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the key is one to verify the log only.
    pub fn recording_key(&self) -> Result<AuditKey, StoreError> {
        let key = self.signing_key().cloned();
        key.ok_or_else(|| StoreError::unavailable("the audit log is open to verify it only"))
    }

    /// Returns the secret key, if it may sign.
    pub(crate) const fn signing_key(&self) -> Option<&AuditKey> {
        match self {
            Self::Sign(key) => Some(key),
            Self::Inspect(_) | Self::Verify(_) => None,
        }
    }

    /// Returns the secret key, if it is known.
    pub(crate) const fn secret_key(&self) -> Option<&AuditKey> {
        match self {
            Self::Sign(key) | Self::Inspect(key) => Some(key),
            Self::Verify(_) => None,
        }
    }
}

impl FromStr for AuditVerifierKey {
    type Err = AuditKeyError;

    fn from_str(text: &str) -> Result<Self, AuditKeyError> {
        let text = text.trim();
        let verifier = StandardVerifier::new(text);
        let verifier = verifier.map_err(|_| AuditKeyError::MalformedVerifierKey)?;
        Ok(Self { verifier: Arc::new(verifier), text: text.to_owned() })
    }
}

impl AuditVerifierKey {
    /// Returns the name of the log, which is the origin of its checkpoints.
    #[must_use]
    pub fn name(&self) -> &str {
        self.verifier.name()
    }
}

impl fmt::Display for AuditVerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for AuditVerifierKey {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for AuditVerifierKey {}

impl fmt::Debug for AuditVerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuditVerifierKey").field(&self.text).finish()
    }
}

impl From<AuditKey> for LogKey {
    fn from(key: AuditKey) -> Self {
        Self::Sign(key)
    }
}

impl From<AuditVerifierKey> for LogKey {
    fn from(key: AuditVerifierKey) -> Self {
        Self::Verify(key)
    }
}
