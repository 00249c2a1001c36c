//! Keys from Vault or OpenBao, which are polled.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use http_guard::LastValid;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time;
use vaultrs::client::{Client, VaultClient};

use super::key_lookup::KeyLookup;
use super::vault_api::VaultApi;
use super::vault_secret::{VaultSecret, VaultSession};
use super::vault_token::VaultToken;
use super::{
    KeyError, KeyProvider, KeyRing, KvVersion, VaultKeyError, VaultLogin, last_valid_keys,
};
use crate::{HealthError, SettingError};

const DEFAULT_POLL_INTERVAL: Duration = Duration::from_secs(60);
const MIN_POLL_INTERVAL: Duration = Duration::from_secs(1);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Keys from a secret of Vault's or OpenBao's key/value engine, version 2 by default.
///
/// The field `keys` of the secret's newest version contains text in the form that
/// [`KeyRing::from_str`](std::str::FromStr::from_str) reads. Other fields are ignored. Create such a
/// secret with `bao kv put -mount=secret kleidia keys=@keys.txt`. The client needs the capability
/// `read` on `secret/data/kleidia`; for version 1 on `secret/kleidia`.
///
/// # Token
/// The client's own token is used, or one that a [`VaultLogin`] obtains. It is renewed after two
/// thirds of its lifetime. If the server grants less than half of that lifetime again, the login is
/// repeated, and so it is when the server rejects the token: for reads that tokens with unknown keys
/// cause, no sooner than a poll interval after the last login. A replaced token is revoked if a login
/// created it. If there is no login, [`VaultKeyError::TokenExpires`] is reported while the token is
/// still valid. The token may look up, renew and revoke itself by Vault's policy `default`; otherwise
/// its lifetime is unknown.
///
/// # Reload
/// A task reads the secret every 60 seconds by default, until the `VaultKeys` is dropped. It is
/// also read for a token that names an unknown key, at most once a second; only requests with such
/// tokens wait for it. Valid keys take effect immediately, so a node follows a change within the
/// poll interval and the timeouts of requests to the server (10 seconds each). If the server is
/// unavailable or the secret invalid, the last valid keys stay active without a time limit.
/// [`Self::age`] returns their age and [`Self::last_error`] the reason, and an event of level error
/// is logged once per problem. [`health`](KeyProvider::health) fails meanwhile, and if the task has
/// ended with its runtime. A panic of the client is logged, and does not end the task. [`KeyRing`]
/// describes how to rotate keys that several nodes read.
///
/// ```no_run
/// use std::sync::Arc;
/// use kleidia_tower::access_token::VaultKeys;
/// use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
///
/// # async fn read() -> Result<(), Box<dyn std::error::Error>> {
/// // Reads the address from VAULT_ADDR and the token from VAULT_TOKEN. Certificates are verified: by
/// // default, vaultrs verifies none if VAULT_SKIP_VERIFY is set, even to `false`.
/// let settings = VaultClientSettingsBuilder::default().verify(true).build()?;
/// let client = VaultClient::new(settings)?;
/// let keys = VaultKeys::new(Arc::new(client), "secret", "kleidia").await?;
/// # Ok(())
/// # }
/// ```
pub struct VaultKeys<C = VaultClient> {
    poller: Arc<Poller<C>>,
    lookup: KeyLookup,
    poll_task: JoinHandle<()>,
}

/// Options of [`VaultKeys`].
///
/// ```no_run
/// use std::sync::Arc;
/// use std::time::Duration;
/// use kleidia_tower::access_token::{KvVersion, VaultKeys, VaultLogin};
/// use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
///
/// # async fn read() -> Result<(), Box<dyn std::error::Error>> {
/// let settings = VaultClientSettingsBuilder::default().verify(true).build()?;
/// let client = VaultClient::new(settings)?;
/// let login = VaultLogin::Kubernetes {
///     mount: "kubernetes".to_owned(),
///     role: "kleidia".to_owned(),
///     token_file: "/var/run/secrets/kubernetes.io/serviceaccount/token".into(),
/// };
/// let options = VaultKeys::options()
///     .with_login(login)
///     .with_kv_version(KvVersion::V1)
///     .with_poll_interval(Duration::from_secs(10))?;
/// let keys = options.open(Arc::new(client), "secret", "kleidia").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct VaultKeysOptions {
    poll_interval: Duration,
    timeout: Duration,
    kv_version: KvVersion,
    login: Option<VaultLogin>,
}

struct Poller<C> {
    /// The secret, for the log.
    source: String,
    keys: LastValid<KeyRing, VaultKeyError>,
    withdrawals: watch::Sender<()>,
    /// How long after a login a read for an unknown key does not log in again.
    login_interval: Duration,
    /// Locked during a read, so that an earlier read never replaces a later one.
    session: Mutex<VaultSession<C>>,
}

impl<C: Client + 'static> VaultKeys<C> {
    /// Reads the keys, then polls them every 60 seconds.
    ///
    /// # Errors
    /// [`VaultKeyError`] if the keys are unavailable or invalid.
    ///
    /// # Panics
    /// If it is called outside of a Tokio runtime.
    pub async fn new(client: Arc<C>, mount: &str, path: &str) -> Result<Self, VaultKeyError> {
        VaultKeys::options().open(client, mount, path).await
    }

    /// Reads the keys immediately.
    ///
    /// # Errors
    /// [`VaultKeyError`] if the keys are unavailable or invalid. The last valid keys stay active.
    pub async fn reload(&self) -> Result<(), Arc<VaultKeyError>> {
        self.poller.reload(Duration::ZERO).await
    }

    /// Returns the error of the last read, or `None` if it succeeded.
    #[must_use]
    pub fn last_error(&self) -> Option<Arc<VaultKeyError>> {
        self.poller.keys.last_error()
    }

    /// Returns the time since the last successful read.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.poller.keys.supervisor().age().unwrap_or_default()
    }
}

impl VaultKeys {
    /// Returns the default options, which can be changed before the keys are read.
    #[must_use]
    pub const fn options() -> VaultKeysOptions {
        VaultKeysOptions {
            poll_interval: DEFAULT_POLL_INTERVAL,
            timeout: DEFAULT_TIMEOUT,
            kv_version: KvVersion::V2,
            login: None,
        }
    }
}

impl VaultKeysOptions {
    /// Sets the time between two reads: at least 1 second, 60 seconds by default. With
    /// [`Duration::MAX`] only [`VaultKeys::reload`], tokens with unknown keys and renewals of the
    /// client's token cause reads.
    ///
    /// # Errors
    /// [`SettingError`] below the minimum.
    pub fn with_poll_interval(mut self, interval: Duration) -> Result<Self, SettingError> {
        let bounds = MIN_POLL_INTERVAL..=Duration::MAX;
        self.poll_interval = SettingError::check("poll interval", interval, bounds)?;
        Ok(self)
    }

    /// Sets the timeout of a request to the server: 1 millisecond to 5 minutes, 10 seconds by
    /// default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_timeout(mut self, timeout: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_millis(1)..=Duration::from_secs(300);
        self.timeout = SettingError::check("timeout", timeout, bounds)?;
        Ok(self)
    }

    /// Sets how the client obtains its token; by default it uses its own.
    #[must_use]
    pub fn with_login(self, login: VaultLogin) -> Self {
        Self { login: Some(login), ..self }
    }

    /// Sets the version of the key/value engine; 2 by default.
    #[must_use]
    pub fn with_kv_version(self, kv_version: KvVersion) -> Self {
        Self { kv_version, ..self }
    }

    /// Reads the keys, then polls them; see [`VaultKeys::new`].
    ///
    /// # Errors
    /// [`VaultKeyError`] if the keys are unavailable or invalid.
    ///
    /// # Panics
    /// If it is called outside of a Tokio runtime.
    pub async fn open<C: Client + 'static>(
        self,
        client: Arc<C>,
        mount: &str,
        path: &str,
    ) -> Result<VaultKeys<C>, VaultKeyError> {
        let secret = VaultSecret::new(mount, path, self.kv_version);
        let source = secret.to_string();
        let (api, token) = (VaultApi::new(client, self.timeout), VaultToken::new(self.login));
        let mut session = VaultSession::new(api, token, secret);
        let (mut keys, started_at) = (None, Instant::now());
        session.read(Duration::ZERO, |read| keys = Some(read)).await?;
        let keys = keys.ok_or(VaultKeyError::MissingKeysField)?;
        let keys = last_valid_keys::new(source.clone(), keys, started_at, self.poll_interval);
        // Without polls, the default.
        let is_polled = self.poll_interval < Duration::MAX;
        let login_interval = if is_polled { self.poll_interval } else { DEFAULT_POLL_INTERVAL };
        let (withdrawals, session) = (watch::Sender::new(()), Mutex::new(session));
        let poller = Arc::new(Poller { source, keys, withdrawals, login_interval, session });
        let polling = Arc::clone(&poller);
        #[expect(clippy::disallowed_methods, reason = "supervised: each read is an iteration")]
        let poll_task = tokio::spawn(async move { polling.run(self.poll_interval).await });
        Ok(VaultKeys { poller, lookup: KeyLookup::new(), poll_task })
    }
}

impl<C: Client> Poller<C> {
    async fn run(&self, interval: Duration) {
        let supervisor = self.keys.supervisor();
        let _running = supervisor.start();
        loop {
            let until_renewal = self.session.lock().await.until_renewal();
            time::sleep(interval.min(until_renewal)).await;
            // Errors are logged, and kept for `last_error`.
            supervisor.run_async_iteration(self.reload(Duration::ZERO)).await;
        }
    }

    async fn reload(&self, login_interval: Duration) -> Result<(), Arc<VaultKeyError>> {
        let mut session = self.session.lock().await;
        let started_at = Instant::now();
        let Self { source, keys, withdrawals, .. } = self;
        let set = |read| last_valid_keys::set(keys, source, withdrawals, read);
        let outcome = session.read(login_interval, set).await;
        self.keys.record(outcome, started_at)
    }

    /// Reads the keys for tokens with unknown keys.
    async fn read_again(self: Arc<Self>) {
        let reload = self.reload(self.login_interval);
        drop(self.keys.supervisor().run_async_iteration(reload).await);
    }
}

impl<C> Drop for VaultKeys<C> {
    fn drop(&mut self) {
        self.poll_task.abort();
    }
}

#[async_trait]
impl<C: Client + 'static> KeyProvider for VaultKeys<C> {
    async fn keys(&self) -> Result<KeyRing, KeyError> {
        Ok(KeyRing::clone(&self.poller.keys.value()))
    }

    fn try_current(&self) -> Option<KeyRing> {
        Some(KeyRing::clone(&self.poller.keys.value()))
    }

    async fn keys_with(&self, id: &str) -> Result<Option<KeyRing>, KeyError> {
        let poller = Arc::clone(&self.poller);
        self.lookup.find(id, &self.poller.keys, poller.read_again()).await
    }

    async fn refresh(&self) -> Result<(), KeyError> {
        let poller = Arc::clone(&self.poller);
        self.lookup.refresh(&self.poller.keys, poller.read_again()).await
    }

    fn withdrawals(&self) -> Option<watch::Receiver<()>> {
        Some(self.poller.withdrawals.subscribe())
    }

    fn health(&self) -> Result<(), HealthError> {
        self.poller.keys.supervisor().health()
    }
}

impl<C: Client + 'static> fmt::Debug for VaultKeys<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultKeys")
            .field("secret", &self.poller.source)
            .field("keys", &*self.poller.keys.value())
            .field("age", &self.age())
            .field("last_error", &self.last_error())
            .finish_non_exhaustive()
    }
}
