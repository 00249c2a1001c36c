//! Migrations while nodes of the previous version work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kleidia_tower::store::PostgresStore;
use test_servers::PostgresServer;
use tokio_postgres::{Client, NoTls};

use crate::numbered::{audit_key, create};

const EARLIER: [&str; 2] = [
    include_str!("../../migrations/postgres/1_initial.sql"),
    include_str!("../../migrations/postgres/2_audit_indexes.sql"),
];

const ACCOUNTS: &str = "INSERT INTO accounts (name, name_digest, roles, created_at, \
    password_changed_at, password_parameters, password, previous_passwords) \
    SELECT 'user' || i, sha256(convert_to('user' || i, 'UTF8')), '', 0, 0, '', '', '' \
    FROM generate_series(1, 20000) i";

/// The lookup of a session. It locks `sessions` before `accounts`.
const LOOKUP: &str = "SELECT count(*) FROM sessions JOIN accounts ON accounts.id = sessions.\"user\" \
    WHERE sessions.id = 1";

/// An operation, which locks an account before it writes to the log.
const OPERATION: &str = "BEGIN; SELECT id FROM accounts WHERE id = 7 FOR NO KEY UPDATE; \
    SELECT pg_sleep(0.02); LOCK TABLE audit IN ROW EXCLUSIVE MODE; COMMIT";

/// An insertion that finds its name in use.
const INSERTION: &str = "INSERT INTO accounts (name, name_digest, roles, created_at, \
    password_changed_at, password_parameters, password, previous_passwords) \
    VALUES ('user9', sha256('user9'), '', 0, 0, '', '', '') ON CONFLICT DO NOTHING";

/// Nodes work, and a backup reads all tables for longer than a migration waits for its lock.
#[tokio::test(flavor = "multi_thread")]
async fn migrates_while_nodes_of_the_previous_version_work() {
    let server = PostgresServer::shared();
    let url = server.create_database();
    let name = url.rsplit('/').next().unwrap();
    for statement in EARLIER.into_iter().chain([ACCOUNTS]) {
        server.execute(name, statement);
    }
    let ended = Arc::new(AtomicBool::new(false));
    let mut nodes = Vec::new();
    for statement in [LOOKUP, OPERATION, INSERTION, LOOKUP, OPERATION] {
        nodes.push(tokio::spawn(repeat(connect(&url).await, statement, Arc::clone(&ended))));
    }
    let backup = connect(&url).await;
    backup
        .batch_execute("BEGIN; LOCK accounts, sessions, audit IN ACCESS SHARE MODE")
        .await
        .unwrap();
    let read = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        backup.batch_execute("COMMIT").await.unwrap();
    });
    let store = PostgresStore::open(&url, audit_key()).await;
    ended.store(true, Ordering::SeqCst);
    read.await.unwrap();
    for node in nodes {
        assert!(node.await.unwrap() > 0);
    }
    let store = store.unwrap();
    create(&store, "alice").await;
    let names = "SELECT count(*) FROM accounts JOIN account_names USING (name_digest) \
        WHERE \"user\" = id";
    assert_eq!(server.execute(name, names), "20001");
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    #[expect(clippy::disallowed_methods, reason = "ends with the client")]
    tokio::spawn(connection);
    // As nodes have it by default.
    client.batch_execute("SET lock_timeout = '5s'").await.unwrap();
    client
}

/// Returns how often the statement succeeded. No error is expected.
async fn repeat(client: Client, statement: &'static str, ended: Arc<AtomicBool>) -> u64 {
    let mut count = 0;
    while !ended.load(Ordering::SeqCst) {
        client.batch_execute(statement).await.unwrap();
        count += 1;
    }
    count
}
