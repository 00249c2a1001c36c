//! The sessions in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::state::State;
use crate::session::{AuthMethods, Session, SessionEnd, SessionLookup};
use crate::store::StoreError;
use crate::store::rows::SessionRows;
use crate::{FamilyId, SessionId, Timestamp, TokenDigest, UserId};

impl State {
    fn end_session(&mut self, id: SessionId, end: SessionEnd) {
        let Some(session) = self.session_not_ended(id) else { return };
        (session.end, session.agent_key) = (Some(end), None);
        let user = session.user;
        if let Some(sessions) = self.find_sessions.get_mut(&user) {
            sessions.remove(&id);
        }
    }
}

#[async_trait]
impl SessionRows for State {
    async fn session(
        &mut self,
        user: UserId,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let found = self.find_session(SessionLookup::Id(id));
        Ok(found.filter(|session| session.user == user).map(|session| Session::clone(session)))
    }

    async fn insert_session(
        &mut self,
        mut session: Session,
        token: TokenDigest,
    ) -> Result<Session, StoreError> {
        self.last_session += 1;
        session.id = SessionId::new(self.last_session);
        self.tokens.insert(token, session.id);
        self.find_sessions.entry(session.user).or_default().insert(session.id);
        self.families.entry(session.family).or_default().sessions.insert(session.id);
        self.sessions.insert(session.id, (Arc::new(session.clone()), token));
        Ok(session)
    }

    async fn extend_session(
        &mut self,
        id: SessionId,
        expires_at: Timestamp,
        seen_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(session) = self.session_not_ended(id) else { return Ok(false) };
        session.expires_at = session.expires_at.max(expires_at);
        session.last_seen_at = session.last_seen_at.max(seen_at);
        Ok(true)
    }

    async fn set_authentication(
        &mut self,
        id: SessionId,
        methods: AuthMethods,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(session) = self.session_not_ended(id) else { return Ok(false) };
        (session.methods, session.authenticated_at) = (methods, at);
        Ok(true)
    }

    async fn set_agent_key(&mut self, id: SessionId, key: &str) -> Result<bool, StoreError> {
        let Some(session) = self.session_not_ended(id) else { return Ok(false) };
        session.agent_key = Some(key.to_owned());
        Ok(true)
    }

    async fn touch_sessions(&mut self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
        for (id, at) in seen {
            if let Some((session, _)) = self.sessions.get_mut(id)
                && session.last_seen_at < *at
            {
                Arc::make_mut(session).last_seen_at = *at;
            }
        }
        Ok(())
    }

    async fn active_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let ids = self.find_sessions.get(&user).into_iter().flatten();
        Ok(self.active(ids, now).cloned().collect())
    }

    async fn end_active_sessions(
        &mut self,
        user: UserId,
        kept: Option<SessionId>,
        end: SessionEnd,
    ) -> Result<(), StoreError> {
        for session in self.active_sessions(user, end.at).await? {
            if Some(session.id) != kept {
                self.end_session(session.id, end);
            }
        }
        Ok(())
    }

    async fn end_active_sessions_of_families(
        &mut self,
        families: &[FamilyId],
        end: SessionEnd,
    ) -> Result<Vec<(SessionId, FamilyId)>, StoreError> {
        let families = families.iter().filter_map(|id| self.families.get(id));
        let active = self.active(families.flat_map(|family| &family.sessions), end.at);
        let mut ended: Vec<_> = active.map(|session| (session.id, session.family)).collect();
        ended.sort_unstable();
        for (id, _) in &ended {
            self.end_session(*id, end);
        }
        Ok(ended)
    }
}
