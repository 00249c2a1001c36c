//! The statements that read audit records.

use tokio_postgres::types::{ToSql, Type};

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
        let found = self.read_once(&sql, &values).await?;
        found.iter().map(|row| Columns(row).record()).collect()
    }

    /// Returns the pivot of a time. `None` without a time, and if there are no records.
    async fn find_pivot(&self, time: Option<Timestamp>) -> Result<Option<i64>, StoreError> {
        let Some(time) = time else { return Ok(None) };
        let pivot = self.read_optional(PIVOT, &[&ceil_second(time)]).await?;
        pivot.map_or(Ok(None), |row| Columns(&row).optional_integer("pivot"))
    }
}

fn parameter(value: &Value) -> (&(dyn ToSql + Sync), Type) {
    match value {
        Value::Integer(value) => (value, Type::INT8),
        Value::Text(value) => (value, Type::TEXT),
    }
}

pub(super) use record_columns;

#[cfg(test)]
mod tests {
    use test_servers::PostgresServer;

    use super::*;
    use crate::UserId;
    use crate::audit::{AuditKey, EventKind, LogKey, Outcome};
    use crate::store::PostgresOptions;

    /// A connection keeps each statement that it prepares, and these are thousands.
    #[tokio::test(flavor = "multi_thread")]
    async fn queries_are_not_prepared_for_the_life_of_a_connection() {
        let url = PostgresServer::shared().create_database();
        let key = LogKey::from(AuditKey::generate("tests").unwrap());
        let options = PostgresOptions::default().with_max_connections(1).unwrap();
        let store = PostgresStore::open_with(&url, key, options).await.unwrap();
        let prepared = async || {
            let lease = store.connections().reader().await.unwrap();
            let size = lease.client().unwrap().statement_cache.size();
            lease.release();
            size
        };
        store.find_pivot(Some(Timestamp::UNIX_EPOCH)).await.unwrap();
        let before = prepared().await;
        for kind in EventKind::ALL {
            for outcome in [None, Some(Outcome::Success)] {
                for user in [None, Some("alice".to_owned())] {
                    let user_id = user.is_some().then(|| UserId::new(1));
                    let from = user.is_none().then_some(Timestamp::UNIX_EPOCH);
                    let kind = Some(kind);
                    let query =
                        AuditQuery { kind, user, user_id, outcome, from, ..Default::default() };
                    assert!(store.find_records(&query).await.unwrap().is_empty());
                }
            }
        }
        assert_eq!(prepared().await, before);
    }
}
