//! The store trait for sessions and refresh tokens.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{EndReason, Session, SessionEvents, SessionView};
use crate::account::{Account, PasswordHash};
use crate::audit::Reason;
use crate::lockout::{LockoutPolicy, LoginAttempt};
use crate::opaque_token::{TokenDigest, WrappedToken};
use crate::store::{ChangeContext, Committed, StoreError};
use crate::{SessionId, Timestamp, UserId};

/// Stores sessions and their refresh tokens.
///
/// Every change is one atomic operation, together with its audit events. If several nodes share
/// the store, the operations are atomic across all of them.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Returns a session, active or not, with its account.
    async fn session(&self, lookup: SessionLookup) -> Result<Option<SessionView>, StoreError>;

    /// Returns the active sessions of a user, the newest first.
    async fn find_sessions(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError>;

    /// Opens a session with a new token family after a password was verified, and resets the
    /// failures of that user and source. Stores the new device unless the attempt presents a known
    /// one.
    ///
    /// If the user then has more sessions than [`NewSession::max_sessions`], those whose
    /// refresh tokens expire first end: at most 100, so that the transaction is short after the
    /// maximum was lowered. Further logins end the others.
    ///
    /// Records `login.success` and `session.created`, and `session.ended` for each session that the
    /// login displaces, or `login.failure` if no session is opened.
    async fn open_session(
        &self,
        new: NewSession,
        change: &ChangeContext,
    ) -> Result<Committed<OpenOutcome>, StoreError>;

    /// Checks by a read whose a refresh token is, and whether it is rejected for good. `login_ttl`
    /// is as in [`Rotation`].
    ///
    /// Anyone can send unknown tokens, and former users can send revoked ones. So it must not wait
    /// for a writer, and it records nothing: the caller records known tokens.
    async fn check_refresh_token(
        &self,
        presented: &TokenDigest,
        login_ttl: Duration,
        now: Timestamp,
    ) -> Result<RefreshCheck, StoreError>;

    /// Consumes a refresh token and stores its successor (refresh token rotation). Of any number of
    /// rotations of one token exactly one is [`RotationOutcome::Rotated`].
    ///
    /// It makes the checks of [`Self::check_refresh_token`] again, since other operations may have
    /// changed the token meanwhile.
    ///
    /// Records `token.refresh`, and `session.created` if a new session was opened. Records
    /// `token.reuse` and `session.ended` for a reused token, and a failed `token.refresh` for every
    /// other rejected token that is stored.
    async fn rotate_refresh_token(
        &self,
        rotation: &Rotation,
        change: &ChangeContext,
    ) -> Result<Committed<RotationOutcome>, StoreError>;

    /// Ends active sessions, revokes their token families, and returns their ids. Records
    /// `session.ended` for each, and `logout` if that is the reason. The families of expired
    /// sessions are revoked, too, with one `session.ended` for those that a refresh token could
    /// have reopened ([`Reason::ExpiredSessions`](crate::audit::Reason::ExpiredSessions)). So it is
    /// for every operation that ends sessions.
    async fn end_sessions(
        &self,
        which: SessionSelector,
        reason: EndReason,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<SessionId>>, StoreError>;

    /// Ends all active sessions of these users as one change, revokes their token families, deletes
    /// their one-time codes, and returns the ids of the sessions. Records `session.ended` for each.
    /// Unknown users are ignored.
    ///
    /// Pass at most some hundred users, so that the transaction is short.
    async fn end_sessions_of_users(
        &self,
        users: &[UserId],
        reason: EndReason,
        change: &ChangeContext,
    ) -> Result<Committed<Vec<SessionId>>, StoreError>;

    /// Updates `last_seen_at` of these sessions. Unknown sessions are ignored.
    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError>;

    /// Binds the key of an agent to an active session of this user, and replaces the previous key.
    /// Returns `false` if there is no such session. Records `agent.registered`.
    async fn register_agent(
        &self,
        session: SessionId,
        user: UserId,
        public_key_pem: String,
        change: &ChangeContext,
    ) -> Result<Committed<bool>, StoreError>;

    /// Returns the events of sessions and accounts, which the store publishes after each commit;
    /// `None` by default, for a store that publishes none.
    ///
    /// The store of this crate on PostgreSQL listens to other processes from the first call on.
    fn session_events(&self) -> Option<SessionEvents> {
        None
    }
}

/// How a session is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionLookup {
    /// By its id.
    Id(SessionId),
    /// By the digest of its token.
    Token(TokenDigest),
}

/// The input of [`SessionStore::open_session`].
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The user.
    pub user: UserId,
    /// The hash with which the password was verified. If the account has another one, the password
    /// was changed meanwhile, and no session is opened.
    pub expected_hash: PasswordHash,
    /// The hash of the same password with the current parameters, to replace an outdated one.
    pub rehashed: Option<PasswordHash>,
    /// The digest of the session token.
    pub token: TokenDigest,
    /// The digest of the first refresh token.
    pub refresh_token: TokenDigest,
    /// The time at which the session expires (exclusive).
    pub expires_at: Timestamp,
    /// The time at which the refresh token expires (exclusive).
    pub refresh_expires_at: Timestamp,
    /// The login attempt, which is settled by this.
    pub attempt: LoginAttempt,
    /// The digest of a new device token, which is stored unless the attempt presents a known one.
    pub device: TokenDigest,
    /// The policy of the lockout, by which the device becomes familiar.
    pub lockout: LockoutPolicy,
    /// How many sessions of the user stay valid: token families that are not revoked, each with at
    /// most one active session.
    pub max_sessions: usize,
}

/// The result of [`SessionStore::open_session`].
#[derive(Clone, Debug)]
pub enum OpenOutcome {
    /// The session was opened.
    Opened {
        /// The session.
        session: SessionView,
        /// The sessions that this login ended.
        displaced: Vec<SessionId>,
        /// Whether the new device was stored.
        is_new_device: bool,
    },
    /// The account is disabled.
    AccountDisabled,
    /// The account does not exist, or its password or its name was changed meanwhile.
    PasswordChanged,
}

/// The result of [`SessionStore::check_refresh_token`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshCheck {
    /// The store does not know the token: it is rejected.
    Unknown,
    /// The store knows the token.
    Known {
        /// The account.
        account: Arc<Account>,
        /// The session of the token.
        session: SessionId,
        /// The time at which the token was consumed, if it was.
        consumed_at: Option<Timestamp>,
        /// Why the token is rejected, for the audit log: it is expired or revoked, the login is too
        /// old, or the account is disabled. `None` if the rotation decides.
        rejection: Option<Reason>,
    },
}

/// The input of [`SessionStore::rotate_refresh_token`].
#[derive(Clone, Debug)]
pub struct Rotation {
    /// The digest of the presented token.
    pub presented: TokenDigest,
    /// The digest of the proposed successor.
    pub successor: TokenDigest,
    /// The proposed successor, wrapped so that only the presented token can unwrap it.
    pub wrapped: WrappedToken,
    /// The digest of the session token, if a new session is opened.
    pub session_token: TokenDigest,
    /// The time at which the session expires (exclusive).
    pub expires_at: Timestamp,
    /// The time at which the successor expires (exclusive).
    pub refresh_expires_at: Timestamp,
    /// How long after the login its refresh tokens are valid at most. It bounds both expiries.
    pub login_ttl: Duration,
    /// The grace period, in which a repeated use of the token returns the same successor.
    pub grace: Duration,
}

/// The result of [`SessionStore::rotate_refresh_token`].
#[derive(Clone, Debug)]
pub enum RotationOutcome {
    /// The token was consumed, and the proposed successor is stored.
    Rotated {
        /// The session, extended or opened.
        session: SessionView,
        /// The time at which the successor expires (exclusive).
        refresh_expires_at: Timestamp,
        /// Whether a session was opened. It has the session token of the rotation.
        is_new_session: bool,
    },
    /// The token was used again within the grace period: the stored successor is returned again.
    Retried {
        /// The session of the successor.
        session: SessionView,
        /// The digest of the successor.
        successor: TokenDigest,
        /// The successor, wrapped so that only the presented token can unwrap it.
        wrapped: WrappedToken,
        /// The time at which the successor expires (exclusive).
        refresh_expires_at: Timestamp,
        /// Whether the rotation of the token opened the session.
        is_new_session: bool,
    },
    /// The token was used again after the grace period: its family is revoked, its session ended.
    Reused(Arc<Account>),
    /// The token is unknown or expired, its family is revoked, or the login is too old.
    Invalid,
    /// The account is disabled.
    AccountDisabled,
}

/// Which sessions to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionSelector {
    /// One session, if it belongs to this user. If it has expired, the one that a refresh has
    /// opened in its place.
    One {
        /// The user.
        user: UserId,
        /// The session.
        session: SessionId,
    },
    /// All sessions of a user.
    All {
        /// The user.
        user: UserId,
    },
}
