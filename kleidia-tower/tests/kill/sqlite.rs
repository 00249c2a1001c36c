//! An SQLite file, whose process is killed.

use crate::{check_creation, check_rounds, kill};

/// Returns a directory, and the location of a database in it.
fn new_database() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let location = directory.path().join("accounts.db").to_str().unwrap().to_owned();
    (directory, location)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_process_loses_no_write_and_restores_no_session() {
    let (_directory, location) = new_database();
    check_rounds(&location, 50, kill).await;
}

#[tokio::test]
async fn database_is_usable_after_a_kill_during_creation() {
    for _ in 0..10 {
        let (_directory, location) = new_database();
        check_creation(&location).await;
    }
}
