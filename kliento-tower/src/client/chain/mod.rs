//! A DNSSEC chain that is kept fresh.

mod error;
mod fetcher;
mod schedule;
mod state;
mod stored;
mod task;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_guard::{Supervisor, event, log_text_up_to};
use kliento_core::{OrganisationName, Period, Timestamp, TrustAnchor};
use tokio::time::timeout;
use veraid::DnssecChain;

use self::state::ChainState;
use self::stored::StoredChain;
use crate::{Clock, HealthError, SettingError, SystemClock, TrustAnchorStore, TrustAnchors};

pub use self::error::ChainError;
pub use self::fetcher::{ChainFetcher, ChainFile};
pub use self::state::{ChainStatus, FreshChain};
pub use self::task::ChainTask;

/// Keeps the DNSSEC chain of an organisation fresh.
///
/// [`Self::start`] fetches the chain in a background task, verifies it, and renews it long before
/// its first signature expires. [`LocalSigner`](super::LocalSigner) reads the current chain for
/// each token. Clones share all state.
///
/// # Rules
/// - A chain is fetched again after half of its remaining validity, and after an hour at the
///   latest, less a random tenth, so that many agents do not query a resolver together.
/// - After a failure it is fetched again after 5 seconds, then after twice the last delay, up to 5
///   minutes, also less a random tenth.
/// - A chain replaces the last one only if it verifies with the trust anchors. So a resolver whose
///   cache mixes the records of two keys, or one that forges them, changes nothing: the last valid
///   chain stays.
/// - A chain is never returned outside of its validity.
/// - The clock is compared at least every 30 seconds, so a suspended system renews the chain when
///   it resumes.
///
/// ```no_run
/// use kliento_core::issue::RsaSigner;
/// use kliento_core::{Member, Token};
/// use kliento_tower::client::{ChainFile, ChainSource, LocalSigner};
///
/// # async fn run(pem: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let chain = ChainSource::new("example.com".parse()?, ChainFile::new("/run/kliento/chain.der"))
///     .with_stored_copy("/var/lib/kliento/chain.der");
/// let _task = chain.start()?;
/// let (key, token) = (RsaSigner::from_pem(pem)?, Token::new("https://api.example.com"));
/// let signer = LocalSigner::self_certified("example.com".parse()?, chain, Member::Bot, key, token);
/// # let _ = signer;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ChainSource {
    settings: Arc<Settings>,
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Settings {
    organisation: OrganisationName,
    fetcher: Arc<dyn ChainFetcher>,
    anchors: Arc<dyn TrustAnchorStore>,
    clock: Arc<dyn Clock>,
    max_interval: Duration,
    fetch_timeout: Duration,
    stored: Option<StoredChain>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<ChainState>,
    /// Held by the fetch in progress.
    fetching: tokio::sync::Mutex<()>,
    supervisor: Supervisor,
}

impl ChainSource {
    const MAX_INTERVAL: Duration = Duration::from_secs(3600);
    const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

    /// Creates a source of the chain that proves the TXT records of this organisation.
    ///
    /// It has no chain until [`Self::start`] or [`Self::refresh`] has fetched one.
    pub fn new(organisation: OrganisationName, fetcher: impl ChainFetcher) -> Self {
        let settings = Settings {
            organisation,
            fetcher: Arc::new(fetcher),
            anchors: Arc::new(TrustAnchors::iana()),
            clock: Arc::new(SystemClock),
            max_interval: Self::MAX_INTERVAL,
            fetch_timeout: Self::FETCH_TIMEOUT,
            stored: None,
        };
        let shared = Shared {
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
            supervisor: Supervisor::new("dnssec-chain"),
        };
        Self { settings: Arc::new(settings), shared: Arc::new(shared) }
    }

    /// Sets the trust anchors that chains are verified with; [`TrustAnchors::iana`] by default.
    #[must_use]
    pub fn with_trust_anchors(self, anchors: impl TrustAnchorStore) -> Self {
        self.with(|settings| settings.anchors = Arc::new(anchors))
    }

    /// Sets the clock; the [system's](crate::SystemClock) by default.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.with(|settings| settings.clock = Arc::new(clock))
    }

    /// Sets the longest time between two fetches: 1 second to 30 days; 1 hour by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_max_interval(self, interval: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_secs(1)..=Duration::from_secs(30 * 86_400);
        let interval = SettingError::check("maximum interval", interval, bounds)?;
        Ok(self.with(|settings| settings.max_interval = interval))
    }

    /// Sets the timeout of a fetch: 1 millisecond to 10 minutes; 60 seconds by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_fetch_timeout(self, timeout: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_millis(1)..=Duration::from_secs(600);
        let timeout = SettingError::check("fetch timeout", timeout, bounds)?;
        Ok(self.with(|settings| settings.fetch_timeout = timeout))
    }

    /// Keeps a copy of the last valid chain in a file, which is read before the first fetch: so a
    /// restart needs no resolver while the copy is valid.
    ///
    /// The file is replaced atomically. If it cannot be written, for example because the disk is
    /// full, an event of level warn says so, and the chain in memory is used all the same. The
    /// file is verified like a fetched chain, so a damaged one is ignored.
    #[must_use]
    pub fn with_stored_copy(self, path: impl Into<PathBuf>) -> Self {
        self.with(|settings| settings.stored = Some(StoredChain::new(path.into())))
    }

    /// Returns the last valid chain if it is valid now.
    ///
    /// # Errors
    /// [`ChainError::Unavailable`] with the error of the last fetch, or
    /// [`ChainError::ClockUnavailable`].
    pub fn current(&self) -> Result<Arc<FreshChain>, ChainError> {
        let now = self.now()?;
        self.state().current(now)
    }

    /// Returns the organisation.
    #[must_use]
    pub fn organisation(&self) -> &OrganisationName {
        &self.settings.organisation
    }

    /// Returns what is known of the chain, for operators.
    #[must_use]
    pub fn status(&self) -> ChainStatus {
        self.state().status()
    }

    /// Checks that the [task](Self::start) runs and that the last fetch succeeded, for a health
    /// route.
    ///
    /// # Errors
    /// [`HealthError`] if it is stopped or if its last fetch failed.
    pub fn health(&self) -> Result<(), HealthError> {
        self.shared.supervisor.health()
    }

    /// Fetches the chain now.
    ///
    /// # Errors
    /// [`ChainError`] if it cannot be fetched, or is invalid: then the last valid one stays.
    pub async fn refresh(&self) -> Result<Arc<FreshChain>, ChainError> {
        let _fetching = self.shared.fetching.lock().await;
        self.restore().await;
        self.renew().await
    }

    /// Fetches the chain if that is due, as the [task](Self::start) does at least every 30 seconds.
    ///
    /// For programs that have a scheduler of their own, and for tests with a clock of their own.
    ///
    /// # Errors
    /// As [`Self::refresh`].
    pub async fn refresh_if_due(&self) -> Result<(), ChainError> {
        let _fetching = self.shared.fetching.lock().await;
        self.restore().await;
        let now = self.now()?;
        if self.state().is_due(now) { self.renew().await.map(drop) } else { Ok(()) }
    }

    /// Uses the chain of another source until this one has fetched its own, for example if this one
    /// has another resolver. It is verified like a fetched chain, and does nothing if there is a chain
    /// already.
    ///
    /// # Errors
    /// [`ChainError`] if the chain is invalid for this organisation and these anchors.
    pub async fn adopt(&self, chain: &FreshChain) -> Result<(), ChainError> {
        let messages = DnssecChain::messages_from_der(chain.as_der())
            .map_err(|error| ChainError::Fetch(Arc::new(error)))?;
        let messages: Vec<_> = messages.into_iter().map(<[u8]>::to_vec).collect();
        let period = self.verify(&messages).await?.period();
        let adopted = FreshChain::new(chain.as_der().to_vec(), period, chain.fetched_at());
        self.state().chain.get_or_insert_with(|| Arc::new(adopted));
        Ok(())
    }

    /// Reads the stored copy once.
    async fn restore(&self) {
        let Some(stored) = self.settings.stored.as_ref() else { return };
        if self.state().set_restored() {
            return;
        }
        let restored = match stored.read().await {
            Ok(None) => return,
            Ok(Some(messages)) => self.verify(&messages).await,
            Err(error) => Err(error),
        };
        match restored {
            Ok(chain) => {
                event!(info, valid_until = %chain.valid_until(), "stored chain loaded");
                // Another chain is at least as recent.
                self.state().chain.get_or_insert_with(|| Arc::new(chain));
            }
            Err(error) => {
                event!(info, error = log_text_up_to(300, &error), "stored chain not used");
            }
        }
    }

    async fn renew(&self) -> Result<Arc<FreshChain>, ChainError> {
        let started_at = Instant::now();
        let fetched = self.fetch().await;
        self.shared.supervisor.record(&fetched, started_at);
        match fetched {
            Ok(chain) => {
                let chain = Arc::new(chain);
                let valid_until = chain.valid_until();
                self.state().succeed(Arc::clone(&chain), self.settings.max_interval);
                event!(info, %valid_until, "chain renewed");
                self.store(&chain).await;
                Ok(chain)
            }
            Err(error) => {
                let kept = self.now().and_then(|now| {
                    let mut state = self.state();
                    state.fail(error.clone(), now);
                    state.current(now)
                });
                // The error may contain text of a resolver.
                let cause = log_text_up_to(300, &error);
                match kept {
                    Ok(kept) => {
                        let valid_until = kept.valid_until();
                        event!(warn, error = cause, %valid_until, "keeping the last valid chain");
                    }
                    Err(_) => event!(error, error = cause, "no valid chain"),
                }
                Err(error)
            }
        }
    }

    async fn fetch(&self) -> Result<FreshChain, ChainError> {
        let owner = self.settings.organisation.txt_owner();
        let fetched = timeout(self.settings.fetch_timeout, self.settings.fetcher.fetch(&owner));
        let fetched =
            fetched.await.map_err(|_| ChainError::Timeout(self.settings.fetch_timeout))?;
        let messages = fetched.map_err(|error| ChainError::Fetch(error.into()))?;
        self.verify(&messages).await
    }

    async fn verify(&self, messages: &[Vec<u8>]) -> Result<FreshChain, ChainError> {
        let anchors = self.settings.anchors.snapshot().await?;
        let now = self.now()?;
        let period = self.verified_period(messages, anchors.as_slice(), now)?;
        Ok(FreshChain::new(DnssecChain::messages_to_der(messages), period, now))
    }

    fn verified_period(
        &self,
        messages: &[Vec<u8>],
        anchors: &[TrustAnchor],
        now: Timestamp,
    ) -> Result<Period, ChainError> {
        let chain = DnssecChain::from_messages(messages.iter().map(Vec::as_slice));
        let owner = self.settings.organisation.txt_owner();
        let proven = chain.and_then(|chain| chain.verify_at(&owner, now, anchors));
        Ok(proven.map_err(Arc::new)?.period())
    }

    async fn store(&self, chain: &Arc<FreshChain>) {
        let Some(stored) = self.settings.stored.as_ref() else { return };
        let error = stored.write(Arc::clone(chain)).await.err();
        if let Some(error) = &error {
            event!(warn, error = log_text_up_to(300, error), "failed to store the chain");
        }
        self.state().store_error = error;
    }

    fn now(&self) -> Result<Timestamp, ChainError> {
        self.settings.clock.now().ok_or(ChainError::ClockUnavailable)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    /// No code panics while it holds the lock, so poisoning can be ignored.
    fn state(&self) -> MutexGuard<'_, ChainState> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ChainSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let organisation = self.settings.organisation.as_str();
        let mut debug = f.debug_struct("ChainSource");
        debug.field("organisation", &organisation).field("status", &self.status());
        debug.finish_non_exhaustive()
    }
}
