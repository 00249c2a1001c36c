//! Logins per second on PostgreSQL, compared with `pgbench` that runs the same statements with as
//! many clients, and with the evaluation of their passwords.
//!
//! Starts its own PostgreSQL with the default settings, so each commit waits for the disk. 32
//! clients log in with familiar devices as eight users each, whose passwords are hashed at the
//! lowest cost. All are measured alternately. The library also seals the audit log meanwhile,
//! which pgbench does not.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

mod argon2id;
#[path = "../people/mod.rs"]
mod people;
#[path = "../pgbench/mod.rs"]
mod pgbench;

use std::sync::Arc;
use std::time::Duration;

use benches::Target::AtLeast;
use benches::{Comparison, median, rounds};
use secrecy::SecretString;
use test_servers::PostgresServer;
use tokio::runtime::Runtime;

use crate::people::{People, rate, repeat};
use crate::pgbench::statements::OPERATIONS;
use crate::pgbench::{CLIENTS, Pgbench, USERS, records, statements};

const LOGIN: &str = include_str!("login.sql");

/// The time for which one is measured before the other.
const SLICE: Duration = Duration::from_secs(4);

/// The familiar device and address of each account.
const ROWS: &str = "
    INSERT INTO failures (name_digest, source, succeeded_at)
        SELECT name_digest, source, 1800000000
        FROM accounts, unnest(ARRAY['', 'device:1', '127.0.0.1']) AS source;";

/// A client, which logs in as one of its users after the other.
#[derive(Clone)]
struct Client {
    people: People,
    users: Arc<[(String, SecretString)]>,
    next: usize,
}

fn main() {
    let server = PostgresServer::start(&["shared_preload_libraries=pg_stat_statements"]);
    let runtime = Runtime::new().expect("a runtime");
    let url = server.create_database();
    let database = url.rsplit('/').next().expect("a database");
    let mut clients = runtime.block_on(clients(&url));
    let mut pgbench = runtime.block_on(Pgbench::new(&server, ROWS, |_| String::new()));
    let client = clients[0].clone();
    let once = || drop(runtime.block_on(repeat(client, OPERATIONS, Client::log_in)));
    statements::check_same(&server, database, once, &mut pgbench, LOGIN);
    let before = (records(&server, database), pgbench.records());
    let (mut logins, mut baseline, mut evaluations) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds(11) {
        logins.push(runtime.block_on(rate(&mut clients, SLICE, Client::log_in)));
        baseline.push(pgbench.run(LOGIN, SLICE));
        evaluations.push(argon2id::rate(SLICE / 4));
    }
    let work = (records(&server, database) - before.0, pgbench.records() - before.1);
    println!("logins that were recorded, by two records each: {} and {}", work.0 / 2, work.1 / 2);
    let (logins, baseline, evaluations) = (median(logins), median(baseline), median(evaluations));
    // Both use all processors.
    let both = (baseline.recip() + evaluations.recip()).recip();
    println!("{}", Comparison::head());
    let login = ("Accounts::log_in, 32 clients", logins);
    let target = Some(AtLeast(0.8));
    println!("{}", Comparison::from_rates(login, ("pgbench, then Argon2id", both), target));
    println!(
        "{}",
        Comparison::from_rates(login, ("pgbench with the same statements", baseline), None)
    );
    println!("{}", Comparison::from_rates(login, ("Argon2id", evaluations), None));
}

async fn clients(url: &str) -> Vec<Client> {
    let people = People::open(url, CLIENTS).await;
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let mut users = Vec::new();
        for user in 0..USERS {
            let name = format!("user-{}", client * USERS + user);
            people.create(&name).await;
            let device = people.log_in(&name, None).await.device_token.expect("a new device");
            users.push((name, device));
        }
        clients.push(Client { people: people.clone(), users: users.into(), next: 0 });
    }
    clients
}

impl Client {
    async fn log_in(self) -> Self {
        let (name, device) = &self.users[self.next % self.users.len()];
        self.people.log_in(name, Some(device.clone())).await;
        Self { next: self.next + 1, ..self }
    }
}
