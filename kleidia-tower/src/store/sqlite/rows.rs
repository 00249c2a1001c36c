//! The rows of a SQLite transaction.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use sqlx::query;
use sqlx::sqlite::SqliteRow;

use super::columns::{Columns, join_hashes, join_roles, name_digest, sql_limit};
use super::statements::{account_by_id, account_by_name, head};
use crate::account::{Account, AccountLookup, NewAccount, StoredPassword};
use crate::audit::{AuditRecord, AuditedRequest, ChainHead};
use crate::rbac::RoleName;
use crate::session::{Session, SessionEnd, SessionLookup};
use crate::store::StoreError;
use crate::store::rows::{Consumed, FailureRow, FailureScope, RefreshTokenRow, Rows};
use crate::{FamilyId, SessionId, Timestamp, TokenDigest, UserAgent, UserId, UserName};

pub(super) struct SqliteRows<'a>(pub(super) &'a mut SqliteConnection);

#[async_trait]
impl Rows for SqliteRows<'_> {
    async fn account(
        &mut self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Account, StoredPassword)>, StoreError> {
        let found = match key {
            AccountLookup::Id(id) => {
                self.fetch_optional(query(account_by_id()).bind(id.get())).await?
            }
            AccountLookup::Name(name) => {
                self.fetch_optional(query(account_by_name()).bind(name.as_str())).await?
            }
        };
        let read = |row: SqliteRow| {
            let columns = Columns(&row);
            Ok((columns.account()?, columns.password()?))
        };
        found.map(read).transpose()
    }

    async fn insert_account(
        &mut self,
        new: NewAccount,
        at: Timestamp,
    ) -> Result<Account, StoreError> {
        let NewAccount { name, roles, password } = new;
        let insert = query(
            "INSERT INTO accounts (name, name_digest, roles, is_disabled, created_at, \
             password_changed_at, password_parameters, password, previous_passwords) \
             VALUES (?, ?, ?, 0, ?, ?, ?, ?, '')",
        );
        let insert = insert.bind(name.as_str().to_owned()).bind(name_digest(&name));
        let insert = insert.bind(join_roles(&roles)).bind(at.as_second()).bind(at.as_second());
        let insert = insert.bind(password.parameters()).bind(password.as_str());
        let id = UserId::new(self.execute(insert).await?);
        let (created_at, password_changed_at) = (at, at);
        Ok(Account { id, name, roles, is_disabled: false, created_at, password_changed_at })
    }

    async fn update_account(&mut self, account: &Account) -> Result<(), StoreError> {
        let update = query(
            "UPDATE accounts SET roles = ?, is_disabled = ?, password_changed_at = ? WHERE id = ?",
        );
        let update = update.bind(join_roles(&account.roles)).bind(account.is_disabled);
        self.execute(update.bind(account.password_changed_at.as_second()).bind(account.id.get()))
            .await
            .map(drop)
    }

    async fn has_other_enabled(
        &mut self,
        than: UserId,
        roles: &BTreeSet<RoleName>,
    ) -> Result<bool, StoreError> {
        for role in roles {
            let found = query(
                "SELECT 1 FROM accounts WHERE is_disabled = 0 AND id <> ? \
                 AND instr(',' || roles || ',', ',' || ? || ',') > 0 LIMIT 1",
            );
            let found = found.bind(than.get()).bind(role.as_str());
            if self.fetch_optional(found).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn update_password(
        &mut self,
        user: UserId,
        password: &StoredPassword,
    ) -> Result<(), StoreError> {
        let update = query(
            "UPDATE accounts SET password_parameters = ?, password = ?, previous_passwords = ? \
             WHERE id = ?",
        );
        let current = &password.current;
        let update = update.bind(current.parameters()).bind(current.as_str());
        let update = update.bind(join_hashes(&password.previous));
        self.execute(update.bind(user.get())).await.map(drop)
    }

    async fn session(&mut self, key: SessionLookup) -> Result<Option<Session>, StoreError> {
        let found = match key {
            SessionLookup::Id(id) => {
                self.fetch_optional(query("SELECT * FROM sessions WHERE id = ?").bind(id.get()))
                    .await?
            }
            SessionLookup::Token(digest) => {
                let token = digest.0.to_vec();
                self.fetch_optional(query("SELECT * FROM sessions WHERE token = ?").bind(token))
                    .await?
            }
        };
        found.map(|row| Columns(&row).session()).transpose()
    }

    async fn insert_session(
        &mut self,
        session: Session,
        token: TokenDigest,
    ) -> Result<Session, StoreError> {
        let insert = query(
            "INSERT INTO sessions (user, family, token, ip, user_agent, created_at, \
             authenticated_at, last_seen_at, expires_at, agent_key) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            .bind(session.agent_key.clone());
        let id = SessionId::new(self.execute(insert).await?);
        Ok(Session { id, ..session })
    }

    async fn update_session(&mut self, session: &Session) -> Result<(), StoreError> {
        let update = query(
            "UPDATE sessions SET last_seen_at = ?, expires_at = ?, ended_at = ?, end_reason = ?, \
             agent_key = ? WHERE id = ?",
        );
        let update = update
            .bind(session.last_seen_at.as_second())
            .bind(session.expires_at.as_second())
            .bind(session.end.map(|end| end.at.as_second()))
            .bind(session.end.map(|end| end.reason.as_str()))
            .bind(session.agent_key.as_deref());
        self.execute(update.bind(session.id.get())).await.map(drop)
    }

    async fn touch_session(&mut self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        let update =
            query("UPDATE sessions SET last_seen_at = ?1 WHERE id = ?2 AND last_seen_at < ?1");
        self.execute(update.bind(at.as_second()).bind(id.get())).await.map(drop)
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

    async fn active_sessions_of_family(
        &mut self,
        family: FamilyId,
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let found = query(
            "SELECT * FROM sessions WHERE family = ? AND expires_at > ? AND ended_at IS NULL \
             ORDER BY id",
        );
        let found = self.fetch_all(found.bind(family.get()).bind(now.as_second())).await?;
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

    async fn insert_family(&mut self, user: UserId) -> Result<FamilyId, StoreError> {
        let insert = query("INSERT INTO families (user) VALUES (?)").bind(user.get());
        self.execute(insert).await.map(FamilyId::new)
    }

    async fn is_family_revoked(&mut self, family: FamilyId) -> Result<bool, StoreError> {
        let found = query("SELECT is_revoked FROM families WHERE id = ?").bind(family.get());
        let found = self.fetch_optional(found).await?;
        found.map_or(Ok(true), |row| Columns(&row).get("is_revoked"))
    }

    async fn revoke_family(&mut self, family: FamilyId) -> Result<(), StoreError> {
        let update = query("UPDATE families SET is_revoked = 1 WHERE id = ?");
        self.execute(update.bind(family.get())).await.map(drop)
    }

    async fn revoke_families_of(&mut self, user: UserId) -> Result<(), StoreError> {
        let update = query("UPDATE families SET is_revoked = 1 WHERE user = ? AND is_revoked = 0");
        self.execute(update.bind(user.get())).await.map(drop)
    }

    async fn excess_families(
        &mut self,
        user: UserId,
        max: usize,
        limit: usize,
    ) -> Result<Vec<FamilyId>, StoreError> {
        // Neither query reads more than `max` and `limit` entries of the index.
        let found = query(
            "SELECT id FROM families WHERE user = ?1 AND is_revoked = 0 ORDER BY expires_at, id \
             LIMIT (SELECT count(*) FROM (SELECT 1 FROM families WHERE user = ?1 \
                 AND is_revoked = 0 ORDER BY expires_at, id LIMIT ?3 OFFSET ?2))",
        );
        let found = found.bind(user.get()).bind(sql_limit(max)).bind(sql_limit(limit));
        let found = self.fetch_all(found).await?;
        found.iter().map(|row| Columns(row).get("id").map(FamilyId::new)).collect()
    }

    async fn refresh_token(
        &mut self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenRow>, StoreError> {
        let found = query("SELECT * FROM refresh_tokens WHERE digest = ?");
        let found = self.fetch_optional(found.bind(digest.0.to_vec())).await?;
        found.map(|row| Columns(&row).refresh_token()).transpose()
    }

    async fn insert_refresh_token(&mut self, row: &RefreshTokenRow) -> Result<(), StoreError> {
        let insert = query(
            "INSERT INTO refresh_tokens (digest, family, session, expires_at) VALUES (?, ?, ?, ?)",
        );
        let insert =
            insert.bind(row.digest.0.to_vec()).bind(row.family.get()).bind(row.session.get());
        self.execute(insert.bind(row.expires_at.as_second())).await?;
        let update = query("UPDATE families SET expires_at = max(expires_at, ?) WHERE id = ?");
        self.execute(update.bind(row.expires_at.as_second()).bind(row.family.get())).await.map(drop)
    }

    async fn consume_refresh_token(
        &mut self,
        digest: &TokenDigest,
        consumed: &Consumed,
    ) -> Result<(), StoreError> {
        let update = query(
            "UPDATE refresh_tokens SET consumed_at = ?, successor = ?, wrapped = ? WHERE digest = ?",
        );
        let update = update.bind(consumed.at.as_second()).bind(consumed.successor.0.to_vec());
        self.execute(update.bind(consumed.wrapped.0.to_vec()).bind(digest.0.to_vec()))
            .await
            .map(drop)
    }

    async fn failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
    ) -> Result<Option<FailureRow>, StoreError> {
        self.select_failures(name, scope).await
    }

    async fn put_failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
        row: &FailureRow,
    ) -> Result<(), StoreError> {
        self.replace_failures(name, scope, row).await
    }

    async fn clear_failures(&mut self, name: &UserName) -> Result<(), StoreError> {
        self.reset_failures(name).await
    }

    async fn delete_excess_devices(
        &mut self,
        name: &UserName,
        max: usize,
    ) -> Result<(), StoreError> {
        self.delete_devices(name, max).await
    }

    async fn chain_head(&mut self) -> Result<ChainHead, StoreError> {
        let row = self.fetch_optional(query("SELECT sequence, digest FROM audit_head")).await?;
        head(row.as_ref())
    }

    async fn append_record(&mut self, record: &AuditRecord) -> Result<(), StoreError> {
        let out_of_range = || StoreError::Corrupt("record number");
        let sequence = i64::try_from(record.sequence).map_err(|_| out_of_range())?;
        let (user, actor) = (record.user.as_ref(), record.actor.as_ref());
        let request = record.request.as_ref();
        let insert =
            query("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(sequence)
                .bind(record.at.as_second())
                .bind(record.kind.as_str())
                .bind(record.outcome.as_str())
                .bind(user.and_then(|identity| identity.id).map(UserId::get))
                .bind(user.map(|identity| identity.name.as_str()))
                .bind(actor.and_then(|identity| identity.id).map(UserId::get))
                .bind(actor.map(|identity| identity.name.as_str()))
                .bind(record.session.map(SessionId::get))
                .bind(record.client.address.map(|address| address.to_string()))
                .bind(record.client.user_agent.as_ref().map(UserAgent::as_str))
                .bind(request.map(AuditedRequest::method))
                .bind(request.and_then(AuditedRequest::route))
                .bind(record.reason.as_deref())
                .bind(record.digest.to_vec());
        self.execute(insert).await.map(drop)
    }
}
