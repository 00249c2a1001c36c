//! What people do with their own sessions.

use std::sync::Arc;

use super::Accounts;
use crate::access_token::{SessionId, UserId};
use crate::agent::AgentPublicKey;
use crate::session::{EndReason, Ending, Session, SessionView};
use crate::{Origin, Rejection};

impl Accounts {
    /// Ends the session that asks.
    ///
    /// # Errors
    /// What is our fault.
    pub async fn log_out(&self, view: &SessionView, origin: Origin) -> Result<(), Rejection> {
        let which = Ending::One { user: view.account.id, session: view.session.id };
        self.end(which, EndReason::Logout, origin).await.map(drop)
    }

    /// Ends all sessions of who asks, the one that asks too.
    ///
    /// # Errors
    /// What is our fault.
    pub async fn log_out_everywhere(
        &self,
        view: &SessionView,
        origin: Origin,
    ) -> Result<(), Rejection> {
        let which = Ending::All { user: view.account.id };
        self.end(which, EndReason::Logout, origin).await.map(drop)
    }

    /// Ends one of the sessions of who asks.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] if it is another's or over, and what is our fault.
    pub async fn end_session(
        &self,
        view: &SessionView,
        session: SessionId,
        origin: Origin,
    ) -> Result<(), Rejection> {
        let which = Ending::One { user: view.account.id, session };
        let is_current = session == view.session.id;
        let reason = if is_current { EndReason::Logout } else { EndReason::Revoked };
        let ended = self.end(which, reason, origin).await?;
        if ended.is_empty() { Err(Rejection::NotFound) } else { Ok(()) }
    }

    /// The sessions of a user that go on, the newest first.
    ///
    /// # Errors
    /// What is our fault.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Arc<Session>>, Rejection> {
        Ok(self.store().sessions_of(user, self.now()?).await?)
    }

    /// Binds an agent to one of the sessions of who asks, in place of the one before.
    ///
    /// # Errors
    /// [`Rejection::NotFound`] if the session is another's or over, and what is our fault.
    pub async fn register_agent(
        &self,
        view: &SessionView,
        session: SessionId,
        key: &AgentPublicKey,
        origin: Origin,
    ) -> Result<(), Rejection> {
        let (change, key) = (self.change(origin, None)?, key.to_pem());
        let user = view.account.id;
        let bound = self.store().register_agent(session, user, key, &change).await?;
        if self.published(bound) { Ok(()) } else { Err(Rejection::NotFound) }
    }

    async fn end(
        &self,
        which: Ending,
        reason: EndReason,
        origin: Origin,
    ) -> Result<Vec<SessionId>, Rejection> {
        let change = self.change(origin, None)?;
        Ok(self.published(self.store().end(which, reason, &change).await?))
    }
}
