//! The statements on sessions.

use async_trait::async_trait;
use sqlx::query;

use super::statements::SqliteRows;
use crate::session::{AuthMethods, Session, SessionEnd};
use crate::store::StoreError;
use crate::store::columns::{Columns, ended_sessions, json_array};
use crate::store::rows::SessionRows;
use crate::{FamilyId, SessionId, Timestamp, TokenDigest, UserAgent, UserId};

#[async_trait]
impl SessionRows for SqliteRows<'_> {
    async fn session(
        &mut self,
        user: UserId,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let found = query("SELECT * FROM sessions WHERE id = ? AND user = ?");
        let found = self.fetch_optional(found.bind(id.get()).bind(user.get())).await?;
        found.map(|row| Columns(&row).session()).transpose()
    }

    async fn insert_session(
        &mut self,
        session: Session,
        token: TokenDigest,
    ) -> Result<Session, StoreError> {
        let insert = query(
            "INSERT INTO sessions (user, family, token, ip, user_agent, created_at, \
             authenticated_at, last_seen_at, expires_at, agent_key, methods) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        );
        let insert = insert
            .bind(session.user.get())
            .bind(session.family.get())
            .bind(token.0.to_vec())
            .bind(session.client.address.map(|address| address.to_string()))
            .bind(session.client.user_agent.as_ref().map(UserAgent::to_string))
            .bind(session.created_at.as_second())
            .bind(session.authenticated_at.as_second())
            .bind(session.last_seen_at.as_second())
            .bind(session.expires_at.as_second())
            .bind(session.agent_key.clone())
            .bind(session.methods.to_string());
        let id = SessionId::new(self.execute(insert).await?);
        Ok(Session { id, ..session })
    }

    async fn extend_session(
        &mut self,
        id: SessionId,
        expires_at: Timestamp,
        seen_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE sessions SET expires_at = max(expires_at, ?), \
             last_seen_at = max(last_seen_at, ?) WHERE id = ? AND ended_at IS NULL",
        );
        let update = update.bind(expires_at.as_second()).bind(seen_at.as_second());
        self.changes(update.bind(id.get())).await
    }

    async fn set_authentication(
        &mut self,
        id: SessionId,
        methods: AuthMethods,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = query(
            "UPDATE sessions SET methods = ?, authenticated_at = ? \
             WHERE id = ? AND ended_at IS NULL",
        );
        let update = update.bind(methods.to_string()).bind(at.as_second());
        self.changes(update.bind(id.get())).await
    }

    async fn set_agent_key(&mut self, id: SessionId, key: &str) -> Result<bool, StoreError> {
        let update = query("UPDATE sessions SET agent_key = ? WHERE id = ? AND ended_at IS NULL");
        self.changes(update.bind(key).bind(id.get())).await
    }

    async fn touch_sessions(&mut self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
        for (id, at) in seen {
            let update =
                query("UPDATE sessions SET last_seen_at = ?1 WHERE id = ?2 AND last_seen_at < ?1");
            self.execute(update.bind(at.as_second()).bind(id.get())).await?;
        }
        Ok(())
    }

    async fn active_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let found = query(
            "SELECT * FROM sessions WHERE user = ? AND ended_at IS NULL AND expires_at > ? \
             ORDER BY id",
        );
        let found = self.fetch_all(found.bind(user.get()).bind(now.as_second())).await?;
        found.iter().map(|row| Columns(row).session()).collect()
    }

    async fn end_active_sessions(
        &mut self,
        user: UserId,
        kept: Option<SessionId>,
        end: SessionEnd,
    ) -> Result<(), StoreError> {
        let update = query(
            "UPDATE sessions SET ended_at = ?1, end_reason = ?2, agent_key = NULL \
             WHERE user = ?3 AND ended_at IS NULL AND expires_at > ?1 AND id IS NOT ?4",
        );
        let update = update.bind(end.at.as_second()).bind(end.reason.as_str());
        self.execute(update.bind(user.get()).bind(kept.map(SessionId::get))).await.map(drop)
    }

    async fn end_active_sessions_of_families(
        &mut self,
        families: &[FamilyId],
        end: SessionEnd,
    ) -> Result<Vec<(SessionId, FamilyId)>, StoreError> {
        let update = query(
            "UPDATE sessions SET ended_at = ?1, end_reason = ?2, agent_key = NULL \
             WHERE family IN (SELECT value FROM json_each(?3)) AND ended_at IS NULL \
             AND expires_at > ?1 RETURNING id, family",
        );
        let update = update.bind(end.at.as_second()).bind(end.reason.as_str());
        let ended = self.fetch_all(update.bind(json_array(families))).await?;
        ended_sessions(&ended)
    }
}
