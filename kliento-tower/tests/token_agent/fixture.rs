//! An organisation under a mock root, with chains of several periods, and a scripted fetcher.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use kliento_core::issue::RsaSigner;
use kliento_core::{OrganisationName, Period, Timestamp, TokenBundle, TokenVerification};
use kliento_core::{VerifiedToken, issue::KeyAlgorithm};
use kliento_tower::TrustAnchors;
use kliento_tower::client::{ChainFetcher, ChainSource, ReadyHeader};
use veraid::testing::{MockEnvironment, MockKey, MockOrganisation, ZoneAlgorithm};

use crate::clock::ManualClock;

pub(crate) const START: &str = "2026-11-22T18:00:00Z";
pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// Generating keys is slow, so they are shared.
struct Keys {
    root: MockKey,
    zone: MockKey,
    organisation: RsaSigner,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    root: MockKey::generate(ZoneAlgorithm::EcdsaP256Sha256).unwrap(),
    zone: MockKey::generate(ZoneAlgorithm::EcdsaP256Sha256).unwrap(),
    organisation: RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap(),
});

fn environment(from: &str, until: &str) -> MockEnvironment {
    let [from, until] = [from, until].map(|text| text.parse::<Timestamp>().unwrap());
    let period = Period::new(from, until).unwrap();
    MockEnvironment::with_keys(period, KEYS.root.clone(), KEYS.zone.clone()).unwrap()
}

/// The organisation, whose certificates and chain are valid in this period.
pub(crate) fn organisation(from: &str, until: &str) -> MockOrganisation {
    let key = KEYS.organisation.clone();
    environment(from, until).organisation_with_key("example.com", key).unwrap()
}

/// The messages of a chain that is valid in this period.
pub(crate) fn chain(from: &str, until: &str) -> Vec<Vec<u8>> {
    organisation(from, until).chain().to_vec()
}

/// A chain with the right root, in which the organisation publishes the key of another.
pub(crate) fn chain_of_other_key(from: &str, until: &str) -> Vec<Vec<u8>> {
    let other = RsaSigner::generate(KeyAlgorithm::Rsa2048).unwrap();
    let other = environment(from, until).organisation_with_key("example.com", other).unwrap();
    other.chain().to_vec()
}

/// A chain under another root.
pub(crate) fn forged_chain(from: &str, until: &str) -> Vec<Vec<u8>> {
    let [from, until] = [from, until].map(|text| text.parse::<Timestamp>().unwrap());
    let environment = MockEnvironment::new(Period::new(from, until).unwrap()).unwrap();
    let key = KEYS.organisation.clone();
    environment.organisation_with_key("example.com", key).unwrap().chain().to_vec()
}

pub(crate) fn key() -> RsaSigner {
    KEYS.organisation.clone()
}

pub(crate) fn name() -> OrganisationName {
    "example.com".parse().unwrap()
}

pub(crate) fn anchors() -> TrustAnchors {
    let environment = environment(START, START);
    TrustAnchors::new(environment.trust_anchors().unwrap())
}

/// Returns scripted results, and then errors.
#[derive(Clone, Default)]
pub(crate) struct ScriptedFetcher(Arc<Mutex<(usize, VecDeque<Fetched>)>>);

pub(crate) type Fetched = Result<Vec<Vec<u8>>, &'static str>;

impl ScriptedFetcher {
    pub(crate) fn new(results: impl IntoIterator<Item = Fetched>) -> Self {
        Self(Arc::new(Mutex::new((0, results.into_iter().collect()))))
    }

    pub(crate) fn push(&self, result: Fetched) {
        self.0.lock().unwrap().1.push_back(result);
    }

    /// Returns how often it was called.
    pub(crate) fn calls(&self) -> usize {
        self.0.lock().unwrap().0
    }
}

#[async_trait]
impl ChainFetcher for ScriptedFetcher {
    async fn fetch(&self, owner: &str) -> Result<Vec<Vec<u8>>, Box<dyn Error + Send + Sync>> {
        assert_eq!(owner, "_veraid.example.com");
        let mut state = self.0.lock().unwrap();
        state.0 += 1;
        Ok(state.1.pop_front().unwrap_or(Err("the resolver is away"))?)
    }
}

/// A source of chains with the anchors and the clock of a test.
pub(crate) fn source(fetcher: &ScriptedFetcher, clock: &ManualClock) -> ChainSource {
    let source = ChainSource::new(name(), fetcher.clone());
    source.with_trust_anchors(anchors()).with_clock(clock.clone())
}

/// Verifies a header as a service does that has never seen it.
pub(crate) fn verify(
    ready: &ReadyHeader,
    anchors: &TrustAnchors,
    at: Timestamp,
) -> Result<VerifiedToken, kliento_core::Error> {
    let bundle = TokenBundle::from_authorization(ready.value().as_bytes()).unwrap();
    let audience = bundle.claimed_token().unwrap().audience().to_owned();
    bundle.verify(&TokenVerification::new(&[&audience], anchors.as_slice()), at)
}
