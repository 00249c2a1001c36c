//! Settings of factors.

use std::time::Duration;

use super::FactorKey;
#[cfg(feature = "passkeys")]
use super::PasskeySettings;
use crate::SettingError;
use crate::time::check_seconds;

/// Settings of the factors of [`Accounts`](crate::account::Accounts).
///
/// ```
/// use kleidia_tower::account::{FactorKey, FactorSettings};
///
/// let settings = FactorSettings::default()
///     .with_issuer("Example Portal")
///     .with_key(FactorKey::from_octets(&[7; 32])?);
/// # Ok::<(), kleidia_tower::account::FactorKeyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FactorSettings {
    #[cfg_attr(not(feature = "totp"), expect(dead_code, reason = "used by TOTP"))]
    issuer: String,
    #[cfg_attr(not(feature = "totp"), expect(dead_code, reason = "used by TOTP"))]
    key: Option<FactorKey>,
    #[cfg(feature = "passkeys")]
    passkeys: Option<PasskeySettings>,
    max_age: Duration,
    max_factors: usize,
}

const SECOND: Duration = Duration::from_secs(1);

impl FactorSettings {
    /// Sets the name of the service in authenticator apps; `kleidia` by default. Colons are replaced
    /// by spaces.
    #[must_use]
    pub fn with_issuer(self, issuer: &str) -> Self {
        Self { issuer: issuer.replace(':', " "), ..self }
    }

    /// Sets the key that encrypts the secrets of one-time passwords in the store; none by default.
    ///
    /// Without a key, a reader of the store can compute one-time passwords. All nodes need the same
    /// key. Secrets that were stored without a key are encrypted at their next use; without the key,
    /// encrypted ones cannot be used.
    #[must_use]
    pub fn with_key(self, key: FactorKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Sets the relying party of passkeys; none by default, so users cannot enrol passkeys.
    #[cfg(feature = "passkeys")]
    #[must_use]
    pub fn with_passkeys(self, passkeys: PasskeySettings) -> Self {
        Self { passkeys: Some(passkeys), ..self }
    }

    /// Sets how long ago the user may have been authenticated to enrol or remove a factor: 1 second
    /// to 1 day, 5 minutes by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_max_age(self, max_age: Duration) -> Result<Self, SettingError> {
        let max_age = check_seconds("maximum age", max_age, SECOND..=86_400 * SECOND)?;
        Ok(Self { max_age, ..self })
    }

    /// Sets how many factors a user can have: 1 to 100, 20 by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_max_factors(self, max: usize) -> Result<Self, SettingError> {
        let max_factors = SettingError::check("maximum of factors", max, 1..=100)?;
        Ok(Self { max_factors, ..self })
    }

    #[cfg(feature = "totp")]
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    #[cfg(feature = "totp")]
    pub(super) const fn key(&self) -> Option<&FactorKey> {
        self.key.as_ref()
    }

    #[cfg(feature = "passkeys")]
    pub(super) const fn passkeys(&self) -> Option<&PasskeySettings> {
        self.passkeys.as_ref()
    }

    pub(super) const fn max_age(&self) -> Duration {
        self.max_age
    }

    pub(super) const fn max_factors(&self) -> usize {
        self.max_factors
    }
}

impl Default for FactorSettings {
    fn default() -> Self {
        let (issuer, max_age) = ("kleidia".to_owned(), 300 * SECOND);
        Self {
            issuer,
            key: None,
            #[cfg(feature = "passkeys")]
            passkeys: None,
            max_age,
            max_factors: 20,
        }
    }
}
