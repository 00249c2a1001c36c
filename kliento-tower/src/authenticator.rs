//! Finds out who presented a bundle: from the cache at best, by a verification at worst.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use kliento::{SERVICE, Timestamp, TokenBundle, TokenVerification};

use crate::cache::BundleKey;
use crate::credentials::{is_list, parameter};
use crate::flights::{Flights, Verdict};
use crate::gate::Gate;
use crate::observation::CacheUse;
use crate::recent::Context;
use crate::{
    BundleCache, Clock, Rejection, SignatureMemo, SystemClock, TrustAnchorError, TrustAnchorStore,
    TrustAnchors, WorkloadIdentity,
};

/// All that decides whether a bundle holds, and what is known already. It knows nothing of Tower.
pub(crate) struct Authenticator {
    pub(crate) audiences: Vec<String>,
    pub(crate) max_validity: Duration,
    pub(crate) min_modulus_bits: usize,
    pub(crate) trust_anchors: Arc<dyn TrustAnchorStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) cache: BundleCache,
    pub(crate) memo: SignatureMemo,
    pub(crate) gate: Gate,
    /// A digest of what the layer asks of bundles.
    requirements: [u8; 32],
    flights: Flights,
}

/// A bundle that is not known yet.
pub(crate) struct Unknown {
    credentials: HeaderValue,
    /// From which anchors it would be verified, if that can be told without waiting.
    looked_up: Option<(TrustAnchors, BundleKey)>,
}

impl Authenticator {
    pub(crate) fn new(audience: String) -> Self {
        let mut authenticator = Self {
            audiences: vec![audience],
            max_validity: TokenVerification::DEFAULT_MAX_VALIDITY,
            min_modulus_bits: 2048,
            trust_anchors: Arc::new(TrustAnchors::iana()),
            clock: Arc::new(SystemClock),
            cache: BundleCache::default(),
            memo: SignatureMemo::default(),
            gate: Gate::new(Gate::default_concurrency(), Gate::DEFAULT_QUEUE),
            requirements: [0; 32],
            flights: Flights::default(),
        };
        authenticator.configure();
        authenticator
    }

    /// To be called after each change of what is asked of bundles.
    pub(crate) fn configure(&mut self) {
        let mut requirements = blake3::Hasher::new_derive_key("kliento-tower, verified bundles, 1");
        requirements.update(&self.max_validity.as_nanos().to_be_bytes());
        requirements.update(&self.min_modulus_bits.to_be_bytes());
        for text in self.audiences.iter().map(String::as_str).chain([SERVICE]) {
            // The lengths make the parts unambiguous.
            requirements.update(&text.len().to_be_bytes()).update(text.as_bytes());
        }
        self.requirements = requirements.finalize().into();
    }

    /// Tells without waiting who presented these credentials, if they are known.
    pub(crate) fn recall(&self, credentials: &HeaderValue) -> Result<Verdict, Unknown> {
        let unknown = |looked_up| Unknown { credentials: credentials.clone(), looked_up };
        let anchors = self.trust_anchors.current().ok_or_else(|| unknown(None))?;
        self.recall_from(credentials, anchors).map_err(|looked_up| unknown(Some(looked_up)))
    }

    /// Finds out who presented a bundle, once for all requests that carry it at the same time.
    ///
    /// Tells too whether it was known after all: not all stores tell their anchors without waiting.
    pub(crate) async fn find_out(&self, unknown: Unknown) -> (Verdict, CacheUse) {
        let Unknown { credentials, looked_up } = unknown;
        if is_list(credentials.as_bytes()) {
            return (Err(Rejection::SeveralCredentials), CacheUse::None);
        }
        let looked_up = match looked_up {
            Some(looked_up) => looked_up,
            None => match self.recall_waiting(&credentials).await {
                Ok(verdict) => {
                    let cache = CacheUse::of_recalled(&verdict);
                    return (verdict, cache);
                }
                Err(looked_up) => looked_up,
            },
        };
        let (anchors, key) = looked_up;
        let verdict = self.flights.join(key, || self.verify(key, &credentials, &anchors)).await;
        (verdict, CacheUse::Miss)
    }

    async fn recall_waiting(
        &self,
        credentials: &HeaderValue,
    ) -> Result<Verdict, (TrustAnchors, BundleKey)> {
        match self.trust_anchors.snapshot().await {
            Ok(anchors) => self.recall_from(credentials, anchors),
            Err(error) => Ok(Err(error.into())),
        }
    }

    fn recall_from(
        &self,
        credentials: &HeaderValue,
        anchors: TrustAnchors,
    ) -> Result<Verdict, (TrustAnchors, BundleKey)> {
        if anchors.as_slice().is_empty() {
            return Ok(Err(TrustAnchorError::new("the set is empty").into()));
        }
        let Some(now) = self.clock.now() else { return Ok(Err(Rejection::Clock)) };
        let (requirements, generation) = (self.requirements, *anchors.generation());
        let context = Context { requirements, generation };
        let credentials = parameter(credentials.as_bytes());
        if let Some(known) = self.cache.recent.get(credentials, &context, now) {
            return Ok(Ok(known));
        }
        let key = digest(&context, credentials);
        let Some(known) = self.cache.get(&key, now) else { return Err((anchors, key)) };
        self.cache.recent.insert(credentials, context, &known);
        Ok(Ok(known))
    }

    /// Waits for a turn, and verifies. What can't be read waits for none.
    async fn verify(
        &self,
        key: BundleKey,
        credentials: &HeaderValue,
        anchors: &TrustAnchors,
    ) -> Verdict {
        let bundle = TokenBundle::from_authorization(credentials)?;
        let _turn = self.gate.enter().await?;
        let now = self.clock.now().ok_or(Rejection::Clock)?;
        if let Some(known) = self.cache.get(&key, now) {
            return Ok(known);
        }
        let identity = self.verify_now(&bundle, anchors, now)?;
        self.cache.insert(key, identity.clone(), now);
        Ok(identity)
    }

    fn verify_now(&self, bundle: &TokenBundle, anchors: &TrustAnchors, now: Timestamp) -> Verdict {
        #[cfg(feature = "metrics")]
        metrics::counter!("kliento_verifications_total").increment(1);
        let audiences: Vec<&str> = self.audiences.iter().map(String::as_str).collect();
        let learner = self.memo.learner();
        let verification = TokenVerification::new(&audiences, anchors.as_slice())
            .with_max_validity(self.max_validity)
            .with_min_modulus_bits(self.min_modulus_bits)
            .with_verifier(&learner);
        let token = bundle.verify(&verification, now)?;
        learner.share();
        Ok(WorkloadIdentity::new(token))
    }
}

/// A keyed digest of the credentials and of all else that the verdict follows from but the time.
///
/// BLAKE3 takes 8 chunks of 1 KiB at a time, but the rest one by one: a typical bundle is digested
/// in half the time with zeros after it. They add no collisions, for no value has any, and as many
/// octets as ever come last.
fn digest(context: &Context, text: &[u8]) -> BundleKey {
    const WIDTH: usize = 4 * 1024;
    let Context { requirements, generation } = context;
    let length = (text.len() + generation.len()).next_multiple_of(WIDTH);
    let mut padded = Vec::with_capacity(length);
    padded.extend_from_slice(text);
    padded.resize(length - generation.len(), 0);
    padded.extend_from_slice(generation);
    blake3::keyed_hash(requirements, &padded).into()
}

/// The same configuration and memory, with nobody waiting.
impl Clone for Authenticator {
    fn clone(&self) -> Self {
        Self {
            audiences: self.audiences.clone(),
            max_validity: self.max_validity,
            min_modulus_bits: self.min_modulus_bits,
            trust_anchors: Arc::clone(&self.trust_anchors),
            clock: Arc::clone(&self.clock),
            cache: self.cache.clone(),
            memo: self.memo.clone(),
            gate: self.gate.clone(),
            requirements: self.requirements,
            flights: Flights::default(),
        }
    }
}
