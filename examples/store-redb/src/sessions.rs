//! The statements on sessions.

use async_trait::async_trait;
use kleidia_tower::session::{AuthMethods, Session, SessionEnd};
use kleidia_tower::store::StoreError;
use kleidia_tower::store::rows::SessionRows;
use kleidia_tower::{FamilyId, SessionId, Timestamp, TokenDigest, UserId};
use redb::{MultimapTableDefinition, ReadableMultimapTable, ReadableTable};

use crate::store::RedbRows;
use crate::tables::{
    SESSION_TOKENS, SESSIONS, SESSIONS_OF_FAMILY, SESSIONS_OF_USER, get, next_id, put, unavailable,
};
use crate::values::SessionValue;

/// Finds a session, in a transaction that reads or in one that writes.
pub(crate) fn find(
    sessions: &impl ReadableTable<i64, &'static [u8]>,
    id: SessionId,
) -> Result<Option<Session>, StoreError> {
    let found: Option<SessionValue> = get(sessions, id.get())?;
    found.map(|value| value.decode(id)).transpose()
}

/// Returns the active sessions that an index has for a key, in the order of their ids.
pub(crate) fn active(
    sessions: &impl ReadableTable<i64, &'static [u8]>,
    index: &impl ReadableMultimapTable<i64, i64>,
    key: i64,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let mut active = Vec::new();
    for id in index.get(key).map_err(unavailable)? {
        let id = SessionId::new(id.map_err(unavailable)?.value());
        let value: Option<SessionValue> = get(sessions, id.get())?;
        active.extend(value.map(|value| value.decode(id)).transpose()?);
    }
    active.retain(|session| session.is_active(now));
    Ok(active)
}

impl RedbRows {
    pub(crate) fn find_session(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        let sessions = self.0.open_table(SESSIONS).map_err(unavailable)?;
        find(&sessions, id)
    }

    /// Changes a session, unless it has ended. Returns whether it had not ended.
    fn change_session(
        &self,
        id: SessionId,
        change: impl FnOnce(&mut Session),
    ) -> Result<bool, StoreError> {
        let mut sessions = self.0.open_table(SESSIONS).map_err(unavailable)?;
        let Some(value): Option<SessionValue> = get(&sessions, id.get())? else { return Ok(false) };
        let (token, mut session) = (TokenDigest(value.token), value.decode(id)?);
        if session.end.is_some() {
            return Ok(false);
        }
        change(&mut session);
        put(&mut sessions, id.get(), &SessionValue::new(&session, token))?;
        Ok(true)
    }

    fn active(
        &self,
        index: MultimapTableDefinition<i64, i64>,
        key: i64,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let sessions = self.0.open_table(SESSIONS).map_err(unavailable)?;
        let index = self.0.open_multimap_table(index).map_err(unavailable)?;
        active(&sessions, &index, key, now)
    }

    fn end(&self, id: SessionId, end: SessionEnd) -> Result<(), StoreError> {
        let mut user = None;
        self.change_session(id, |session| {
            (session.end, session.agent_key) = (Some(end), None);
            user = Some(session.user);
        })?;
        if let Some(user) = user {
            let mut index = self.0.open_multimap_table(SESSIONS_OF_USER).map_err(unavailable)?;
            index.remove(user.get(), id.get()).map_err(unavailable)?;
        }
        Ok(())
    }
}

#[async_trait]
impl SessionRows for RedbRows {
    async fn session(
        &mut self,
        user: UserId,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        Ok(self.find_session(id)?.filter(|session| session.user == user))
    }

    async fn insert_session(
        &mut self,
        mut session: Session,
        token: TokenDigest,
    ) -> Result<Session, StoreError> {
        let id = next_id(&self.0, "sessions")?;
        session.id = SessionId::new(id);
        let mut sessions = self.0.open_table(SESSIONS).map_err(unavailable)?;
        put(&mut sessions, id, &SessionValue::new(&session, token))?;
        let mut tokens = self.0.open_table(SESSION_TOKENS).map_err(unavailable)?;
        tokens.insert(&token.0, id).map_err(unavailable)?;
        let keys =
            [(SESSIONS_OF_USER, session.user.get()), (SESSIONS_OF_FAMILY, session.family.get())];
        for (index, key) in keys {
            let mut index = self.0.open_multimap_table(index).map_err(unavailable)?;
            index.insert(key, id).map_err(unavailable)?;
        }
        Ok(session)
    }

    async fn extend_session(
        &mut self,
        id: SessionId,
        expires_at: Timestamp,
        seen_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change_session(id, |session| {
            session.expires_at = session.expires_at.max(expires_at);
            session.last_seen_at = session.last_seen_at.max(seen_at);
        })
    }

    async fn set_authentication(
        &mut self,
        id: SessionId,
        methods: AuthMethods,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change_session(id, |session| {
            (session.methods, session.authenticated_at) = (methods, at);
        })
    }

    async fn set_agent_key(&mut self, id: SessionId, key: &str) -> Result<bool, StoreError> {
        self.change_session(id, |session| session.agent_key = Some(key.to_owned()))
    }

    async fn touch_sessions(&mut self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
        for (id, at) in seen {
            self.change_session(*id, |session| {
                session.last_seen_at = session.last_seen_at.max(*at);
            })?;
        }
        Ok(())
    }

    async fn active_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        self.active(SESSIONS_OF_USER, user.get(), now)
    }

    async fn end_active_sessions(
        &mut self,
        user: UserId,
        kept: Option<SessionId>,
        end: SessionEnd,
    ) -> Result<(), StoreError> {
        for session in self.active(SESSIONS_OF_USER, user.get(), end.at)? {
            if Some(session.id) != kept {
                self.end(session.id, end)?;
            }
        }
        Ok(())
    }

    async fn end_active_sessions_of_families(
        &mut self,
        families: &[FamilyId],
        end: SessionEnd,
    ) -> Result<Vec<(SessionId, FamilyId)>, StoreError> {
        let mut ended = Vec::new();
        for family in families {
            for session in self.active(SESSIONS_OF_FAMILY, family.get(), end.at)? {
                self.end(session.id, end)?;
                ended.push((session.id, session.family));
            }
        }
        ended.sort_unstable();
        Ok(ended)
    }
}
