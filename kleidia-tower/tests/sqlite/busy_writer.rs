//! What waits for the writer while another process writes, and what does not.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::Rejection;
use kleidia_tower::session::{RotationOutcome, SessionStore as _};
use kleidia_tower::store::{SqliteOptions, SqliteStore, StoreError};
use sqlx::Connection as _;
use tokio::task::JoinSet;

use crate::fixture::{TempDatabase, at, create, log_in, rotation};

const QUEUE_LIMIT: u32 = 3;

async fn open(database: &TempDatabase) -> Arc<SqliteStore> {
    let options = SqliteOptions::default().with_busy_timeout(Duration::from_secs(600));
    let options = options.with_queue_limit(NonZeroU32::new(QUEUE_LIMIT).unwrap());
    Arc::new(SqliteStore::open_with(&database.path, options).await.unwrap())
}

#[tokio::test]
async fn unknown_refresh_tokens_are_rejected_without_the_writer() {
    let database = TempDatabase::new();
    let store = open(&database).await;
    let mut other = database.connect().await;
    let writing = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for token in 1..=20 {
        let rotated = store.rotate_refresh_token(&rotation(token, 100 + token), &at(0)).await;
        let rotated = rotated.unwrap();
        assert!(matches!(rotated.value, RotationOutcome::Invalid) && rotated.records.is_empty());
    }
    writing.rollback().await.unwrap();
}

#[tokio::test]
async fn full_queue_is_busy() {
    let database = TempDatabase::new();
    let store = open(&database).await;
    let alice = create(&store, "alice").await;
    log_in(&store, &alice, 0).await;
    let mut other = database.connect().await;
    let writing = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut tasks = JoinSet::new();
    for successor in 1..=10 {
        let (store, mut rotation) = (Arc::clone(&store), rotation(0, successor));
        rotation.grace = Duration::from_secs(10);
        tasks.spawn(async move { store.rotate_refresh_token(&rotation, &at(0)).await });
    }
    for _ in QUEUE_LIMIT..10 {
        let rejected = tasks.join_next().await.unwrap().unwrap();
        let Err(error @ StoreError::Busy) = rejected else { panic!("{rejected:?}") };
        let rejection = Rejection::from(error);
        assert_eq!((rejection.status().as_u16(), rejection.code()), (503, "busy"));
        assert!(rejection.retry_after().is_some());
    }
    writing.rollback().await.unwrap();
    for rotated in tasks.join_all().await {
        let rotated = rotated.unwrap().value;
        let is_valid =
            matches!(rotated, RotationOutcome::Rotated { .. } | RotationOutcome::Retried { .. });
        assert!(is_valid, "{rotated:?}");
    }
}
