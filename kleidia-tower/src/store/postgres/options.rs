//! `PostgresOptions`.

use std::time::Duration;

use crate::SettingError;
use crate::store::sealer::{self, SealerTask};

const MIN_TIMEOUT: Duration = Duration::from_millis(10);
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);
const STATEMENT_TIMEOUT: &str = "statement timeout";
const LOCK_TIMEOUT: &str = "lock timeout";

/// Options of [`PostgresStore`](super::PostgresStore).
///
/// ```no_run
/// use std::time::Duration;
///
/// use kleidia_tower::audit::AuditKey;
/// use kleidia_tower::store::{PostgresOptions, PostgresStore};
///
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let options = PostgresOptions::default()
///     .with_max_connections(8)?
///     .with_statement_timeout(Duration::from_secs(2))?
///     .with_root_certificates(std::fs::read("database-ca.pem")?);
/// let (url, key) = ("postgres://portal@db.example.com/portal", AuditKey::open("portal.audit-key")?);
/// let store = PostgresStore::open_with(url, key, options).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresOptions {
    pub(super) max_connections: u32,
    pub(super) connection_timeout: Duration,
    statement_timeout: Option<Duration>,
    lock_timeout: Option<Duration>,
    pub(super) idle_in_transaction_timeout: Duration,
    pub(super) root_certificates: Option<Vec<u8>>,
    pub(super) seal_interval: Duration,
}

impl PostgresOptions {
    /// Sets the maximum number of connections: 1 to 10,000, 16 by default. A quarter of them is for
    /// reads alone, and one for background work, if there are at least 3.
    ///
    /// An operation has one connection until its transaction ends, so more connections than the
    /// server has processors rarely raise the throughput.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds.
    pub fn with_max_connections(mut self, max_connections: u32) -> Result<Self, SettingError> {
        self.max_connections =
            SettingError::check("maximum connections", max_connections, 1..=10_000)?;
        Ok(self)
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

    /// Sets how long the server may run a statement (`statement_timeout`): 10 milliseconds to an
    /// hour. 10 seconds by default, or the lock timeout if that is longer.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds, or below the [lock timeout](Self::with_lock_timeout).
    pub fn with_statement_timeout(mut self, timeout: Duration) -> Result<Self, SettingError> {
        self.statement_timeout = Some(check(STATEMENT_TIMEOUT, timeout)?);
        self.checked()
    }

    /// Sets how long a statement may wait for a lock (`lock_timeout`): 10 milliseconds to an hour.
    /// 5 seconds by default, or the statement timeout if that is shorter.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds, or above the
    /// [statement timeout](Self::with_statement_timeout), which would end the statement first.
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Result<Self, SettingError> {
        self.lock_timeout = Some(check(LOCK_TIMEOUT, timeout)?);
        self.checked()
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
    /// attacker with write access to the database. With more than 5 seconds,
    /// [`verify`](crate::audit::AuditStore::verify) reports records that wait for the next seal.
    ///
    /// # Errors
    /// [`SettingError`] out of these bounds.
    pub fn with_seal_interval(mut self, interval: Duration) -> Result<Self, SettingError> {
        self.seal_interval = sealer::check_interval(interval)?;
        Ok(self)
    }

    /// Rejects timeouts that contradict each other, and returns both.
    fn checked(self) -> Result<Self, SettingError> {
        let (lock, statement) = (self.lock_timeout(), self.statement_timeout());
        SettingError::check_at_most(LOCK_TIMEOUT, lock, STATEMENT_TIMEOUT, statement)?;
        Ok(self)
    }

    pub(super) fn statement_timeout(&self) -> Duration {
        let default = || Duration::from_secs(10).max(self.lock_timeout.unwrap_or_default());
        self.statement_timeout.unwrap_or_else(default)
    }

    pub(super) fn lock_timeout(&self) -> Duration {
        let default = || Duration::from_secs(5).min(self.statement_timeout());
        self.lock_timeout.unwrap_or_else(default)
    }

    /// Returns how many connections are for background work alone: one, unless clients would wait
    /// for each other then.
    pub(super) fn reserved(&self) -> usize {
        usize::from(self.max_connections >= 3)
    }

    /// Returns how many connections clients share.
    pub(super) fn shared(&self) -> usize {
        usize::try_from(self.max_connections).unwrap_or(usize::MAX) - self.reserved()
    }

    /// Returns how many of the shared connections may write at a time: without those for reads
    /// alone, which are a quarter of all, if there are several.
    pub(super) fn writers(&self) -> usize {
        let readers = usize::try_from(self.max_connections.div_ceil(4)).unwrap_or(usize::MAX);
        self.shared() - readers.min(self.shared() - 1)
    }

    /// Returns how long an operation may take: the server enforces the other timeouts only while it
    /// answers.
    pub(super) fn operation_timeout(&self) -> Duration {
        self.statement_timeout() + self.lock_timeout()
    }

    /// Returns the statement that sets up a new connection. Compiling a statement takes longer than
    /// any of these do.
    pub(super) fn set_up(&self) -> String {
        format!(
            "SET application_name = 'kleidia'; SET jit = off; SET statement_timeout = {}; \
             SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') = 'off'",
            self.statement_timeout().as_millis(),
            self.lock_timeout().as_millis(),
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
            max_connections: 16,
            connection_timeout: Duration::from_secs(5),
            statement_timeout: None,
            lock_timeout: None,
            idle_in_transaction_timeout: Duration::from_secs(3),
            root_certificates: None,
            seal_interval: SealerTask::DEFAULT_INTERVAL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_connections_out_of_bounds() {
        for max in [0, 10_001, u32::MAX] {
            assert!(PostgresOptions::default().with_max_connections(max).is_err(), "{max}");
        }
        let options = PostgresOptions::default().with_max_connections(10_000).unwrap();
        assert_eq!(options.writers(), 7499);
    }

    #[test]
    fn connections_are_divided() {
        for (max, expected) in [(1, (0, 1, 1)), (2, (0, 2, 1)), (3, (1, 2, 1)), (16, (1, 15, 11))] {
            let options = PostgresOptions::default().with_max_connections(max).unwrap();
            let divided = (options.reserved(), options.shared(), options.writers());
            assert_eq!(divided, expected, "{max}");
        }
    }

    #[test]
    fn rejects_timeouts_that_contradict_each_other_in_any_order() {
        let [short, long] = [3, 60].map(Duration::from_secs);
        let default = PostgresOptions::default;
        let options = default().with_statement_timeout(short).unwrap();
        assert_eq!((options.lock_timeout(), options.statement_timeout()), (short, short));
        let rejected = options.with_lock_timeout(long).unwrap_err();
        assert_eq!(rejected.to_string(), "lock timeout of 60s exceeds statement timeout of 3s");
        let options = default().with_lock_timeout(long).unwrap();
        assert_eq!((options.lock_timeout(), options.statement_timeout()), (long, long));
        assert_eq!(options.with_statement_timeout(short).unwrap_err(), rejected);
    }
}
