//! Statements within a transaction, and the columns of their rows.

use deadpool_postgres::Transaction;
use futures_util::future::try_join_all;
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
    unsent: Vec<Statement>,
}

/// A statement with its parameters.
struct Statement {
    sql: &'static str,
    parameters: Vec<Parameter>,
}

pub(super) type Parameter = Box<dyn ToSql + Send + Sync>;

pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl<'a> PostgresRows<'a> {
    pub(super) const fn new(transaction: &'a Transaction<'a>, key: &'a LogKey) -> Self {
        Self { transaction, key, reserved: None, events: Vec::new(), unsent: Vec::new() }
    }
}

impl PostgresRows<'_> {
    /// Executes a statement together with the next one, or before the commit: the operation needs
    /// no outcome of it.
    pub(super) fn execute_later(&mut self, sql: &'static str, parameters: Vec<Parameter>) {
        self.unsent.push(Statement { sql, parameters });
    }

    /// Sends the statements that are not sent, in their order, and waits for all of them.
    pub(super) async fn flush(&mut self) -> Result<(), StoreError> {
        let (transaction, unsent) = (self.transaction, std::mem::take(&mut self.unsent));
        let mut prepared = Vec::with_capacity(unsent.len());
        for statement in &unsent {
            let statement = transaction.prepare_cached(statement.sql).await;
            prepared.push(statement.map_err(store_error)?);
        }
        let executions = prepared.iter().zip(&unsent).map(async |(prepared, statement)| {
            let parameters = statement.parameters.iter().map(|value| &**value as _);
            let parameters: Vec<&(dyn ToSql + Sync)> = parameters.collect();
            transaction.execute(prepared, &parameters).await
        });
        try_join_all(executions).await.map(drop).map_err(store_error)
    }

    pub(super) async fn fetch_all(
        &mut self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        self.flush().await?;
        let statement = self.transaction.prepare_cached(sql).await.map_err(store_error)?;
        self.transaction.query(&statement, parameters).await.map_err(store_error)
    }

    pub(super) async fn fetch_optional(
        &mut self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<Row>, StoreError> {
        self.flush().await?;
        let statement = self.transaction.prepare_cached(sql).await.map_err(store_error)?;
        self.transaction.query_opt(&statement, parameters).await.map_err(store_error)
    }

    /// Executes an insertion that returns the row.
    pub(super) async fn fetch_one(
        &mut self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Row, StoreError> {
        self.flush().await?;
        let statement = self.transaction.prepare_cached(sql).await.map_err(store_error)?;
        self.transaction.query_one(&statement, parameters).await.map_err(store_error)
    }

    /// Executes a statement, and returns the number of changed rows.
    pub(super) async fn execute(
        &mut self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<u64, StoreError> {
        self.flush().await?;
        let statement = self.transaction.prepare_cached(sql).await.map_err(store_error)?;
        self.transaction.execute(&statement, parameters).await.map_err(store_error)
    }

    /// Executes an update of at most one row, and returns whether it changed one.
    pub(super) async fn changes(
        &mut self,
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
