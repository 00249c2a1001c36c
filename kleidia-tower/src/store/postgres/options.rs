//! `PostgresOptions`.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::SettingError;
use crate::store::sealer::{self, SealerTask};

const MIN_TIMEOUT: Duration = Duration::from_millis(10);
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// Options of [`PostgresStore`](super::PostgresStore).
///
/// ```no_run
/// use std::num::NonZeroU32;
/// use std::time::Duration;
///
/// use kleidia_tower::audit::AuditKey;
/// use kleidia_tower::store::{PostgresOptions, PostgresStore};
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let options = PostgresOptions::default()
///     .with_max_connections(NonZeroU32::new(8).ok_or("zero")?)
///     .with_statement_timeout(Duration::from_secs(2))?
///     .with_root_certificates(std::fs::read("database-ca.pem")?);
/// let (url, key) = ("postgres://portal@db.example.com/portal", AuditKey::open("portal.audit-key")?);
/// let store = PostgresStore::open_with(url, key, options).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresOptions {
    pub(super) max_connections: NonZeroU32,
    pub(super) connection_timeout: Duration,
    pub(super) statement_timeout: Duration,
    pub(super) lock_timeout: Duration,
    pub(super) idle_in_transaction_timeout: Duration,
    pub(super) root_certificates: Option<Vec<u8>>,
    pub(super) seal_interval: Duration,
}

impl PostgresOptions {
    /// Sets the maximum number of connections. 16 by default. A quarter of them is for reads alone.
    ///
    /// An operation has one connection until its transaction ends, so more connections than the
    /// server has processors rarely raise the throughput.
    #[must_use]
    pub const fn with_max_connections(mut self, max_connections: NonZeroU32) -> Self {
        self.max_connections = max_connections;
        self
    }

    /// Sets how long an operation waits for a connection: for a free one, and for a new one. 5
    /// seconds by default; 10 milliseconds to an hour.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds.
    pub fn with_connection_timeout(mut self, timeout: Duration) -> Result<Self, SettingError> {
        self.connection_timeout = check("connection timeout", timeout)?;
        Ok(self)
    }

    /// Sets how long the server may run a statement (`statement_timeout`). 10 seconds by default;
    /// 10 milliseconds to an hour.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds.
    pub fn with_statement_timeout(mut self, timeout: Duration) -> Result<Self, SettingError> {
        self.statement_timeout = check("statement timeout", timeout)?;
        Ok(self)
    }

    /// Sets how long a statement may wait for a lock (`lock_timeout`). 5 seconds by default; 10
    /// milliseconds to an hour.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds.
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Result<Self, SettingError> {
        self.lock_timeout = check("lock timeout", timeout)?;
        Ok(self)
    }

    /// Sets after which time the server ends a transaction that sends no statement, for example
    /// since the node was suspended (`idle_in_transaction_session_timeout`). 3 seconds by default;
    /// 10 milliseconds to an hour.
    ///
    /// Less than the lock timeout lets other nodes wait for that, instead of rejecting requests.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds.
    pub fn with_idle_in_transaction_timeout(
        mut self,
        timeout: Duration,
    ) -> Result<Self, SettingError> {
        self.idle_in_transaction_timeout = check("idle in transaction timeout", timeout)?;
        Ok(self)
    }

    /// Sets the certificates of the certification authorities that may certify the server, in PEM,
    /// instead of those that the operating system trusts.
    #[must_use]
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Sets how often committed audit records are sealed: 10 milliseconds to 1 hour, 400
    /// milliseconds by default. The records of an interval can be removed without a trace by an
    /// attacker with write access to the database.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds.
    pub fn with_seal_interval(mut self, interval: Duration) -> Result<Self, SettingError> {
        self.seal_interval = sealer::check_interval(interval)?;
        Ok(self)
    }

    /// Returns how many connections may write at a time: all but a quarter, if there are several.
    pub(super) fn writers(&self) -> usize {
        let max = self.max_connections.get();
        usize::try_from(max - max.div_ceil(4).min(max - 1)).unwrap_or(usize::MAX)
    }

    /// Returns how long an operation may take: the server enforces the other timeouts only while it
    /// answers.
    pub(super) fn operation_timeout(&self) -> Duration {
        self.statement_timeout + self.lock_timeout
    }

    /// Returns the statement that sets up a new connection.
    pub(super) fn set_up(&self) -> String {
        format!(
            "SET application_name = 'kleidia'; SET statement_timeout = {}; SET lock_timeout = {}; \
             SET idle_in_transaction_session_timeout = {}; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') = 'off'",
            self.statement_timeout.as_millis(),
            self.lock_timeout.as_millis(),
            self.idle_in_transaction_timeout.as_millis(),
        )
    }
}

fn check(name: &'static str, timeout: Duration) -> Result<Duration, SettingError> {
    SettingError::check(name, timeout, MIN_TIMEOUT..=MAX_TIMEOUT)
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            max_connections: NonZeroU32::MIN.saturating_add(15),
            connection_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
            idle_in_transaction_timeout: Duration::from_secs(3),
            root_certificates: None,
            seal_interval: SealerTask::DEFAULT_INTERVAL,
        }
    }
}
