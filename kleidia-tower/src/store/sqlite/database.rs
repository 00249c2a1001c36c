//! The file: opened, brought up to date, closed.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use futures_core::future::BoxFuture;
use sqlx::error::BoxDynError;
use sqlx::migrate::{Migration, MigrationSource, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{SqlSafeStr as _, Sqlite, Transaction};

use super::rows::SqliteRows;
use crate::store::StoreError;

/// Keeps everything in one file of SQLite's.
///
/// What is acknowledged is on disk: the journal is a write-ahead log, synchronised with each
/// transaction. One connection writes and a few read, so that reads wait for nobody. Several
/// processes of one machine can share the file. The audit log refuses changes in the database too.
///
/// ```
/// use kleidia_tower::account::AccountStore;
/// use kleidia_tower::store::SqliteStore;
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("portal.db");
/// let store = SqliteStore::open(&path).await?;
/// assert!(store.account(1).await?.is_none());
/// store.close().await;
/// # Ok(()) }
/// ```
pub struct SqliteStore {
    writer: SqlitePool,
    pub(super) readers: SqlitePool,
}

/// Why a database can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It can't be created or read, or is no database.
    #[error("the database can't be opened: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Its tables are those of another version of this crate, of a newer one perhaps.
    #[error("the database is of another version: {0}")]
    Version(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The migrations, in order: what was released is never changed.
#[derive(Debug)]
struct Migrations;

impl SqliteStore {
    /// How many connections read.
    const READERS: u32 = 4;
    /// How long to wait for another process that writes, or for a connection.
    const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

    /// Opens the database, creates it if there is none, and brings its tables up to date.
    ///
    /// On Unix a new file can be read by its owner alone.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        create(path).map_err(|error| OpenError::Database(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Self::BUSY_TIMEOUT);
        let pool = || SqlitePoolOptions::new().acquire_timeout(Self::BUSY_TIMEOUT);
        let failed = |error: sqlx::Error| OpenError::Database(error.into());
        let writer = pool().max_connections(1).connect_with(options.clone()).await;
        let writer = writer.map_err(failed)?;
        let migrator = Migrator::new(Migrations).await;
        let migrator = migrator.map_err(|error| OpenError::Version(error.into()))?;
        migrator.run(&writer).await.map_err(|error| OpenError::Version(error.into()))?;
        let readers = pool().max_connections(Self::READERS);
        let readers = readers.connect_with(options.read_only(true)).await.map_err(failed)?;
        Ok(Self { writer, readers })
    }

    /// Waits for what is under way, and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Runs an operation in a transaction of its own, and commits it.
    pub(super) async fn write<T>(
        &self,
        operation: impl AsyncFnOnce(&mut SqliteRows<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut transaction = self.begin().await?;
        let value = operation(&mut SqliteRows(&mut transaction)).await?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(value)
    }

    /// Takes the lock first, so that nobody has to start again in the middle.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)
    }
}

pub(super) fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::unavailable(error)
}

impl<'s> MigrationSource<'s> for Migrations {
    fn resolve(self) -> BoxFuture<'s, Result<Vec<Migration>, BoxDynError>> {
        let initial = include_str!("../../../migrations/sqlite/1_initial.sql").into_sql_str();
        let kind = MigrationType::Simple;
        let migrations = vec![Migration::new(1, "initial".into(), kind, initial, false)];
        Box::pin(async { Ok(migrations) })
    }
}

/// Creates the file for its owner alone; SQLite gives the files beside it the same mode.
#[cfg(unix)]
fn create(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path).map(drop)
}

#[cfg(not(unix))]
fn create(path: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().append(true).create(true).open(path).map(drop)
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}
