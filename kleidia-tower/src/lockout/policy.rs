//! The policy of the lockout.

use std::time::Duration;

use crate::SettingError;
use crate::time::check_seconds;

/// The policy of the lockout: when login locks, and for how long.
///
/// Consecutive failures for one user name from one source lock that name for that source. The
/// account as a whole is only throttled, and only for unfamiliar clients: those without a known
/// device token, at an address without a recent login. The throttle grows with the failures and
/// decays with time. During continued guessing, an owner at an unfamiliar client needs
/// [a device token](crate::account::Accounts::add_device).
///
/// The failures of an account are a leaky bucket: one is forgotten per
/// [`failure_decay`](Self::with_failure_decay), and unfamiliar clients wait while there are
/// [`max_consecutive_failures`](Self::with_max_consecutive_failures). With the defaults, they
/// can guess at most 100 passwords in a row (NIST SP 800-63B, 5.2.2), and four per day afterwards.
///
/// Durations count whole seconds; fractions are dropped. A default follows the values that are set,
/// and values that contradict each other are errors, whatever is set first.
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
    max_duration: Option<Duration>,
    reset_after: Option<Duration>,
    throttle_threshold: Option<u32>,
    max_throttle: Duration,
    max_consecutive_failures: u32,
    failure_decay: Duration,
    familiar_ttl: Duration,
    max_devices: usize,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

impl LockoutPolicy {
    /// The default of [`max_consecutive_failures`](Self::max_consecutive_failures), and its upper
    /// bound (NIST SP 800-63B, 5.2.2).
    pub const MAX_CONSECUTIVE_FAILURES: u32 = 100;
    /// The default of [`max_devices`](Self::max_devices).
    pub const DEFAULT_MAX_DEVICES: usize = 10;

    /// Sets how many consecutive failures lock a user name for a source. 5 by default.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from 1 to 100.
    pub fn with_threshold(self, threshold: u32) -> Result<Self, SettingError> {
        SettingError::check("threshold", threshold, 1..=Self::MAX_CONSECUTIVE_FAILURES)?;
        Ok(Self { threshold, ..self })
    }

    /// Sets the duration of the first lock; each further failure doubles it. A minute by default.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from a second to a day, and at most the
    /// [maximum](Self::with_max_duration).
    pub fn with_base_duration(self, duration: Duration) -> Result<Self, SettingError> {
        let base_duration = check_seconds("base duration", duration, SECOND..=DAY)?;
        Self { base_duration, ..self }.checked()
    }

    /// Sets the longest duration of a lock. 15 minutes by default, or the base duration if that is
    /// longer.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from the base duration to a day, and at most the
    /// [reset time](Self::with_reset_after).
    pub fn with_max_duration(self, duration: Duration) -> Result<Self, SettingError> {
        let max_duration = Some(check_seconds("maximum duration", duration, SECOND..=DAY)?);
        Self { max_duration, ..self }.checked()
    }

    /// Sets the time without failures after which the next lock is short again. 12 hours by
    /// default, or the maximum duration if that is longer.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from the maximum duration to a year.
    pub fn with_reset_after(self, duration: Duration) -> Result<Self, SettingError> {
        let reset_after = Some(check_seconds("reset time", duration, SECOND..=YEAR)?);
        Self { reset_after, ..self }.checked()
    }

    /// Sets how many consecutive failures of an account throttle unfamiliar clients. 20 by default,
    /// or the maximum if that is less. A device or an address with as many failures of its own
    /// counts as unfamiliar.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from 1 to
    /// [`max_consecutive_failures`](Self::max_consecutive_failures).
    pub fn with_throttle_threshold(self, threshold: u32) -> Result<Self, SettingError> {
        SettingError::check("throttle threshold", threshold, 1..=Self::MAX_CONSECUTIVE_FAILURES)?;
        Self { throttle_threshold: Some(threshold), ..self }.checked()
    }

    /// Sets how long an unfamiliar client waits at most between two attempts, below the
    /// [maximum](Self::with_max_consecutive_failures) of failures. An hour by default. The wait is
    /// a second at the throttle threshold, and each further failure doubles it.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from a second to a day.
    pub fn with_max_throttle(self, duration: Duration) -> Result<Self, SettingError> {
        Ok(Self {
            max_throttle: check_seconds("maximum throttle", duration, SECOND..=DAY)?,
            ..self
        })
    }

    /// Sets at how many consecutive failures unfamiliar clients wait until one of them is
    /// [forgotten](Self::with_failure_decay). 100 by default.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from 1 to 100 (NIST SP 800-63B, 5.2.2), and at least the
    /// [throttle threshold](Self::with_throttle_threshold).
    pub fn with_max_consecutive_failures(self, max: u32) -> Result<Self, SettingError> {
        let setting = "maximum of consecutive failures";
        SettingError::check(setting, max, 1..=Self::MAX_CONSECUTIVE_FAILURES)?;
        Self { max_consecutive_failures: max, ..self }.checked()
    }

    /// Rejects values that contradict each other, and returns both.
    fn checked(self) -> Result<Self, SettingError> {
        let (base, max, reset) = (self.base_duration, self.max_duration(), self.reset_after());
        SettingError::check_at_most("base duration", base, "maximum duration", max)?;
        SettingError::check_at_most("maximum duration", max, "reset time", reset)?;
        let (threshold, max) = (self.throttle_threshold(), self.max_consecutive_failures);
        let other = "maximum of consecutive failures";
        SettingError::check_at_most("throttle threshold", threshold, other, max)?;
        Ok(self)
    }

    /// Sets the time after which one consecutive failure is forgotten. 6 hours by default. It
    /// bounds the guesses of unfamiliar clients in the long run, and how long they wait at most.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from a second to a week.
    pub fn with_failure_decay(self, duration: Duration) -> Result<Self, SettingError> {
        Ok(Self {
            failure_decay: check_seconds("failure decay", duration, SECOND..=7 * DAY)?,
            ..self
        })
    }

    /// Sets how long devices and addresses stay familiar after a successful login. 90 days by
    /// default.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from a second to a year.
    pub fn with_familiar_ttl(self, ttl: Duration) -> Result<Self, SettingError> {
        Ok(Self { familiar_ttl: check_seconds("familiarity", ttl, SECOND..=YEAR)?, ..self })
    }

    /// Sets how many devices of an account are familiar; a login from a further one replaces the
    /// device with the oldest login. 10 by default.
    ///
    /// # Errors
    /// [`SettingError`] unless it is from 1 to 100.
    pub fn with_max_devices(self, max: usize) -> Result<Self, SettingError> {
        Ok(Self { max_devices: SettingError::check("maximum of devices", max, 1..=100)?, ..self })
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
    pub fn max_duration(&self) -> Duration {
        self.max_duration.unwrap_or_else(|| self.base_duration.max(15 * MINUTE))
    }

    /// Returns the time without failures after which the next lock is short again.
    #[must_use]
    pub fn reset_after(&self) -> Duration {
        self.reset_after.unwrap_or_else(|| self.max_duration().max(12 * HOUR))
    }

    /// Returns how many consecutive failures of an account throttle unfamiliar clients.
    #[must_use]
    pub fn throttle_threshold(&self) -> u32 {
        self.throttle_threshold.unwrap_or_else(|| self.max_consecutive_failures.min(20))
    }

    /// Returns how long an unfamiliar client waits at most below the maximum of failures.
    #[must_use]
    pub const fn max_throttle(&self) -> Duration {
        self.max_throttle
    }

    /// Returns at how many consecutive failures unfamiliar clients wait until one is forgotten.
    #[must_use]
    pub const fn max_consecutive_failures(&self) -> u32 {
        self.max_consecutive_failures
    }

    /// Returns the time after which one consecutive failure is forgotten.
    #[must_use]
    pub const fn failure_decay(&self) -> Duration {
        self.failure_decay
    }

    /// Returns how long devices and addresses stay familiar after a successful login.
    #[must_use]
    pub const fn familiar_ttl(&self) -> Duration {
        self.familiar_ttl
    }

    /// Returns how many devices of an account are familiar.
    #[must_use]
    pub const fn max_devices(&self) -> usize {
        self.max_devices
    }
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self {
            threshold: 5,
            base_duration: MINUTE,
            max_duration: None,
            reset_after: None,
            throttle_threshold: None,
            max_throttle: HOUR,
            max_consecutive_failures: Self::MAX_CONSECUTIVE_FAILURES,
            failure_decay: 6 * HOUR,
            familiar_ttl: 90 * DAY,
            max_devices: Self::DEFAULT_MAX_DEVICES,
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
            policy.with_max_duration(2 * DAY),
            policy.with_max_consecutive_failures(101),
            policy.with_failure_decay(Duration::MAX),
            policy.with_familiar_ttl(Duration::ZERO),
            policy.with_max_devices(0),
        ] {
            assert!(error.is_err(), "{error:?}");
        }
    }

    #[test]
    fn rejects_contradictory_values_in_any_order() {
        let policy = LockoutPolicy::default();
        let error = policy.with_max_duration(Duration::from_secs(59)).unwrap_err();
        assert_eq!(error.to_string(), "base duration of 60s exceeds maximum duration of 59s");
        let max = policy.with_max_duration(5 * MINUTE).unwrap();
        let error = max.with_base_duration(10 * MINUTE).unwrap_err();
        assert_eq!(error.to_string(), "base duration of 600s exceeds maximum duration of 300s");
        let reset = policy.with_reset_after(HOUR).unwrap();
        let error = reset.with_max_duration(2 * HOUR).unwrap_err();
        assert_eq!(error.to_string(), "maximum duration of 7200s exceeds reset time of 3600s");
        assert!(policy.with_reset_after(MINUTE).is_err());

        let expected = "throttle threshold of 31 exceeds maximum of consecutive failures of 30";
        let max = policy.with_max_consecutive_failures(30).unwrap();
        assert_eq!(max.with_throttle_threshold(31).unwrap_err().to_string(), expected);
        let threshold = policy.with_throttle_threshold(31).unwrap();
        let error = threshold.with_max_consecutive_failures(30).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn defaults_follow_other_values() {
        let policy = LockoutPolicy::default().with_base_duration(DAY).unwrap();
        assert_eq!((policy.max_duration(), policy.reset_after()), (DAY, DAY));
        let policy = policy.with_max_consecutive_failures(10).unwrap();
        assert_eq!(policy.throttle_threshold(), 10);
    }
}
