//! Migrations of the schema.

use deadpool_postgres::{GenericClient as _, Transaction};

use super::error::store_error;
use crate::store::OpenError;

/// The migrations, in order. A released migration is never changed. Each one sets the version to
/// its position in this list, and the oldest version that can serve the migrated schema, so that
/// nodes can be replaced one by one.
const MIGRATIONS: [&str; 3] = [
    include_str!("../../../migrations/postgres/1_initial.sql"),
    include_str!("../../../migrations/postgres/2_audit_indexes.sql"),
    include_str!("../../../migrations/postgres/3_people.sql"),
];

/// Of several starting nodes one migrates at a time ("kleidia").
const LOCK: i64 = i64::from_be_bytes(*b"\0kleidia");

/// Migrates the schema if it is older. If it may not, that is an error.
pub(super) async fn run(transaction: &Transaction<'_>, may_migrate: bool) -> Result<(), OpenError> {
    // A large table takes longer than an operation may, and other nodes wait for it.
    let timeouts = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";
    transaction.batch_execute(timeouts).await.map_err(open_error)?;
    let lock = "SELECT pg_advisory_xact_lock($1)";
    transaction.execute(lock, &[&LOCK]).await.map_err(open_error)?;
    let current = current(transaction).await?;
    let latest = MIGRATIONS.len();
    if current < latest && !may_migrate {
        let version = i32::try_from(current).unwrap_or(i32::MAX);
        return Err(OpenError::OlderVersion { version, latest });
    }
    for migration in MIGRATIONS.into_iter().skip(current) {
        transaction.batch_execute(migration).await.map_err(open_error)?;
    }
    Ok(())
}

/// Returns the number of migrations that the schema has; 0 for an empty one.
async fn current(transaction: &Transaction<'_>) -> Result<usize, OpenError> {
    let exists = "SELECT to_regclass('kleidia_schema') IS NOT NULL";
    let exists = transaction.query_one(exists, &[]).await.map_err(open_error)?;
    if !exists.try_get::<_, bool>(0).map_err(open_error)? {
        return Ok(0);
    }
    let select = "SELECT version, compatible_with FROM kleidia_schema";
    let row = transaction.query_one(select, &[]).await.map_err(open_error)?;
    let version: i32 = row.try_get(0).map_err(open_error)?;
    let compatible_with: i32 = row.try_get(1).map_err(open_error)?;
    let latest = MIGRATIONS.len();
    match (usize::try_from(version), usize::try_from(compatible_with)) {
        (Ok(version), _) if version <= latest => Ok(version),
        (_, Ok(compatible)) if compatible <= latest => Ok(latest),
        _ => Err(OpenError::NewerVersion { version, latest }),
    }
}

fn open_error(error: tokio_postgres::Error) -> OpenError {
    store_error(error).into()
}
