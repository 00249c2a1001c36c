//! The reasons of outcomes. They contain no secrets of clients.

use std::fmt;

use crate::UserName;
use crate::account::FactorKind;
use crate::rbac::RoleName;
use crate::session::EndReason;
use crate::visible_text::is_visible;

/// The reason of an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The password was wrong.
    WrongPassword,
    /// No account has the user name.
    UnknownUser,
    /// The account is disabled.
    AccountDisabled,
    /// The password was changed while it was verified.
    PasswordChanged,
    /// The one-time code is unknown.
    CodeUnknown,
    /// The one-time code has expired.
    CodeExpired,
    /// The one-time code is of another account than the one whose name was typed.
    CodeOfOtherUser,
    /// A lock started with this failure.
    LockStarted,
    /// Login is locked or throttled.
    Locked,
    /// The previous session had expired, and a refresh opened another one.
    SessionExpired,
    /// A consumed refresh token was presented again within the grace period.
    Retry,
    /// The refresh token has expired.
    TokenExpired,
    /// The refresh token was revoked.
    TokenRevoked,
    /// The login is too old to be refreshed.
    LoginExpired,
    /// The account has refreshed its sessions too often.
    RateLimited,
    /// A session was ended for this reason.
    Ended(EndReason),
    /// Sessions that had expired cannot be reopened any more, since their refresh tokens were
    /// revoked. The text is stable, such as `2 expired sessions: logout`.
    ExpiredSessions {
        /// How many.
        sessions: usize,
        /// Why the refresh tokens were revoked.
        reason: EndReason,
    },
    /// Streams of a session were ended. The text is stable, such as `3 streams: session_ended`.
    StreamsEnded {
        /// The code that their clients were told: see
        /// [`Accounts::with_stream_settings`](crate::account::Accounts::with_stream_settings).
        code: &'static str,
        /// How many, on one node.
        streams: usize,
    },
    /// An account got this name.
    Renamed(UserName),
    /// Roles were assigned or changed.
    Roles {
        /// The roles before the change; empty for a new account.
        from: Vec<RoleName>,
        /// The roles after the change.
        to: Vec<RoleName>,
    },
    /// A requirement was not met, or a hook denied an operation. The text comes from the service, never from a client.
    /// An account of another system was created. The text is stable, such as `imported: user`.
    Imported {
        /// The roles of the account.
        roles: Vec<RoleName>,
    },
    /// A requirement was not met. The text comes from the service, never from a client.
    Policy(String),
    /// The factor is of this kind.
    Factor(FactorKind),
    /// A one-time password, a recovery code or an assertion of a passkey was wrong, or was used before.
    WrongCode,
    /// The signature counter of a passkey has gone back, so the passkey may have been cloned.
    ClonedPasskey,
    /// A denial was overridden, with the reason that the admin gave.
    Override(OverrideReason),
    /// The record stands for this many further rejections of its kind from its source within a
    /// minute: see [`AuditTrail`](super::AuditTrail#rejections). The text is stable, such as `and
    /// 312 more within a minute`.
    MoreWithinMinute(u64),
}

/// The reason that an admin gives for an override: 1 to 256 visible characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverrideReason(String);

impl OverrideReason {
    /// The maximum number of characters.
    pub const MAX_CHARACTERS: usize = 256;

    /// Trims the text and returns it as a reason, or `None` if it is empty, too long, or has
    /// invisible characters: those that a [`UserName`](crate::UserName) cannot have.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_bounded = text.chars().nth(Self::MAX_CHARACTERS).is_none();
        let is_visible = !text.is_empty() && text.chars().all(is_visible);
        (is_bounded && is_visible).then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The first part of the text of [`Reason::Imported`]. No text of [`Reason::Roles`] has it.
const IMPORTED: &str = "imported: ";

impl Reason {
    /// Returns whether this is the text of [`Self::Imported`].
    #[cfg(feature = "imported-hashes")]
    pub(crate) fn is_import(text: &str) -> bool {
        text.starts_with(IMPORTED)
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
            Self::CodeUnknown => f.write_str("code-unknown"),
            Self::CodeExpired => f.write_str("code-expired"),
            Self::CodeOfOtherUser => f.write_str("code-of-other-user"),
            Self::TokenExpired => f.write_str("token-expired"),
            Self::TokenRevoked => f.write_str("token-revoked"),
            Self::LoginExpired => f.write_str("login-expired"),
            Self::RateLimited => f.write_str("rate-limited"),
            Self::Ended(reason) => f.write_str(reason.as_str()),
            Self::ExpiredSessions { sessions: 1, reason } => {
                write!(f, "1 expired session: {}", reason.as_str())
            }
            Self::ExpiredSessions { sessions, reason } => {
                write!(f, "{sessions} expired sessions: {}", reason.as_str())
            }
            Self::StreamsEnded { code, streams: 1 } => write!(f, "1 stream: {code}"),
            Self::StreamsEnded { code, streams } => write!(f, "{streams} streams: {code}"),
            Self::Roles { from, to } if from.is_empty() => f.write_str(&names(to)),
            Self::Roles { from, to } => write!(f, "{} -> {}", names(from), names(to)),
            Self::Renamed(name) => f.write_str(name.as_str()),
            Self::Imported { roles } => write!(f, "{IMPORTED}{}", names(roles)),
            Self::Factor(kind) => f.write_str(kind.as_str()),
            Self::WrongCode => f.write_str("wrong-code"),
            Self::ClonedPasskey => f.write_str("cloned-passkey"),
            Self::MoreWithinMinute(count) => write!(f, "and {count} more within a minute"),
            Self::Policy(text) | Self::Override(OverrideReason(text)) => f.write_str(text),
        }
    }
}
