//! Why something ended as it did: words of ours, and nothing that a client could make a secret of.

use std::fmt;

use crate::rbac::RoleName;
use crate::session::EndReason;

/// Why something ended as it did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The password was wrong.
    WrongPassword,
    /// There is no such account.
    UnknownUser,
    /// The account is disabled.
    AccountDisabled,
    /// The password was changed while it was checked.
    PasswordChanged,
    /// Too many failures: this one locks.
    LockStarted,
    /// Refused because of a lock.
    Locked,
    /// The session had lapsed, and another one follows.
    SessionExpired,
    /// A retry of a refresh token that was just spent.
    Retry,
    /// Why a session was ended.
    Ended(EndReason),
    /// The roles before and after.
    Roles {
        /// Before.
        from: Vec<RoleName>,
        /// After.
        to: Vec<RoleName>,
    },
    /// What the policy says of a denial; words of the service's, never of a client's.
    Policy(String),
    /// What an admin says for an override: visible characters, at most 256.
    Override(OverrideReason),
}

/// What an admin says for an override: 1 to 256 visible characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideReason(String);

impl OverrideReason {
    /// The most characters.
    pub const MAX_CHARACTERS: usize = 256;

    /// The reason; `None` if there is nothing visible, or too much.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_bounded = text.chars().nth(Self::MAX_CHARACTERS).is_none();
        let is_visible = !text.is_empty() && !text.chars().any(char::is_control);
        (is_bounded && is_visible).then(|| Self(text.to_owned()))
    }

    /// The reason.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names =
            |roles: &[RoleName]| roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join(",");
        match self {
            Self::WrongPassword => f.write_str("wrong-password"),
            Self::UnknownUser => f.write_str("unknown-user"),
            Self::AccountDisabled => f.write_str("account-disabled"),
            Self::PasswordChanged => f.write_str("password-changed"),
            Self::LockStarted => f.write_str("lock-started"),
            Self::Locked => f.write_str("locked"),
            Self::SessionExpired => f.write_str("session-expired"),
            Self::Retry => f.write_str("retry"),
            Self::Ended(reason) => f.write_str(reason.as_str()),
            Self::Roles { from, to } if from.is_empty() => f.write_str(&names(to)),
            Self::Roles { from, to } => write!(f, "{} -> {}", names(from), names(to)),
            Self::Policy(text) | Self::Override(OverrideReason(text)) => f.write_str(text),
        }
    }
}
