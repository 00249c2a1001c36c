//! A process that is killed at random times under a mixed load: no acknowledged write is lost, no
//! revoked session or token is valid again, and every change has its event.

mod ack_log;
mod child;
mod operation;
mod user_state;

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kleidia_tower::store::SqliteStore;

use crate::fixture::{TempDatabase, create};
use ack_log::AckLog;

const ROUNDS: u32 = 50;
const USERS: i64 = 6;
const PATH: &str = "KLEIDIA_TEST_KILL_DATABASE";
/// The first unused token number.
const FIRST_TOKEN: &str = "KLEIDIA_TEST_KILL_TOKENS";
/// How many token numbers a round may use.
const TOKENS_PER_ROUND: u32 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn killed_process_loses_no_write_and_restores_no_session() {
    let database = TempDatabase::new();
    let store = database.open().await;
    for number in 0..USERS {
        create(&store, &format!("user{number}")).await;
    }
    let mut ack_log = AckLog::new(&store).await;
    store.close().await;
    let mut killed_while_pending = 0;
    for round in 1..=ROUNDS {
        let first_token = round * TOKENS_PER_ROUND;
        let child = start(&database, first_token);
        for line in lines_until_killed(child, fastrand::usize(0..80)) {
            ack_log.read_line(&line);
        }
        killed_while_pending += u32::from(ack_log.has_pending());
        let store = database.open().await;
        ack_log.check(&store, first_token + TOKENS_PER_ROUND / 2).await;
        store.close().await;
    }
    assert!(ack_log.acknowledged > 500, "only {} operations", ack_log.acknowledged);
    assert!(killed_while_pending > ROUNDS / 2, "{killed_while_pending} during an operation");
    ack_log.check_all_revoked(&database.open().await).await;
}

#[tokio::test]
async fn database_is_usable_after_a_kill_during_creation() {
    for _ in 0..10 {
        let database = TempDatabase::new();
        let mut child = start(&database, 0);
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..60_000))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let store = SqliteStore::open(&database.path).await.unwrap();
        create(&store, "alice").await;
    }
}

fn start(database: &TempDatabase, first_token: u32) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["kill::child::mixed_load", "--exact", "--ignored", "--nocapture"])
        .env(PATH, &database.path)
        .env(FIRST_TOKEN, first_token.to_string())
        // The child exits when this process closes the pipe.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child shortly after it acknowledged this many operations, and returns its output.
fn lines_until_killed(mut child: Child, acknowledged: usize) -> Vec<String> {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut output = Vec::new();
    let mut count = 0;
    while count < acknowledged {
        let Some(line) = lines.next() else { panic!("the child exited: {}", output.join("\n")) };
        count += usize::from(line.starts_with("done"));
        output.push(line);
    }
    std::thread::sleep(Duration::from_micros(fastrand::u64(0..5_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    output.extend(lines);
    output
}
