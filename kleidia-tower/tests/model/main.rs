//! Random sequences of operations on each store, compared with a small oracle: 20,000 operations
//! per store, and 4,000 on PostgreSQL, where each takes several round trips. `cargo xtask
//! release-check` runs 20,000 there, too.
//!
//! `KLEIDIA_MODEL_SEED` chooses another sequence, or `random` ones, and `KLEIDIA_MODEL_OPERATIONS`
//! sets their length on each store.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod account_oracle;
mod administration;
mod model_run;
mod operation;
mod oracle;
mod service;
mod users;

use std::collections::VecDeque;
use std::env;
use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::session::SessionCachingStore;
use kleidia_tower::store::{MemoryStore, Store};
use model_run::ModelRun;

const OPERATIONS: u64 = 20_000;
/// How many operations have each of the required outcomes at least once, on average.
const OPERATIONS_PER_OUTCOME: u64 = 2000;
const DEFAULT_SEED: u64 = 1;
/// How many of the last operations a failure reports.
const REPORTED: usize = 25;

fn seed() -> u64 {
    match env::var("KLEIDIA_MODEL_SEED") {
        Ok(random) if random == "random" => fastrand::u64(..),
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => DEFAULT_SEED,
    }
}

async fn run(store: Arc<dyn Store>, operations: u64) {
    let seed = seed();
    let given = env::var("KLEIDIA_MODEL_OPERATIONS");
    let operations = given.map_or(operations, |number| number.parse().unwrap());
    let mut model_run = ModelRun::new(store, seed);
    let mut last = VecDeque::new();
    for count in 1..=operations {
        let operation = model_run.next_operation();
        let second = model_run.oracle.now;
        if last.len() == REPORTED {
            last.pop_front();
        }
        last.push_back(format!("{count} at {second}: {operation:?}"));
        if let Err(difference) = model_run.apply(&operation).await {
            let last: Vec<_> = last.into();
            panic!("seed {seed}, after {}:\n{difference}", last.join("\n"));
        }
    }
    if let Err(difference) = model_run.finish().await {
        panic!("seed {seed}, at the end: {difference}");
    }
    let rare = model_run.rare_outcomes(operations / OPERATIONS_PER_OUTCOME);
    assert_eq!(rare, [], "seed {seed}: outcomes that are too rare");
}

#[tokio::test]
async fn memory_store_agrees_with_the_oracle() {
    run(Arc::new(MemoryStore::default()), OPERATIONS).await;
}

#[tokio::test]
async fn caching_store_agrees_with_the_oracle() {
    let store = SessionCachingStore::new(Arc::new(MemoryStore::default()));
    // Longer than the test, so a stale entry would fail it.
    run(Arc::new(store.with_max_staleness(Duration::from_secs(3600)).unwrap()), OPERATIONS).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_store_agrees_with_the_oracle() {
    let directory = tempfile::tempdir().unwrap();
    let store =
        kleidia_tower::store::SqliteStore::open(directory.path().join("store.db"), audit_key());
    let store = Arc::new(store.await.unwrap());
    run(Arc::clone(&store) as Arc<dyn Store>, OPERATIONS).await;
    store.close().await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_store_agrees_with_the_oracle() {
    let url = test_servers::PostgresServer::shared().create_database();
    let store = kleidia_tower::store::PostgresStore::open(&url, audit_key()).await.unwrap();
    run(Arc::new(store), OPERATIONS / 5).await;
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn audit_key() -> kleidia_tower::audit::AuditKey {
    kleidia_tower::audit::AuditKey::generate("tests").unwrap()
}
