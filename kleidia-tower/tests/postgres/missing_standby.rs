//! Commits that wait for a synchronous standby which is missing.

use std::time::Duration;

use kleidia_tower::account::{AccountLookup, AccountStore as _};
use kleidia_tower::session::{EndReason, SessionSelector, SessionStore as _};
use kleidia_tower::store::{PostgresOptions, PostgresStore, StoreError};
use test_servers::PostgresServer;
use tokio::time::timeout;

use crate::numbered::{at, audit_key, create};

const CONNECTIONS: u32 = 4;

/// Far more than the timeouts of the store.
const DEADLINE: Duration = Duration::from_secs(60);

/// A server with a setting that it reads again.
struct Server {
    server: PostgresServer,
    database: String,
}

impl Server {
    fn set_standbys(&self, names: &str) {
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'");
        self.server.execute(&self.database, &set);
        self.server.execute(&self.database, "SELECT pg_reload_conf()");
        while self.server.execute(&self.database, "SHOW synchronous_standby_names") != names {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Counts connections of the store.
    fn count(&self, condition: &str) -> u32 {
        let count = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
             AND application_name = 'kleidia' AND {condition}"
        );
        self.server.execute(&self.database, &count).parse().unwrap()
    }
}

async fn open() -> (Server, PostgresStore) {
    let server = PostgresServer::start(&["fsync=off"]);
    let url = server.create_database();
    let database = url.rsplit('/').next().unwrap().to_owned();
    let short = Duration::from_millis(200);
    let options = PostgresOptions::default().with_max_connections(CONNECTIONS).unwrap();
    let options = options.with_connection_timeout(Duration::from_secs(1)).unwrap();
    let options = options.with_statement_timeout(short).unwrap();
    let options = options.with_lock_timeout(short).unwrap();
    let store = PostgresStore::open_with(&url, audit_key(), options).await.unwrap();
    (Server { server, database }, store)
}

/// The seals of the audit log go on meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn commits_that_wait_for_a_standby_use_no_further_connections() {
    let (server, store) = open().await;
    let alice = create(&store, "alice").await;
    let all = SessionSelector::All { user: alice.id };
    server.set_standbys("missing");
    for round in 0..12 {
        let change = at(round);
        let end = store.end_sessions(all, EndReason::Revoked, &change);
        let ended = timeout(DEADLINE, end).await.expect("it has an end");
        assert!(matches!(ended, Err(StoreError::Unavailable(_))), "{ended:?}");
        // Each waits longer than an operation may take.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let open = server.count("TRUE");
        assert!(open <= CONNECTIONS, "{open} connections");
    }
    assert!(server.count("wait_event = 'SyncRep'") > 0);
    // Reads have connections of their own.
    let read = timeout(DEADLINE, store.account(alice.id)).await.expect("it has an end");
    assert_eq!(read.unwrap(), Some(alice.clone()));
    server.set_standbys("");
    let end = async {
        while let Err(error) = store.end_sessions(all, EndReason::Revoked, &at(20)).await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        }
    };
    timeout(DEADLINE, end).await.expect("the connections are there again");
    assert!(server.count("TRUE") <= CONNECTIONS);
    assert_eq!(server.count("wait_event = 'SyncRep'"), 0);
}

/// A commit is not cancelled if its caller is gone: it would be visible without being on the standby.
#[tokio::test(flavor = "multi_thread")]
async fn commit_of_a_caller_who_is_gone_waits_for_the_standby() {
    let (server, store) = open().await;
    server.set_standbys("missing");
    for number in 0..3 {
        let name = format!("user-{number}");
        drop(timeout(Duration::from_millis(100), create(&store, &name)).await);
    }
    while server.count("wait_event = 'SyncRep'") == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Longer than an operation may take, and than the check whether a standby is missing.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let name = "user-0".parse().unwrap();
    let found = store.account_with_password(AccountLookup::Name(&name)).await.unwrap();
    assert!(found.is_none(), "it is not visible");
    assert!(server.count("TRUE") <= CONNECTIONS);
    server.set_standbys("");
    let visible = async {
        while store.account_with_password(AccountLookup::Name(&name)).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, visible).await.expect("it is committed");
}
