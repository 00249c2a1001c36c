//! Statements and rows that reads and transactions share.

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Sqlite, query};

use super::columns::{Columns, sequence};
use super::error::store_error;
use super::rows::SqliteRows;
use crate::audit::ChainHead;
use crate::store::StoreError;

pub(super) type Query<'q> = query::Query<'q, Sqlite, SqliteArguments>;

impl SqliteRows<'_> {
    pub(super) async fn fetch_optional(
        &mut self,
        query: Query<'_>,
    ) -> Result<Option<SqliteRow>, StoreError> {
        query.fetch_optional(&mut *self.0).await.map_err(store_error)
    }

    pub(super) async fn fetch_all(
        &mut self,
        query: Query<'_>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        query.fetch_all(&mut *self.0).await.map_err(store_error)
    }

    /// Executes a statement, and returns the id of the last inserted row.
    pub(super) async fn execute(&mut self, query: Query<'_>) -> Result<i64, StoreError> {
        let done = query.execute(&mut *self.0).await.map_err(store_error)?;
        Ok(done.last_insert_rowid())
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
