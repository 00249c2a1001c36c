//! Migrations of the schema.

use sqlx::{Connection as _, SqliteConnection, query_scalar, raw_sql};

use super::database::open_error;
use crate::store::OpenError;

/// The migrations, in order. A released migration is never changed. Each one ends by setting
/// `PRAGMA user_version` to its position in this list.
const MIGRATIONS: [&str; 3] = [
    include_str!("../../../migrations/sqlite/1_initial.sql"),
    include_str!("../../../migrations/sqlite/2_audit_indexes.sql"),
    include_str!("../../../migrations/sqlite/3_people.sql"),
];

/// The application id of databases of this crate (`PRAGMA application_id`).
const APPLICATION: i32 = i32::from_be_bytes(*b"KLDA");

/// Migrates the schema in one transaction, so only one of several starting processes does it. If it
/// may not, an older schema is an error.
pub(super) async fn run(
    connection: &mut SqliteConnection,
    may_migrate: bool,
) -> Result<(), OpenError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(open_error)?;
    let version = version(&mut transaction).await?;
    let latest = MIGRATIONS.len();
    let current = usize::try_from(version).ok().filter(|current| *current <= latest);
    let current = current.ok_or(OpenError::NewerVersion { version, latest })?;
    if current < latest && !may_migrate {
        return Err(OpenError::OlderVersion { version, latest });
    }
    for migration in MIGRATIONS.into_iter().skip(current) {
        raw_sql(migration).execute(&mut *transaction).await.map_err(open_error)?;
    }
    transaction.commit().await.map_err(open_error)
}

/// Returns the version of the schema; 0 for an empty database.
async fn version(connection: &mut SqliteConnection) -> Result<i32, OpenError> {
    let application = read(connection, "PRAGMA application_id").await?;
    match application {
        APPLICATION => read(connection, "PRAGMA user_version").await,
        0 if read(connection, "SELECT count(*) FROM sqlite_schema").await? == 0 => Ok(0),
        application => Err(OpenError::OtherApplication { application }),
    }
}

async fn read(connection: &mut SqliteConnection, sql: &'static str) -> Result<i32, OpenError> {
    query_scalar(sql).fetch_one(connection).await.map_err(open_error)
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
