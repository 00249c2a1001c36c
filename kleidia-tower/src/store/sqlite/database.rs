//! `SqliteStore`: opening, transactions and closing.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite, SqliteConnection, Transaction};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::store_error;
use super::file::DatabaseFile;
use super::migrations;
use super::statements::SqliteRows;
use crate::SettingError;
use crate::audit::LogKey;
use crate::session::SessionEvents;
use crate::store::sealer::{self, SealerTask, Sealing};
use crate::store::{OpenError, StoreError};

/// A store in a single SQLite file.
///
/// Acknowledged changes are on disk: the journal is a write-ahead log that is synchronised with
/// each transaction (`synchronous=FULL`). One connection writes, in the order of arrival, and
/// several read, so reads do not wait for writes. Several processes on one machine can share the
/// file, on a local disk. At most 1,024 operations wait for the writing connection, by default, and
/// as many for the reading ones: further ones fail with [`StoreError::Busy`]. Triggers in the
/// database reject changes to the audit log.
///
/// If a caller drops an operation, it is committed completely or not at all. If the file is removed
/// or replaced, every operation fails until the store is opened again.
///
/// ```
/// use kleidia_tower::UserId;
/// use kleidia_tower::account::AccountStore;
/// use kleidia_tower::audit::AuditKey;
/// use kleidia_tower::store::SqliteStore;
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("portal.db");
/// let key = AuditKey::open_or_create(directory.path().join("portal.db.audit-key"))?;
/// let store = SqliteStore::open(&path, key).await?;
/// assert!(store.account(UserId::new(1)).await?.is_none());
/// store.close().await;
/// # Ok(()) }
/// ```
///
/// With another timeout:
/// ```
/// use std::time::Duration;
///
/// use kleidia_tower::audit::AuditKey;
/// use kleidia_tower::store::{SqliteOptions, SqliteStore};
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("portal.db");
/// let options = SqliteOptions::default().with_busy_timeout(Duration::from_secs(2))?;
/// # let key = AuditKey::generate("audit.example.com")?;
/// let store = SqliteStore::open_with(&path, key, options).await?;
/// # store.close().await;
/// # Ok(()) }
/// ```
pub struct SqliteStore {
    database: Arc<Database>,
    /// `None` for the handle of the task itself, and if the log is open to verify it only.
    sealer: Mutex<Option<SealerTask>>,
}

/// An open database.
struct Database {
    file: DatabaseFile,
    writer: SqlitePool,
    readers: SqlitePool,
    /// A permit for each operation that may wait for the writer.
    queue: Semaphore,
    /// A permit for each read that has a connection or may wait for one.
    reads: Semaphore,
    events: SessionEvents,
    key: LogKey,
    sealing: Sealing,
}

/// Options of [`SqliteStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqliteOptions {
    readers: u32,
    busy_timeout: Duration,
    queue_limit: u32,
    seal_interval: Duration,
}

impl SqliteStore {
    /// Opens the database with the default options, creates it if it does not exist, and migrates
    /// its schema.
    ///
    /// The key is that of the audit log: an [`AuditKey`](crate::audit::AuditKey), the same at each
    /// start. With an [`AuditVerifierKey`](crate::audit::AuditVerifierKey) or [`LogKey::Inspect`]
    /// the log can be verified, nothing is migrated or sealed, and changes that have to be recorded
    /// fail.
    ///
    /// On Unix a new file is readable only by its owner.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(path: impl AsRef<Path>, key: impl Into<LogKey>) -> Result<Self, OpenError> {
        Self::open_with(path, key, SqliteOptions::default()).await
    }

    /// Opens the database like [`Self::open`], with options.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_with(
        path: impl AsRef<Path>,
        key: impl Into<LogKey>,
        options: SqliteOptions,
    ) -> Result<Self, OpenError> {
        let file = DatabaseFile::create(path.as_ref())?;
        let connect = options.connect(file.path());
        let writer = options.writer(&connect).await.map_err(open_error)?;
        let key = key.into();
        let signs = key.signing_key().is_some();
        migrations::run(&mut *writer.acquire().await.map_err(open_error)?, signs).await?;
        let readers = options.pool(options.readers);
        let readers = readers.connect_with(connect.read_only(true)).await.map_err(open_error)?;
        let permits = |limit| usize::try_from(limit).unwrap_or(Semaphore::MAX_PERMITS);
        let semaphore = |limit| Semaphore::new(permits(limit).min(Semaphore::MAX_PERMITS));
        let queue = semaphore(options.queue_limit);
        let reads = semaphore(options.queue_limit.saturating_add(options.readers));
        let (events, sealing) = (SessionEvents::default(), Sealing::default());
        let database = Database { file, writer, readers, queue, reads, events, key, sealing };
        let database = Arc::new(database);
        let handle = || Self { database: Arc::clone(&database), sealer: Mutex::new(None) };
        database.sealing.check_key(&handle()).await?;
        let sealer = signs.then(|| SealerTask::spawn(Arc::new(handle()), options.seal_interval));
        let sealer = sealer.transpose().map_err(|error| OpenError::Database(error.into()))?;
        Ok(Self { sealer: Mutex::new(sealer), ..handle() })
    }

    /// Waits for pending operations, seals the audit log, writes the journal back into the file,
    /// and closes it. Later operations fail.
    pub async fn close(&self) {
        drop(self.sealer.lock().unwrap_or_else(PoisonError::into_inner).take());
        if self.database.key.signing_key().is_some() {
            // What fails is done at the next start.
            drop(self.database.sealing.seal(self, true).await);
        }
        self.database.readers.close().await;
        // The last connection to close writes the journal back.
        self.database.writer.close().await;
    }

    /// Returns the rows that a transaction sees.
    pub(super) fn rows<'a>(&'a self, connection: &'a mut SqliteConnection) -> SqliteRows<'a> {
        SqliteRows { connection, key: &self.database.key, events: Vec::new() }
    }

    pub(super) fn shared_events(&self) -> &SessionEvents {
        &self.database.events
    }

    pub(super) fn key(&self) -> &LogKey {
        &self.database.key
    }

    pub(super) fn shared_sealing(&self) -> &Sealing {
        &self.database.sealing
    }

    /// Begins a transaction of a client, unless too many wait.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let _waiting = self.database.queue.try_acquire().map_err(|_| StoreError::Busy)?;
        self.begin_always().await
    }

    /// Takes the write lock first, so that no transaction has to be restarted.
    pub(super) async fn begin_always(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.database.writer.begin_with("BEGIN IMMEDIATE").await.map_err(store_error)
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
        self.database.file.check()
    }

    /// Returns a permit for a read of a client, unless too many wait. The read holds it.
    pub(super) fn reading(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.database.reads.try_acquire().map_err(|_| StoreError::Busy)
    }

    /// Returns the reading connections.
    pub(super) fn readers(&self) -> Result<&SqlitePool, StoreError> {
        self.database.file.check()?;
        Ok(&self.database.readers)
    }
}

impl SqliteOptions {
    /// Sets the number of reading connections, each with its own thread: 1 to 10,000, 4 by default.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds.
    pub fn with_readers(self, readers: u32) -> Result<Self, SettingError> {
        Ok(Self { readers: SettingError::check("readers", readers, 1..=10_000)?, ..self })
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

    /// Sets how many operations can wait for the writing connection, and how many for the reading
    /// ones: 1 to 1,000,000, 1,024 by default. The others fail with [`StoreError::Busy`]. The
    /// deletion of expired rows, and the sealing and the verification of the audit log are not
    /// limited.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds.
    pub fn with_queue_limit(self, queue_limit: u32) -> Result<Self, SettingError> {
        let queue_limit = SettingError::check("queue limit", queue_limit, 1..=1_000_000)?;
        Ok(Self { queue_limit, ..self })
    }

    /// Sets how often committed audit records are sealed: 10 milliseconds to 1 hour, 400
    /// milliseconds by default. The records of an interval can be removed without a trace by an
    /// attacker with write access to the database. With more than 5 seconds,
    /// [`verify`](crate::audit::AuditStore::verify) reports records that wait for the next seal.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds.
    pub fn with_seal_interval(self, seal_interval: Duration) -> Result<Self, SettingError> {
        Ok(Self { seal_interval: sealer::check_interval(seal_interval)?, ..self })
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
        let busy_timeout = Duration::from_secs(10);
        let seal_interval = SealerTask::DEFAULT_INTERVAL;
        Self { readers: 4, busy_timeout, queue_limit: 1024, seal_interval }
    }
}

pub(super) fn open_error(error: sqlx::Error) -> OpenError {
    OpenError::Database(error.into())
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.database.file).finish_non_exhaustive()
    }
}
