//! How long things last, and what is asked of passwords.

use std::time::Duration;

use crate::lockout::LockoutPolicy;
use crate::password::PasswordPolicy;

/// How long things last, and what is asked of logins and passwords.
///
/// ```
/// use std::time::Duration;
///
/// use kleidia_tower::account::AccountSettings;
///
/// let session_ttl = Duration::from_secs(8 * 3600);
/// let settings = AccountSettings { session_ttl, ..AccountSettings::default() };
/// assert_eq!(settings.access_ttl, Duration::from_secs(1800));
/// ```
#[derive(Clone, Debug)]
pub struct AccountSettings {
    /// How long an access token is valid; 30 minutes by default, and never longer than its session.
    pub access_ttl: Duration,
    /// How long a refresh token is valid; 7 days by default.
    pub refresh_ttl: Duration,
    /// How long a session goes on without a refresh; an hour by default.
    pub session_ttl: Duration,
    /// For how long a refresh token that was just spent is answered with the same successor;
    /// 10 seconds by default, 0 for not at all.
    pub refresh_grace: Duration,
    /// For how long an access token is taken past its end; 0 by default.
    pub leeway: Duration,
    /// When login locks.
    pub lockout: LockoutPolicy,
    /// What is asked of passwords.
    pub password_policy: PasswordPolicy,
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_secs(30 * 60),
            refresh_ttl: Duration::from_secs(7 * 24 * 3600),
            session_ttl: Duration::from_secs(3600),
            refresh_grace: Duration::from_secs(10),
            leeway: Duration::ZERO,
            lockout: LockoutPolicy::default(),
            password_policy: PasswordPolicy::default(),
        }
    }
}
