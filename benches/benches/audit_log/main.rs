//! The throughput of refreshes on PostgreSQL, which the audit log records and seals, compared with
//! the same transactions without records, and with their bare statements.
//!
//! Starts its own server. 32 clients refresh, each its own session, over as many connections.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "prints figures or panics"
)]

#[path = "../../../kleidia-tower/tests/support/numbered.rs"]
mod numbered;
mod unrecorded;

use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::Target::AtMost;
use benches::{Comparison, medians, rounds};
use deadpool_postgres::{Manager, Pool, Transaction};
use kleidia_tower::audit::AuditStore as _;
use kleidia_tower::session::{RotationOutcome, SessionStore};
use kleidia_tower::store::PostgresStore;
use numbered::{NOW, at, audit_key, create, log_in, refresh_token, rotation};
use test_servers::PostgresServer;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};

use crate::unrecorded::Unrecorded;

const CLIENTS: u32 = 32;
/// The refreshes of each client in a round.
const REFRESHES: u32 = 25;
/// As `PostgresOptions` has them: all connections, and those that may write for clients.
const CONNECTIONS: usize = 16;
const WRITERS: usize = 11;

type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The connections of the baseline.
struct Bare {
    pool: Pool,
    writers: Semaphore,
}

fn main() {
    let runtime = Runtime::new().expect("a runtime");
    println!("{CLIENTS} clients; the times are for one refresh");
    println!("{}", Comparison::head());
    for (settings, name) in
        [(&[][..], "durable"), (&["fsync=off", "synchronous_commit=off"], "not durable")]
    {
        let server = PostgresServer::start(settings);
        let (store, unrecorded, bare) = runtime.block_on(prepare(&server));
        let [mut recorded, mut not_recorded, mut bare_refreshes] = [0; 3];
        // With the time until the last record is sealed, so that nothing is left to the other's
        // round.
        let mut with_log = || {
            let refreshing = round(&runtime, &mut recorded, &store, refresh);
            let start = Instant::now();
            runtime.block_on(store.seal()).expect("a checkpoint");
            refreshing + start.elapsed()
        };
        let mut without_log = || round(&runtime, &mut not_recorded, &unrecorded, refresh);
        let mut bare = || round(&runtime, &mut bare_refreshes, &bare, refresh_bare);
        let mut subjects: [&mut dyn FnMut() -> Duration; 3] =
            [&mut with_log, &mut without_log, &mut bare];
        let [recorded_time, unrecorded_time, bare_time] =
            medians(rounds(41), &mut subjects).map(|round| round / (CLIENTS * REFRESHES));
        // A throughput of at least 0.85, where a commit waits for the disk.
        let target = (name == "durable").then_some(AtMost(1.0 / 0.85));
        let subject = format!("PostgresStore, sealing, {name}");
        let baseline = ("the same transactions without records", unrecorded_time);
        println!("{}", Comparison::from_times((&subject, recorded_time), baseline, target));
        let baseline = ("their bare statements without records", bare_time);
        println!("{}", Comparison::from_times((&subject, recorded_time), baseline, None));
        runtime.block_on(check(&store));
    }
}

/// Creates three databases, each with the clients' sessions.
async fn prepare(server: &PostgresServer) -> (Arc<PostgresStore>, Arc<Unrecorded>, Arc<Bare>) {
    let store = open(&server.create_database()).await;
    let unrecorded = Unrecorded(open(&server.create_database()).await);
    let url = server.create_database();
    open(&url).await.close();
    let manager = Manager::new(url.parse().expect("a URL"), NoTls);
    let pool = Pool::builder(manager).max_size(CONNECTIONS).build().expect("a pool");
    let bare = Bare { pool, writers: Semaphore::new(WRITERS) };
    (Arc::new(store), Arc::new(unrecorded), Arc::new(bare))
}

async fn open(url: &str) -> PostgresStore {
    let store = PostgresStore::open(url, audit_key()).await.expect("the database opens");
    for client in 0..CLIENTS {
        let account = create(&store, &format!("user{client}")).await;
        log_in(&store, &account, token(client, 0)).await;
    }
    store
}

/// Checks that all records are sealed.
async fn check(store: &PostgresStore) {
    let started = Instant::now();
    let sealed = store.seal().await.expect("a result").expect("a checkpoint");
    println!("sealed the last of {} records in {:?}", sealed.size(), started.elapsed());
    let verification = store.verify(None).await.expect("a result");
    assert!(verification.is_intact(), "{:?}", verification.faults());
}

/// The number of a client's token after so many refreshes.
const fn token(client: u32, refreshes: u32) -> u32 {
    client * 10_000_000 + refreshes
}

/// Runs the refreshes of a round, all clients at the same time.
fn round<S: Send + Sync + 'static, F: Future<Output = ()> + Send + 'static>(
    runtime: &Runtime,
    refreshes: &mut u32,
    subject: &Arc<S>,
    refresh: fn(Arc<S>, u32, u32) -> F,
) -> Duration {
    let first = *refreshes;
    *refreshes += REFRESHES;
    runtime.block_on(async {
        let start = Instant::now();
        let clients = (0..CLIENTS).map(|client| {
            let subject = Arc::clone(subject);
            tokio::spawn(async move {
                for number in first..first + REFRESHES {
                    let tokens = (token(client, number), token(client, number + 1));
                    refresh(Arc::clone(&subject), tokens.0, tokens.1).await;
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.expect("no panic");
        }
        start.elapsed()
    })
}

async fn refresh<S: SessionStore>(store: Arc<S>, presented: u32, successor: u32) {
    let rotated = store.rotate_refresh_token(&rotation(presented, successor), &at(0)).await;
    let rotated = rotated.expect("a result").value;
    assert!(matches!(rotated, RotationOutcome::Rotated { .. }), "{rotated:?}");
}

/// The statements of the same operation, without those of the audit log.
async fn refresh_bare(bare: Arc<Bare>, presented: u32, successor: u32) {
    let (presented, successor) = (refresh_token(presented).0, refresh_token(successor).0);
    let (presented, successor) = (presented.as_slice(), successor.as_slice());
    let _permit = bare.writers.acquire().await.expect("a permit");
    let mut client = bare.pool.get().await.expect("a connection");
    let transaction = client.build_transaction();
    let isolation = tokio_postgres::IsolationLevel::ReadCommitted;
    let transaction = transaction.isolation_level(isolation).start().await.expect("a transaction");
    let user: i64 = one(
        &transaction,
        "SELECT \"user\" FROM refresh_tokens JOIN families ON families.id = family \
         WHERE digest = $1",
        &[&presented],
    )
    .await
    .get(0);
    one(
        &transaction,
        "SELECT id AS account, name, roles, is_disabled, must_change_password, is_erased, \
         created_at AS account_created_at, password_changed_at, password, previous_passwords FROM accounts WHERE id = $1 \
         FOR NO KEY UPDATE",
        &[&user],
    )
    .await;
    let row = one(
        &transaction,
        "SELECT digest, family, session, refresh_tokens.expires_at, consumed_at, successor, \
         wrapped, is_revoked FROM refresh_tokens JOIN families ON families.id = family \
         WHERE digest = $1 FOR NO KEY UPDATE OF refresh_tokens",
        &[&presented],
    )
    .await;
    let (family, session): (i64, i64) = (row.get(1), row.get(2));
    one(
        &transaction,
        "SELECT id, \"user\", family, ip, user_agent, created_at, authenticated_at, last_seen_at, \
         expires_at, ended_at, end_reason, agent_key, methods FROM sessions WHERE id = $1",
        &[&session],
    )
    .await;
    let (now, expires_at) = (NOW.as_second(), NOW.as_second() + 7 * 24 * 3600);
    execute(
        &transaction,
        "UPDATE sessions SET expires_at = greatest(expires_at, $1), \
         last_seen_at = greatest(last_seen_at, $2) WHERE id = $3 AND ended_at IS NULL",
        &[&(now + 3600), &now, &session],
    )
    .await;
    execute(
        &transaction,
        "UPDATE refresh_tokens SET consumed_at = $1, successor = $2, wrapped = $3 \
         WHERE digest = $4 AND consumed_at IS NULL",
        &[&now, &successor, &[7_u8; 32].as_slice(), &presented],
    )
    .await;
    execute(
        &transaction,
        "WITH inserted AS (INSERT INTO refresh_tokens (digest, family, session, expires_at) \
             VALUES ($1, $2, $3, $4)) \
         UPDATE families SET expires_at = $4 WHERE id = $2 AND expires_at < $4",
        &[&successor, &family, &session, &expires_at],
    )
    .await;
    transaction.commit().await.expect("a commit");
}

async fn one(transaction: &Transaction<'_>, sql: &str, parameters: Parameters<'_>) -> Row {
    let statement = transaction.prepare_cached(sql).await.expect("a statement");
    transaction.query_one(&statement, parameters).await.expect("a row")
}

async fn execute(transaction: &Transaction<'_>, sql: &str, parameters: Parameters<'_>) {
    let statement = transaction.prepare_cached(sql).await.expect("a statement");
    transaction.execute(&statement, parameters).await.expect("a change");
}
