//! Operations of users on their own sessions.

use std::sync::Arc;

use super::{AccountError, Accounts};
use crate::agent::AgentPublicKey;
use crate::session::{EndReason, Session, SessionLookup, SessionSelector, SessionView};
use crate::{ClientInfo, SessionId, UserId};

impl Accounts {
    /// Ends the current session.
    ///
    /// # Errors
    /// Server errors.
    pub async fn log_out(
        &self,
        view: &SessionView,
        client: ClientInfo,
    ) -> Result<(), AccountError> {
        let which = SessionSelector::One { user: view.account.id, session: view.session.id };
        self.end(which, EndReason::Logout, client).await.map(drop)
    }

    /// Ends all sessions of the user, including the current one.
    ///
    /// # Errors
    /// Server errors.
    pub async fn log_out_everywhere(
        &self,
        view: &SessionView,
        client: ClientInfo,
    ) -> Result<(), AccountError> {
        let which = SessionSelector::All { user: view.account.id };
        self.end(which, EndReason::Logout, client).await.map(drop)
    }

    /// Ends one of the user's sessions. If it has expired and a refresh has opened another one in its
    /// place, it ends that one.
    ///
    /// # Errors
    /// [`AccountError::SessionNotFound`] if the user has no such active session, and server errors.
    pub async fn end_session(
        &self,
        view: &SessionView,
        session: SessionId,
        client: ClientInfo,
    ) -> Result<(), AccountError> {
        self.require_own_session(view, session).await?;
        let which = SessionSelector::One { user: view.account.id, session };
        let is_current = session == view.session.id;
        let reason = if is_current { EndReason::Logout } else { EndReason::Revoked };
        let ended = self.end(which, reason, client).await?;
        if ended.is_empty() { Err(AccountError::SessionNotFound) } else { Ok(()) }
    }

    /// Returns the active sessions of a user, newest first.
    ///
    /// # Errors
    /// Server errors.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Arc<Session>>, AccountError> {
        Ok(self.store().find_sessions(user, self.now()?).await?)
    }

    /// Binds an agent to one of the user's sessions; a previous agent is replaced.
    ///
    /// # Errors
    /// [`AccountError::SessionNotFound`] if the user has no active session with this id, and server
    /// errors.
    pub async fn register_agent(
        &self,
        view: &SessionView,
        session: SessionId,
        key: &AgentPublicKey,
        client: ClientInfo,
    ) -> Result<(), AccountError> {
        self.require_own_session(view, session).await?;
        let (change, key) = (self.change(client, None)?, key.to_pem());
        let user = view.account.id;
        let bound = self.store().register_agent(session, user, key, &change).await?;
        if self.publish(bound) { Ok(()) } else { Err(AccountError::SessionNotFound) }
    }

    /// Checks again what the change checks, so that other ids do not wait for the store's writer.
    async fn require_own_session(
        &self,
        view: &SessionView,
        session: SessionId,
    ) -> Result<(), AccountError> {
        let found = self.store().session(SessionLookup::Id(session)).await?;
        let is_own = |found: &SessionView| {
            found.session.user == view.account.id && found.session.end.is_none()
        };
        if found.as_ref().is_some_and(is_own) { Ok(()) } else { Err(AccountError::SessionNotFound) }
    }

    async fn end(
        &self,
        which: SessionSelector,
        reason: EndReason,
        client: ClientInfo,
    ) -> Result<Vec<SessionId>, AccountError> {
        let change = self.change(client, None)?;
        Ok(self.publish(self.store().end_sessions(which, reason, &change).await?))
    }
}
