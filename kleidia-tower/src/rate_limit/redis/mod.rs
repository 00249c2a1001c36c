//! `RedisLimitStore`: the state of shared limits in Redis.

mod connection;
mod script;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::Script;
use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use tokio::sync::Mutex;

use self::connection::{Connection, Server};
use super::{LimitDecision, LimitKey, LimitStore, LimitStoreError};

/// Keeps the state of limits in Redis 6.2 or later, or in Valkey (feature `redis`).
///
/// # Rules
/// - A charge is one call of one script (`EVALSHA`): a single round trip. If Redis does not know
///   the script, it is loaded.
/// - The clock is that of Redis, in microseconds. If it goes back, keys wait at most for the time
///   in which their burst refills.
/// - Each key expires when its budget is full.
/// - The names of keys are `kleidia:limit:{partition}digest`. The braces are a hash tag, so a Redis
///   Cluster keeps all keys of a call in one slot.
/// - Redis may lose the last charges at a failover, and all of them if it restarts without a
///   snapshot. Then clients can spend their burst again.
/// - There is one connection, on which concurrent calls are pipelined. It is established by the
///   first call. A call whose connection was closed is repeated once, on a new one.
///
/// The user needs no rights beyond `~kleidia:limit:* +evalsha +script|load +get +set +time`, and
/// for a cluster `+cluster|slots`. With `maxmemory`, set `maxmemory-policy volatile-ttl`: it evicts
/// the keys closest to a full budget first.
///
/// # Examples
/// ```no_run
/// use kleidia_tower::rate_limit::{Key, Limit, RateLimitLayer, RedisLimitStore, SharedLimits};
///
/// # fn secret() -> Vec<u8> { vec![7; 32] }
/// let store = RedisLimitStore::new("redis://user:password@127.0.0.1:6379")?;
/// let limits = SharedLimits::new(store, &secret().into())?;
/// let layer = RateLimitLayer::new()
///     .with_limit(Key::address(), "100/60".parse::<Limit>()?)
///     .with_shared_limits("requests", limits);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Over TLS, to a server whose certificate an own authority has issued:
///
/// ```no_run
/// use kleidia_tower::rate_limit::RedisLimitStore;
///
/// let authority = std::fs::read("ca.pem")?;
/// let store = RedisLimitStore::new("rediss://redis.internal:6379")?
///     .with_root_certificates(&authority)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RedisLimitStore {
    server: Server,
    script: Script,
    connection: ArcSwapOption<Connection>,
    /// Held while a connection is established.
    connecting: Mutex<()>,
}

impl RedisLimitStore {
    /// Creates a store in the Redis at a URL: `redis://[user][:password@]host[:port][/database]`,
    /// or `rediss://` for TLS. It does not connect yet.
    ///
    /// TLS trusts the certificates of the system, or those in the file `SSL_CERT_FILE`. If the
    /// process has no default cryptographic provider of `rustls`, it becomes `aws-lc-rs`.
    ///
    /// # Errors
    /// [`LimitStoreError`] if the URL is invalid.
    pub fn new(url: &str) -> Result<Self, LimitStoreError> {
        Ok(Self::from_server(Server::single(url)?))
    }

    /// Creates a store in a Redis Cluster, given the URLs of some of its nodes, which have the form
    /// of those of [`Self::new`]. It does not connect yet.
    ///
    /// # Errors
    /// [`LimitStoreError`] if there is no URL, one is invalid, or their users or passwords differ.
    pub fn cluster<'a>(urls: impl IntoIterator<Item = &'a str>) -> Result<Self, LimitStoreError> {
        Ok(Self::from_server(Server::cluster(urls)?))
    }

    /// Sets the certificates that TLS trusts instead of those of the system, in PEM.
    ///
    /// # Errors
    /// [`LimitStoreError`] if the URL is not `rediss://`, or the certificates are invalid.
    pub fn with_root_certificates(self, pem: &[u8]) -> Result<Self, LimitStoreError> {
        Ok(Self { server: self.server.with_root_certificates(pem)?, ..self })
    }

    fn from_server(server: Server) -> Self {
        let (connection, connecting) = (ArcSwapOption::empty(), Mutex::default());
        Self { server, script: Script::new(script::CHARGE), connection, connecting }
    }

    /// Returns the connection, or establishes it if there is none but the one that failed.
    async fn connection(
        &self,
        failed: Option<&Arc<Connection>>,
    ) -> Result<Arc<Connection>, LimitStoreError> {
        let usable = || {
            let connection = self.connection.load_full();
            connection.filter(|it| failed.is_none_or(|failed| !Arc::ptr_eq(it, failed)))
        };
        if let Some(connection) = usable() {
            return Ok(connection);
        }
        let _connecting = self.connecting.lock().await;
        match usable() {
            Some(connection) => Ok(connection),
            None => self.connect().await,
        }
    }

    async fn connect(&self) -> Result<Arc<Connection>, LimitStoreError> {
        let connection = Arc::new(self.server.connect().await?);
        self.connection.store(Some(Arc::clone(&connection)));
        Ok(connection)
    }
}

#[async_trait]
impl LimitStore for RedisLimitStore {
    async fn charge(&self, keys: &[LimitKey], cost: u32) -> Result<LimitDecision, LimitStoreError> {
        let invocation = script::charge(&self.script, keys, cost);
        let connection = self.connection(None).await?;
        let backlogs = match connection.invoke(&invocation).await {
            // Redis closes idle connections. If it made this charge before, the key is charged
            // twice, which is on the safe side.
            Err(error) if error.is_unrecoverable_error() => {
                self.connection(Some(&connection)).await?.invoke(&invocation).await
            }
            outcome => outcome,
        };
        let backlogs = backlogs.map_err(LimitStoreError::new)?;
        let backlogs: Vec<_> = backlogs.into_iter().map(Duration::from_micros).collect();
        LimitDecision::from_backlogs(keys, &backlogs, cost)
    }

    async fn reconnect(&self) -> Result<(), LimitStoreError> {
        let _connecting = self.connecting.lock().await;
        self.connect().await.map(drop)
    }
}

impl fmt::Debug for RedisLimitStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisLimitStore").field(&self.server).finish()
    }
}
