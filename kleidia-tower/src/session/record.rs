//! Sessions as stores keep them.

use std::sync::Arc;
use std::time::Duration;

use super::AuthMethods;
use crate::account::Account;
use crate::{ClientInfo, FamilyId, SessionId, Timestamp, UserId, time};

/// A session of a user, opened by a login or a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The id, never reused.
    pub id: SessionId,
    /// The user.
    pub user: UserId,
    /// The family of its refresh tokens.
    pub family: FamilyId,
    /// The client that opened the session.
    pub client: ClientInfo,
    /// The time at which the session was opened.
    pub created_at: Timestamp,
    /// The time at which the user was last authenticated, as by the password. A session that a refresh opens keeps
    /// the time of the previous one.
    pub authenticated_at: Timestamp,
    /// How the user was authenticated then. A session that a refresh opens keeps it.
    pub methods: AuthMethods,
    /// The time of the last request, updated in the background, at most once a minute.
    pub last_seen_at: Timestamp,
    /// The time at which the session expires (exclusive).
    pub expires_at: Timestamp,
    /// When and why the session was ended, or `None` if it was not ended.
    pub end: Option<SessionEnd>,
    /// The public key of the agent that is bound to the session, in PEM.
    pub agent_key: Option<String>,
}

/// When and why a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// The time of the end.
    pub at: Timestamp,
    /// The reason.
    pub reason: EndReason,
}

/// The reason for which a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// The user logged out.
    Logout,
    /// The user ended it from another session.
    Revoked,
    /// An admin ended it.
    RevokedByAdmin,
    /// The account was disabled.
    Disabled,
    /// The password was changed from another session.
    PasswordChanged,
    /// A refresh token was used again after the grace period.
    RefreshTokenReuse,
    /// A further login exceeded the maximum of sessions.
    SessionLimit,
}

/// A session and its account, as a store returned them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// The session, active or not.
    pub session: Arc<Session>,
    /// The account of the user.
    pub account: Arc<Account>,
}

impl Session {
    /// Returns whether the session is neither expired nor ended.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.end.is_none() && now < self.expires_at
    }

    /// Returns whether the user was authenticated less than `max_age` ago; `false` without a time.
    #[must_use]
    pub fn is_fresh(&self, max_age: Duration, now: Option<Timestamp>) -> bool {
        now.is_some_and(|now| time::elapsed(self.authenticated_at, now) < max_age)
    }
}

impl EndReason {
    const ALL: [Self; 7] = [
        Self::Logout,
        Self::Revoked,
        Self::RevokedByAdmin,
        Self::Disabled,
        Self::PasswordChanged,
        Self::RefreshTokenReuse,
        Self::SessionLimit,
    ];

    /// Returns the name in stores and in the audit log, which is stable.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::RevokedByAdmin => "revoked-by-admin",
            Self::Disabled => "disabled",
            Self::PasswordChanged => "password-changed",
            Self::RefreshTokenReuse => "reuse",
            Self::SessionLimit => "session-limit",
        }
    }

    /// Returns the reason with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}
