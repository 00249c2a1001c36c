//! Tables of other versions, and files that are something else.

use kleidia_tower::store::{OpenError, SqliteStore};
use sqlx::{Connection as _, Row as _};

use crate::people::{Place, create};

#[tokio::test]
async fn a_newer_version_is_refused() {
    let place = Place::new();
    place.open().await.close().await;
    place.alter("PRAGMA user_version = 2").await;
    let opened = SqliteStore::open(&place.path).await;
    assert!(matches!(opened, Err(OpenError::NewerVersion { version: 2, latest: 1 })), "{opened:?}");
    place.alter("PRAGMA user_version = 1").await;
    create(&place.open().await, "alice").await;
}

#[tokio::test]
async fn a_database_of_somebody_else_is_left_as_it_is() {
    let place = Place::new();
    std::fs::write(&place.path, []).unwrap();
    place.alter("CREATE TABLE theirs (name TEXT)").await;
    let opened = SqliteStore::open(&place.path).await;
    assert!(matches!(opened, Err(OpenError::OtherApplication { application: 0 })), "{opened:?}");
    place.alter("PRAGMA application_id = 7").await;
    let opened = SqliteStore::open(&place.path).await;
    assert!(matches!(opened, Err(OpenError::OtherApplication { application: 7 })), "{opened:?}");
    let mut connection = place.connect().await;
    let tables = sqlx::query("SELECT name FROM sqlite_schema").fetch_all(&mut connection).await;
    let names: Vec<String> = tables.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(names, ["theirs"]);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let place = Place::new();
    std::fs::write(&place.path, "hello, world\n".repeat(1000)).unwrap();
    let opened = SqliteStore::open(&place.path).await;
    assert!(matches!(opened, Err(OpenError::Database(_))), "{opened:?}");
}

#[tokio::test]
async fn an_empty_file_is_a_new_database() {
    let place = Place::new();
    std::fs::write(&place.path, []).unwrap();
    create(&place.open().await, "alice").await;
}
