//! The connections to a database: those of clients, and one for background work.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Client, ClientWrapper, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime,
    Timeouts,
};
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{pool_error, store_error};
use super::lease::Lease;
use super::options::PostgresOptions;
use super::statements::Parameters;
use crate::store::{OpenError, StoreError};

/// The statements that a role can see are its own.
const WAITING_COMMITS: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity \
    WHERE usename = current_user AND wait_event = 'SyncRep' \
    AND query_start < clock_timestamp() - make_interval(secs => $1))";

/// How many operations of clients can wait for a connection.
const MAX_WAITING: usize = 1024;

/// The connections of a node.
pub(super) struct Connections {
    shared: Pool,
    /// One connection for background work, so that it does not wait for clients. `None` if there
    /// are too few.
    reserved: Option<Pool>,
    /// A permit for each shared connection that may write: the others are for reads.
    writers: Arc<Semaphore>,
    /// A permit for each operation of a client that may wait to write.
    queue: Semaphore,
    connection_timeout: Duration,
    pub(super) operation_timeout: Duration,
    /// Connects to the server to cancel a statement, and to ask whether commits wait.
    pub(super) connector: MakeRustlsConnect,
    /// Held to connect with it: one connection at a time is not of a pool.
    config: Mutex<Config>,
    /// Runs what is left of operations whose callers are gone.
    pub(super) runtime: Handle,
}

/// Which operations a write waits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    Clients,
    Background,
}

impl Connections {
    /// Needs a Tokio runtime.
    pub(super) fn new(
        config: &Config,
        connector: MakeRustlsConnect,
        options: &PostgresOptions,
    ) -> Result<Arc<Self>, OpenError> {
        let reserved = options.reserved();
        let pool = |size| pool(config.clone(), connector.clone(), options, size);
        Ok(Arc::new(Self {
            shared: pool(options.shared())?,
            reserved: (reserved > 0).then(|| pool(reserved)).transpose()?,
            writers: Arc::new(Semaphore::new(options.writers())),
            queue: Semaphore::new(MAX_WAITING),
            connection_timeout: options.connection_timeout,
            operation_timeout: options.operation_timeout(),
            connector,
            config: Mutex::new(config.clone()),
            runtime: Handle::current(),
        }))
    }

    /// Returns the connections of clients.
    pub(super) const fn shared(&self) -> &Pool {
        &self.shared
    }

    /// Closes the connections that are not used, and each other one after its operation.
    pub(super) fn close(&self) {
        self.shared.close();
        if let Some(reserved) = &self.reserved {
            reserved.close();
        }
    }

    /// Waits for a connection to read with, unless too many operations do.
    pub(super) async fn reader(self: &Arc<Self>) -> Result<Lease, StoreError> {
        if self.shared.status().waiting >= MAX_WAITING {
            return Err(StoreError::Busy);
        }
        Ok(self.lease(connection(&self.shared).await?, None))
    }

    /// Waits for a connection for background work, which has no limit.
    pub(super) async fn background(self: &Arc<Self>) -> Result<Lease, StoreError> {
        let Some(reserved) = &self.reserved else {
            // The few operations that have a permit wait for the same connections.
            return Ok(self.lease(connection(&self.shared).await?, None));
        };
        // If the reserved one is busy or fails, one that is free.
        let reserved = async { Ok(self.lease(connection(reserved).await?, None)) };
        match select(pin!(reserved), pin!(self.shared_writer())).await {
            Either::Left((Err(_), shared)) => shared.await,
            Either::Right((Err(_), reserved)) => reserved.await,
            Either::Left((lease, _)) | Either::Right((lease, _)) => lease,
        }
    }

    /// Waits for a connection to write with, unless too many operations of clients do.
    pub(super) async fn writer(self: &Arc<Self>, queue: Queue) -> Result<Lease, StoreError> {
        if queue == Queue::Background {
            return self.background().await;
        }
        let waiting = self.queue.try_acquire().map_err(|_| StoreError::Busy)?;
        let permit = self.permit().await?;
        drop(waiting);
        Ok(self.lease(connection(&self.shared).await?, Some(permit)))
    }

    /// Waits for one of the shared connections that may write.
    async fn shared_writer(self: &Arc<Self>) -> Result<Lease, StoreError> {
        let permit = self.permit().await?;
        Ok(self.lease(connection(&self.shared).await?, Some(permit)))
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let permit = Arc::clone(&self.writers).acquire_owned();
        let permit = timeout(self.connection_timeout, permit).await;
        let permit = permit.map_err(|_| StoreError::unavailable("no connection is free"))?;
        permit.map_err(StoreError::unavailable)
    }

    /// Returns whether a commit waits for a standby for longer than an operation should take, by the
    /// time of the server. It connects to the server, since all other connections may wait.
    pub(super) async fn has_waiting_commits(&self) -> Result<bool, StoreError> {
        let config = self.config.lock().await;
        let limit = self.operation_timeout.as_secs_f64() / 2.0;
        let asking = async {
            let (client, connection) = config.connect(self.connector.clone()).await?;
            let parameters: Parameters<'_> = &[&limit];
            let found = client.query_one(WAITING_COMMITS, parameters);
            match select(pin!(found), pin!(connection)).await {
                Either::Left((found, _)) => found?.try_get(0),
                Either::Right((closed, found)) => closed.and(found.await?.try_get(0)),
            }
        };
        let limit = self.connection_timeout + self.operation_timeout;
        let found = timeout(limit, asking).await.map_err(StoreError::unavailable)?;
        found.map_err(store_error)
    }

    fn lease(self: &Arc<Self>, client: Client, permit: Option<OwnedSemaphorePermit>) -> Lease {
        Lease::new(Arc::clone(self), client, permit)
    }
}

async fn connection(pool: &Pool) -> Result<Client, StoreError> {
    pool.get().await.map_err(pool_error)
}

fn pool(
    config: Config,
    connector: MakeRustlsConnect,
    options: &PostgresOptions,
    size: usize,
) -> Result<Pool, OpenError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config, connector, recycling);
    let limit = options.connection_timeout;
    let set_up = options.set_up();
    let set_up = Hook::async_fn(move |client: &mut ClientWrapper, _| {
        let set_up = set_up.clone();
        Box::pin(async move {
            // The pool's timeouts do not include it.
            let done = timeout(limit, client.batch_execute(&set_up)).await;
            done.map_err(|_| HookError::message("the database does not answer"))?
                .map_err(HookError::Backend)
        })
    });
    let limit = Some(limit);
    Pool::builder(manager)
        .max_size(size)
        .timeouts(Timeouts { wait: limit, create: limit, recycle: limit })
        .runtime(Runtime::Tokio1)
        .post_create(set_up)
        .build()
        .map_err(|error| OpenError::Database(error.into()))
}
