//! `SqliteStore`: opening, transactions and closing.

use std::fmt;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, Transaction};
use tokio::sync::Semaphore;

use super::error::store_error;
use super::file::DatabaseFile;
use super::migrations;
use crate::SettingError;
use crate::session::SessionEvents;
use crate::store::{OpenError, StoreError};

/// A store in a single SQLite file.
///
/// Acknowledged changes are on disk: the journal is a write-ahead log that is synchronised with
/// each transaction (`synchronous=FULL`). One connection writes, in the order of arrival, and
/// several read, so reads do not wait for writes. Several processes on one machine can share the
/// file, on a local disk. At most 1,024 operations wait for the writing connection, by default:
/// further ones fail with [`StoreError::Busy`]. Triggers in the database reject changes to the audit log.
///
/// If a caller drops an operation, it is committed completely or not at all. If the file is removed
/// or replaced, every operation fails until the store is opened again.
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
/// With another timeout:
/// ```
/// use std::time::Duration;
///
/// use kleidia_tower::store::{SqliteOptions, SqliteStore};
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("portal.db");
/// let options = SqliteOptions::default().with_busy_timeout(Duration::from_secs(2))?;
/// let store = SqliteStore::open_with(&path, options).await?;
/// # store.close().await;
/// # Ok(()) }
/// ```
pub struct SqliteStore {
    file: DatabaseFile,
    writer: SqlitePool,
    readers: SqlitePool,
    /// A permit for each operation that may wait for the writer.
    queue: Semaphore,
    pub(super) events: SessionEvents,
}

/// Options of [`SqliteStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    readers: NonZeroU32,
    busy_timeout: Duration,
    queue_limit: NonZeroU32,
}

impl SqliteStore {
    /// Opens the database with the default options, creates it if it does not exist, and migrates
    /// its schema.
    ///
    /// On Unix a new file is readable only by its owner.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, SqliteOptions::default()).await
    }

    /// Opens the database like [`Self::open`], with options.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_with(
        path: impl AsRef<Path>,
        options: SqliteOptions,
    ) -> Result<Self, OpenError> {
        let file = DatabaseFile::create(path.as_ref())?;
        let connect = options.connect(file.path());
        let writer = options.writer(&connect).await.map_err(open_error)?;
        migrations::run(&mut *writer.acquire().await.map_err(open_error)?).await?;
        let readers = options.pool(options.readers.get());
        let readers = readers.connect_with(connect.read_only(true)).await.map_err(open_error)?;
        let queue =
            Semaphore::new(usize::try_from(options.queue_limit.get()).unwrap_or(usize::MAX));
        Ok(Self { file, writer, readers, queue, events: SessionEvents::default() })
    }

    /// Waits for pending operations, writes the journal back into the file, and closes it. Later
    /// operations fail.
    pub async fn close(&self) {
        self.readers.close().await;
        // The last connection to close writes the journal back.
        self.writer.close().await;
    }

    /// Begins a transaction of a client, unless too many wait.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let _waiting = self.queue.try_acquire().map_err(|_| StoreError::Busy)?;
        self.begin_always().await
    }

    /// Takes the write lock first, so that no transaction has to be restarted.
    pub(super) async fn begin_always(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)
    }

    /// Commits a transaction. Acknowledges only what was committed to the opened file.
    pub(super) async fn commit(
        &self,
        transaction: Transaction<'static, Sqlite>,
    ) -> Result<(), StoreError> {
        transaction.commit().await.map_err(store_error)?;
        self.check_file()
    }

    /// Checks that the database is still in the opened file.
    pub(super) fn check_file(&self) -> Result<(), StoreError> {
        self.file.check()
    }

    /// Returns the reading connections.
    pub(super) fn readers(&self) -> Result<&SqlitePool, StoreError> {
        self.file.check()?;
        Ok(&self.readers)
    }
}

impl SqliteOptions {
    /// Sets the number of reading connections, each with its own thread. 4 by default.
    #[must_use]
    pub const fn with_readers(self, readers: NonZeroU32) -> Self {
        Self { readers, ..self }
    }

    /// Sets how long an operation waits for a connection, and for another process that writes.
    /// 10 seconds by default; 10 milliseconds to 24 days.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds.
    pub fn with_busy_timeout(self, busy_timeout: Duration) -> Result<Self, SettingError> {
        // SQLite counts milliseconds in 31 bits.
        let bounds = Duration::from_millis(10)..=Duration::from_secs(24 * 24 * 3600);
        let busy_timeout = SettingError::check("busy timeout", busy_timeout, bounds)?;
        Ok(Self { busy_timeout, ..self })
    }

    /// Sets how many operations can wait for the writing connection; the others fail with
    /// [`StoreError::Busy`]. 1,024 by default. The deletion of expired rows is not limited.
    #[must_use]
    pub const fn with_queue_limit(self, queue_limit: NonZeroU32) -> Self {
        Self { queue_limit, ..self }
    }

    fn connect(&self, path: &Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(self.busy_timeout)
            // Requests would log them, and a subscriber that panics would end the request.
            .disable_statement_logging()
    }

    fn pool(&self, connections: u32) -> SqlitePoolOptions {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(self.busy_timeout)
            // As above.
            .acquire_slow_threshold(Duration::MAX)
            .idle_timeout(None)
            .max_lifetime(None)
            // On a full disk SQLite rolls back without sqlx noticing, and the connection could
            // never begin another transaction.
            .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
    }

    /// Opens the writing connection. Retries while other processes open the file, since the busy
    /// timeout does not cover changes of the journal mode.
    async fn writer(&self, connect: &SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
        const RETRY_DELAY: Duration = Duration::from_millis(10);
        let start = Instant::now();
        loop {
            match self.pool(1).connect_with(connect.clone()).await {
                Err(error) if is_busy(&error) && start.elapsed() < self.busy_timeout => {
                    tokio::time::sleep(RETRY_DELAY).await;
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
        const READERS: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);
        const QUEUE_LIMIT: NonZeroU32 = NonZeroU32::MIN.saturating_add(1023);
        let busy_timeout = Duration::from_secs(10);
        Self { readers: READERS, busy_timeout, queue_limit: QUEUE_LIMIT }
    }
}

pub(super) fn open_error(error: sqlx::Error) -> OpenError {
    OpenError::Database(error.into())
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.file).finish_non_exhaustive()
    }
}
