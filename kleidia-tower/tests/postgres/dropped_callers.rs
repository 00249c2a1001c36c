//! Callers that are gone while their statements wait for a lock, and background work meanwhile.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use kleidia_tower::account::{Account, AccountStore as _};
use kleidia_tower::audit::{AuditStore as _, EventKind, Outcome};
use kleidia_tower::session::{EndReason, SessionLookup, SessionSelector, SessionStore as _};
use kleidia_tower::store::{PostgresOptions, PostgresStore, PurgeStore as _, Retention};
use test_servers::PostgresServer;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls};

use crate::numbered::{NOW, at, audit_key, create, log_in};

/// A quarter of them is for reads alone, and one for background work.
const CONNECTIONS: u32 = 8;
const WRITERS: i64 = 5;

/// Far more than what is tested needs, and less than the timeouts of the store.
const DEADLINE: Duration = Duration::from_secs(20);

/// A store with an account, on which another connection holds a lock.
struct Locked {
    store: Arc<PostgresStore>,
    alice: Arc<Account>,
    url: String,
    holder: Client,
    /// In a transaction, the server would show the same activity each time.
    observer: Client,
}

impl Locked {
    async fn new(url: String, options: PostgresOptions) -> Self {
        let long = Duration::from_secs(120);
        let options = options.with_max_connections(CONNECTIONS).unwrap();
        let options = options.with_connection_timeout(long).unwrap();
        let options = options.with_statement_timeout(long).unwrap();
        let options = options.with_lock_timeout(long).unwrap();
        let store = PostgresStore::open_with(&url, audit_key(), options).await.unwrap();
        let alice = create(&store, "alice").await;
        let url = url.split('?').next().unwrap().to_owned();
        let (holder, observer) = (connect(&url).await, connect(&url).await);
        holder.batch_execute("BEGIN; SELECT FROM accounts FOR UPDATE").await.unwrap();
        Self { store: Arc::new(store), alice, url, holder, observer }
    }

    /// Starts operations that wait for the lock, or for a connection.
    async fn write(&self, count: u32) -> JoinSet<()> {
        let mut writing = JoinSet::new();
        let all = SessionSelector::All { user: self.alice.id };
        for _ in 0..count {
            let store = Arc::clone(&self.store);
            writing.spawn(async move {
                drop(store.end_sessions(all, EndReason::Revoked, &at(1)).await.unwrap());
            });
        }
        self.wait_for_waiting(WRITERS).await;
        writing
    }

    /// Waits until so many statements wait for a lock.
    async fn wait_for_waiting(&self, expected: i64) {
        let waiting = async {
            while self.count("wait_event_type = 'Lock'").await != expected {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.unwrap();
    }

    /// Counts connections of the store.
    async fn count(&self, condition: &str) -> i64 {
        let count = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name = 'kleidia' AND {condition}"
        );
        self.observer.query_one(&count, &[]).await.unwrap().get(0)
    }

    /// Drops waiting callers, and checks that others can use their connections.
    async fn check_dropped(&self) {
        let mut writing = self.write(2 * CONNECTIONS).await;
        writing.shutdown().await;
        let read = || self.store.account(self.alice.id);
        let reads = join_all((0..4 * CONNECTIONS).map(|_| read()));
        let found = tokio::time::timeout(DEADLINE, reads).await.expect("reads do not wait");
        assert!(found.into_iter().all(|found| found.unwrap().as_ref() == Some(&self.alice)));
        self.wait_for_waiting(0).await;
        // All permits are there again.
        let mut writing = self.write(u32::try_from(WRITERS).unwrap()).await;
        writing.shutdown().await;
        self.wait_for_waiting(0).await;
        self.holder.batch_execute("ROLLBACK").await.unwrap();
        let all = SessionSelector::All { user: self.alice.id };
        let ends = (0..2 * CONNECTIONS).map(async |_| {
            drop(self.store.end_sessions(all, EndReason::Revoked, &at(1)).await.unwrap());
        });
        tokio::time::timeout(DEADLINE, join_all(ends)).await.expect("writes do not wait");
        let open = self.count("TRUE").await;
        assert!(open <= i64::from(CONNECTIONS), "{open} connections");
        assert_eq!(self.count("state LIKE 'idle in transaction%'").await, 0);
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_callers_leave_no_statement_that_waits_for_a_lock() {
    let url = PostgresServer::shared().create_database();
    Locked::new(url, PostgresOptions::default()).await.check_dropped().await;
}

/// The statement is cancelled over TLS, too.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_callers_leave_no_statement_with_tls() {
    let server = PostgresServer::start_with_tls(&["fsync=off"]);
    let url = format!("{}?sslmode=require", server.create_database());
    let options = PostgresOptions::default().with_root_certificates(server.root_certificate());
    Locked::new(url, options).await.check_dropped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_reader_leaves_no_statement_that_waits_for_a_lock() {
    let url = PostgresServer::shared().create_database();
    let locked = Locked::new(url, PostgresOptions::default()).await;
    let other = connect(&locked.url).await;
    other.batch_execute("BEGIN; LOCK TABLE refresh_tokens").await.unwrap();
    let mut reading = JoinSet::new();
    for number in 0..CONNECTIONS {
        let store = Arc::clone(&locked.store);
        reading.spawn(async move {
            let token = crate::numbered::refresh_token(number);
            drop(store.check_refresh_token(&token, Duration::from_secs(1), NOW).await);
        });
    }
    // All but the reserved connection.
    locked.wait_for_waiting(i64::from(CONNECTIONS) - 1).await;
    reading.shutdown().await;
    let found = tokio::time::timeout(DEADLINE, locked.store.account(locked.alice.id)).await;
    assert_eq!(found.expect("reads do not wait").unwrap().as_ref(), Some(&locked.alice));
    locked.wait_for_waiting(0).await;
}

/// Nothing of it waits for the connections of clients, which all wait for a lock.
#[tokio::test(flavor = "multi_thread")]
async fn background_work_does_not_wait_for_clients() {
    let url = PostgresServer::shared().create_database();
    let locked = Locked::new(url, PostgresOptions::default()).await;
    let store = &locked.store;
    let mut writing = locked.write(3 * CONNECTIONS).await;
    let other = connect(&locked.url).await;
    other.batch_execute("BEGIN; LOCK TABLE refresh_tokens").await.unwrap();
    let mut reading = JoinSet::new();
    for number in 0..3 * CONNECTIONS {
        let store = Arc::clone(store);
        reading.spawn(async move {
            let token = crate::numbered::refresh_token(number);
            drop(store.check_refresh_token(&token, Duration::from_secs(1), NOW).await);
        });
    }
    locked.wait_for_waiting(i64::from(CONNECTIONS) - 1).await;
    let working = async {
        let denial = at(0).event(EventKind::PermissionDenied, Outcome::Failure, None);
        let records = store.append_in_background(vec![denial]).await.unwrap();
        let sealed = store.seal().await.unwrap().unwrap();
        store.touch(&[]).await.unwrap();
        (records.len(), sealed.size())
    };
    let (appended, sealed) =
        tokio::time::timeout(DEADLINE, working).await.expect("background work does not wait");
    // With the creation of the account.
    assert_eq!((appended, sealed), (1, 2));
    other.batch_execute("ROLLBACK").await.unwrap();
    while let Some(read) = reading.join_next().await {
        read.unwrap();
    }
    let retention = Retention::default();
    let purged = store.purge(NOW, &retention, 10);
    let purged = tokio::time::timeout(DEADLINE, purged).await.expect("the purge does not wait");
    assert_eq!(purged.unwrap(), 0);
    locked.holder.batch_execute("ROLLBACK").await.unwrap();
    while let Some(written) = writing.join_next().await {
        written.unwrap();
    }
}

/// They have no connection of their own, and no limit.
#[tokio::test(flavor = "multi_thread")]
async fn background_work_shares_a_single_connection() {
    let url = PostgresServer::shared().create_database();
    let options = PostgresOptions::default().with_max_connections(1).unwrap();
    let store = PostgresStore::open_with(&url, audit_key(), options).await.unwrap();
    let alice = create(&store, "alice").await;
    let all = SessionSelector::All { user: alice.id };
    let ends = join_all((0..50).map(async |_| {
        drop(store.end_sessions(all, EndReason::Revoked, &at(1)).await.unwrap());
    }));
    let working = join_all((0..50).map(async |_| {
        store.touch(&[]).await.unwrap();
        store.seal().await.unwrap();
    }));
    tokio::join!(ends, working);
    let session = log_in(&store, &alice, 1).await.session;
    assert!(store.session(SessionLookup::Id(session.id)).await.unwrap().is_some());
    store.purge(NOW, &Retention::default(), 10).await.unwrap();
}
