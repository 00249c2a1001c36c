//! Authenticates credentials: by the cache if the bundle is known, by verification otherwise.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
#[cfg(feature = "metrics")]
use http_guard::telemetry::isolate;
use http_guard::{has_multiple_values, token68};
use kliento_core::{SERVICE, Timestamp, TokenBundle, TokenVerification};

use crate::cache::BundleKey;
use crate::concurrency::VerificationLimiter;
use crate::singleflight::{Decision, SingleFlight};
use crate::telemetry::CacheStatus;
use crate::{
    BundleCache, Clock, Rejection, SignatureCache, SystemClock, TrustAnchorError, TrustAnchorStore,
    TrustAnchors, WorkloadIdentity,
};

/// The verification settings of a layer, its caches and its limits. Independent of Tower.
///
/// Clones share the caches, the limiter and the single flight.
#[derive(Clone)]
pub(crate) struct Authenticator {
    pub(crate) audiences: Vec<String>,
    pub(crate) max_validity: Duration,
    pub(crate) min_modulus_bits: usize,
    pub(crate) clock_skew: Duration,
    pub(crate) trust_anchors: Arc<dyn TrustAnchorStore>,
    pub(crate) cache: BundleCache,
    pub(crate) signature_cache: SignatureCache,
    pub(crate) limiter: Arc<VerificationLimiter>,
    clock: Arc<dyn Clock>,
    /// A digest of the settings above that a decision depends on.
    policy_digest: [u8; 32],
    single_flight: Arc<SingleFlight>,
}

/// Credentials whose bundle is not in the cache.
pub(crate) struct CacheMiss {
    credentials: HeaderValue,
    /// The key, if the store gave the anchors without waiting.
    cache_key: Option<CacheKey>,
}

/// The key of a bundle, and what it was computed from.
struct CacheKey {
    anchors: TrustAnchors,
    /// The generation of the cache.
    generation: u64,
    digest: BundleKey,
}

impl Authenticator {
    /// How often a bundle is verified if the anchors change meanwhile.
    const MAX_ATTEMPTS: usize = 3;

    pub(crate) fn new(audience: String) -> Self {
        let mut authenticator = Self {
            audiences: vec![audience],
            max_validity: TokenVerification::DEFAULT_MAX_VALIDITY,
            min_modulus_bits: 2048,
            clock_skew: Duration::from_secs(5),
            trust_anchors: Arc::new(TrustAnchors::iana()),
            cache: BundleCache::default(),
            signature_cache: SignatureCache::default(),
            limiter: Arc::default(),
            clock: Arc::new(SystemClock),
            policy_digest: [0; 32],
            single_flight: Arc::default(),
        };
        authenticator.update_policy_digest();
        authenticator
    }

    /// Must be called after each change of the audiences or of the bounds on tokens and keys.
    pub(crate) fn update_policy_digest(&mut self) {
        let mut digest = blake3::Hasher::new_derive_key("kliento-tower, verified bundles, 2");
        digest.update(&self.max_validity.as_nanos().to_be_bytes());
        digest.update(&self.min_modulus_bits.to_be_bytes());
        digest.update(&self.clock_skew.as_nanos().to_be_bytes());
        for text in self.audiences.iter().map(String::as_str).chain([SERVICE]) {
            // The lengths make the concatenation unambiguous.
            digest.update(&text.len().to_be_bytes()).update(text.as_bytes());
        }
        self.policy_digest = digest.finalize().into();
    }

    /// Replaces the clock, and the single flight with it: the time is not part of its key, so
    /// layers with different clocks must not share decisions.
    pub(crate) fn set_clock(&mut self, clock: Arc<dyn Clock>) {
        self.clock = clock;
        self.single_flight = Arc::default();
    }

    /// Replaces the cache, and the single flight with it: caches count their generations apart, so
    /// layers with different caches must not share decisions.
    pub(crate) fn set_cache(&mut self, cache: BundleCache) {
        self.cache = cache;
        self.single_flight = Arc::default();
    }

    /// Looks up the credentials without waiting.
    pub(crate) fn lookup(&self, credentials: &HeaderValue) -> Result<Decision, CacheMiss> {
        let miss = |cache_key| CacheMiss { credentials: credentials.clone(), cache_key };
        let anchors = self.trust_anchors.try_current().ok_or_else(|| miss(None))?;
        self.lookup_with_anchors(credentials, anchors).map_err(|cache_key| miss(Some(cache_key)))
    }

    /// Verifies a bundle, once for all concurrent requests that carry it.
    ///
    /// The request occupies a slot until its decision. If the anchors have changed by then, or the
    /// cache was cleared, the bundle is looked up and verified again: a result from withdrawn
    /// anchors is never accepted.
    pub(crate) async fn authenticate(&self, miss: CacheMiss) -> (Decision, CacheStatus) {
        let CacheMiss { credentials, cache_key } = miss;
        if has_multiple_values(credentials.as_bytes()) {
            return (Err(Rejection::MultipleCredentials), CacheStatus::NotConsulted);
        }
        match self.limiter.enter() {
            Ok(_slot) => self.authenticate_in_slot(&credentials, cache_key).await,
            Err(busy) if cache_key.is_some() => (Err(busy), CacheStatus::Miss),
            Err(busy) => (Err(busy), CacheStatus::NotConsulted),
        }
    }

    async fn authenticate_in_slot(
        &self,
        credentials: &HeaderValue,
        mut cache_key: Option<CacheKey>,
    ) -> (Decision, CacheStatus) {
        for _ in 0..Self::MAX_ATTEMPTS {
            let lookup = match cache_key.take() {
                Some(key) => Err(key),
                None => self.lookup_async(credentials).await,
            };
            let key = match lookup {
                Ok(decision) => {
                    let status = CacheStatus::from_lookup(&decision);
                    return (decision, status);
                }
                Err(key) => key,
            };
            let verify = || self.verify(&key, credentials);
            let decision = self.single_flight.run(key.digest, verify).await;
            if decision.is_err() {
                return (decision, CacheStatus::Miss);
            }
            match self.is_current(&key).await {
                Ok(true) => return (decision, CacheStatus::Miss),
                Ok(false) => {}
                Err(rejection) => return (Err(rejection), CacheStatus::Miss),
            }
        }
        let error = TrustAnchorError::new("they changed during each verification");
        (Err(error.into()), CacheStatus::Miss)
    }

    /// Returns whether the key is still that of a request that arrives now.
    async fn is_current(&self, key: &CacheKey) -> Result<bool, Rejection> {
        let anchors = self.current_anchors().await?;
        let is_same_set = anchors.fingerprint() == key.anchors.fingerprint();
        Ok(is_same_set && self.cache.generation() == key.generation)
    }

    /// Returns the time, or `None` if the clock is unavailable.
    pub(crate) fn now(&self) -> Option<Timestamp> {
        self.clock.now()
    }

    pub(crate) async fn current_anchors(&self) -> Result<TrustAnchors, TrustAnchorError> {
        match self.trust_anchors.try_current() {
            Some(anchors) => Ok(anchors),
            None => self.trust_anchors.snapshot().await,
        }
    }

    async fn lookup_async(&self, credentials: &HeaderValue) -> Result<Decision, CacheKey> {
        match self.current_anchors().await {
            Ok(anchors) => self.lookup_with_anchors(credentials, anchors),
            Err(error) => Ok(Err(error.into())),
        }
    }

    fn lookup_with_anchors(
        &self,
        credentials: &HeaderValue,
        anchors: TrustAnchors,
    ) -> Result<Decision, CacheKey> {
        if anchors.as_slice().is_empty() {
            return Ok(Err(TrustAnchorError::new("the set is empty").into()));
        }
        let Some(now) = self.clock.now() else { return Ok(Err(Rejection::ClockUnavailable)) };
        let (text, generation) = (token68(credentials.as_bytes()), self.cache.generation());
        let digest = cache_key_digest(&self.policy_digest, anchors.fingerprint(), generation, text);
        let known = self.cache.get(&digest, now);
        known.map(Ok).ok_or(CacheKey { anchors, generation, digest })
    }

    /// Parses the bundle, waits for a permit, and verifies. A malformed bundle needs no permit.
    async fn verify(&self, key: &CacheKey, credentials: &HeaderValue) -> Decision {
        let bundle = TokenBundle::from_authorization(credentials)?;
        let _permit = self.limiter.acquire().await?;
        let now = self.clock.now().ok_or(Rejection::ClockUnavailable)?;
        if let Some(known) = self.cache.get(&key.digest, now) {
            return Ok(known);
        }
        let identity = self.verify_now(&bundle, &key.anchors, now)?;
        self.cache.insert(key.digest, identity.clone(), now);
        Ok(identity)
    }

    fn verify_now(&self, bundle: &TokenBundle, anchors: &TrustAnchors, now: Timestamp) -> Decision {
        #[cfg(feature = "metrics")]
        isolate(|| {
            #[expect(clippy::disallowed_macros, reason = "isolated: above")]
            metrics::counter!("kliento_verifications_total").increment(1);
        });
        let audiences: Vec<&str> = self.audiences.iter().map(String::as_str).collect();
        let verification = TokenVerification::new(&audiences, anchors.as_slice())
            .with_max_validity(self.max_validity)
            .with_min_modulus_bits(self.min_modulus_bits);
        // The layer has checked the bound.
        let verification = verification.with_clock_skew(self.clock_skew).unwrap_or(verification);
        let mut verifier = self.signature_cache.staged_verifier();
        let token = bundle.verify_with(&verification, now, &mut verifier)?;
        self.signature_cache.commit(verifier);
        Ok(WorkloadIdentity::new(&token, anchors.clone()))
    }
}

/// A keyed digest of the credentials and of everything else that a decision depends on, except for
/// the time.
///
/// BLAKE3 hashes groups of 1 KiB chunks in parallel, and the remaining chunks one by one. Zero
/// padding to a multiple of 4 KiB halves the time for a typical bundle. It adds no collisions: a
/// header value contains no zeros, and the fingerprint and the generation have fixed lengths.
fn cache_key_digest(
    policy_digest: &[u8; 32],
    anchors_fingerprint: &[u8; 32],
    generation: u64,
    text: &[u8],
) -> BundleKey {
    const WIDTH: usize = 4 * 1024;
    const TAIL: usize = 32 + 8;
    let length = (text.len() + TAIL).next_multiple_of(WIDTH);
    let mut padded = Vec::with_capacity(length);
    padded.extend_from_slice(text);
    padded.resize(length - TAIL, 0);
    padded.extend_from_slice(anchors_fingerprint);
    padded.extend_from_slice(&generation.to_be_bytes());
    blake3::keyed_hash(policy_digest, &padded).into()
}
