//! Random sequences of all that can happen, against a small oracle: at least 20,000 operations
//! with each store.
//!
//! `KLEIDIA_MODEL_SEED` repeats a sequence, and `KLEIDIA_MODEL_OPERATIONS` sets its length.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod admins;
mod operation;
mod oracle;
mod oracle_of_accounts;
mod people;
mod service;
mod trial;

use std::collections::VecDeque;
use std::env;
use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::session::SessionCachingStore;
use kleidia_tower::store::{MemoryStore, Store};
use trial::Trial;

const OPERATIONS: u64 = 20_000;
/// How many of the last operations are shown where something differs.
const SHOWN: usize = 25;

/// A number of the environment.
fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap())
}

async fn run(store: Arc<dyn Store>) {
    let seed = number("KLEIDIA_MODEL_SEED").unwrap_or_else(|| fastrand::u64(..));
    let operations = number("KLEIDIA_MODEL_OPERATIONS").unwrap_or(OPERATIONS);
    let mut trial = Trial::new(store, seed);
    let mut last = VecDeque::new();
    for count in 1..=operations {
        let operation = trial.next();
        let second = trial.oracle.now;
        if last.len() == SHOWN {
            last.pop_front();
        }
        last.push_back(format!("{count} at {second}: {operation:?}"));
        if let Err(difference) = trial.play(&operation).await {
            let last: Vec<_> = last.into();
            panic!("seed {seed}, after {}:\n{difference}", last.join("\n"));
        }
    }
    if let Err(difference) = trial.close().await {
        panic!("seed {seed}, in the end: {difference}");
    }
    if operations >= OPERATIONS {
        assert_eq!(trial.unseen(), [], "seed {seed}: what is tried too rarely");
    }
}

#[tokio::test]
async fn memory_does_as_the_oracle_says() {
    run(Arc::new(MemoryStore::default())).await;
}

#[tokio::test]
async fn a_cache_of_sessions_does_as_the_oracle_says() {
    let store = SessionCachingStore::new(Arc::new(MemoryStore::default()));
    // Longer than it takes: what it should not remember would show.
    run(Arc::new(store.with_ttl(Duration::from_secs(3600)))).await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn sqlite_does_as_the_oracle_says() {
    let directory = tempfile::tempdir().unwrap();
    let store = kleidia_tower::store::SqliteStore::open(directory.path().join("store.db"));
    let store = Arc::new(store.await.unwrap());
    run(Arc::clone(&store) as Arc<dyn Store>).await;
    store.close().await;
}
