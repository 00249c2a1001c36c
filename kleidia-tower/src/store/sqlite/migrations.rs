//! Migrations of the schema.

use sqlx::{Connection as _, SqliteConnection, query_scalar, raw_sql};

use super::OpenError;

/// The migrations, in order. A released migration is never changed. Each one ends by setting
/// `PRAGMA user_version` to its position in this list.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/sqlite/1_initial.sql")];

/// The application id of databases of this crate (`PRAGMA application_id`).
const APPLICATION: i32 = i32::from_be_bytes(*b"KLDA");

/// Migrates the schema in one transaction, so only one of several starting processes does it.
pub(super) async fn run(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let version = version(&mut transaction).await?;
    let latest = MIGRATIONS.len();
    let current = usize::try_from(version).ok().filter(|current| *current <= latest);
    let current = current.ok_or(OpenError::NewerVersion { version, latest })?;
    for migration in MIGRATIONS.into_iter().skip(current) {
        raw_sql(migration).execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}

/// Returns the version of the schema; 0 for an empty database.
async fn version(connection: &mut SqliteConnection) -> Result<i32, OpenError> {
    let application = query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    let tables = query_scalar("SELECT count(*) FROM sqlite_schema");
    let tables: i64 = tables.fetch_one(&mut *connection).await?;
    match application {
        APPLICATION => Ok(query_scalar("PRAGMA user_version").fetch_one(connection).await?),
        0 if tables == 0 => Ok(0),
        application => Err(OpenError::OtherApplication { application }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_migration_sets_its_version() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        for (migration, expected) in MIGRATIONS.into_iter().zip(1_i32..) {
            raw_sql(migration).execute(&mut connection).await.unwrap();
            assert_eq!(version(&mut connection).await.unwrap(), expected);
        }
    }
}
