//! Sessions as stores know them.

use std::sync::Arc;

use crate::account::Account;
use crate::{ClientInfo, FamilyId, SessionId, Timestamp, UserId};

/// A session: somebody who signed in, from somewhere, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its number, which no other session ever has.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// The family of its refresh tokens.
    pub family: FamilyId,
    /// From where it was opened.
    pub client: ClientInfo,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its user last gave the password: a refresh opens sessions without asking for it.
    pub authenticated_at: Timestamp,
    /// When it was last used, to the minute or so.
    pub last_seen_at: Timestamp,
    /// The first second at which it is over.
    pub expires_at: Timestamp,
    /// Whether, when and why it was ended before that.
    pub end: Option<SessionEnd>,
    /// The public key of the agent that is bound to it, in PEM.
    pub agent_key: Option<String>,
}

/// The end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: EndReason,
}

/// Why a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// Its user signed out.
    Logout,
    /// Its user ended it from another session, or all of them.
    Revoked,
    /// An admin ended it.
    RevokedByAdmin,
    /// The account was disabled.
    Disabled,
    /// The password was changed from another session.
    PasswordChanged,
    /// A refresh token was used twice.
    RefreshTokenReuse,
}

/// A session and its account, as they were at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// The session, whether it goes on or not.
    pub session: Arc<Session>,
    /// Its user.
    pub account: Arc<Account>,
}

impl Session {
    /// Whether it goes on: neither over nor ended.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.end.is_none() && now < self.expires_at
    }
}

impl EndReason {
    const ALL: [Self; 6] = [
        Self::Logout,
        Self::Revoked,
        Self::RevokedByAdmin,
        Self::Disabled,
        Self::PasswordChanged,
        Self::RefreshTokenReuse,
    ];

    /// Its name, in stores and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Revoked => "revoked",
            Self::RevokedByAdmin => "revoked-by-admin",
            Self::Disabled => "disabled",
            Self::PasswordChanged => "password-changed",
            Self::RefreshTokenReuse => "reuse",
        }
    }

    /// The reason of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}
