//! Keys from Vault or OpenBao, which are read again at an interval.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio::time;
use vaultrs::client::{Client, VaultClient};

use super::held_keys::HeldKeys;
use super::vault_secret::{VaultKeyError, VaultSecret};
use super::{KeyError, KeyProvider, KeyRing};

const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
const MIN_INTERVAL: Duration = Duration::from_secs(1);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Keys from a secret of Vault's or OpenBao's key/value engine, version 2.
///
/// The field `keys` of the secret's newest version holds text of the form that
/// [`KeyRing::from_str`](std::str::FromStr::from_str) reads; other fields are left alone. Such a
/// secret is made by `bao kv put -mount=secret kleidia keys=@keys.txt`. The client needs `read` on
/// `secret/data/kleidia`, and its token's renewal is up to you.
///
/// # Change
/// A task reads the secret every 60 seconds, by default, until this is dropped. What a good secret
/// says is in force at once, so that the keys of a node are at most that much and a reading's
/// timeout (10 seconds) behind the server's. A server that can't be reached and a bad secret change
/// nothing: the last good keys stay, however long it lasts, [`Self::staleness`] tells how old they
/// are, [`Self::last_error`] why, and one event of level error per problem does. See [`KeyRing`]
/// for how keys rotate where several nodes read them.
///
/// ```no_run
/// use std::sync::Arc;
/// use kleidia_tower::access_token::VaultKeys;
/// use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
///
/// # async fn read() -> Result<(), Box<dyn std::error::Error>> {
/// // The address and the token are in VAULT_ADDR and VAULT_TOKEN.
/// let client = VaultClient::new(VaultClientSettingsBuilder::default().build()?)?;
/// let keys = VaultKeys::new(Arc::new(client), "secret", "kleidia").await?;
/// # Ok(())
/// # }
/// ```
pub struct VaultKeys<C = VaultClient> {
    watched: Arc<Watched<C>>,
    refreshing: JoinHandle<()>,
}

/// How to read [`VaultKeys`].
///
/// ```no_run
/// use std::sync::Arc;
/// use std::time::Duration;
/// use kleidia_tower::access_token::VaultKeys;
/// use vaultrs::client::{Client, VaultClient, VaultClientSettingsBuilder};
///
/// # async fn read() -> Result<(), Box<dyn std::error::Error>> {
/// let client = VaultClient::new(VaultClientSettingsBuilder::default().build()?)?;
/// let client = Arc::new(client);
/// let options = VaultKeys::options().with_interval(Duration::from_secs(10));
/// let keys = options.open(client.clone(), "secret", "kleidia").await?;
///
/// // In a task of your own, before the token lapses:
/// client.renew(None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct VaultKeysOptions {
    interval: Duration,
    timeout: Duration,
}

struct Watched<C> {
    secret: VaultSecret<C>,
    held: HeldKeys<VaultKeyError>,
    read_at: Mutex<Instant>,
    /// Readings take turns, so that an earlier one never replaces a later one.
    turn: tokio::sync::Mutex<()>,
}

impl<C: Client + 'static> VaultKeys<C> {
    /// Reads the keys, and goes on to read them every 60 seconds.
    ///
    /// # Errors
    /// [`VaultKeyError`] if they can't be had, so that no service starts without.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn new(client: Arc<C>, mount: &str, path: &str) -> Result<Self, VaultKeyError> {
        VaultKeys::options().open(client, mount, path).await
    }

    /// Reads the keys now, without waiting for the next turn.
    ///
    /// # Errors
    /// [`VaultKeyError`] if they can't be had; the last good ones stay.
    pub async fn reload(&self) -> Result<(), Arc<VaultKeyError>> {
        self.watched.reload().await
    }

    /// What was wrong when the keys were last read, or `None` if nothing was.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<VaultKeyError>> {
        self.watched.held.last_error()
    }

    /// How long ago the keys were read successfully.
    #[must_use]
    pub fn staleness(&self) -> Duration {
        self.watched.read_at.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

impl VaultKeys {
    /// Options that can be changed before the keys are read.
    #[must_use]
    pub const fn options() -> VaultKeysOptions {
        VaultKeysOptions { interval: DEFAULT_INTERVAL, timeout: DEFAULT_TIMEOUT }
    }
}

impl VaultKeysOptions {
    /// How long to wait between two readings: at least a second, by default 60. With
    /// [`Duration::MAX`] the keys are read by [`VaultKeys::reload`] alone.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval.max(MIN_INTERVAL);
        self
    }

    /// How long a reading may take, by default 10 seconds.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Reads the keys, and goes on to read them; see [`VaultKeys::new`].
    ///
    /// # Errors
    /// [`VaultKeyError`] if they can't be had.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub async fn open<C: Client + 'static>(
        self,
        client: Arc<C>,
        mount: &str,
        path: &str,
    ) -> Result<VaultKeys<C>, VaultKeyError> {
        let secret = VaultSecret::new(client, mount, path, self.timeout)?;
        let asked_at = Instant::now();
        let held = HeldKeys::new(secret.to_string(), secret.read().await?);
        let (read_at, turn) = (Mutex::new(asked_at), tokio::sync::Mutex::default());
        let watched = Arc::new(Watched { secret, held, read_at, turn });
        let watching = watched.clone();
        let refreshing = tokio::spawn(async move { watching.watch(self.interval).await });
        Ok(VaultKeys { watched, refreshing })
    }
}

impl<C: Client> Watched<C> {
    async fn watch(&self, interval: Duration) {
        loop {
            time::sleep(interval).await;
            // It is told by the events and `last_error`.
            let _: Result<(), _> = self.reload().await;
        }
    }

    async fn reload(&self) -> Result<(), Arc<VaultKeyError>> {
        let _turn = self.turn.lock().await;
        let asked_at = Instant::now();
        self.held.take(self.secret.read().await)?;
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = asked_at;
        Ok(())
    }
}

impl<C> Drop for VaultKeys<C> {
    fn drop(&mut self) {
        self.refreshing.abort();
    }
}

#[async_trait]
impl<C: Client + 'static> KeyProvider for VaultKeys<C> {
    async fn keys(&self) -> Result<KeyRing, KeyError> {
        Ok(self.watched.held.current())
    }

    fn current(&self) -> Option<KeyRing> {
        Some(self.watched.held.current())
    }
}

impl<C: Client + 'static> fmt::Debug for VaultKeys<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultKeys")
            .field("secret", &self.watched.secret.to_string())
            .field("keys", &self.watched.held.current())
            .field("staleness", &self.staleness())
            .field("last_error", &self.last_error())
            .finish_non_exhaustive()
    }
}
