//! A random walk through times, anchors and layers, with many requests at each stop.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use fastrand::Rng;
use kliento::{Error, Timestamp, VerifiedToken};
use kliento_tower::{
    BundleCache, KlientoAuthLayer, SignatureCache, TrustAnchorError, TrustAnchorStore,
    TrustAnchors, WorkloadIdentity, clock_fn,
};
use tokio::runtime::{Builder, Runtime};

use crate::bundles::Bundles;
use crate::exchange::{Outcome, send};
use crate::query::{Requirements, agree};

/// What happened, so that a walk on which nothing happens is noticed.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
    /// Those of the accepted that got the very object that they got the last time.
    pub(crate) hits: usize,
    pub(crate) verifications: usize,
    pub(crate) reasons: BTreeMap<&'static str, usize>,
}

/// How many look-ups are made before anything changes.
const STOP: usize = 50;

/// Where the walk stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Stop {
    layer: usize,
    anchors: usize,
    now: Timestamp,
}

pub(crate) struct Walk {
    rng: Rng,
    bundles: Bundles,
    layers: Vec<(Requirements, KlientoAuthLayer)>,
    stop: Stop,
    shared: Arc<Shared>,
    /// What the oracle said; it says the same whenever it is asked the same.
    oracle: HashMap<(usize, Stop), Result<VerifiedToken, Error>>,
    /// The bundles that were accepted where the walk stands.
    accepted: Vec<usize>,
    /// What each bundle's last answer was.
    last: HashMap<usize, WorkloadIdentity>,
    figures: Figures,
    runtime: Runtime,
}

/// What the layers look at.
struct Shared {
    anchors: RwLock<TrustAnchors>,
    now: RwLock<Timestamp>,
}

impl Walk {
    /// All layers share the two caches, of these sizes.
    pub(crate) fn new(seed: u64, octets: u64, signatures: usize) -> Self {
        let mut rng = Rng::with_seed(seed);
        let bundles = Bundles::new(&mut rng);
        let now = bundles.periods[0].start();
        let anchors = RwLock::new(bundles.anchors[0].clone());
        let shared = Arc::new(Shared { anchors, now: RwLock::new(now) });
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
            stop: Stop { layer: 0, anchors: 0, now },
            shared,
            oracle: HashMap::new(),
            accepted: Vec::new(),
            last: HashMap::new(),
            figures: Figures::default(),
            runtime: Builder::new_current_thread().build().unwrap(),
        }
    }

    /// Makes so many look-ups.
    pub(crate) fn run(mut self, look_ups: usize) -> Figures {
        for turn in 0..look_ups {
            if turn % STOP == 0 {
                self.advance();
            }
            let bundle = self.choose();
            self.look_up(bundle);
        }
        self.figures
    }

    /// Changes one thing, at times two or three.
    fn advance(&mut self) {
        self.accepted.clear();
        let choices = self.rng.u8(1..8);
        if choices & 1 != 0 {
            self.stop.now = self.instant();
            *self.shared.now.write().unwrap() = self.stop.now;
        }
        if choices & 2 != 0 {
            self.stop.anchors = self.rng.usize(..self.bundles.anchors.len());
            *self.shared.anchors.write().unwrap() = self.bundles.anchors[self.stop.anchors].clone();
        }
        if choices & 4 != 0 {
            self.stop.layer = self.rng.usize(..self.layers.len());
        }
    }

    /// Near an end of a token, or some minutes from where we are, onwards or back.
    fn instant(&mut self) -> Timestamp {
        let millisecond = if self.rng.bool() {
            let period = self.rng.choice(&self.bundles.periods).unwrap();
            let end = if self.rng.bool() { period.start() } else { period.end() };
            end.as_millisecond() + self.rng.choice([-1_000, -1, 0, 1, 1_000]).unwrap()
        } else {
            self.stop.now.as_millisecond() + self.rng.i64(-1_200_000..1_200_000)
        };
        Timestamp::from_millisecond(millisecond).unwrap()
    }
}

impl Walk {
    /// Mostly a bundle that was accepted here, or whose token is for now; at times any.
    fn choose(&mut self) -> usize {
        let periods = self.bundles.periods.iter().enumerate();
        let held = periods.filter(|(_, period)| period.contains(self.stop.now));
        let held: Vec<_> = held.map(|(bundle, _)| bundle).collect();
        let choices = if self.rng.u8(..3) == 0 { &held } else { &self.accepted };
        match self.rng.choice(choices) {
            Some(bundle) if self.rng.u8(..16) != 0 => *bundle,
            _ => self.rng.usize(..self.bundles.credentials.len()),
        }
    }

    fn look_up(&mut self, bundle: usize) {
        let (requirements, layer) = &self.layers[self.stop.layer];
        let credentials = &self.bundles.credentials[bundle];
        let anchors = &self.bundles.anchors[self.stop.anchors];
        let oracle = self.oracle.entry((bundle, self.stop)).or_insert_with(|| {
            self.figures.verifications += 1;
            requirements.verify(credentials, anchors, self.stop.now)
        });
        let answer = self.runtime.block_on(send(layer, credentials));
        if !agree(&answer, oracle) {
            let (stop, value) = (self.stop, credentials.to_str().unwrap());
            panic!("{answer:?}\nis not\n{oracle:?}\nat {stop:?} of {anchors:?} for\n{value}");
        }
        self.count(bundle, answer);
    }

    fn count(&mut self, bundle: usize, answer: Outcome) {
        match answer {
            Ok(identity) => {
                self.figures.accepted += 1;
                let is_same =
                    |last: &WorkloadIdentity| std::ptr::eq(last.claims(), identity.claims());
                self.figures.hits += usize::from(self.last.get(&bundle).is_some_and(is_same));
                self.last.insert(bundle, identity);
                self.accepted.push(bundle);
            }
            Err(rejection) => {
                self.figures.refused += 1;
                *self.figures.reasons.entry(rejection.reason()).or_default() += 1;
            }
        }
    }
}

#[async_trait]
impl TrustAnchorStore for Shared {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        Ok(self.anchors.read().unwrap().clone())
    }

    fn try_current(&self) -> Option<TrustAnchors> {
        // Half of the requests go the way of stores that can't tell at once.
        let is_even = self.now.read().unwrap().as_millisecond() % 2 == 0;
        is_even.then(|| self.anchors.read().unwrap().clone())
    }
}
