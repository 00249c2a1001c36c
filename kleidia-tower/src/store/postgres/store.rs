//! `PostgresStore`: opening, connections, transactions and closing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Client, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Transaction,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Config, IsolationLevel};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::clock::DatabaseClock;
use super::error::{is_conflict, pool_error, store_error};
use super::feed::Feed;
use super::options::PostgresOptions;
use super::statements::PostgresRows;
use super::{migrations, tls};
use crate::audit::LogKey;
use crate::session::SessionEvents;
use crate::store::rows::{Operation, Publication};
use crate::store::sealer::{SealerTask, Sealing};
use crate::store::{OpenError, StoreError};

/// How many operations can wait for a connection.
const MAX_WAITING: usize = 1024;

/// How often an operation is repeated after a deadlock or a serialisation failure.
const MAX_RETRIES: u32 = 5;

/// A store in a PostgreSQL database (version 13 or later), which several nodes share.
///
/// Operations are transactions at READ COMMITTED that first lock what their decisions depend on, so
/// they hold across nodes. A transaction that the server rolls back because of a deadlock or a
/// serialisation failure is repeated at most 5 times. A quarter of the connections is for reads,
/// which do not wait for writes. At most 1,024 operations wait to write, and as many to read:
/// further ones fail with [`StoreError::Busy`]. If a caller drops an operation, it is committed
/// completely or not at all.
///
/// TLS is required, unless the server is on this machine or the URL has `sslmode=disable`; the
/// server's certificate and name are verified.
///
/// Nodes must share the keys of access tokens and of the audit log, and use the
/// [clock](Self::clock) of the database.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use kleidia_tower::UserId;
/// use kleidia_tower::account::AccountStore;
/// use kleidia_tower::audit::AuditKey;
/// use kleidia_tower::store::PostgresStore;
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = AuditKey::open("portal.audit-key")?;
/// let store = PostgresStore::open("postgres://portal:secret@db.example.com/portal", key).await?;
/// assert!(store.account(UserId::new(1)).await?.is_none());
/// store.close();
/// # Ok(()) }
/// ```
///
/// [`PostgresOptions`] has an example of a configured one.
pub struct PostgresStore {
    database: Arc<Database>,
    clock: DatabaseClock,
    /// `None` for the handle of the sealer.
    tasks: Option<Tasks>,
}

/// The connections to a database.
struct Database {
    pool: Pool,
    /// A permit for each connection that may write: the others are for reads.
    writers: Semaphore,
    /// A permit for each operation that may wait to write.
    queue: Semaphore,
    connection_timeout: Duration,
    /// How long an operation may take on its connection.
    operation_timeout: Duration,
    feed: Feed,
    key: LogKey,
    sealing: Sealing,
}

/// The background tasks of a store.
struct Tasks {
    clock: JoinHandle<()>,
    /// `None` if the audit log is open to verify it only.
    sealer: Option<SealerTask>,
}

impl PostgresStore {
    /// Connects with the default options, and migrates the schema if it is older.
    ///
    /// The URL has the form of libpq: `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or words such
    /// as `host=/run/postgresql dbname=portal`.
    ///
    /// The key is that of the audit log: an [`AuditKey`](crate::audit::AuditKey), the same on all
    /// nodes. With an [`AuditVerifierKey`](crate::audit::AuditVerifierKey) or [`LogKey::Inspect`]
    /// the log can be verified, nothing is migrated or sealed, and changes that have to be recorded
    /// fail.
    ///
    /// # Errors
    /// [`OpenError`] if the server cannot be reached, or its schema is newer.
    pub async fn open(url: &str, key: impl Into<LogKey>) -> Result<Self, OpenError> {
        Self::open_with(url, key, PostgresOptions::default()).await
    }

    /// Connects like [`Self::open`], with options.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_with(
        url: &str,
        key: impl Into<LogKey>,
        options: PostgresOptions,
    ) -> Result<Self, OpenError> {
        let key = key.into();
        let signs = key.signing_key().is_some();
        let mut config: Config = url.parse().map_err(|_| OpenError::MalformedUrl)?;
        tls::require_tls(&mut config);
        set_network_timeouts(&mut config, &options);
        let connector = tls::connector(options.root_certificates.as_deref())?;
        let feed = Feed::new(config.clone(), connector.clone(), &options);
        let pool = pool(config, connector, &options)?;
        let mut client = pool.get().await.map_err(pool_error)?;
        let transaction = client.transaction().await.map_err(store_error)?;
        migrations::run(&transaction, signs).await?;
        transaction.commit().await.map_err(store_error)?;
        drop(client);
        let clock = DatabaseClock::synchronise(&pool).await?;
        #[expect(clippy::disallowed_methods, reason = "supervised: each comparison is a turn")]
        let clock_task = tokio::spawn(clock.clone().run(pool.clone()));
        let writers = Semaphore::new(options.writers());
        let queue = Semaphore::new(MAX_WAITING);
        let PostgresOptions { connection_timeout, seal_interval, .. } = options;
        let operation_timeout = options.operation_timeout();
        let sealing = Sealing::default();
        let database = Arc::new(Database {
            pool,
            writers,
            queue,
            connection_timeout,
            operation_timeout,
            feed,
            key,
            sealing,
        });
        let handle = Self { database, clock, tasks: None };
        handle.database.sealing.check_key(&handle).await?;
        let sealer = signs.then(|| SealerTask::spawn(Arc::new(handle.handle()), seal_interval));
        let sealer = sealer.transpose().map_err(|error| OpenError::Database(error.into()))?;
        Ok(Self { tasks: Some(Tasks { clock: clock_task, sealer }), ..handle })
    }

    /// Returns another handle, without tasks.
    fn handle(&self) -> Self {
        Self { database: Arc::clone(&self.database), clock: self.clock.clone(), tasks: None }
    }

    pub(super) fn key(&self) -> &LogKey {
        &self.database.key
    }

    pub(super) fn shared_sealing(&self) -> &Sealing {
        &self.database.sealing
    }

    /// Returns how long an operation may take on its connection.
    pub(super) fn operation_timeout(&self) -> Duration {
        self.database.operation_timeout
    }

    /// Returns the time of the database, for
    /// [`Accounts::with_clock`](crate::account::Accounts::with_clock).
    #[must_use]
    pub fn clock(&self) -> DatabaseClock {
        self.clock.clone()
    }

    /// Closes the connections that are not used, and each other one after its operation. Later
    /// operations fail.
    ///
    /// Another node seals the last audit records, or this one at its next start. To do it before,
    /// call
    /// [`AuditStore::seal`](crate::audit::AuditStore::seal).
    pub fn close(&self) {
        if let Some(tasks) = &self.tasks {
            tasks.stop();
        }
        self.database.feed.close();
        self.database.pool.close();
    }

    /// Returns the events, to which other nodes contribute from the first call on.
    pub(super) fn listen(&self) -> SessionEvents {
        self.database.feed.listen()
    }

    /// Waits for a connection, unless too many operations do.
    pub(super) async fn client(&self) -> Result<Client, StoreError> {
        if self.database.pool.status().waiting >= MAX_WAITING {
            return Err(StoreError::Busy);
        }
        self.database.pool.get().await.map_err(pool_error)
    }

    /// Waits until another operation may write, unless too many do.
    async fn writer(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        let _waiting = self.database.queue.try_acquire().map_err(|_| StoreError::Busy)?;
        let permit =
            timeout(self.database.connection_timeout, self.database.writers.acquire()).await;
        let permit = permit.map_err(|_| StoreError::unavailable("no connection is free"))?;
        permit.map_err(StoreError::unavailable)
    }

    /// Waits for a connection to write with, unless too many operations do.
    pub(super) async fn writing_client(&self) -> Result<(Client, SemaphorePermit<'_>), StoreError> {
        let permit = self.writer().await?;
        Ok((self.client().await?, permit))
    }

    pub(super) async fn begin<'a>(
        &self,
        client: &'a mut Client,
    ) -> Result<Transaction<'a>, StoreError> {
        let begin = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted);
        begin.start().await.map_err(store_error)
    }

    pub(super) async fn commit(&self, transaction: Transaction<'_>) -> Result<(), StoreError> {
        transaction.commit().await.map_err(store_error)
    }

    /// Runs an operation in a transaction, and again after a conflict with others.
    pub(super) async fn run<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
    ) -> Result<T, StoreError> {
        let mut retries = 0;
        loop {
            match self.run_once(&operation).await {
                Err(error) if retries < MAX_RETRIES && is_conflict(&error) => {
                    retries += 1;
                    tokio::time::sleep(delay(retries)).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn run_once<'a, T: Send + 'a>(
        &'a self,
        operation: &Operation<'a, T>,
    ) -> Result<T, StoreError> {
        let (mut client, _permit) = self.writing_client().await?;
        let running = async {
            let transaction = self.begin(&mut client).await?;
            // An error drops the transaction, which rolls it back.
            let mut rows = PostgresRows::new(&transaction, self.key());
            let value = operation.run(&mut rows).await?;
            rows.flush().await?;
            let publication = Publication::new(self.database.feed.events(), rows.events);
            self.commit(transaction).await?;
            publication.publish();
            Ok(value)
        };
        let outcome = timeout(self.operation_timeout(), running).await;
        outcome.unwrap_or_else(|_| Err(discard(client)))
    }
}

/// Closes a connection whose server does not answer: its socket may be silent for long.
pub(super) fn discard(client: Client) -> StoreError {
    drop(Client::take(client));
    StoreError::unavailable("the database does not answer")
}

/// Sets how soon a connection to a server that is gone is closed, unless the URL says so.
fn set_network_timeouts(config: &mut Config, options: &PostgresOptions) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(options.connection_timeout);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(options.statement_timeout());
    }
    // The default of two hours is that of `tokio-postgres`, so the URL cannot ask for it.
    if config.get_keepalives_idle() == Duration::from_secs(2 * 3600) {
        config.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5));
    }
}

/// Returns a random delay, so that two operations don't conflict again.
fn delay(retries: u32) -> Duration {
    let random = getrandom::u32().unwrap_or_default() % 10;
    Duration::from_millis(u64::from(retries * random))
}

fn pool(
    config: Config,
    connector: MakeRustlsConnect,
    options: &PostgresOptions,
) -> Result<Pool, OpenError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config, connector, recycling);
    let set_up = options.set_up();
    let set_up = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
        let set_up = set_up.clone();
        Box::pin(async move { client.batch_execute(&set_up).await.map_err(HookError::Backend) })
    });
    let timeout = Some(options.connection_timeout);
    Pool::builder(manager)
        .max_size(usize::try_from(options.max_connections).unwrap_or(usize::MAX))
        .timeouts(deadpool_postgres::Timeouts { wait: timeout, create: timeout, recycle: timeout })
        .runtime(Runtime::Tokio1)
        .post_create(set_up)
        .build()
        .map_err(|error| OpenError::Database(error.into()))
}

impl Tasks {
    fn stop(&self) {
        self.clock.abort();
        if let Some(sealer) = &self.sealer {
            sealer.stop();
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("pool", &self.database.pool.status())
            .finish_non_exhaustive()
    }
}
