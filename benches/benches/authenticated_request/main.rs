//! An authenticated request on SQLite and on PostgreSQL, compared with `axum-login` over the SQL
//! stores of `tower-sessions` on the same database.
//!
//! Both are axum servers over loopback that respond with a short text, each in a process or a
//! runtime of its own, and are measured alternately for a second each. The database has a thousand
//! users who are logged in. Starts its own PostgreSQL, and builds the peer in `benches/peer`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

mod peer;
mod people;

use std::sync::Arc;
use std::time::Duration;

use benches::Target::AtLeast;
use benches::{Comparison, Load, median, rounds};
use kleidia_tower::audit::AuditKey;
use kleidia_tower::store::{PostgresStore, SqliteStore, Store};
use test_servers::PostgresServer;
use tokio::runtime::{Builder, Runtime};

use crate::peer::Peer;

/// The time for which one server is measured before the other.
const SLICE: Duration = Duration::from_secs(1);
/// The threads of the server, as many as the peer's on two processors.
const WORKERS: usize = 2;

fn main() {
    let (servers, clients) = (runtime(), runtime());
    let directory = std::env::temp_dir().join(format!("authenticated-{}", std::process::id()));
    std::fs::create_dir(&directory).expect("a new directory");
    println!("{}", Comparison::head());

    let key = || AuditKey::generate("bench.example").expect("a key");
    let sqlite = servers.block_on(SqliteStore::open(directory.join("people.db"), key()));
    let peer = format!("sqlite:{}", directory.join("peer.db").display());
    compare("SQLite", &servers, &clients, Arc::new(sqlite.expect("a database")), &peer);

    let server = PostgresServer::start(&[]);
    let database = server.create_database();
    let postgres = servers.block_on(PostgresStore::open(&database, key())).expect("a database");
    compare("PostgreSQL", &servers, &clients, Arc::new(postgres), &database);
    std::fs::remove_dir_all(&directory).expect("the directory");
}

fn compare(
    label: &str,
    servers: &Runtime,
    clients: &Runtime,
    store: Arc<dyn Store>,
    database: &str,
) {
    let peer = Peer::start(database);
    let (address, token) = servers.block_on(people::serve(store));
    let ours = Load::new(clients, address, &format!("Authorization: Bearer {token}"));
    let theirs = Load::new(clients, peer.address, &format!("Cookie: {}", peer.cookie));
    let (mut with_layer, mut with_peer) = (Vec::new(), Vec::new());
    for _ in 0..rounds(10) {
        with_layer.push(ours.throughput(SLICE));
        with_peer.push(theirs.throughput(SLICE));
    }
    let comparison = Comparison::from_rates(
        (format!("JwtSessionLayer, {label}"), median(with_layer)),
        (format!("axum-login over tower-sessions, {label}"), median(with_peer)),
        Some(AtLeast(1.0)),
    );
    println!("{comparison}");
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build().expect("a runtime")
}
