//! The statements that read audit records.

use tokio_postgres::types::ToSql;

use super::PostgresStore;
use crate::Timestamp;
use crate::audit::{AuditQuery, AuditRecord};
use crate::store::StoreError;
use crate::store::columns::{Columns, ceil_second};
use crate::store::record_query::{Pivots, RecordQuery, Value};

/// The columns are named, since a prepared `SELECT *` fails after a newer node has added one.
macro_rules! record_columns {
    () => {
        "sequence, at, kind, outcome, user_id, user_name, actor_id, actor_name, session, ip, \
         user_agent, method, route, reason, mac"
    };
}

/// Searches for the first record that is not before a time, as if all were in the order of time:
/// each step halves the numbers that remain.
const PIVOT: &str = "WITH RECURSIVE search (low, high) AS \
    (SELECT min(sequence), max(sequence) + 1 FROM audit \
    UNION ALL SELECT CASE WHEN at < $1 THEN sequence + 1 ELSE low END, \
        CASE WHEN at < $1 THEN high ELSE middle END \
        FROM (SELECT low, high, (low + high) / 2 AS middle FROM search WHERE low < high) AS half, \
        LATERAL (SELECT sequence, at FROM audit WHERE sequence >= middle \
            ORDER BY sequence LIMIT 1) AS found) \
    SELECT max(low) AS pivot FROM search";

impl PostgresStore {
    pub(super) async fn find_records(
        &self,
        query: &AuditQuery,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let from = self.find_pivot(query.from).await?;
        let until = self.find_pivot(query.until).await?;
        let RecordQuery { sql, values, .. } = RecordQuery::new(query, Pivots { from, until }, '$');
        let values: Vec<_> = values.iter().map(parameter).collect();
        let found = self.read_all(&sql, &values).await?;
        found.iter().map(|row| Columns(row).record()).collect()
    }

    /// Returns the pivot of a time. `None` without a time, and if there are no records.
    async fn find_pivot(&self, time: Option<Timestamp>) -> Result<Option<i64>, StoreError> {
        let Some(time) = time else { return Ok(None) };
        let pivot = self.read_optional(PIVOT, &[&ceil_second(time)]).await?;
        pivot.map_or(Ok(None), |row| Columns(&row).optional_integer("pivot"))
    }
}

fn parameter(value: &Value) -> &(dyn ToSql + Sync) {
    match value {
        Value::Integer(value) => value,
        Value::Text(value) => value,
    }
}

pub(super) use record_columns;
