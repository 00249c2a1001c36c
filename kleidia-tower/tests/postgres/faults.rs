//! Servers that end, block, or are not those that they should be. Silent ones are in `silence`.

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::Clock as _;
use kleidia_tower::account::AccountStore as _;
use kleidia_tower::session::{EndReason, SessionSelector, SessionStore as _};
use kleidia_tower::store::{OpenError, PostgresOptions, PostgresStore, StoreError};
use test_servers::PostgresServer;
use tokio::task::JoinSet;

use crate::numbered::{at, audit_key, create, log_in};

#[tokio::test(flavor = "multi_thread")]
async fn recovers_after_a_crash_of_the_server() {
    let server = PostgresServer::start(&[]);
    let store = PostgresStore::open(&server.create_database(), audit_key()).await.unwrap();
    let alice = create(&store, "alice").await;
    log_in(&store, &alice, 1).await;
    server.kill();
    let all = SessionSelector::All { user: alice.id };
    let ended = store.end_sessions(all, EndReason::Revoked, &at(1)).await;
    assert!(matches!(ended, Err(StoreError::Unavailable(_))), "{ended:?}");
    server.restart();
    // Acknowledged changes are there, and others are not.
    assert_eq!(store.account(alice.id).await.unwrap(), Some(alice.clone()));
    let ended = store.end_sessions(all, EndReason::Revoked, &at(1)).await.unwrap();
    assert_eq!(ended.value.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn operation_does_not_wait_for_a_lock_for_ever() {
    let server = PostgresServer::shared();
    let url = server.create_database();
    let timeout = Duration::from_millis(200);
    let options = PostgresOptions::default().with_lock_timeout(timeout).unwrap();
    let store = PostgresStore::open_with(&url, audit_key(), options).await.unwrap();
    let alice = create(&store, "alice").await;
    let (mut other, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let holder = other.transaction().await.unwrap();
    holder.execute("SELECT FROM accounts FOR UPDATE", &[]).await.unwrap();
    let all = SessionSelector::All { user: alice.id };
    let ended = store.end_sessions(all, EndReason::Revoked, &at(1)).await;
    assert!(matches!(ended, Err(StoreError::Unavailable(_))), "{ended:?}");
    assert_eq!(store.account(alice.id).await.unwrap(), Some(alice));
    holder.rollback().await.unwrap();
    drop(store.end_sessions(all, EndReason::Revoked, &at(1)).await.unwrap());
    drop(other);
    connection.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn verifies_the_certificate_of_the_server() {
    let server = PostgresServer::start_with_tls(&["fsync=off"]);
    let url = format!("{}?sslmode=require", server.create_database());
    // As an editor may leave it.
    let trusted = server.root_certificate().replace('\n', "\n  ");
    let trusted = format!("\u{feff}{trusted}\nand a comment");
    let trusted = PostgresOptions::default().with_root_certificates(trusted);
    let store = PostgresStore::open_with(&url, audit_key(), trusted.clone()).await.unwrap();
    create(&store, "alice").await;
    // The operating system does not trust it.
    let opened = PostgresStore::open(&url, audit_key()).await;
    assert!(matches!(opened, Err(OpenError::Database(_))), "{opened:?}");
    let other = PostgresServer::start_with_tls(&[]).root_certificate();
    let other = PostgresOptions::default().with_root_certificates(other);
    let opened = PostgresStore::open_with(&url, audit_key(), other).await;
    assert!(matches!(opened, Err(OpenError::Database(_))), "{opened:?}");
    let invalid = trusted.with_root_certificates("no certificate");
    let opened = PostgresStore::open_with(&url, audit_key(), invalid).await;
    assert!(matches!(opened, Err(OpenError::RootCertificates(_))), "{opened:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_is_that_of_the_database() {
    let server = PostgresServer::shared();
    let url = server.create_database();
    let store = PostgresStore::open(&url, audit_key()).await.unwrap();
    let name = url.rsplit('/').next().unwrap();
    let clock = || store.clock().now().unwrap().as_millisecond();
    let before = clock();
    let sql = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)";
    let server_time: i64 = server.execute(name, sql).parse().unwrap();
    let after = clock();
    // Half a round trip may be the error.
    assert!((before - 500..=after + 500).contains(&server_time), "{before} {server_time} {after}");
    store.clock().health().unwrap();
}

/// Connections that wait for a lock do not keep readers out.
#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_for_writes() {
    let url = PostgresServer::shared().create_database();
    let options = PostgresOptions::default().with_max_connections(4).unwrap();
    let long = Duration::from_secs(120);
    let options = options.with_connection_timeout(long).unwrap();
    let options = options.with_lock_timeout(long).unwrap().with_statement_timeout(long).unwrap();
    let store = Arc::new(PostgresStore::open_with(&url, audit_key(), options).await.unwrap());
    let alice = create(&*store, "alice").await;
    let (mut other, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let holder = other.transaction().await.unwrap();
    holder.execute("SELECT FROM accounts FOR UPDATE", &[]).await.unwrap();
    let mut writing = JoinSet::new();
    let all = SessionSelector::All { user: alice.id };
    for _ in 0..1100 {
        let store = Arc::clone(&store);
        writing.spawn(async move { store.end_sessions(all, EndReason::Revoked, &at(1)).await });
    }
    // Beyond those that can wait, operations are rejected at once. Of the 4 connections one is for
    // reads alone, and one for background work.
    for _ in 0..1100 - 1024 - 2 {
        let rejected = writing.join_next().await.unwrap().unwrap();
        assert!(matches!(rejected, Err(StoreError::Busy)), "{rejected:?}");
    }
    assert_eq!(store.account(alice.id).await.unwrap(), Some(alice));
    holder.rollback().await.unwrap();
    for ended in writing.join_all().await {
        drop(ended.unwrap());
    }
    drop(other);
    connection.await.unwrap().unwrap();
}
