//! Tokens for several audiences and claims, cached and verified.

use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use kliento_core::{Token, TokenError};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use super::refresher::{BundleRefresher, BundleState, wait_for_refresh};
use super::{
    BundleError, ExpiringBundle, LocalSigner, ReadyHeader, SourceError, TokenBundleSource,
    VerifiedSource,
};
use crate::{Clock, SettingError, SystemClock, TrustAnchorStore, TrustAnchors};

/// Hands out the bundles of many tokens: signed on demand, verified, and cached until shortly
/// before they expire.
///
/// It is what `kliento agent` serves over a socket. The caller decides which client may have which
/// token. Clones share the cache.
///
/// - A bundle is verified with the trust anchors before it is handed out, now and at its expiry: see
///   [`VerifiedSource`].
/// - A token is renewed as [`KlientoClientLayer`](super::KlientoClientLayer) does: by a task of its
///   own, once for all callers that wait, when a tenth of its validity is left, and at most 60
///   seconds. Callers get the cached bundle meanwhile.
/// - The cache has 1,024 tokens by default. The least useful ones are evicted.
/// - At most as many bundles are signed at a time as the system has processors.
///
/// ```no_run
/// # async fn run(chain: kliento_tower::client::ChainSource, key: kliento_core::issue::RsaSigner)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use kliento_core::{Member, Token};
/// use kliento_tower::client::{LocalSigner, TokenAgent};
///
/// let signer =
///     LocalSigner::self_certified("example.com".parse()?, chain, Member::Bot, key, Token::new(""));
/// let agent = TokenAgent::new().with_signer(signer);
/// let token = Token::new("https://api.example.com").with_claim("permission", "read-only");
/// let ready = agent.token(&token).await?;
/// println!("a header for requests until {}", ready.valid_until());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenAgent {
    signer: Option<LocalSigner>,
    sources: Vec<(Arc<str>, Arc<dyn TokenBundleSource>)>,
    anchors: Arc<dyn TrustAnchorStore>,
    clock: Arc<dyn Clock>,
    /// The tokens, by their JSON.
    refreshers: Arc<Cache<String, BundleRefresher>>,
    permits: Arc<Semaphore>,
}

/// A signer that signs with a permit, since that takes a processor. Other sources wait for a network.
struct LimitedSigner {
    signer: LocalSigner,
    permits: Arc<Semaphore>,
}

impl TokenAgent {
    const CAPACITY: usize = 1024;
    const MAX_FRESH_AGE: Duration = Duration::from_secs(10);

    /// Creates an agent without sources of tokens.
    #[must_use]
    pub fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            signer: None,
            sources: Vec::new(),
            anchors: Arc::new(TrustAnchors::iana()),
            clock: Arc::new(SystemClock),
            refreshers: Arc::new(Cache::new(Self::CAPACITY)),
            permits: Arc::new(Semaphore::new(processors)),
        }
    }

    /// Sets the signer of all tokens that have no [source](Self::with_source) of their own. The
    /// audience and the claims of its own token are not used.
    #[must_use]
    pub fn with_signer(mut self, signer: LocalSigner) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Sets the source of the tokens for this audience, such as an exchange at VeraId Authority.
    ///
    /// Their claims are the source's: a token with claims fails.
    #[must_use]
    pub fn with_source(mut self, audience: &str, source: impl TokenBundleSource) -> Self {
        self.sources.push((audience.into(), Arc::new(source)));
        self
    }

    /// Sets the trust anchors; [`TrustAnchors::iana`] by default.
    #[must_use]
    pub fn with_trust_anchors(mut self, anchors: impl TrustAnchorStore) -> Self {
        self.anchors = Arc::new(anchors);
        self
    }

    /// Sets the clock; the [system's](crate::SystemClock) by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the number of cached tokens: 1 to 1,000,000; 1,024 by default. Empties the cache.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_capacity(mut self, tokens: usize) -> Result<Self, SettingError> {
        let tokens = SettingError::check("token cache capacity", tokens, 1..=1_000_000)?;
        self.refreshers = Arc::new(Cache::new(tokens));
        Ok(self)
    }

    /// Returns a bundle of this token that is valid now.
    ///
    /// # Errors
    /// [`BundleError`] if none can be issued, or if services would reject it.
    pub async fn token(&self, token: &Token) -> Result<ReadyHeader, BundleError> {
        Self::ready(self.token_refresher(token)?.get()?).await
    }

    /// Returns a bundle of this token that was issued within the last 10 seconds, unless its source
    /// has just failed: for a caller whose bundle a service has refused. So callers can cause no more
    /// than one signature or exchange per token in this time.
    ///
    /// # Errors
    /// As [`Self::token`].
    pub async fn fresh_token(&self, token: &Token) -> Result<ReadyHeader, BundleError> {
        Self::ready(self.token_refresher(token)?.renew(Self::MAX_FRESH_AGE)?).await
    }

    /// Returns the cached tokens that are valid now, with their bundles.
    #[must_use]
    pub fn cached(&self) -> Vec<(Token, ReadyHeader)> {
        let cached = self.refreshers.iter().filter_map(|(json, refresher)| {
            let token: Result<Token, TokenError> = Token::from_json(json.as_bytes());
            token.ok().zip(refresher.cached())
        });
        let mut cached: Vec<_> = cached.collect();
        cached.sort_by_cached_key(|(token, _)| token.to_json());
        cached
    }

    /// Returns how long callers should wait before they ask again after an error.
    #[must_use]
    pub fn retry_after(error: &BundleError) -> Duration {
        const DEFAULT: Duration = Duration::from_secs(5);
        match error {
            BundleError::Source(error) => error.retry_after().unwrap_or(DEFAULT),
            _ => DEFAULT,
        }
    }

    async fn ready(state: BundleState) -> Result<ReadyHeader, BundleError> {
        match state {
            BundleState::Ready(ready) => Ok(ready),
            BundleState::Pending(pending) => wait_for_refresh(pending).await,
        }
    }

    /// Returns the refresher of a token, which all callers share.
    fn token_refresher(&self, token: &Token) -> Result<BundleRefresher, BundleError> {
        let key = token.to_json();
        if let Some(refresher) = self.refreshers.get(&key) {
            return Ok(refresher);
        }
        let refresher = self.refresher(token)?;
        self.refreshers.get_or_insert_with(&key, || Ok(refresher))
    }

    fn refresher(&self, token: &Token) -> Result<BundleRefresher, BundleError> {
        let source = VerifiedSource::new(self.source(token)?)
            .with_trust_anchors(Arc::clone(&self.anchors))
            .with_clock(Arc::clone(&self.clock));
        let mut refresher = BundleRefresher::new(source).for_audience(Some(token.audience()));
        refresher.clock = Arc::clone(&self.clock);
        Ok(refresher)
    }

    fn source(&self, token: &Token) -> Result<Arc<dyn TokenBundleSource>, SourceError> {
        let mut sources = self.sources.iter();
        if let Some((_, source)) = sources.find(|(audience, _)| **audience == *token.audience()) {
            let is_allowed = token.claims().is_empty();
            let error = || SourceError::new("the claims for this audience are those of its source");
            return is_allowed.then(|| Arc::clone(source)).ok_or_else(error);
        }
        let signer = self.signer.clone().ok_or_else(|| SourceError::new("no signer"))?;
        let (signer, permits) = (signer.with_token(token.clone()), Arc::clone(&self.permits));
        Ok(Arc::new(LimitedSigner { signer, permits }))
    }
}

#[async_trait::async_trait]
impl TokenBundleSource for LimitedSigner {
    async fn token_bundle(&self, audience: Option<&str>) -> Result<ExpiringBundle, SourceError> {
        let _permit = self.permits.acquire().await.map_err(SourceError::new)?;
        self.signer.token_bundle(audience).await
    }
}

impl Default for TokenAgent {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TokenAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audiences: Vec<_> = self.sources.iter().map(|(audience, _)| audience).collect();
        f.debug_struct("TokenAgent")
            .field("signer", &self.signer)
            .field("sources", &audiences)
            .finish_non_exhaustive()
    }
}
