//! Statements within a transaction, and the columns of their rows.

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::error::{column_error, store_error};
use crate::audit::LogKey;
use crate::session::SessionEvent;
use crate::store::StoreError;
use crate::store::columns::SqlRow;

/// Selects sessions. The columns are named, since a prepared `SELECT *` fails after a newer node
/// has added one.
macro_rules! select_sessions {
    ($rest:literal) => {
        concat!(
            "SELECT id, \"user\", family, ip, user_agent, created_at, authenticated_at, \
             last_seen_at, expires_at, ended_at, end_reason, agent_key FROM sessions ",
            $rest
        )
    };
}

/// The rows that one transaction sees, the key of the audit log, and the events that it publishes.
pub(super) struct PostgresRows<'a> {
    transaction: &'a Transaction<'a>,
    pub(super) key: &'a LogKey,
    /// A number for an audit record that another statement has fetched.
    pub(super) reserved: Option<u64>,
    pub(super) events: Vec<SessionEvent>,
}

pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl<'a> PostgresRows<'a> {
    pub(super) const fn new(transaction: &'a Transaction<'a>, key: &'a LogKey) -> Self {
        Self { transaction, key, reserved: None, events: Vec::new() }
    }
}

impl<'a> PostgresRows<'a> {
    pub(super) const fn transaction(&self) -> &'a Transaction<'a> {
        self.transaction
    }
}

impl PostgresRows<'_> {
    pub(super) async fn fetch_all(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.transaction.prepare_cached(sql).await.map_err(store_error)?;
        self.transaction.query(&statement, parameters).await.map_err(store_error)
    }

    pub(super) async fn fetch_optional(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, StoreError> {
        let statement = self.transaction.prepare_cached(sql).await.map_err(store_error)?;
        self.transaction.query_opt(&statement, parameters).await.map_err(store_error)
    }

    /// Executes an insertion that returns the row.
    pub(super) async fn fetch_one(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Row, StoreError> {
        let statement = self.transaction.prepare_cached(sql).await.map_err(store_error)?;
        self.transaction.query_one(&statement, parameters).await.map_err(store_error)
    }

    /// Executes a statement, and returns the number of changed rows.
    pub(super) async fn execute(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<u64, StoreError> {
        let statement = self.transaction.prepare_cached(sql).await.map_err(store_error)?;
        self.transaction.execute(&statement, parameters).await.map_err(store_error)
    }

    /// Executes an update of at most one row, and returns whether it changed one.
    pub(super) async fn changes(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<bool, StoreError> {
        Ok(self.execute(sql, parameters).await? > 0)
    }
}

impl SqlRow for Row {
    fn integer(&self, name: &str) -> Result<Option<i64>, StoreError> {
        self.try_get(name).map_err(column_error)
    }

    fn boolean(&self, name: &str) -> Result<Option<bool>, StoreError> {
        self.try_get(name).map_err(column_error)
    }

    fn text(&self, name: &str) -> Result<Option<&str>, StoreError> {
        self.try_get(name).map_err(column_error)
    }

    fn octets(&self, name: &str) -> Result<Option<&[u8]>, StoreError> {
        self.try_get(name).map_err(column_error)
    }
}

pub(super) use select_sessions;
