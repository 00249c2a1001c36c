//! Migrations of the schema.

use std::time::Duration;

use deadpool_postgres::{Client, GenericClient as _, Transaction};
use tokio_postgres::error::SqlState;

use super::error::store_error;
use crate::store::OpenError;

/// The migrations, in order. A released migration is never changed. Each one sets the version to
/// its position in this list, and the oldest version that can serve the migrated schema, so that
/// nodes can be replaced one by one.
const MIGRATIONS: [&str; 8] = [
    include_str!("../../../migrations/postgres/1_initial.sql"),
    include_str!("../../../migrations/postgres/2_audit_indexes.sql"),
    include_str!("../../../migrations/postgres/3_audit_ids.sql"),
    include_str!("../../../migrations/postgres/4_session_methods.sql"),
    include_str!("../../../migrations/postgres/5_people.sql"),
    include_str!("../../../migrations/postgres/6_account_names.sql"),
    include_str!("../../../migrations/postgres/7_names_are_kept.sql"),
    include_str!("../../../migrations/postgres/8_names_change.sql"),
];

/// Of several starting nodes one migrates at a time ("kleidia").
const LOCK: i64 = i64::from_be_bytes(*b"\0kleidia");

/// How often a migration begins again that could not lock a table in time, or that was in a deadlock.
const ATTEMPTS: u32 = 10;

/// The pause before a migration begins again. Nodes that waited behind it get their locks.
const PAUSE: Duration = Duration::from_secs(1);

/// Migrates the schema if it is older. If it may not, that is an error.
///
/// Each migration is a transaction: the locks of one table are not held while it waits for another.
pub(super) async fn run(client: &mut Client, may_migrate: bool) -> Result<(), OpenError> {
    let mut attempts = 0;
    loop {
        match run_next(client, may_migrate).await {
            Ok(true) => return Ok(()),
            Ok(false) => attempts = 0,
            Err(MigrationError::Database(error)) if attempts < ATTEMPTS && is_temporary(&error) => {
                attempts += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(MigrationError::Database(error)) => return Err(store_error(error).into()),
            Err(MigrationError::Version(error)) => return Err(error),
        }
    }
}

/// Runs the next migration. Returns whether there was none.
async fn run_next(client: &mut Client, may_migrate: bool) -> Result<bool, MigrationError> {
    let transaction = client.transaction().await?;
    // A large table takes longer than an operation may, and other nodes wait for it.
    transaction
        .batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        .await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let current = current(&transaction).await?;
    let Some(migration) = MIGRATIONS.get(current) else { return Ok(true) };
    if !may_migrate {
        let version = i32::try_from(current).unwrap_or(i32::MAX);
        return Err(OpenError::OlderVersion { version, latest: MIGRATIONS.len() }.into());
    }
    transaction.batch_execute(migration).await?;
    transaction.commit().await?;
    Ok(false)
}

/// Whether other transactions were in the way.
fn is_temporary(error: &tokio_postgres::Error) -> bool {
    let temporary = [&SqlState::LOCK_NOT_AVAILABLE, &SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| temporary.contains(&code))
}

/// Why a migration failed.
enum MigrationError {
    Database(tokio_postgres::Error),
    Version(OpenError),
}

impl From<tokio_postgres::Error> for MigrationError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

impl From<OpenError> for MigrationError {
    fn from(error: OpenError) -> Self {
        Self::Version(error)
    }
}

/// Returns the number of migrations that the schema has; 0 for an empty one.
async fn current(transaction: &Transaction<'_>) -> Result<usize, MigrationError> {
    let exists = "SELECT to_regclass('kleidia_schema') IS NOT NULL";
    let exists = transaction.query_one(exists, &[]).await?;
    if !exists.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    let select = "SELECT version, compatible_with FROM kleidia_schema";
    let row = transaction.query_one(select, &[]).await?;
    let version: i32 = row.try_get(0)?;
    let compatible_with: i32 = row.try_get(1)?;
    let latest = MIGRATIONS.len();
    match (usize::try_from(version), usize::try_from(compatible_with)) {
        (Ok(version), _) if version <= latest => Ok(version),
        (_, Ok(compatible)) if compatible <= latest => Ok(latest),
        _ => Err(OpenError::NewerVersion { version, latest }.into()),
    }
}
