//! Options of a password hasher.

use super::{Argon2Parameters, HashingError, PasswordHasher};
use crate::SettingError;

/// Options of a [`PasswordHasher`].
///
/// ```
/// use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
///
/// let hasher = PasswordHasher::options()
///     .with_parameters(Argon2Parameters::default().with_passes(3)?)
///     .with_permits(2)?
///     .with_queue_limit(128)?
///     .start()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PasswordHasherOptions {
    pub(super) parameters: Argon2Parameters,
    pub(super) permits: usize,
    pub(super) queue_limit: usize,
}

impl PasswordHasherOptions {
    /// The maximum number of permits.
    pub const MAX_PERMITS: usize = 1024;
    /// The maximum number of evaluations that wait.
    pub const MAX_QUEUE_LIMIT: usize = 1_000_000;

    /// Sets the cost of an evaluation; see [`Argon2Parameters`] for the defaults.
    #[must_use]
    pub const fn with_parameters(self, parameters: Argon2Parameters) -> Self {
        Self { parameters, ..self }
    }

    /// Sets how many evaluations run at the same time: 1 to 1,024; by default
    /// [`PasswordHasher::default_permits`].
    ///
    /// The permits multiplied by the memory of the parameters bound the memory for hashing.
    ///
    /// # Errors
    /// [`SettingError`] if the value is out of range.
    pub fn with_permits(self, permits: usize) -> Result<Self, SettingError> {
        SettingError::check("permits", permits, 1..=Self::MAX_PERMITS)?;
        Ok(Self { permits, ..self })
    }

    /// Sets how many evaluations may wait for a permit: 0 to 1,000,000; 64 by default. With 0, none
    /// waits.
    ///
    /// # Errors
    /// [`SettingError`] if the value is out of range.
    pub fn with_queue_limit(self, queue_limit: usize) -> Result<Self, SettingError> {
        SettingError::check("queue limit", queue_limit, 0..=Self::MAX_QUEUE_LIMIT)?;
        Ok(Self { queue_limit, ..self })
    }

    /// Starts a hasher, with one thread per permit.
    ///
    /// # Errors
    /// [`HashingError::System`] if a thread cannot be started.
    pub fn start(self) -> Result<PasswordHasher, HashingError> {
        PasswordHasher::start(&self)
    }
}

impl Default for PasswordHasherOptions {
    fn default() -> Self {
        Self {
            parameters: Argon2Parameters::default(),
            permits: PasswordHasher::default_permits(),
            queue_limit: PasswordHasher::DEFAULT_QUEUE_LIMIT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_permits_out_of_range() {
        for (permits, is_valid) in [(0, false), (1, true), (1024, true), (1025, false)] {
            let options = PasswordHasher::options().with_permits(permits);
            assert_eq!(options.is_ok(), is_valid, "{permits}");
        }
    }

    #[test]
    fn rejects_queue_limits_out_of_range() {
        for (limit, is_valid) in [(0, true), (1_000_000, true), (1_000_001, false)] {
            let options = PasswordHasher::options().with_queue_limit(limit);
            assert_eq!(options.is_ok(), is_valid, "{limit}");
        }
        let error = PasswordHasher::options().with_queue_limit(usize::MAX).unwrap_err();
        let text =
            format!("queue limit is out of bounds: expected 0 to 1000000, found {}", usize::MAX);
        assert_eq!(error.to_string(), text);
    }
}
