//! Nodes of earlier schema versions, which go on while nodes are replaced one by one.
//!
//! A transcript has the statements that a node of that version has sent, with their values, and the
//! columns that it has read. Here they are executed on a schema with all migrations, before and after
//! a node of this version works with the same rows.

mod recording;
mod scenario;

use std::time::Duration;

use kleidia_tower::audit::{AuditQuery, AuditStore as _, EventKind};
use kleidia_tower::session::{EndReason, RotationOutcome, SessionSelector, SessionStore as _};
use kleidia_tower::store::{PostgresOptions, PostgresStore};
use test_servers::PostgresServer;
use tokio_postgres::{Client, NoTls};

use crate::numbered::{NOW, at, audit_key, rotation, verified_size};

/// The versions, with their transcripts. A version that the newest migration is not compatible with
/// is removed.
const TRANSCRIPTS: &[(i32, &str)] = &[(2, include_str!("schema_2.sql"))];

const HOUR: Duration = Duration::from_secs(3600);

/// Separates the parts of a transcript. This node works between them.
const BETWEEN: &str = "-- A node of a later version works here.\n";

/// Precedes a statement that returns rows.
const RETURNS: &str = "-- Returns ";

#[tokio::test(flavor = "multi_thread")]
async fn earlier_nodes_work_beside_this_one() {
    for &(version, transcript) in TRANSCRIPTS {
        let url = PostgresServer::shared().create_database();
        // The earlier node seals its records itself.
        let options = PostgresOptions::default().with_seal_interval(HOUR).unwrap();
        let store = PostgresStore::open_with(&url, audit_key(), options).await.unwrap();
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        check_compatible(&client, version).await;
        let (before, after) = transcript.split_once(BETWEEN).unwrap();
        replay(&client, before).await;
        scenario::between(&store).await;
        replay(&client, after).await;
        check_outcome(&store).await;
    }
}

async fn check_compatible(client: &Client, version: i32) {
    let row = client.query_one("SELECT compatible_with FROM kleidia_schema", &[]).await.unwrap();
    let compatible_with: i32 = row.get(0);
    assert!(compatible_with <= version, "remove the transcript of version {version}");
}

/// Executes statements, one a line, and compares the columns that they return.
async fn replay(client: &Client, transcript: &str) {
    let mut columns = "";
    for line in transcript.lines() {
        if let Some(returned) = line.strip_prefix(RETURNS) {
            columns = returned;
            continue;
        }
        if line.starts_with("--") || line.is_empty() {
            continue;
        }
        if columns.is_empty() {
            let executed = client.batch_execute(line).await;
            executed.unwrap_or_else(|error| panic!("{error:?}: {line}"));
            continue;
        }
        let prepared = client.prepare(line).await;
        let prepared = prepared.unwrap_or_else(|error| panic!("{error:?}: {line}"));
        assert_eq!(recording::columns(&prepared), columns, "{line}");
        let executed = client.query(&prepared, &[]).await;
        executed.unwrap_or_else(|error| panic!("{error:?}: {line}"));
        columns = "";
    }
}

/// Checks what an earlier node has changed after this one has worked with the same rows.
async fn check_outcome(store: &PostgresStore) {
    let alice = scenario::account(store, "alice").await;
    let bob = scenario::account(store, "bob").await;
    assert!(bob.is_disabled);
    // Of alice's sessions the last one is left; the earlier node has ended the one of this node.
    let active = store.find_sessions(alice.id, NOW).await.unwrap();
    let tokens: Vec<_> = active.iter().map(|session| session.id).collect();
    assert_eq!(tokens.len(), 1, "{active:?}");
    let refreshed = store.rotate_refresh_token(&rotation(31, 32), &at(40)).await.unwrap();
    assert!(matches!(refreshed.value, RotationOutcome::Rotated { .. }), "{refreshed:?}");
    // A record for each of its changes, which continue the log.
    let size = verified_size(store).await;
    let all = AuditQuery { limit: 1000, ..AuditQuery::default() };
    let records = store.records(&all).await.unwrap();
    assert_eq!(size, u64::try_from(records.len()).unwrap());
    let count = |kind| records.iter().filter(|record| record.kind == kind).count();
    assert_eq!(count(EventKind::Logout), 3, "{records:?}");
    assert_eq!(count(EventKind::LoginSuccess), 6, "{records:?}");
    let all = SessionSelector::All { user: alice.id };
    assert_eq!(store.end_sessions(all, EndReason::Revoked, &at(41)).await.unwrap().value.len(), 1);
}
