//! Audit queries on a large log: they read little more than they return.

use std::time::Duration;

use kleidia_tower::audit::{AuditQuery, AuditStore as _, EventKind, Outcome};
use kleidia_tower::store::{PostgresOptions, PostgresStore};
use kleidia_tower::{Timestamp, UserId};
use test_servers::PostgresServer;

use crate::numbered::audit_key;

/// One of 100 is a failed login, one of 10,000 a logout. The first users have as many each as the others
/// have together, and are the actors of some.
const RECORDS: &str = "
    INSERT INTO audit (sequence, at, kind, outcome, user_id, user_name, actor_id, actor_name, user_agent, mac)
        SELECT id, 10 * id + id * 7919 % 30,
            CASE WHEN id % 100 = 1 THEN 'login.failure' WHEN id % 10000 = 2 THEN 'logout'
                ELSE 'token.refresh' END,
            CASE WHEN id % 100 = 1 THEN 'failure' ELSE 'success' END,
            CASE WHEN id % 2 = 0 THEN id % 4 ELSE id % 1000 END,
            'user' || CASE WHEN id % 2 = 0 THEN id % 4 ELSE id % 1000 END,
            CASE WHEN id % 50 = 7 THEN 0 END, CASE WHEN id % 50 = 7 THEN 'user0' END, repeat('u', 100), sha256('')
        FROM generate_series(1, 60000) AS id;
    SELECT setval('audit_sequence', 60000);
    VACUUM ANALYZE audit;";

/// Returns the queries, and how many records each may read.
fn queries() -> Vec<(AuditQuery, i64)> {
    let base = || AuditQuery { limit: 50, ..AuditQuery::default() };
    let user = |name: &str| Some(name.to_owned());
    let time = |record: i64| Timestamp::from_second(10 * record).ok();
    let (few, blocks) = (500, 15_000);
    let mut queries = vec![
        (base(), few),
        (AuditQuery { before: Some(1000), ..base() }, few),
        (AuditQuery { user: user("user0"), ..base() }, few),
        (AuditQuery { user: user("user999"), ..base() }, few),
        (AuditQuery { user: user("nobody"), ..base() }, few),
        (AuditQuery { user_id: Some(UserId::new(0)), ..base() }, few),
        (AuditQuery { user_id: Some(UserId::new(999)), ..base() }, few),
        (AuditQuery { user_id: Some(UserId::new(-1)), ..base() }, few),
    ];
    let kinds = [None, Some(EventKind::TokenRefresh), Some(EventKind::KeyReplaced)];
    for kind in kinds {
        for outcome in [None, Some(Outcome::Failure)] {
            queries.push((AuditQuery { kind, outcome, ..base() }, few));
        }
        // Blocks of records, which have the same entry in the index of times.
        for (from, until) in
            [(None, time(600)), (None, time(30_000)), (time(30_000), None), (time(59_990), None)]
        {
            queries.push((AuditQuery { kind, from, until, ..base() }, blocks));
        }
        // The next page of a query for a time.
        for before in [29_000, 500] {
            let (before, until) = (Some(before), time(30_000));
            queries.push((AuditQuery { kind, before, until, ..base() }, blocks));
        }
    }
    queries.push((AuditQuery { user: user("user0"), until: time(30_000), ..base() }, blocks));
    queries
}

#[tokio::test]
async fn queries_read_little_of_a_large_log() {
    let server = PostgresServer::shared();
    let url = server.create_database();
    let name = url.rsplit('/').next().unwrap();
    PostgresStore::open(&url, audit_key()).await.unwrap().close();
    server.execute(name, RECORDS);
    let mut before = rows_read(server, name).await;
    for (query, most) in queries() {
        let options = PostgresOptions::default().with_max_connections(1).unwrap();
        let store = PostgresStore::open_with(&url, audit_key(), options).await.unwrap();
        // Later ones may have a plan for all parameters.
        for _ in 0..7 {
            assert!(store.records(&query).await.unwrap().len() <= query.limit);
        }
        store.close();
        let after = rows_read(server, name).await;
        let read = (after - before) / 7;
        assert!(read <= most, "{query:?} reads {read} records");
        before = after;
    }
}

/// Returns how many records were read. A connection reports them when it is closed.
async fn rows_read(server: &PostgresServer, database: &str) -> i64 {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND pid <> pg_backend_pid()";
    while server.execute(database, others) != "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let read =
        "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'audit'";
    server.execute(database, read).parse().unwrap()
}
