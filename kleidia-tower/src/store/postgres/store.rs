//! `PostgresStore`: opening, connections, transactions and closing.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_postgres::Config;

use super::clock::DatabaseClock;
use super::connections::{Connections, Queue};
use super::error::{is_conflict, pool_error, store_error};
use super::feed::Feed;
use super::lease::Lease;
use super::options::PostgresOptions;
use super::statements::PostgresRows;
use super::{migrations, tls};
use crate::audit::LogKey;
use crate::session::SessionEvents;
use crate::store::rows::{Operation, Publication};
use crate::store::sealer::{SealerTask, Sealing};
use crate::store::{OpenError, StoreError};

/// How often an operation is repeated after a deadlock or a serialisation failure.
const MAX_RETRIES: u32 = 5;

/// A store in a PostgreSQL database (version 13 or later), which several nodes share.
///
/// Operations are transactions at READ COMMITTED that first lock what their decisions depend on, so
/// they hold across nodes. A transaction that the server rolls back because of a deadlock or a
/// serialisation failure is repeated at most 5 times. A quarter of the connections is for reads,
/// which do not wait for writes. At most 1,024 operations wait to write, and as many to read:
/// further ones fail with [`StoreError::Busy`]. One connection is reserved for background work (the
/// seals of the audit log, denials, `last_seen_at` and the deletion of expired rows), if there are at
/// least 3: so that does not wait for clients, and has no limit.
///
/// If a caller drops an operation, it is committed completely or not at all. A statement that still
/// runs 50 milliseconds later is cancelled, for example one that waits for a lock. Its connection is
/// closed then. A commit that waits for a standby is not cancelled, and keeps its connection until it
/// is done: meanwhile there is one less to write with.
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

/// What the handles of a store share.
struct Database {
    connections: Arc<Connections>,
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
        let connections = Connections::new(&config, connector, &options)?;
        let mut client = connections.shared().get().await.map_err(pool_error)?;
        migrations::run(&mut client, signs).await?;
        drop(client);
        let clock = DatabaseClock::synchronise(&connections).await?;
        #[expect(clippy::disallowed_methods, reason = "supervised: each comparison is a turn")]
        let clock_task = tokio::spawn(clock.clone().run(Arc::clone(&connections)));
        let sealing = Sealing::default();
        let database = Arc::new(Database { connections, feed, key, sealing });
        let handle = Self { database, clock, tasks: None };
        handle.database.sealing.check_key(&handle).await?;
        let sealer =
            signs.then(|| SealerTask::spawn(Arc::new(handle.handle()), options.seal_interval));
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
        self.database.connections.close();
    }

    /// Returns the events, to which other nodes contribute from the first call on.
    pub(super) fn listen(&self) -> SessionEvents {
        self.database.feed.listen()
    }

    pub(super) fn connections(&self) -> &Arc<Connections> {
        &self.database.connections
    }

    /// Runs an operation in a transaction, and again after a conflict with others.
    pub(super) async fn run<'a, T: Send + 'a>(
        &'a self,
        operation: Operation<'a, T>,
        queue: Queue,
    ) -> Result<T, StoreError> {
        let mut retries = 0;
        loop {
            match self.run_once(&operation, queue).await {
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
        queue: Queue,
    ) -> Result<T, StoreError> {
        let mut lease = self.connections().writer(queue).await?;
        let running = async {
            let (transaction, committing_since) = lease.begin().await?;
            // An error drops the transaction, which rolls it back.
            let mut rows = PostgresRows::new(&transaction, self.key());
            let value = operation.run(&mut rows).await?;
            rows.flush().await?;
            let publication = Publication::new(self.database.feed.events(), rows.events);
            *committing_since = Some(Instant::now());
            transaction.commit().await.map_err(store_error)?;
            publication.publish();
            Ok(value)
        };
        let outcome = timeout(self.connections().operation_timeout, running).await;
        finish(lease, outcome)
    }
}

/// Returns the connection of an operation, and closes it if the server has not answered in time.
pub(super) fn finish<T>(
    lease: Lease,
    outcome: Result<Result<T, StoreError>, Elapsed>,
) -> Result<T, StoreError> {
    let Ok(outcome) = outcome else { return Err(lease.discard()) };
    lease.release();
    outcome
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
            .field("pool", &self.connections().shared().status())
            .finish_non_exhaustive()
    }
}
