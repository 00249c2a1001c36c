//! Statements and rows that reads and transactions share.

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite, SqliteConnection, query};

use super::error::store_error;
use crate::audit::LogKey;
use crate::session::SessionEvent;
use crate::store::StoreError;
use crate::store::columns::{SqlRow, account_columns};

pub(super) type Query<'q> = query::Query<'q, Sqlite, SqliteArguments>;

/// The rows that one transaction on this connection sees, the key of the audit log, and the events
/// that it publishes.
pub(super) struct SqliteRows<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    pub(super) key: &'a LogKey,
    pub(super) events: Vec<SessionEvent>,
}

impl SqliteRows<'_> {
    pub(super) async fn fetch_optional(
        &mut self,
        query: Query<'_>,
    ) -> Result<Option<SqliteRow>, StoreError> {
        query.fetch_optional(&mut *self.connection).await.map_err(store_error)
    }

    pub(super) async fn fetch_all(
        &mut self,
        query: Query<'_>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        query.fetch_all(&mut *self.connection).await.map_err(store_error)
    }

    /// Executes an update of at most one row, and returns whether it changed one.
    pub(super) async fn changes(&mut self, query: Query<'_>) -> Result<bool, StoreError> {
        let done = query.execute(&mut *self.connection).await.map_err(store_error)?;
        Ok(done.rows_affected() > 0)
    }

    /// Executes a deletion, and returns the number of deleted rows.
    pub(super) async fn delete(&mut self, query: Query<'_>) -> Result<u64, StoreError> {
        let done = query.execute(&mut *self.connection).await.map_err(store_error)?;
        Ok(done.rows_affected())
    }

    /// Executes a statement, and returns the id of the last inserted row.
    pub(super) async fn execute(&mut self, query: Query<'_>) -> Result<i64, StoreError> {
        let done = query.execute(&mut *self.connection).await.map_err(store_error)?;
        Ok(done.last_insert_rowid())
    }
}

impl SqlRow for SqliteRow {
    fn integer(&self, name: &str) -> Result<Option<i64>, StoreError> {
        self.try_get(name).map_err(store_error)
    }

    fn boolean(&self, name: &str) -> Result<Option<bool>, StoreError> {
        self.try_get(name).map_err(store_error)
    }

    fn text(&self, name: &str) -> Result<Option<&str>, StoreError> {
        self.try_get(name).map_err(store_error)
    }

    fn octets(&self, name: &str) -> Result<Option<&[u8]>, StoreError> {
        self.try_get(name).map_err(store_error)
    }
}

pub(super) const fn account_by_id() -> &'static str {
    concat!(
        "SELECT ",
        account_columns!(),
        ", password, previous_passwords FROM accounts WHERE id = ?"
    )
}

pub(super) const fn account_by_name() -> &'static str {
    concat!(
        "SELECT ",
        account_columns!(),
        ", password, previous_passwords FROM accounts WHERE name = ?"
    )
}
