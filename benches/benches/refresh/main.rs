//! Refreshes and lookups of sessions per second on PostgreSQL, compared with `pgbench` that runs
//! the same statements with as many clients.
//!
//! Starts its own PostgreSQL with the default settings, so each commit waits for the disk. 32
//! clients refresh sessions of 32 users. All are measured alternately. The library also seals the
//! audit log meanwhile, which pgbench does not.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

#[path = "../people/mod.rs"]
mod people;
#[path = "../pgbench/mod.rs"]
mod pgbench;

use std::time::Duration;

use benches::Target::AtLeast;
use benches::{Comparison, median, rounds};
use kleidia_tower::SessionId;
use kleidia_tower::session::{SessionLookup, SessionStore as _};
use secrecy::SecretString;
use test_servers::PostgresServer;
use tokio::runtime::Runtime;

use crate::people::{People, rate, repeat};
use crate::pgbench::statements::OPERATIONS;
use crate::pgbench::{CLIENTS, Pgbench, records, statements};

const REFRESH: &str = include_str!("refresh.sql");
const LOOKUP: &str = include_str!("lookup.sql");

/// The time for which one is measured before the other.
const SLICE: Duration = Duration::from_secs(4);

const ROWS: &str = "
    INSERT INTO families (\"user\") SELECT id FROM accounts ORDER BY id;
    INSERT INTO sessions (\"user\", family, token, ip, created_at, authenticated_at,
        last_seen_at, expires_at) SELECT id, id, sha256(id::text::bytea), '127.0.0.1',
        1800000000, 1800000000, 1800000000, 1800000600 FROM accounts ORDER BY id;";

/// A client, which has a session.
#[derive(Clone)]
struct Client {
    people: People,
    session: SessionId,
    token: SecretString,
}

fn main() {
    let server = PostgresServer::start(&["shared_preload_libraries=pg_stat_statements"]);
    let runtime = Runtime::new().expect("a runtime");
    let url = server.create_database();
    let database = url.rsplit('/').next().expect("a database");
    let mut clients = runtime.block_on(log_in(&url));
    let mut pgbench = runtime.block_on(Pgbench::new(&server, ROWS, tokens_of_run));
    let client = clients[0].clone();
    let once = || drop(runtime.block_on(repeat(client, OPERATIONS, Client::look_up)));
    statements::check_same(&server, database, once, &mut pgbench, LOOKUP);
    let client = clients[0].clone();
    let once = || clients[0] = runtime.block_on(repeat(client, OPERATIONS, Client::refresh));
    statements::check_same(&server, database, once, &mut pgbench, REFRESH);
    let before = (records(&server, database), pgbench.records());
    let [mut refreshes, mut bare_refreshes] = [const { Vec::new() }; 2];
    let [mut lookups, mut bare_lookups] = [const { Vec::new() }; 2];
    for _ in 0..rounds(11) {
        refreshes.push(runtime.block_on(rate(&mut clients, SLICE, Client::refresh)));
        bare_refreshes.push(pgbench.run(REFRESH, SLICE));
        lookups.push(runtime.block_on(rate(&mut clients, SLICE / 2, Client::look_up)));
        bare_lookups.push(pgbench.run(LOOKUP, SLICE / 2));
    }
    let work = (records(&server, database) - before.0, pgbench.records() - before.1);
    println!("refreshes that were recorded: {} and {}", work.0, work.1);
    println!("{}", Comparison::head());
    let refreshes = ("Accounts::refresh, 32 clients", median(refreshes));
    let baseline = ("pgbench with the same statements", median(bare_refreshes));
    println!("{}", Comparison::from_rates(refreshes, baseline, Some(AtLeast(0.8))));
    let lookups = ("PostgresStore::session, 32 clients", median(lookups));
    let baseline = ("pgbench with the same statement", median(bare_lookups));
    println!("{}", Comparison::from_rates(lookups, baseline, None));
}

async fn log_in(url: &str) -> Vec<Client> {
    let people = People::open(url, CLIENTS).await;
    let mut clients = Vec::new();
    for number in 1..=CLIENTS {
        let name = format!("user-{number}");
        people.create(&name).await;
        let tokens = people.log_in(&name, None).await;
        let (session, token) = (tokens.session.session.id, tokens.refresh_token);
        clients.push(Client { people: people.clone(), session, token });
    }
    clients
}

impl Client {
    async fn refresh(self) -> Self {
        let token = self.people.refresh(&self.token).await;
        Self { token, ..self }
    }

    async fn look_up(self) -> Self {
        let found = self.people.store.session(SessionLookup::Id(self.session)).await;
        assert!(found.expect("a result").is_some());
        self
    }
}

/// Each run of pgbench starts with tokens of its own.
fn tokens_of_run(run: u32) -> String {
    format!(
        "INSERT INTO refresh_tokens (digest, family, session, expires_at) \
         SELECT ((id - 1 + 100 * {run}) * 1000000000000)::text::bytea, id, id, 1900000000 \
         FROM generate_series(1, {CLIENTS}::bigint) AS id;"
    )
}
