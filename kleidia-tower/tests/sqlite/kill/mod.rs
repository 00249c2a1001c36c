//! A process that is killed at any moment of a mixed load: nothing acknowledged is lost, nothing
//! revoked lives again, and no change lacks its event.

mod child;
mod operation;
mod person;
mod witness;

use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kleidia_tower::store::SqliteStore;

use crate::people::{Place, create};
use witness::Witness;

const ROUNDS: u32 = 50;
const PEOPLE: i64 = 6;
const PATH: &str = "KLEIDIA_TEST_KILL_DATABASE";
/// The first number of tokens that nobody has used.
const TOKENS: &str = "KLEIDIA_TEST_KILL_TOKENS";
/// How many numbers of tokens a round may use.
const TOKENS_OF_A_ROUND: u32 = 100_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_loses_and_revives_nothing() {
    let place = Place::new();
    let store = place.open().await;
    for number in 0..PEOPLE {
        create(&store, &format!("user{number}")).await;
    }
    let mut witness = Witness::new(&store).await;
    store.close().await;
    let mut killed_within = 0;
    for round in 1..=ROUNDS {
        let first_token = round * TOKENS_OF_A_ROUND;
        let child = start(&place, first_token);
        for line in lines_until_killed(child, fastrand::usize(0..80)) {
            witness.hear(&line);
        }
        killed_within += u32::from(witness.is_waiting());
        let store = place.open().await;
        witness.check(&store, first_token + TOKENS_OF_A_ROUND / 2).await;
        store.close().await;
    }
    assert!(witness.acknowledged > 500, "{} operations alone", witness.acknowledged);
    assert!(killed_within > ROUNDS / 2, "{killed_within} in the middle of something");
    witness.check_all_that_is_over(&place.open().await).await;
}

#[tokio::test]
async fn a_process_that_is_killed_while_it_makes_the_database_breaks_nothing() {
    for _ in 0..10 {
        let place = Place::new();
        let mut child = start(&place, 0);
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..60_000))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let store = SqliteStore::open(&place.path).await.unwrap();
        create(&store, "alice").await;
    }
}

fn start(place: &Place, first_token: u32) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["kill::child::a_mixed_load", "--exact", "--ignored", "--nocapture"])
        .env(PATH, &place.path)
        .env(TOKENS, first_token.to_string())
        // It ends when this does, if it is not killed before.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child a moment after it acknowledged so many operations, and returns all that it said.
fn lines_until_killed(mut child: Child, acknowledged: usize) -> Vec<String> {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut said = Vec::new();
    let mut count = 0;
    while count < acknowledged {
        // Whatever made it end before that is in what it said.
        let Some(line) = lines.next() else { panic!("it ended: {}", said.join("\n")) };
        count += usize::from(line.starts_with("done"));
        said.push(line);
    }
    std::thread::sleep(Duration::from_micros(fastrand::u64(0..5_000)));
    child.kill().unwrap();
    child.wait().unwrap();
    said.extend(lines);
    said
}
