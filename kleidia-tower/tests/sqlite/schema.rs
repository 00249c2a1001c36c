//! Schema versions, and files of other applications.

use kleidia_tower::store::{OpenError, SqliteStore};
use sqlx::{Connection as _, Row as _};

use crate::fixture::{TempDatabase, audit_key, create};

#[tokio::test]
async fn rejects_newer_version() {
    let database = TempDatabase::new();
    database.open().await.close().await;
    database.execute("PRAGMA user_version = 4").await;
    let opened = SqliteStore::open(&database.path, audit_key()).await;
    assert!(matches!(opened, Err(OpenError::NewerVersion { version: 4, latest: 3 })), "{opened:?}");
    database.execute("PRAGMA user_version = 3").await;
    create(&database.open().await, "alice").await;
}

#[tokio::test]
async fn rejects_database_of_another_application_unchanged() {
    let database = TempDatabase::new();
    std::fs::write(&database.path, []).unwrap();
    database.execute("CREATE TABLE theirs (name TEXT)").await;
    let opened = SqliteStore::open(&database.path, audit_key()).await;
    assert!(matches!(opened, Err(OpenError::OtherApplication { application: 0 })), "{opened:?}");
    database.execute("PRAGMA application_id = 7").await;
    let opened = SqliteStore::open(&database.path, audit_key()).await;
    assert!(matches!(opened, Err(OpenError::OtherApplication { application: 7 })), "{opened:?}");
    let mut connection = database.connect().await;
    let tables = sqlx::query("SELECT name FROM sqlite_schema").fetch_all(&mut connection).await;
    let names: Vec<String> = tables.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(names, ["theirs"]);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn rejects_file_that_is_not_a_database() {
    let database = TempDatabase::new();
    std::fs::write(&database.path, "hello, world\n".repeat(1000)).unwrap();
    let opened = SqliteStore::open(&database.path, audit_key()).await;
    assert!(matches!(opened, Err(OpenError::Database(_))), "{opened:?}");
}

#[tokio::test]
async fn initialises_empty_file() {
    let database = TempDatabase::new();
    std::fs::write(&database.path, []).unwrap();
    create(&database.open().await, "alice").await;
}
