//! Settings of accounts: lifetimes, the lockout and the password policy.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::SettingError;
use crate::audit::RejectionLimits;
use crate::lockout::LockoutPolicy;
use crate::password::PasswordPolicy;
use crate::rate_limit::Limit;
use crate::time::check_seconds;

/// Settings of [`Accounts`](super::Accounts): lifetimes, the lockout and the password policy.
///
/// Durations count in whole seconds; a fraction is dropped. A default follows the values that are
/// set, and values that contradict each other are errors. So set a lifetime before those that it
/// bounds, if they exceed its default: [`with_login_ttl`](Self::with_login_ttl), then
/// [`with_session_ttl`](Self::with_session_ttl), then [`with_access_ttl`](Self::with_access_ttl).
///
/// ```
/// use std::time::Duration;
///
/// use kleidia_tower::account::AccountSettings;
///
/// let settings = AccountSettings::default()
///     .with_session_ttl(Duration::from_secs(8 * 3600))?
///     .with_access_ttl(Duration::from_secs(2 * 3600))?;
/// assert!(settings.with_access_ttl(Duration::from_secs(9 * 3600)).is_err());
/// # Ok::<(), kleidia_tower::SettingError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AccountSettings {
    access_ttl: Option<Duration>,
    refresh_ttl: Option<Duration>,
    session_ttl: Option<Duration>,
    pub(crate) login_ttl: Duration,
    pub(super) max_sessions: usize,
    refresh_grace: Option<Duration>,
    refresh_limit: Option<Limit>,
    pub(super) recovery_ttl: Duration,
    pub(crate) leeway: Duration,
    pub(crate) last_seen_interval: Duration,
    pub(crate) lockout: LockoutPolicy,
    pub(crate) password_policy: PasswordPolicy,
    pub(super) rejection_limits: RejectionLimits,
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
/// The least default of refreshes per minute.
const MIN_REFRESHES: NonZeroU32 = NonZeroU32::MIN.saturating_add(59);
const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);

impl AccountSettings {
    /// Sets the lifetime of access tokens: 1 second to 1 day, and at most the
    /// [lifetime of sessions](Self::with_session_ttl); 30 minutes by default. A token never outlives
    /// its session: the last one of a login may be shorter.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_access_ttl(mut self, ttl: Duration) -> Result<Self, SettingError> {
        self.access_ttl = Some(check_seconds("access TTL", ttl, SECOND..=DAY)?);
        self.checked()
    }

    /// Sets the lifetime of a login: how long after the password was entered its session and its
    /// refresh tokens are valid at most, however often they are refreshed. It applies to open
    /// sessions too. 1 second to 366 days, 30 days by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds, or if refresh tokens or sessions would live
    /// longer.
    pub fn with_login_ttl(mut self, ttl: Duration) -> Result<Self, SettingError> {
        self.login_ttl = check_seconds("login TTL", ttl, SECOND..=YEAR)?;
        self.checked()
    }

    /// Sets the lifetime of refresh tokens, which bounds how long a login can be idle: 1 second to
    /// the [lifetime of a login](Self::with_login_ttl), 7 days by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds, or below the [grace
    /// period](Self::with_refresh_grace).
    pub fn with_refresh_ttl(mut self, ttl: Duration) -> Result<Self, SettingError> {
        self.refresh_ttl = Some(check_seconds("refresh TTL", ttl, SECOND..=YEAR)?);
        self.checked()
    }

    /// Sets the lifetime of sessions, which each refresh renews: 1 second to the
    /// [lifetime of a login](Self::with_login_ttl), 1 hour by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds, or if access tokens would live longer.
    pub fn with_session_ttl(mut self, ttl: Duration) -> Result<Self, SettingError> {
        self.session_ttl = Some(check_seconds("session TTL", ttl, SECOND..=YEAR)?);
        self.checked()
    }

    /// Sets how many sessions a user can have at the same time, counting expired ones that a
    /// refresh token can reopen: 1 to 1,000, 100 by default. A further login ends the one whose
    /// refresh token expires first, with an audit record. After this was lowered, a login ends up
    /// to 100.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_max_sessions(mut self, max: usize) -> Result<Self, SettingError> {
        self.max_sessions = SettingError::check("maximum of sessions", max, 1..=1000)?;
        Ok(self)
    }

    /// Sets the grace period during which a repeated refresh token returns the same successor: 0 to
    /// 1 hour, 10 seconds by default. With 0, every repeated use revokes the token family.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds, or above the
    /// [lifetime of refresh tokens](Self::with_refresh_ttl).
    pub fn with_refresh_grace(mut self, grace: Duration) -> Result<Self, SettingError> {
        let grace = check_seconds("refresh grace", grace, Duration::ZERO..=3600 * SECOND)?;
        self.refresh_grace = Some(grace);
        self.checked()
    }

    /// Sets how often the sessions of an account can be refreshed, all of them together: twice for
    /// each [possible session](Self::with_max_sessions) per minute by default, and at least 60
    /// times. Each process counts for itself.
    ///
    /// Every refresh has a record in the audit log, so a client that refreshes in a loop would fill
    /// the disk. Further refreshes are rejected, and their tokens stay valid.
    #[must_use]
    pub fn with_refresh_limit(self, limit: Limit) -> Self {
        Self { refresh_limit: Some(limit), ..self }
    }

    /// Sets how long an access token is accepted after its expiry: 0 to 5 minutes, 0 by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_leeway(mut self, leeway: Duration) -> Result<Self, SettingError> {
        self.leeway = check_seconds("leeway", leeway, Duration::ZERO..=300 * SECOND)?;
        Ok(self)
    }

    /// Sets how precisely a session's `last_seen_at` is kept: 1 second to 1 day, 60 seconds by
    /// default. Within this interval, further requests write nothing.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_last_seen_interval(mut self, interval: Duration) -> Result<Self, SettingError> {
        self.last_seen_interval = check_seconds("last-seen interval", interval, SECOND..=DAY)?;
        Ok(self)
    }

    /// Rejects values that contradict each other, and returns both.
    fn checked(self) -> Result<Self, SettingError> {
        let (grace, refresh, login) = (self.refresh_grace(), self.refresh_ttl(), self.login_ttl);
        SettingError::check_at_most("refresh grace", grace, "refresh TTL", refresh)?;
        SettingError::check_at_most("refresh TTL", refresh, "login TTL", login)?;
        let (access, session) = (self.access_ttl(), self.session_ttl());
        SettingError::check_at_most("session TTL", session, "login TTL", login)?;
        SettingError::check_at_most("access TTL", access, "session TTL", session)?;
        Ok(self)
    }

    pub(super) fn access_ttl(&self) -> Duration {
        self.access_ttl.unwrap_or_else(|| self.session_ttl().min(1800 * SECOND))
    }

    pub(super) fn refresh_ttl(&self) -> Duration {
        self.refresh_ttl.unwrap_or_else(|| self.login_ttl.min(7 * DAY))
    }

    pub(super) fn session_ttl(&self) -> Duration {
        self.session_ttl.unwrap_or_else(|| self.login_ttl.min(3600 * SECOND))
    }

    pub(super) fn refresh_grace(&self) -> Duration {
        self.refresh_grace.unwrap_or_else(|| self.refresh_ttl().min(10 * SECOND))
    }

    pub(super) fn refresh_limit(&self) -> Limit {
        let default = || {
            let sessions = u32::try_from(self.max_sessions).ok().and_then(NonZeroU32::new);
            let twice = sessions.unwrap_or(NonZeroU32::MIN).saturating_mul(TWO);
            Limit::per_minute(twice.max(MIN_REFRESHES))
        };
        self.refresh_limit.clone().unwrap_or_else(default)
    }

    /// Sets the lifetime of one-time codes that set a password: 1 minute to 7 days, 1 hour by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_recovery_ttl(self, ttl: Duration) -> Result<Self, SettingError> {
        let recovery_ttl = check_seconds("recovery TTL", ttl, 60 * SECOND..=7 * DAY)?;
        Ok(Self { recovery_ttl, ..self })
    }

    /// Sets the lockout.
    #[must_use]
    pub fn with_lockout(self, lockout: LockoutPolicy) -> Self {
        Self { lockout, ..self }
    }

    /// Sets the password policy.
    #[must_use]
    pub fn with_password_policy(self, password_policy: PasswordPolicy) -> Self {
        Self { password_policy, ..self }
    }

    /// Sets how many rejections of a minute the audit log records, each by itself.
    #[must_use]
    pub fn with_rejection_limits(self, rejection_limits: RejectionLimits) -> Self {
        Self { rejection_limits, ..self }
    }
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self {
            access_ttl: None,
            refresh_ttl: None,
            session_ttl: None,
            login_ttl: 30 * DAY,
            max_sessions: 100,
            refresh_grace: None,
            refresh_limit: None,
            recovery_ttl: 3600 * SECOND,
            leeway: Duration::ZERO,
            last_seen_interval: 60 * SECOND,
            lockout: LockoutPolicy::default(),
            password_policy: PasswordPolicy::default(),
            rejection_limits: RejectionLimits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_lifetimes_beyond_the_login() {
        let settings = AccountSettings::default();
        let error = settings.clone().with_refresh_ttl(31 * DAY).unwrap_err();
        assert_eq!(error.to_string(), "refresh TTL of 2678400s exceeds login TTL of 2592000s");
        let error = settings.clone().with_session_ttl(31 * DAY).unwrap_err();
        assert_eq!(error.to_string(), "session TTL of 2678400s exceeds login TTL of 2592000s");
        let longer = settings.clone().with_login_ttl(90 * DAY).unwrap();
        let longer = longer.with_refresh_ttl(31 * DAY).unwrap();
        let error = longer.with_login_ttl(30 * DAY).unwrap_err();
        assert_eq!(error.to_string(), "refresh TTL of 2678400s exceeds login TTL of 2592000s");
        let grace = settings.with_refresh_grace(3600 * SECOND).unwrap();
        let error = grace.with_refresh_ttl(10 * SECOND).unwrap_err();
        assert_eq!(error.to_string(), "refresh grace of 3600s exceeds refresh TTL of 10s");
    }

    #[test]
    fn rejects_access_tokens_beyond_the_session() {
        let settings = AccountSettings::default();
        let rejected = settings.clone().with_access_ttl(3601 * SECOND).unwrap_err();
        assert_eq!(rejected.to_string(), "access TTL of 3601s exceeds session TTL of 3600s");
        let longer = settings.with_session_ttl(7200 * SECOND).unwrap();
        let longer = longer.with_access_ttl(3601 * SECOND).unwrap();
        let session = longer.clone().with_session_ttl(3600 * SECOND).unwrap_err();
        assert_eq!(session, rejected);
        // The default of sessions is at most the lifetime of a login.
        let login = AccountSettings::default().with_access_ttl(600 * SECOND).unwrap();
        let error = login.with_login_ttl(599 * SECOND).unwrap_err();
        assert_eq!(error.to_string(), "access TTL of 600s exceeds session TTL of 599s");
    }

    #[test]
    fn defaults_follow_other_values() {
        let settings = AccountSettings::default().with_login_ttl(5 * SECOND).unwrap();
        let lifetimes = (settings.refresh_ttl(), settings.session_ttl(), settings.refresh_grace());
        assert_eq!(lifetimes, (5 * SECOND, 5 * SECOND, 5 * SECOND));
        for (sessions, refreshes) in [(1, 60), (30, 60), (100, 200), (1000, 2000)] {
            let settings = AccountSettings::default().with_max_sessions(sessions).unwrap();
            let expected = Limit::per(60 * SECOND, refreshes).unwrap();
            assert_eq!(settings.refresh_limit(), expected);
        }
        assert_eq!(settings.access_ttl(), 5 * SECOND);
        let settings = AccountSettings::default().with_session_ttl(600 * SECOND).unwrap();
        assert_eq!(settings.access_ttl(), 600 * SECOND);
    }
}
