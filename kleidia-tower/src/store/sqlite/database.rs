//! The database: opened, used and closed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection as _, Sqlite, Transaction};

use super::error::store_error;
use super::file::DatabaseFile;
use super::migrations;
use super::rows::SqliteRows;
use crate::store::StoreError;

/// Keeps everything in one file of SQLite's.
///
/// What is acknowledged is on disk: the journal is a write-ahead log, synchronised with each
/// transaction (`synchronous=FULL`). One connection writes, for one operation after the other in
/// the order in which they came, and a few read, so that reads wait for nobody. Several processes
/// of one machine can share the file, on a local disk. The audit log refuses changes in the
/// database too.
///
/// An operation whose caller hangs up is done as a whole or not at all. If the file is removed or
/// replaced, everything is refused until the store is opened anew.
///
/// ```
/// use kleidia_tower::UserId;
/// use kleidia_tower::account::AccountStore;
/// use kleidia_tower::store::SqliteStore;
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("portal.db");
/// let store = SqliteStore::open(&path).await?;
/// assert!(store.account(UserId::new(1)).await?.is_none());
/// store.close().await;
/// # Ok(()) }
/// ```
///
/// With more connections, which give up sooner:
/// ```
/// use std::time::Duration;
///
/// use kleidia_tower::store::{SqliteOptions, SqliteStore};
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("portal.db");
/// let options = SqliteOptions { readers: 16, busy_timeout: Duration::from_secs(2) };
/// let store = SqliteStore::open_with(&path, options).await?;
/// # store.close().await;
/// # Ok(()) }
/// ```
pub struct SqliteStore {
    file: DatabaseFile,
    writer: SqlitePool,
    readers: SqlitePool,
}

/// How a database is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    /// How many connections read, each with a thread of its own; 4 by default, at least 1.
    pub readers: u32,
    /// How long an operation waits for another process that writes, and how long for a connection;
    /// 10 seconds by default.
    pub busy_timeout: Duration,
}

/// Why a database can't be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It can't be created or read, or is no database of ours.
    #[error("the database can't be opened: {0}")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A newer version of this crate made its tables.
    #[error("the database is of version {version}, and this knows {latest} at most")]
    Newer {
        /// The version of its tables.
        version: i32,
        /// The newest that is known.
        latest: usize,
    },
    /// It is a database of something else.
    #[error("the database is one of the application {application}")]
    Other {
        /// What it says in its header (`PRAGMA application_id`); often 0.
        application: i32,
    },
    /// The name is not one of a file, such as `:memory:`; for that, there is
    /// [`MemoryStore`](crate::store::MemoryStore).
    #[error("the database has to be a file: {}", .0.display())]
    NoFile(PathBuf),
}

impl SqliteStore {
    /// Opens the database with the default options, creates it if there is none, and brings its
    /// tables up to date.
    ///
    /// On Unix a new file can be read by its owner alone.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, SqliteOptions::default()).await
    }

    /// Opens the database as [`Self::open`] does, with these options.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_with(
        path: impl AsRef<Path>,
        options: SqliteOptions,
    ) -> Result<Self, OpenError> {
        let file = DatabaseFile::create(path.as_ref())?;
        let connect = options.connect(file.path());
        let writer = options.writer(&connect).await?;
        migrations::run(&mut *writer.acquire().await?).await?;
        let readers = options.pool(options.readers.max(1));
        let readers = readers.connect_with(connect.read_only(true)).await?;
        Ok(Self { file, writer, readers })
    }

    /// Waits for what is under way, writes the journal back into the file, and closes it; whatever
    /// comes after that is refused.
    pub async fn close(&self) {
        self.readers.close().await;
        // The last one that closes writes the journal back.
        self.writer.close().await;
    }

    /// Runs an operation in a transaction of its own, and commits it.
    pub(super) async fn write<T>(
        &self,
        operation: impl AsyncFnOnce(&mut SqliteRows<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut transaction = self.begin().await?;
        let value = operation(&mut SqliteRows(&mut transaction)).await?;
        transaction.commit().await.map_err(store_error)?;
        // Only what was committed to this very file is acknowledged.
        self.file.check()?;
        Ok(value)
    }

    /// Takes the lock first, so that nobody has to start again in the middle.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)
    }

    /// The connections that read.
    pub(super) fn readers(&self) -> Result<&SqlitePool, StoreError> {
        self.file.check()?;
        Ok(&self.readers)
    }
}

impl SqliteOptions {
    /// SQLite counts milliseconds in 31 bits.
    fn timeout(&self) -> Duration {
        self.busy_timeout.min(Duration::from_millis(i32::MAX.unsigned_abs().into()))
    }

    fn connect(&self, path: &Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(self.timeout())
    }

    fn pool(&self, connections: u32) -> SqlitePoolOptions {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(self.timeout())
            .idle_timeout(None)
            .max_lifetime(None)
            // A full disk makes SQLite end a transaction, of which sqlx learns nothing: it would
            // refuse to begin another one for ever.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
    }

    /// The one that writes. It is tried again while others open the file: SQLite does not wait
    /// for who changes the mode of its journal.
    async fn writer(&self, connect: &SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
        const PAUSE: Duration = Duration::from_millis(10);
        let start = Instant::now();
        loop {
            match self.pool(1).connect_with(connect.clone()).await {
                Err(error) if is_busy(&error) && start.elapsed() < self.timeout() => {
                    tokio::time::sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    const SQLITE_BUSY: i32 = 5;
    super::error::primary_code(error) == Some(SQLITE_BUSY)
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { readers: 4, busy_timeout: Duration::from_secs(10) }
    }
}

impl From<sqlx::Error> for OpenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.file).finish_non_exhaustive()
    }
}
