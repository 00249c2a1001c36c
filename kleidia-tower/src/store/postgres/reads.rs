//! Reads outside of transactions, and operations in transactions.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::PostgresStore;
use super::accounts::{ACCOUNT_BY_ID, ACCOUNT_BY_NAME, account_with_password};
use super::connections::Queue;
use super::error::store_error;
use super::lease::Lease;
use super::statements::{Parameters, select_sessions};
use super::store::finish;
use crate::account::{
    Account, AccountLookup, CodePurpose, EmailAddress, Factor, OneTimeCode, Profile, StoredPassword,
};
use crate::audit::{AuditQuery, AuditRecord, LogKey};
use crate::session::{Session, SessionEvents, SessionLookup, SessionView};
use crate::store::StoreError;
use crate::store::columns::{Columns, account_columns, sql_limit};
use crate::store::rows::{Operation, RefreshTokenState, Transactional};
use crate::store::sealer::Sealing;
use crate::store::without_subscriber::without_subscriber;
use crate::{Timestamp, TokenDigest, UserId};

/// Selects sessions with their accounts.
macro_rules! select_views {
    ($rest:literal) => {
        concat!(
            "SELECT sessions.id, sessions.\"user\", family, ip, user_agent, sessions.created_at, \
             authenticated_at, last_seen_at, expires_at, ended_at, end_reason, agent_key, methods, ",
            account_columns!(),
            " FROM sessions JOIN accounts ON accounts.id = sessions.\"user\" ",
            $rest
        )
    };
}

/// Outer joins, so that what is missing is an error.
const REFRESH_TOKEN: &str = concat!(
    "SELECT session, refresh_tokens.expires_at, consumed_at, is_revoked, authenticated_at, ",
    account_columns!(),
    " FROM refresh_tokens LEFT JOIN families ON families.id = refresh_tokens.family \
     LEFT JOIN sessions ON sessions.id = session \
     LEFT JOIN accounts ON accounts.id = sessions.\"user\" WHERE digest = $1"
);

#[async_trait]
impl Transactional for PostgresStore {
    async fn read_account(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        let found = match key {
            AccountLookup::Id(id) => self.read_optional(ACCOUNT_BY_ID, &[&id.get()]).await?,
            AccountLookup::Name(name) => {
                self.read_optional(ACCOUNT_BY_NAME, &[&name.as_str()]).await?
            }
        };
        let found = found.as_ref().map(account_with_password).transpose()?;
        Ok(found.map(|(account, password)| (Arc::new(account), password)))
    }

    async fn read_accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        let after = after.map_or(i64::MIN, UserId::get);
        let found = self
            .read_all(
                concat!(
                    "SELECT ",
                    account_columns!(),
                    " FROM accounts WHERE id > $1 ORDER BY id LIMIT $2"
                ),
                &[&after, &sql_limit(limit)],
            )
            .await?;
        found.iter().map(|row| Columns(row).shared_account()).collect()
    }

    async fn read_password_parameters(&self) -> Result<Vec<String>, StoreError> {
        // One lookup in the index for each of the few values.
        let found = self
            .read_all(
                "WITH RECURSIVE used (parameters) AS \
                 (SELECT min(password_parameters) FROM accounts \
                 UNION ALL SELECT (SELECT min(password_parameters) FROM accounts \
                     WHERE password_parameters > parameters) FROM used \
                     WHERE parameters IS NOT NULL) \
                 SELECT parameters FROM used WHERE parameters IS NOT NULL",
                &[],
            )
            .await?;
        found.iter().map(|row| Columns(row).text("parameters").map(str::to_owned)).collect()
    }

    async fn read_profiles(&self, users: &[UserId]) -> Result<Vec<(UserId, Profile)>, StoreError> {
        self.find_profiles(users).await
    }

    async fn read_users_by_email(
        &self,
        address: &EmailAddress,
        limit: usize,
    ) -> Result<Vec<UserId>, StoreError> {
        self.find_users_by_email(address, limit).await
    }

    async fn read_code(
        &self,
        digest: &TokenDigest,
        purpose: CodePurpose,
    ) -> Result<Option<OneTimeCode>, StoreError> {
        self.find_code(digest, purpose).await
    }

    async fn read_factors(&self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        self.find_factors(user).await
    }

    async fn read_factor_by_credential(
        &self,
        credential: &[u8],
    ) -> Result<Option<Factor>, StoreError> {
        self.find_factor(credential).await
    }

    async fn read_session(&self, key: SessionLookup) -> Result<Option<SessionView>, StoreError> {
        let found = match key {
            SessionLookup::Id(id) => {
                let select = select_views!("WHERE sessions.id = $1");
                self.read_optional(select, &[&id.get()]).await?
            }
            SessionLookup::Token(digest) => {
                let select = select_views!("WHERE sessions.token = $1");
                self.read_optional(select, &[&digest.0.as_slice()]).await?
            }
        };
        let read = |row: Row| {
            let columns = Columns(&row);
            let session = Arc::new(columns.session()?);
            Ok(SessionView { session, account: columns.shared_account()? })
        };
        found.map(read).transpose()
    }

    async fn read_sessions(
        &self,
        user: UserId,
        now: Timestamp,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let select = select_sessions!(
            "WHERE \"user\" = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY id DESC"
        );
        let found = self.read_all(select, &[&user.get(), &now.as_second()]).await?;
        found.iter().map(|row| Columns(row).session().map(Arc::new)).collect()
    }

    async fn read_refresh_token(
        &self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenState>, StoreError> {
        let found = self.read_optional(REFRESH_TOKEN, &[&digest.0.as_slice()]).await?;
        found.map(|row| Columns(&row).refresh_token_state()).transpose()
    }

    async fn read_records(&self, filter: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        self.find_records(filter).await
    }

    fn log_key(&self) -> Result<&LogKey, StoreError> {
        Ok(self.key())
    }

    fn sealing(&self) -> &Sealing {
        self.shared_sealing()
    }

    fn events(&self) -> SessionEvents {
        self.listen()
    }

    async fn write<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        without_subscriber(self.run(operation, Queue::Clients)).await
    }

    async fn write_in_background<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        without_subscriber(self.run(operation, Queue::Background)).await
    }
}

impl PostgresStore {
    pub(super) async fn read_all(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        without_subscriber(async {
            self.read_with(self.connections().reader().await?, sql, parameters).await
        })
        .await
    }

    /// Reads a row by a unique key.
    pub(super) async fn read_optional(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.read_all(sql, parameters).await?.into_iter().next())
    }

    /// Reads what the sealer needs, without waiting for clients.
    pub(super) async fn read_in_background(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        without_subscriber(async {
            self.read_with(self.connections().background().await?, sql, parameters).await
        })
        .await
    }

    /// Reads with a statement whose text depends on the request: a connection would keep each one
    /// that it prepares.
    pub(super) async fn read_once(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, StoreError> {
        without_subscriber(async {
            let lease = self.connections().reader().await?;
            let reading =
                async { lease.client()?.query_typed(sql, parameters).await.map_err(store_error) };
            let outcome = timeout(self.connections().operation_timeout, reading).await;
            finish(lease, outcome)
        })
        .await
    }

    async fn read_with(
        &self,
        lease: Lease,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let reading = async {
            let client = lease.client()?;
            let statement = client.prepare_cached(sql).await.map_err(store_error)?;
            client.query(&statement, parameters).await.map_err(store_error)
        };
        let outcome = timeout(self.connections().operation_timeout, reading).await;
        finish(lease, outcome)
    }
}
