//! Processes that are killed at random times under a mixed load: no acknowledged write is lost, no
//! revoked session or token is valid again, and every change has its event.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod ack_log;
mod child;
mod database;
#[path = "../support/numbered.rs"]
mod numbered;
mod operation;
mod postgres;
mod sqlite;
mod user_state;

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ack_log::AckLog;
use database::Database;
use numbered::create;

const USERS: u32 = 6;
/// The variable with the location of the child's database.
const DATABASE: &str = "KLEIDIA_TEST_KILL_DATABASE";
/// The first unused token number.
const FIRST_TOKEN: &str = "KLEIDIA_TEST_KILL_TOKENS";
/// How many token numbers a round may use.
const TOKENS_PER_ROUND: u32 = 100_000;

/// Starts a load in each round, and ends it with `kill` shortly after some operations were
/// acknowledged. `kill` returns when nothing that the load has started continues.
async fn check_rounds(location: &str, rounds: u32, kill: impl Fn(&mut Child)) {
    let database = Database::open(location).await;
    for number in 0..USERS {
        create(&*database.store(), &format!("user{number}")).await;
    }
    let mut ack_log = AckLog::new(&*database.store()).await;
    database.close().await;
    let mut killed_while_pending = 0;
    for round in 1..=rounds {
        let first_token = round * TOKENS_PER_ROUND;
        let child = start(location, first_token);
        for line in lines_until_killed(child, fastrand::usize(1..80), &kill) {
            ack_log.read_line(&line);
        }
        killed_while_pending += u32::from(ack_log.has_pending());
        let database = Database::open(location).await;
        ack_log.check(&*database.store(), first_token + TOKENS_PER_ROUND / 2).await;
        database.close().await;
    }
    let acknowledged = ack_log.acknowledged;
    assert!(acknowledged > rounds * 10, "only {acknowledged} operations");
    assert!(killed_while_pending > rounds / 2, "{killed_while_pending} during an operation");
    let database = Database::open(location).await;
    ack_log.check_all_revoked(&*database.store()).await;
    database.close().await;
}

/// Kills a process while it creates the schema, and then uses the database.
async fn check_creation(location: &str) {
    let mut child = start(location, 0);
    tokio::time::sleep(Duration::from_micros(fastrand::u64(0..60_000))).await;
    kill(&mut child);
    child.wait().unwrap();
    let database = Database::open(location).await;
    create(&*database.store(), "alice").await;
    database.close().await;
}

fn start(location: &str, first_token: u32) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["child::mixed_load", "--exact", "--ignored", "--nocapture"])
        .env(DATABASE, location)
        .env(FIRST_TOKEN, first_token.to_string())
        // The child exits when this process closes the pipe.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns the output of the child until it has ended.
fn lines_until_killed(
    mut child: Child,
    acknowledged: usize,
    kill: impl Fn(&mut Child),
) -> Vec<String> {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut output = Vec::new();
    let mut count = 0;
    while count < acknowledged {
        let Some(line) = lines.next() else { panic!("the child exited: {}", output.join("\n")) };
        assert!(!line.starts_with("failed"), "{line}");
        count += usize::from(line.starts_with("done"));
        output.push(line);
    }
    std::thread::sleep(Duration::from_micros(fastrand::u64(0..5_000)));
    kill(&mut child);
    output.extend(lines);
    child.wait().unwrap();
    let has_panicked = output.iter().any(|line| line.contains("panicked at"));
    assert!(!has_panicked, "{}", output.join("\n"));
    output
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
}
