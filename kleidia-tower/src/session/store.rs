//! What sessions and refresh tokens ask of a store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{EndReason, Session, SessionView};
use crate::account::{Account, PasswordHash};
use crate::lockout::Attempt;
use crate::opaque_token::{TokenDigest, WrappedToken};
use crate::store::{Change, Committed, StoreError};
use crate::{SessionId, Timestamp, UserId};

/// Keeps sessions and their refresh tokens. Every change is one operation, done whole or not at
/// all, with its events; where it is said that one of many wins, that holds on every node.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// The session, whether it goes on or not, with its account.
    async fn session(&self, key: SessionKey) -> Result<Option<SessionView>, StoreError>;

    /// The sessions of a user that go on, the newest first.
    async fn sessions_of(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError>;

    /// Opens a session and a family after a password was found to be right, and forgets the
    /// failures of that user and source.
    ///
    /// Records `login.success` and `session.created`, or `login.failure` where it comes to nothing.
    async fn open(&self, new: NewSession, change: &Change)
    -> Result<Committed<Opened>, StoreError>;

    /// Spends a refresh token for its successor. Of any number of rotations of one token exactly
    /// one is [`Rotated::First`].
    ///
    /// Records `token.refresh` (and `session.created`, where a new session was opened), or
    /// `token.reuse` and `session.ended`; of a disabled account, that `token.refresh` failed.
    async fn rotate(
        &self,
        rotation: &Rotation,
        change: &Change,
    ) -> Result<Committed<Rotated>, StoreError>;

    /// Ends the sessions that go on, revokes their families, and tells which they were. Records
    /// `session.ended` for each, and `logout` where that is the reason.
    async fn end(
        &self,
        which: Ending,
        reason: EndReason,
        change: &Change,
    ) -> Result<Committed<Vec<SessionId>>, StoreError>;

    /// Notes that a session was used.
    async fn touch(&self, session: SessionId, now: Timestamp) -> Result<(), StoreError>;

    /// Binds an agent's key to an active session of this user, in place of the one before;
    /// `false` if there is no such session. Records `agent.registered`.
    async fn register_agent(
        &self,
        session: SessionId,
        user: UserId,
        public_key_pem: String,
        change: &Change,
    ) -> Result<Committed<bool>, StoreError>;
}

/// By what a session is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionKey {
    /// By its number.
    Id(SessionId),
    /// By the digest of its token.
    Token(TokenDigest),
}

/// A session to open after a login.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Whose.
    pub user: UserId,
    /// The hash that the password was compared with; another one means that it was changed.
    pub expected_hash: PasswordHash,
    /// The same password with the parameters of today.
    pub rehashed: Option<PasswordHash>,
    /// The digest of the session's token.
    pub token: TokenDigest,
    /// The digest of the first refresh token.
    pub refresh_token: TokenDigest,
    /// When the session is over.
    pub expires_at: Timestamp,
    /// When the refresh token is over.
    pub refresh_expires_at: Timestamp,
    /// The attempt that this settles.
    pub attempt: Attempt,
}

/// What became of a login.
#[derive(Clone, Debug)]
pub enum Opened {
    /// The session.
    Session(SessionView),
    /// The account is disabled.
    Disabled,
    /// The account is gone or has another password by now.
    Changed,
}

/// A refresh token to spend.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The digest of the token that was presented.
    pub presented: TokenDigest,
    /// The digest of the one that may follow.
    pub successor: TokenDigest,
    /// The one that may follow, readable by who has the presented one.
    pub wrapped: WrappedToken,
    /// The digest of the token of the session that may have to be opened.
    pub session_token: TokenDigest,
    /// When the session is over.
    pub expires_at: Timestamp,
    /// When the successor is over.
    pub refresh_expires_at: Timestamp,
    /// How long a spent token is answered with the same successor.
    pub grace: Duration,
}

/// What became of a refresh token.
#[derive(Clone, Debug)]
pub enum Rotated {
    /// It is spent, and the offered successor follows.
    First {
        /// The session that goes on, or was opened.
        session: SessionView,
    },
    /// It was spent a moment ago: this is the successor that followed.
    Again {
        /// The session of the successor.
        session: SessionView,
        /// The digest of the successor.
        successor: TokenDigest,
        /// The successor, readable by who has the presented token.
        wrapped: WrappedToken,
        /// When the successor is over.
        refresh_expires_at: Timestamp,
    },
    /// It was spent before: its family is revoked and its session ended.
    Reused(Arc<Account>),
    /// It is unknown, over, or of a revoked family.
    Invalid,
    /// The account is disabled.
    Disabled,
}

/// Which sessions end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// One, if it is this user's.
    One {
        /// Whose.
        user: UserId,
        /// Which.
        session: SessionId,
    },
    /// All of a user.
    All {
        /// Whose.
        user: UserId,
    },
}
