//! The policy of the lockout.

use std::time::Duration;

use crate::SettingError;
use crate::time::check_seconds;

/// The policy of the lockout: when login locks, and for how long.
///
/// Consecutive failures for one user name from one source lock that name for that source. The
/// account as a whole is only throttled, and only for unfamiliar sources: those without a recent
/// successful login to it. So an unauthenticated client cannot lock out the owner of an account.
///
/// Durations count whole seconds; fractions are dropped.
///
/// ```
/// use std::time::Duration;
///
/// use kleidia_tower::lockout::LockoutPolicy;
///
/// let policy = LockoutPolicy::default()
///     .with_threshold(10)?
///     .with_max_duration(Duration::from_secs(3600))?;
/// assert_eq!(policy.base_duration(), Duration::from_secs(60));
/// # Ok::<(), kleidia_tower::SettingError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutPolicy {
    threshold: u32,
    base_duration: Duration,
    max_duration: Duration,
    reset_after: Duration,
    throttle_threshold: u32,
    max_throttle: Duration,
    max_unfamiliar_failures: u32,
    max_consecutive_failures: u32,
    familiar_ttl: Duration,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

impl LockoutPolicy {
    /// The default of [`max_consecutive_failures`](Self::max_consecutive_failures), and its upper
    /// bound (NIST SP 800-63B, 5.2.2).
    pub const MAX_CONSECUTIVE_FAILURES: u32 = 100;
    /// The default of [`max_unfamiliar_failures`](Self::max_unfamiliar_failures).
    pub const MAX_UNFAMILIAR_FAILURES: u32 = 50;

    /// Sets how many consecutive failures lock a user name for a source. 5 by default.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from 1 to 100.
    pub fn with_threshold(self, threshold: u32) -> Result<Self, SettingError> {
        SettingError::check("threshold", threshold, 1..=Self::MAX_CONSECUTIVE_FAILURES)?;
        Ok(Self { threshold, ..self })
    }

    /// Sets the duration of the first lock; each further failure doubles it. A minute by default.
    /// It raises the [maximum](Self::with_max_duration) if that is shorter.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from a second to a day.
    pub fn with_base_duration(self, duration: Duration) -> Result<Self, SettingError> {
        let base_duration = check_seconds("base duration", duration, SECOND..=DAY)?;
        let max_duration = self.max_duration.max(base_duration);
        Ok(Self { base_duration, max_duration, ..self })
    }

    /// Sets the longest duration of a lock. 15 minutes by default.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from the base duration to a day.
    pub fn with_max_duration(self, duration: Duration) -> Result<Self, SettingError> {
        let max_duration = check_seconds("maximum duration", duration, self.base_duration..=DAY)?;
        Ok(Self { max_duration, ..self })
    }

    /// Sets the time without failures after which the next lock is short again. 12 hours by
    /// default.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from a second to a year.
    pub fn with_reset_after(self, duration: Duration) -> Result<Self, SettingError> {
        Ok(Self { reset_after: check_seconds("reset time", duration, SECOND..=YEAR)?, ..self })
    }

    /// Sets how many consecutive failures of an account throttle unfamiliar sources. 20 by default.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from 1 to 100.
    pub fn with_throttle_threshold(self, threshold: u32) -> Result<Self, SettingError> {
        SettingError::check("throttle threshold", threshold, 1..=Self::MAX_CONSECUTIVE_FAILURES)?;
        Ok(Self { throttle_threshold: threshold, ..self })
    }

    /// Sets how long a throttled source waits at most. A minute by default.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from a second to a day.
    pub fn with_max_throttle(self, duration: Duration) -> Result<Self, SettingError> {
        Ok(Self {
            max_throttle: check_seconds("maximum throttle", duration, SECOND..=DAY)?,
            ..self
        })
    }

    /// Sets after how many consecutive failures of an account no attempt from an unfamiliar source
    /// is evaluated. 50 by default.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from 1 to
    /// [`max_consecutive_failures`](Self::max_consecutive_failures).
    pub fn with_max_unfamiliar_failures(self, max: u32) -> Result<Self, SettingError> {
        SettingError::check(
            "maximum of unfamiliar sources",
            max,
            1..=self.max_consecutive_failures,
        )?;
        Ok(Self { max_unfamiliar_failures: max, ..self })
    }

    /// Sets after how many consecutive failures of an account no attempt is evaluated, until an
    /// administrator unlocks it. 100 by default. It lowers the
    /// [maximum of unfamiliar sources](Self::with_max_unfamiliar_failures) if that is greater.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from 1 to 100 (NIST SP 800-63B, 5.2.2).
    pub fn with_max_consecutive_failures(self, max: u32) -> Result<Self, SettingError> {
        SettingError::check("maximum of all sources", max, 1..=Self::MAX_CONSECUTIVE_FAILURES)?;
        let max_unfamiliar_failures = self.max_unfamiliar_failures.min(max);
        Ok(Self { max_consecutive_failures: max, max_unfamiliar_failures, ..self })
    }

    /// Sets how long a source stays familiar after a successful login. 90 days by default. Stores
    /// delete sources after [`Retention::familiar_sources`](crate::store::Retention), so raise
    /// that as well.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from a second to a year.
    pub fn with_familiar_ttl(self, ttl: Duration) -> Result<Self, SettingError> {
        Ok(Self { familiar_ttl: check_seconds("familiarity", ttl, SECOND..=YEAR)?, ..self })
    }

    /// Returns how many consecutive failures lock a user name for a source.
    #[must_use]
    pub const fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Returns the duration of the first lock.
    #[must_use]
    pub const fn base_duration(&self) -> Duration {
        self.base_duration
    }

    /// Returns the longest duration of a lock.
    #[must_use]
    pub const fn max_duration(&self) -> Duration {
        self.max_duration
    }

    /// Returns the time without failures after which the next lock is short again.
    #[must_use]
    pub const fn reset_after(&self) -> Duration {
        self.reset_after
    }

    /// Returns how many consecutive failures of an account throttle unfamiliar sources.
    #[must_use]
    pub const fn throttle_threshold(&self) -> u32 {
        self.throttle_threshold
    }

    /// Returns how long a throttled source waits at most.
    #[must_use]
    pub const fn max_throttle(&self) -> Duration {
        self.max_throttle
    }

    /// Returns the bound of failures for unfamiliar sources.
    #[must_use]
    pub const fn max_unfamiliar_failures(&self) -> u32 {
        self.max_unfamiliar_failures
    }

    /// Returns the bound of failures for all sources.
    #[must_use]
    pub const fn max_consecutive_failures(&self) -> u32 {
        self.max_consecutive_failures
    }

    /// Returns how long a source stays familiar after a successful login.
    #[must_use]
    pub const fn familiar_ttl(&self) -> Duration {
        self.familiar_ttl
    }
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self {
            threshold: 5,
            base_duration: Duration::from_secs(60),
            max_duration: Duration::from_secs(15 * 60),
            reset_after: Duration::from_secs(12 * 3600),
            throttle_threshold: 20,
            max_throttle: Duration::from_secs(60),
            max_unfamiliar_failures: Self::MAX_UNFAMILIAR_FAILURES,
            max_consecutive_failures: Self::MAX_CONSECUTIVE_FAILURES,
            familiar_ttl: 90 * DAY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_values_out_of_bounds() {
        let policy = LockoutPolicy::default();
        for error in [
            policy.with_threshold(0),
            policy.with_threshold(101),
            policy.with_base_duration(Duration::from_millis(999)),
            policy.with_max_duration(Duration::from_secs(59)),
            policy.with_max_duration(2 * DAY),
            policy.with_max_unfamiliar_failures(101),
            policy.with_max_consecutive_failures(101),
            policy.with_familiar_ttl(Duration::ZERO),
        ] {
            assert!(error.is_err(), "{error:?}");
        }
    }

    #[test]
    fn keeps_bounds_consistent() {
        let hour = Duration::from_secs(3600);
        let policy = LockoutPolicy::default().with_base_duration(hour).unwrap();
        assert_eq!(policy.max_duration(), hour);
        let policy = policy.with_max_consecutive_failures(30).unwrap();
        assert_eq!(policy.max_unfamiliar_failures(), 30);
    }
}
