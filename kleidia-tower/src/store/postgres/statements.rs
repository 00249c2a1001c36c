//! Statements within a transaction, and the columns of their rows.

use std::fmt::Write as _;

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
             last_seen_at, expires_at, ended_at, end_reason, agent_key, methods FROM sessions ",
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

/// A statement with its parameters. Its parts change different rows, so they have no order. One that
/// only inserts can be repeated within a combined one; another could change a row for the second
/// time, which PostgreSQL ignores there.
struct Statement {
    parts: &'static [&'static str],
    parameters: Vec<Parameter>,
}

impl Statement {
    fn only_inserts(&self) -> bool {
        self.parts.iter().all(|part| part.starts_with("INSERT "))
    }
}

/// How many statements are sent as one. The combinations are few, since each connection prepares
/// them.
const MAX_COMBINED: usize = 3;

pub(super) type Parameter = Box<dyn ToSql + Send + Sync>;

pub(super) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl<'a> PostgresRows<'a> {
    pub(super) const fn new(transaction: &'a Transaction<'a>, key: &'a LogKey) -> Self {
        Self { transaction, key, reserved: None, events: Vec::new(), unsent: Vec::new() }
    }
}

impl PostgresRows<'_> {
    /// Executes a statement before the next one, or before the commit, and together with others: the
    /// operation needs no outcome of it, and the others change other rows.
    pub(super) fn execute_later(
        &mut self,
        parts: &'static [&'static str],
        parameters: Vec<Parameter>,
    ) {
        self.unsent.push(Statement { parts, parameters });
    }

    /// Sends the statements that are not sent, and waits for all of them.
    pub(super) async fn flush(&mut self) -> Result<(), StoreError> {
        let (transaction, unsent) = (self.transaction, std::mem::take(&mut self.unsent));
        let mut prepared = Vec::with_capacity(unsent.len().div_ceil(MAX_COMBINED));
        for statements in chunks(&unsent) {
            let statement = transaction.prepare_cached(&combine(statements)).await;
            prepared.push((statement.map_err(store_error)?, statements));
        }
        let executions = prepared.iter().map(async |(prepared, statements)| {
            let parameters = statements.iter().flat_map(|statement| &statement.parameters);
            let parameters = parameters.map(|value| &**value as _);
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

/// Returns the statements that are sent as one each time.
fn chunks(mut unsent: &[Statement]) -> Vec<&[Statement]> {
    let mut chunks = Vec::with_capacity(unsent.len().div_ceil(MAX_COMBINED));
    while !unsent.is_empty() {
        let candidates = unsent.iter().enumerate().take(MAX_COMBINED);
        let count = candidates.take_while(|(index, statement)| {
            let is_repeated = unsent.iter().take(*index).any(|it| it.parts == statement.parts);
            !is_repeated || statement.only_inserts()
        });
        let (chunk, rest) = unsent.split_at(count.count());
        chunks.push(chunk);
        unsent = rest;
    }
    chunks
}

/// Returns one statement for several. The server responds once to it, and wakes the client once.
fn combine(statements: &[Statement]) -> String {
    let (mut parts, mut offset) = (Vec::new(), 0);
    for Statement { parts: of_statement, parameters } in statements {
        parts.extend(of_statement.iter().map(|part| renumber(part, offset)));
        offset += parameters.len();
    }
    let last = parts.pop().unwrap_or_default();
    let before =
        parts.iter().enumerate().map(|(number, part)| format!("part_{number} AS ({part})"));
    let before: Vec<_> = before.collect();
    if before.is_empty() { last } else { format!("WITH {} {last}", before.join(", ")) }
}

/// Adds to the numbers of the parameters. A `$` without a number stays as it is.
fn renumber(part: &str, offset: usize) -> String {
    let mut pieces = part.split('$');
    let mut sql = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|character: char| character.is_ascii_digit());
        match piece.strip_suffix(rest).and_then(|digits| digits.parse::<usize>().ok()) {
            // Writing to a string does not fail.
            Some(number) => _ = write!(sql, "${}{rest}", number + offset),
            None => sql.extend(["$", piece]),
        }
    }
    sql
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_insertions_are_repeated_in_one_statement() {
        const INSERT: &[&str] = &["INSERT INTO a VALUES ($1)"];
        const UPDATE: &[&str] = &["INSERT INTO a VALUES ($1)", "UPDATE b SET c = $1"];
        let counts = |unsent: &[&'static [&'static str]]| {
            let statements = unsent.iter().map(|&parts| Statement { parts, parameters: vec![] });
            let statements: Vec<_> = statements.collect();
            chunks(&statements).iter().map(|chunk| chunk.len()).collect::<Vec<_>>()
        };
        assert!(counts(&[]).is_empty());
        assert_eq!(counts(&[INSERT; 4]), [3, 1]);
        assert_eq!(counts(&[UPDATE; 3]), [1, 1, 1]);
        assert_eq!(counts(&[UPDATE, INSERT, UPDATE, INSERT, INSERT]), [2, 3]);
    }

    #[test]
    fn other_dollar_signs_are_not_numbered() {
        assert_eq!(renumber("SELECT '$', $1, $tag$", 2), "SELECT '$', $3, $tag$");
    }

    #[test]
    fn parameters_of_combined_statements_are_numbered_on() {
        let statement = |parts, parameters: i32| {
            let parameters = (0..parameters).map(|value| Box::new(value) as Parameter);
            Statement { parts, parameters: parameters.collect() }
        };
        let first = statement(&["UPDATE a SET b = $1 WHERE c = $10 AND d = $2"], 10);
        assert_eq!(combine(std::slice::from_ref(&first)), first.parts[0]);
        let second = statement(&["INSERT INTO e VALUES ($1)", "INSERT INTO f VALUES ($2, $1)"], 2);
        assert_eq!(
            combine(&[first, second]),
            "WITH part_0 AS (UPDATE a SET b = $1 WHERE c = $10 AND d = $2), \
             part_1 AS (INSERT INTO e VALUES ($11)) INSERT INTO f VALUES ($12, $11)"
        );
    }
}
