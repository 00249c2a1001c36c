//! Operations on PostgreSQL in a large database, compared with a small one, and logins during the
//! cleanup, compared with those before it.
//!
//! Starts its own PostgreSQL with the default settings, so each commit waits for the disk. The
//! large database has 100,000 sessions and 1,000,000 audit records, or with `-- --full` 1,000,000
//! and 10,000,000, which takes 10 GB; the small one has 1,000 and 10,000.
#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "prints figures or panics"
)]

mod cleanup;
mod operations;
#[path = "../people/mod.rs"]
mod people;

use std::time::Instant;

use benches::{Comparison, is_measured, rounds};
use test_servers::PostgresServer;
use tokio::runtime::Runtime;

use crate::people::People;

/// The rows of a database.
#[derive(Clone, Copy)]
struct Size {
    sessions: u32,
    records: u32,
}

/// A database, and the users in it.
struct Database<'a> {
    server: &'a PostgresServer,
    name: String,
    people: People,
    size: Size,
}

const SMALL: Size = Size { sessions: 1_000, records: 10_000 };
const LARGE: Size = Size { sessions: 100_000, records: 1_000_000 };
const FULL: Size = Size { sessions: 1_000_000, records: 10_000_000 };

fn main() {
    let is_full = std::env::args().any(|argument| argument == "--full");
    let size = match (is_full, is_measured()) {
        (true, _) => FULL,
        (false, true) => LARGE,
        (false, false) => SMALL,
    };
    let server = PostgresServer::start(&[]);
    let runtime = Runtime::new().expect("a runtime");
    let databases = [SMALL, size].map(|size| Database::generate(&server, &runtime, size));
    let mut times = [const { Vec::new() }; 2];
    for round in 0..rounds(31) {
        for (database, times) in databases.iter().zip(&mut times) {
            times.push(runtime.block_on(operations::run(&database.people, database.size, round)));
        }
    }
    let [small, large] = times;
    println!("{}", Comparison::head());
    for comparison in operations::compare(&small, &large) {
        println!("{comparison}");
    }
    let [_, large] = &databases;
    println!("{}", runtime.block_on(cleanup::measure(large)));
}

impl<'a> Database<'a> {
    fn generate(server: &'a PostgresServer, runtime: &Runtime, size: Size) -> Self {
        let start = Instant::now();
        let url = server.create_database();
        let name = url.rsplit('/').next().expect("a database").to_owned();
        let people = runtime.block_on(async {
            let people = People::open(&url, cleanup::CLIENTS).await;
            people.create("user-0").await;
            people
        });
        let database = Self { server, name, people, size };
        database.execute(include_str!("rows.sql"));
        let octets =
            database.execute("SELECT pg_size_pretty(pg_database_size(current_database()))");
        let Size { sessions, records } = size;
        let elapsed = start.elapsed().as_secs();
        println!(
            "{sessions} sessions, {records} audit records: {octets}, generated in {elapsed} s"
        );
        database
    }

    /// Executes statements, and returns what they select.
    fn execute(&self, sql: &str) -> String {
        let Size { sessions, records } = self.size;
        let sql = sql.replace("SESSIONS", &sessions.to_string());
        self.server.execute(&self.name, &sql.replace("RECORDS", &records.to_string()))
    }
}
