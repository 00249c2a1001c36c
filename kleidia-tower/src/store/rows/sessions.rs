//! The statements on sessions.

use async_trait::async_trait;

use crate::session::{AuthMethods, Session, SessionEnd};
use crate::store::StoreError;
use crate::{FamilyId, SessionId, Timestamp, TokenDigest, UserId};

/// The sessions. An ended session is never active again: guard it in the database too, if you can.
///
/// A session is *active* if it has not ended and `expires_at` is later than the time.
#[async_trait]
pub trait SessionRows: Send {
    /// Returns a session of a user, active or not. Nothing for a session of another user.
    async fn session(&mut self, user: UserId, id: SessionId)
    -> Result<Option<Session>, StoreError>;

    /// Inserts a session with the digest of its token, which is unique. The store assigns the id;
    /// the one in `session` is ignored. Returns the session with its id.
    async fn insert_session(
        &mut self,
        session: Session,
        token: TokenDigest,
    ) -> Result<Session, StoreError>;

    /// Sets when a session expires and was last seen, unless that was later or the session has
    /// ended. Returns whether it has not ended.
    async fn extend_session(
        &mut self,
        id: SessionId,
        expires_at: Timestamp,
        seen_at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Sets how and when the user of a session was authenticated, unless the session has ended.
    /// Returns whether it has not ended.
    async fn set_authentication(
        &mut self,
        id: SessionId,
        methods: AuthMethods,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Binds the key of an agent to a session, in place of the previous one, unless the session has
    /// ended. Returns whether it has not ended.
    async fn set_agent_key(&mut self, id: SessionId, key: &str) -> Result<bool, StoreError>;

    /// Sets when sessions were last seen, unless that was later. An id may be there several times.
    ///
    /// This is a transaction of its own, over sessions of many users and without locks of
    /// their accounts. So it must not wait for the lock of one session while it has that of
    /// another. A store may skip sessions that another transaction has locked, and spread them over
    /// several transactions.
    async fn touch_sessions(&mut self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError>;

    /// Returns the active sessions of a user, in the order of their ids.
    async fn active_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError>;

    /// Ends all sessions of a user that are active at the time of the end, except one, and removes
    /// the keys of their agents.
    async fn end_active_sessions(
        &mut self,
        user: UserId,
        kept: Option<SessionId>,
        end: SessionEnd,
    ) -> Result<(), StoreError>;

    /// Ends all sessions of families that are active at the time of the end, and removes the keys
    /// of their agents. Returns those sessions with their families, in ascending order of their ids.
    async fn end_active_sessions_of_families(
        &mut self,
        families: &[FamilyId],
        end: SessionEnd,
    ) -> Result<Vec<(SessionId, FamilyId)>, StoreError>;
}
