//! The statements on sessions.

use async_trait::async_trait;

use super::statements::{PostgresRows, select_sessions};
use crate::session::{AuthMethods, Session, SessionEnd};
use crate::store::StoreError;
use crate::store::columns::{Columns, ended_sessions};
use crate::store::rows::SessionRows;
use crate::{FamilyId, SessionId, Timestamp, TokenDigest, UserAgent, UserId};

#[async_trait]
impl SessionRows for PostgresRows<'_> {
    async fn session(
        &mut self,
        user: UserId,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let select = select_sessions!("WHERE id = $1 AND \"user\" = $2");
        let found = self.fetch_optional(select, &[&id.get(), &user.get()]).await?;
        found.map(|row| Columns(&row).session()).transpose()
    }

    async fn insert_session(
        &mut self,
        session: Session,
        token: TokenDigest,
    ) -> Result<Session, StoreError> {
        let inserted = self
            .fetch_one(
                "INSERT INTO sessions (\"user\", family, token, ip, user_agent, created_at, \
                 authenticated_at, last_seen_at, expires_at, agent_key, methods) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
                &[
                    &session.user.get(),
                    &session.family.get(),
                    &token.0.as_slice(),
                    &session.client.address.map(|address| address.to_string()),
                    &session.client.user_agent.as_ref().map(UserAgent::as_str),
                    &session.created_at.as_second(),
                    &session.authenticated_at.as_second(),
                    &session.last_seen_at.as_second(),
                    &session.expires_at.as_second(),
                    &session.agent_key,
                    &session.methods.to_string(),
                ],
            )
            .await?;
        Ok(Session { id: SessionId::new(Columns(&inserted).integer("id")?), ..session })
    }

    async fn extend_session(
        &mut self,
        id: SessionId,
        expires_at: Timestamp,
        seen_at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.changes(
            "UPDATE sessions SET expires_at = greatest(expires_at, $1), \
             last_seen_at = greatest(last_seen_at, $2) WHERE id = $3 AND ended_at IS NULL",
            &[&expires_at.as_second(), &seen_at.as_second(), &id.get()],
        )
        .await
    }

    async fn set_authentication(
        &mut self,
        id: SessionId,
        methods: AuthMethods,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE sessions SET methods = $1, authenticated_at = $2 \
                      WHERE id = $3 AND ended_at IS NULL";
        self.changes(update, &[&methods.to_string(), &at.as_second(), &id.get()]).await
    }

    async fn set_agent_key(&mut self, id: SessionId, key: &str) -> Result<bool, StoreError> {
        let update = "UPDATE sessions SET agent_key = $1 WHERE id = $2 AND ended_at IS NULL";
        self.changes(update, &[&key, &id.get()]).await
    }

    async fn touch_sessions(&mut self, seen: &[(SessionId, Timestamp)]) -> Result<(), StoreError> {
        let ids: Vec<_> = seen.iter().map(|(id, _)| id.get()).collect();
        let times: Vec<_> = seen.iter().map(|(_, at)| at.as_second()).collect();
        // Operations lock sessions in any order after their account. Waiting for one of them while
        // holding others could be a deadlock.
        self.execute(
            "WITH seen AS (SELECT id, max(at) AS at FROM unnest($1::bigint[], $2::bigint[]) \
                 AS seen (id, at) GROUP BY id), \
             free AS (SELECT sessions.id, seen.at FROM sessions JOIN seen USING (id) \
                 WHERE last_seen_at < seen.at FOR NO KEY UPDATE OF sessions SKIP LOCKED) \
             UPDATE sessions SET last_seen_at = free.at FROM free WHERE sessions.id = free.id",
            &[&ids, &times],
        )
        .await
        .map(drop)
    }

    async fn active_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let found = self
            .fetch_all(
                select_sessions!(
                    "WHERE \"user\" = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY id"
                ),
                &[&user.get(), &now.as_second()],
            )
            .await?;
        found.iter().map(|row| Columns(row).session()).collect()
    }

    async fn end_active_sessions(
        &mut self,
        user: UserId,
        kept: Option<SessionId>,
        end: SessionEnd,
    ) -> Result<(), StoreError> {
        self.execute(
            "UPDATE sessions SET ended_at = $1, end_reason = $2, agent_key = NULL \
             WHERE \"user\" = $3 AND ended_at IS NULL AND expires_at > $1 \
             AND id IS DISTINCT FROM $4",
            &[&end.at.as_second(), &end.reason.as_str(), &user.get(), &kept.map(SessionId::get)],
        )
        .await
        .map(drop)
    }

    async fn end_active_sessions_of_families(
        &mut self,
        families: &[FamilyId],
        end: SessionEnd,
    ) -> Result<Vec<(SessionId, FamilyId)>, StoreError> {
        let families: Vec<_> = families.iter().map(|family| family.get()).collect();
        let ended = self
            .fetch_all(
                "UPDATE sessions SET ended_at = $1, end_reason = $2, agent_key = NULL \
                 WHERE family = ANY($3) AND ended_at IS NULL AND expires_at > $1 \
                 RETURNING id, family",
                &[&end.at.as_second(), &end.reason.as_str(), &families],
            )
            .await?;
        ended_sessions(&ended)
    }
}
