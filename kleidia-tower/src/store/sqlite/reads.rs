//! Reads, on connections that cannot write, and operations in transactions.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Sqlite, Transaction, query};

use super::SqliteStore;
use super::error::store_error;
use super::statements::{account_by_id, account_by_name};
use crate::account::{
    Account, AccountLookup, CodePurpose, EmailAddress, Factor, OneTimeCode, Profile, StoredPassword,
};
use crate::audit::{AuditQuery, AuditRecord, LogKey};
use crate::session::{Session, SessionEvents, SessionLookup, SessionView};
use crate::store::StoreError;
use crate::store::columns::{Columns, account_columns, sql_limit};
use crate::store::record_query::{Pivots, RecordQuery, Value};
use crate::store::rows::{Operation, RefreshTokenState, Transactional};
use crate::store::sealer::Sealing;
use crate::store::without_subscriber::without_subscriber;
use crate::{Timestamp, TokenDigest, UserId};

const SESSION_BY_ID: &str = concat!(
    "SELECT sessions.*, ",
    account_columns!(),
    " FROM sessions JOIN accounts ON accounts.id = sessions.user WHERE sessions.id = ?"
);
const SESSION_BY_TOKEN: &str = concat!(
    "SELECT sessions.*, ",
    account_columns!(),
    " FROM sessions JOIN accounts ON accounts.id = sessions.user WHERE sessions.token = ?"
);
/// Outer joins, so that what is missing is an error.
const REFRESH_TOKEN: &str = concat!(
    "SELECT session, refresh_tokens.expires_at, consumed_at, is_revoked, authenticated_at, ",
    account_columns!(),
    " FROM refresh_tokens LEFT JOIN families ON families.id = refresh_tokens.family \
     LEFT JOIN sessions ON sessions.id = session \
     LEFT JOIN accounts ON accounts.id = sessions.user WHERE digest = ?"
);
const ACCOUNTS: &str =
    concat!("SELECT ", account_columns!(), " FROM accounts WHERE id > ? ORDER BY id LIMIT ?");

#[async_trait]
impl Transactional for SqliteStore {
    async fn read_account(
        &self,
        key: AccountLookup<'_>,
    ) -> Result<Option<(Arc<Account>, StoredPassword)>, StoreError> {
        let _reading = self.reading()?;
        let found = match key {
            AccountLookup::Id(id) => {
                query(account_by_id()).bind(id.get()).fetch_optional(self.readers()?)
            }
            AccountLookup::Name(name) => {
                query(account_by_name()).bind(name.as_str()).fetch_optional(self.readers()?)
            }
        };
        let read = |row: SqliteRow| {
            let columns = Columns(&row);
            Ok((columns.shared_account()?, columns.password()?))
        };
        without_subscriber(found).await.map_err(store_error)?.map(read).transpose()
    }

    async fn read_accounts(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Arc<Account>>, StoreError> {
        let _reading = self.reading()?;
        let found =
            query(ACCOUNTS).bind(after.map_or(i64::MIN, UserId::get)).bind(sql_limit(limit));
        let found =
            without_subscriber(found.fetch_all(self.readers()?)).await.map_err(store_error)?;
        found.iter().map(|row| Columns(row).shared_account()).collect()
    }

    async fn read_password_parameters(&self) -> Result<Vec<String>, StoreError> {
        let _reading = self.reading()?;
        // One lookup in the index for each of the few values.
        let found = query(
            "WITH RECURSIVE used (parameters) AS (SELECT min(password_parameters) FROM accounts \
             UNION ALL SELECT (SELECT min(password_parameters) FROM accounts \
                 WHERE password_parameters > parameters) FROM used WHERE parameters IS NOT NULL) \
             SELECT parameters FROM used WHERE parameters IS NOT NULL",
        );
        let found =
            without_subscriber(found.fetch_all(self.readers()?)).await.map_err(store_error)?;
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
        let _reading = self.reading()?;
        let found = match key {
            SessionLookup::Id(id) => query(SESSION_BY_ID).bind(id.get()),
            SessionLookup::Token(digest) => query(SESSION_BY_TOKEN).bind(digest.0.to_vec()),
        };
        let found =
            without_subscriber(found.fetch_optional(self.readers()?)).await.map_err(store_error)?;
        let read = |row: SqliteRow| {
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
        let _reading = self.reading()?;
        let found = query(
            "SELECT * FROM sessions WHERE user = ? AND ended_at IS NULL AND expires_at > ? \
             ORDER BY id DESC",
        );
        let found = found.bind(user.get()).bind(now.as_second()).fetch_all(self.readers()?);
        let found = without_subscriber(found).await.map_err(store_error)?;
        found.iter().map(|row| Columns(row).session().map(Arc::new)).collect()
    }

    async fn read_refresh_token(
        &self,
        digest: &TokenDigest,
    ) -> Result<Option<RefreshTokenState>, StoreError> {
        let _reading = self.reading()?;
        let found = query(REFRESH_TOKEN).bind(digest.0.to_vec());
        let found =
            without_subscriber(found.fetch_optional(self.readers()?)).await.map_err(store_error)?;
        found.map(|row| Columns(&row).refresh_token_state()).transpose()
    }

    async fn read_records(&self, filter: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError> {
        let _reading = self.reading()?;
        let RecordQuery { sql, values, .. } = RecordQuery::new(filter, Pivots::default(), '?');
        let mut found = query(AssertSqlSafe(sql));
        for value in values {
            found = match value {
                Value::Integer(value) => found.bind(value),
                Value::Text(value) => found.bind(value),
            };
        }
        let found =
            without_subscriber(found.fetch_all(self.readers()?)).await.map_err(store_error)?;
        found.iter().map(|row| Columns(row).record()).collect()
    }

    fn log_key(&self) -> Result<&LogKey, StoreError> {
        Ok(self.key())
    }

    fn sealing(&self) -> &Sealing {
        self.shared_sealing()
    }

    fn events(&self) -> SessionEvents {
        self.shared_events().clone()
    }

    async fn write<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        without_subscriber(async { run(self, self.begin().await?, operation).await }).await
    }

    async fn write_in_background<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        without_subscriber(async { run(self, self.begin_always().await?, operation).await }).await
    }
}

async fn run<'a, T: 'a>(
    store: &'a SqliteStore,
    mut transaction: Transaction<'static, Sqlite>,
    operation: Operation<'a, T>,
) -> Result<T, StoreError> {
    let mut rows = store.rows(&mut transaction);
    let value = operation.run(&mut rows).await?;
    let events = rows.events;
    store.commit_and_publish(transaction, events).await?;
    Ok(value)
}
