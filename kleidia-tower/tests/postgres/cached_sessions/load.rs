//! What the cache costs the database.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use kleidia_tower::account::{AccountStore as _, AccountUpdate};
use kleidia_tower::session::{
    EndReason, SessionCachingStore, SessionEvent, SessionLookup, SessionSelector, SessionStore as _,
};
use kleidia_tower::store::{PostgresOptions, PostgresStore};
use test_servers::PostgresServer;
use tokio::time::timeout;

use super::Nodes;
use crate::numbered::{at, audit_key, create, log_in, operator};

/// A thousand requests of one session, while the cache is empty, are one query.
#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_session_share_a_query() {
    let nodes = Nodes::new(PostgresServer::shared()).await;
    let session = nodes.log_in(1).await;
    nodes.wait_until_cached(session).await;
    let mut receiver = nodes.there.session_events().unwrap().subscribe();
    // The end of another session of hers invalidates this one.
    let update = AccountUpdate { is_disabled: None, roles: Some([].into()) };
    let updated = nodes.here.update_account(nodes.alice.id, update, &operator(), &at(1)).await;
    updated.unwrap().value.unwrap();
    let is_change = |event| matches!(event, Some(SessionEvent::AccountChanged { .. }));
    while !is_change(receiver.next().await) {}
    let before = nodes.proxy.requests();
    assert!(join_all((0..1000).map(|_| nodes.accepts(session))).await.iter().all(|it| *it));
    let requests = nodes.proxy.requests() - before;
    // A query that is prepared for the first time on its connection is several round trips.
    assert!(requests <= 10, "{requests}");
}

/// With one connection, which a request occupies, the feed still works.
#[tokio::test(flavor = "multi_thread")]
async fn feed_needs_no_connection_of_requests() {
    let url = PostgresServer::shared().create_database();
    let options = PostgresOptions::default().with_max_connections(1).unwrap();
    let options = options.with_lock_timeout(Duration::from_secs(60)).unwrap();
    let options = options.with_statement_timeout(Duration::from_secs(60)).unwrap();
    let store = Arc::new(PostgresStore::open_with(&url, audit_key(), options).await.unwrap());
    let cached = SessionCachingStore::new(Arc::<PostgresStore>::clone(&store));
    let cached = cached.with_max_staleness(Duration::from_secs(60)).unwrap();
    let alice = create(&*store, "alice").await;
    let session = log_in(&*store, &alice, 1).await.session.id;
    let mut receiver = store.session_events().unwrap().subscribe();
    while !matches!(receiver.next().await, Some(SessionEvent::UpToDate { .. })) {}
    assert!(cached.session(SessionLookup::Id(session)).await.unwrap().is_some());

    let (mut other, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let holder = other.transaction().await.unwrap();
    holder.execute("SELECT FROM accounts FOR UPDATE", &[]).await.unwrap();
    let blocked = Arc::clone(&store);
    let all = SessionSelector::All { user: alice.id };
    let blocked =
        tokio::spawn(async move { blocked.end_sessions(all, EndReason::Logout, &at(1)).await });
    for _ in 0..3 {
        let hearing = async {
            while !matches!(receiver.next().await, Some(SessionEvent::UpToDate { .. })) {}
        };
        timeout(Duration::from_secs(60), hearing).await.expect("a heartbeat");
        let found = timeout(Duration::from_secs(30), cached.session(SessionLookup::Id(session)));
        let found = found.await.expect("from the cache").unwrap().unwrap();
        assert!(found.session.end.is_none());
    }
    holder.rollback().await.unwrap();
    drop(blocked.await.unwrap().unwrap());
    drop(other);
    connection.await.unwrap().unwrap();
}
