//! A random walk through times, anchors and layers, with many requests in each state.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use fastrand::Rng;
use kliento_core::{Error, Timestamp, VerifiedToken};
use kliento_tower::{
    BundleCache, KlientoAuthLayer, SignatureCache, TrustAnchorError, TrustAnchorStore,
    TrustAnchors, WorkloadIdentity, clock_fn,
};
use tokio::runtime::{Builder, Runtime};

use crate::bundles::Bundles;
use crate::exchange::{Outcome, send};
use crate::query::{Requirements, agree};

/// Counts of the outcomes, which show that a walk covers them.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    pub(crate) accepted: usize,
    pub(crate) rejected: usize,
    /// The accepted requests with the same allocation as the last time.
    pub(crate) hits: usize,
    pub(crate) verifications: usize,
    pub(crate) reasons: BTreeMap<&'static str, usize>,
}

/// The number of lookups before the state changes.
const LOOK_UPS_PER_STATE: usize = 50;

/// The state of the walk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct State {
    layer: usize,
    anchors: usize,
    now: Timestamp,
}

pub(crate) struct Walk {
    rng: Rng,
    bundles: Bundles,
    layers: Vec<(Requirements, KlientoAuthLayer)>,
    state: State,
    shared: Arc<SharedState>,
    /// The results of the oracle, which are deterministic.
    oracle: HashMap<(usize, State), Result<VerifiedToken, Error>>,
    /// The bundles that were accepted in this state.
    accepted: Vec<usize>,
    /// The last identity of each bundle.
    last: HashMap<usize, WorkloadIdentity>,
    statistics: Statistics,
    runtime: Runtime,
}

/// The anchors and the time of all layers.
struct SharedState {
    anchors: RwLock<TrustAnchors>,
    now: RwLock<Timestamp>,
}

impl Walk {
    /// Creates a walk whose layers share two caches of these sizes.
    pub(crate) fn new(seed: u64, octets: u64, signatures: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let bundles = Bundles::new(&mut rng);
        let now = bundles.periods[0].start();
        let anchors = RwLock::new(bundles.anchors[0].clone());
        let shared = Arc::new(SharedState { anchors, now: RwLock::new(now) });
        let (cache, signature_cache) = (BundleCache::new(octets), SignatureCache::new(signatures));
        let layers = (0..12).map(|number| {
            let requirements = Requirements::new(number, &mut rng);
            let clock = Arc::clone(&shared);
            let layer = requirements
                .layer()
                .with_cache(cache.clone())
                .with_signature_cache(signature_cache.clone())
                .with_trust_anchors(Arc::clone(&shared))
                .with_clock(clock_fn(move || Some(*clock.now.read().unwrap())));
            (requirements, layer)
        });
        let layers = layers.collect();
        Self {
            rng,
            bundles,
            layers,
            state: State { layer: 0, anchors: 0, now },
            shared,
            oracle: HashMap::new(),
            accepted: Vec::new(),
            last: HashMap::new(),
            statistics: Statistics::default(),
            runtime: Builder::new_current_thread().build().unwrap(),
        }
    }

    /// Makes this many lookups.
    pub(crate) fn run(mut self, look_ups: usize) -> Statistics {
        for turn in 0..look_ups {
            if turn % LOOK_UPS_PER_STATE == 0 {
                self.advance();
            }
            let bundle = self.choose();
            self.look_up(bundle);
        }
        self.statistics
    }

    /// Changes at least one part of the state.
    fn advance(&mut self) {
        self.accepted.clear();
        let choices = self.rng.u8(1..8);
        if choices & 1 != 0 {
            self.state.now = self.instant();
            *self.shared.now.write().unwrap() = self.state.now;
        }
        if choices & 2 != 0 {
            self.state.anchors = self.rng.usize(..self.bundles.anchors.len());
            *self.shared.anchors.write().unwrap() =
                self.bundles.anchors[self.state.anchors].clone();
        }
        if choices & 4 != 0 {
            self.state.layer = self.rng.usize(..self.layers.len());
        }
    }

    /// Returns a time near the start or end of a token, or within 20 minutes of the current one.
    fn instant(&mut self) -> Timestamp {
        let millisecond = if self.rng.bool() {
            let period = self.rng.choice(&self.bundles.periods).unwrap();
            let end = if self.rng.bool() { period.start() } else { period.end() };
            end.as_millisecond() + self.rng.choice([-1_000, -1, 0, 1, 1_000]).unwrap()
        } else {
            self.state.now.as_millisecond() + self.rng.i64(-1_200_000..1_200_000)
        };
        Timestamp::from_millisecond(millisecond).unwrap()
    }
}

impl Walk {
    /// Chooses mostly a bundle that was accepted in this state or is valid now, sometimes any.
    fn choose(&mut self) -> usize {
        let periods = self.bundles.periods.iter().enumerate();
        let valid = periods.filter(|(_, period)| period.contains(self.state.now));
        let valid: Vec<_> = valid.map(|(bundle, _)| bundle).collect();
        let choices = if self.rng.u8(..3) == 0 { &valid } else { &self.accepted };
        match self.rng.choice(choices) {
            Some(bundle) if self.rng.u8(..16) != 0 => *bundle,
            _ => self.rng.usize(..self.bundles.credentials.len()),
        }
    }

    fn look_up(&mut self, bundle: usize) {
        let (requirements, layer) = &self.layers[self.state.layer];
        let credentials = &self.bundles.credentials[bundle];
        let anchors = &self.bundles.anchors[self.state.anchors];
        let oracle = self.oracle.entry((bundle, self.state)).or_insert_with(|| {
            self.statistics.verifications += 1;
            requirements.verify(credentials, anchors, self.state.now)
        });
        let decision = self.runtime.block_on(send(layer, credentials));
        if !agree(&decision, oracle) {
            let (state, value) = (self.state, credentials.to_str().unwrap());
            panic!("{decision:?}\nis not\n{oracle:?}\nat {state:?} of {anchors:?} for\n{value}");
        }
        self.count(bundle, decision);
    }

    fn count(&mut self, bundle: usize, decision: Outcome) {
        match decision {
            Ok(identity) => {
                self.statistics.accepted += 1;
                let is_same =
                    |last: &WorkloadIdentity| std::ptr::eq(last.claims(), identity.claims());
                self.statistics.hits += usize::from(self.last.get(&bundle).is_some_and(is_same));
                self.last.insert(bundle, identity);
                self.accepted.push(bundle);
            }
            Err(rejection) => {
                self.statistics.rejected += 1;
                *self.statistics.reasons.entry(rejection.reason()).or_default() += 1;
            }
        }
    }
}

#[async_trait]
impl TrustAnchorStore for SharedState {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        Ok(self.anchors.read().unwrap().clone())
    }

    fn try_current(&self) -> Option<TrustAnchors> {
        // Half of the requests see a store that has to be awaited.
        let is_even = self.now.read().unwrap().as_millisecond() % 2 == 0;
        is_even.then(|| self.anchors.read().unwrap().clone())
    }
}
