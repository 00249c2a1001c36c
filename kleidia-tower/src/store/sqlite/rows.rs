//! The rows of a SQLite transaction.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sqlx::query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Sqlite, SqliteConnection};

use super::columns::{Columns, join_hashes, join_roles, name_digest, sequence};
use super::error::store_error;
use crate::account::{Account, AccountLookup, NewAccount, StoredPassword};
use crate::audit::{AuditRecord, AuditedRequest, ChainHead};
use crate::lockout::LoginSource;
use crate::rbac::RoleName;
use crate::session::{Session, SessionLookup};
use crate::store::StoreError;
use crate::store::rows::{Consumed, FailureRow, FailureScope, RefreshTokenRow, Rows};
use crate::{FamilyId, SessionId, Timestamp, TokenDigest, UserAgent, UserId, UserName};

pub(super) struct SqliteRows<'a>(pub(super) &'a mut SqliteConnection);

pub(super) type Query<'q> = query::Query<'q, Sqlite, SqliteArguments>;

impl SqliteRows<'_> {
    async fn fetch_optional(&mut self, query: Query<'_>) -> Result<Option<SqliteRow>, StoreError> {
        query.fetch_optional(&mut *self.0).await.map_err(store_error)
    }

    async fn fetch_all(&mut self, query: Query<'_>) -> Result<Vec<SqliteRow>, StoreError> {
        query.fetch_all(&mut *self.0).await.map_err(store_error)
    }

    /// Executes a statement, and returns the id of the last inserted row.
    async fn execute(&mut self, query: Query<'_>) -> Result<i64, StoreError> {
        let done = query.execute(&mut *self.0).await.map_err(store_error)?;
        Ok(done.last_insert_rowid())
    }
}

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
             password_changed_at, password, previous_passwords) VALUES (?, ?, ?, 0, ?, ?, ?, '')",
        );
        let insert = insert.bind(name.as_str().to_owned()).bind(name_digest(&name));
        let insert = insert.bind(join_roles(&roles)).bind(at.as_second()).bind(at.as_second());
        let id = UserId::new(self.execute(insert.bind(password.as_str().to_owned())).await?);
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
        let update = query("UPDATE accounts SET password = ?, previous_passwords = ? WHERE id = ?");
        let update = update.bind(password.current.as_str()).bind(join_hashes(&password.previous));
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

    async fn open_sessions(&mut self, user: UserId) -> Result<Vec<Session>, StoreError> {
        let found = query("SELECT * FROM sessions WHERE user = ? AND ended_at IS NULL ORDER BY id");
        let found = self.fetch_all(found.bind(user.get())).await?;
        found.iter().map(|row| Columns(row).session()).collect()
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
        let update = query("UPDATE families SET is_revoked = 1 WHERE user = ?");
        self.execute(update.bind(user.get())).await.map(drop)
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
        let found = query("SELECT * FROM failures WHERE name_digest = ? AND source = ?");
        let found =
            self.fetch_optional(found.bind(name_digest(name)).bind(scope_text(scope))).await?;
        found.map(|row| Columns(&row).failures().map(|(_, row)| row)).transpose()
    }

    async fn put_failures(
        &mut self,
        name: &UserName,
        scope: FailureScope,
        row: &FailureRow,
    ) -> Result<(), StoreError> {
        let put = query("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
        let put = put
            .bind(name_digest(name))
            .bind(scope_text(scope))
            .bind(i64::from(row.failures))
            .bind(i64::from(row.consecutive))
            .bind(i64::from(row.pending))
            .bind(row.pending_at.as_second())
            .bind(row.last_failure_at.as_second())
            .bind(row.locked_until.as_second())
            .bind(row.succeeded_at.map(Timestamp::as_second));
        self.execute(put).await.map(drop)
    }

    async fn all_failures_of(
        &mut self,
        name: &UserName,
    ) -> Result<Vec<(FailureScope, FailureRow)>, StoreError> {
        let found = query("SELECT * FROM failures WHERE name_digest = ?").bind(name_digest(name));
        let found = self.fetch_all(found).await?;
        found.iter().map(|row| Columns(row).failures()).collect()
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

/// Reads the chain head. Every migrated database has one.
pub(super) fn head(row: Option<&SqliteRow>) -> Result<ChainHead, StoreError> {
    let row = row.ok_or(StoreError::Corrupt("audit log: its end is missing"))?;
    let columns = Columns(row);
    Ok(ChainHead { sequence: sequence(columns.get("sequence")?)?, digest: columns.head_digest()? })
}

pub(super) const fn account_by_id() -> &'static str {
    "SELECT accounts.id AS account, name, roles, is_disabled, created_at AS account_created_at, \
     password_changed_at, password, previous_passwords FROM accounts WHERE id = ?"
}

pub(super) const fn account_by_name() -> &'static str {
    "SELECT accounts.id AS account, name, roles, is_disabled, created_at AS account_created_at, \
     password_changed_at, password, previous_passwords FROM accounts WHERE name = ?"
}

fn scope_text(scope: FailureScope) -> String {
    match scope {
        FailureScope::Account => String::new(),
        FailureScope::Source(source) => LoginSource::to_string(&source),
    }
}
