//! A source with scripted outcomes, a manual clock, and a service that returns the header.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use kliento_core::{Timestamp, TokenBundle};
use kliento_tower::Clock;
use kliento_tower::client::{
    ClientError, ExpiringBundle, KlientoClientLayer, SourceError, TokenBundleSource,
};
use tokio::sync::Semaphore;
use tower::{Layer as _, ServiceExt as _, service_fn};

/// The time at which the tests start.
pub(crate) const START: &str = "2026-11-22T18:03:00Z";

/// Returns scripted outcomes when the test permits it.
pub(crate) struct ScriptedSource {
    outcomes: Mutex<VecDeque<Result<ExpiringBundle, SourceError>>>,
    queries: Mutex<Vec<Option<String>>>,
    checks: AtomicUsize,
    pub(crate) permits: Semaphore,
    pub(crate) has_changed: AtomicBool,
}

impl ScriptedSource {
    /// Creates a source that responds immediately.
    pub(crate) fn new(outcomes: impl IntoIterator<Item = Outcome>) -> Arc<Self> {
        let source = Self::blocked(outcomes);
        source.permits.add_permits(Semaphore::MAX_PERMITS);
        source
    }

    /// Creates a source that waits for permits.
    pub(crate) fn blocked(outcomes: impl IntoIterator<Item = Outcome>) -> Arc<Self> {
        Arc::new(Self {
            outcomes: Mutex::new(outcomes.into_iter().collect()),
            queries: Mutex::default(),
            checks: AtomicUsize::new(0),
            permits: Semaphore::new(0),
            has_changed: AtomicBool::new(false),
        })
    }

    /// Returns the number of queries.
    pub(crate) fn queries(&self) -> usize {
        self.audiences().len()
    }

    /// Returns the audience of each query.
    pub(crate) fn audiences(&self) -> Vec<Option<String>> {
        self.queries.lock().unwrap().clone()
    }

    /// Returns how often the source was asked whether it has changed.
    pub(crate) fn checks(&self) -> usize {
        self.checks.load(Ordering::SeqCst)
    }
}

pub(crate) type Outcome = Result<ExpiringBundle, SourceError>;

#[async_trait]
impl TokenBundleSource for ScriptedSource {
    async fn token_bundle(&self, audience: Option<&str>) -> Outcome {
        self.queries.lock().unwrap().push(audience.map(str::to_owned));
        self.permits.acquire().await.unwrap().forget();
        let next = self.outcomes.lock().unwrap().pop_front();
        next.unwrap_or_else(|| Err(SourceError::new("no outcome left")))
    }

    async fn has_changed(&self, _: Option<&str>) -> bool {
        self.checks.fetch_add(1, Ordering::SeqCst);
        self.has_changed.load(Ordering::SeqCst)
    }
}

/// Returns a bundle with this number, valid for this many seconds from the start.
#[expect(clippy::unnecessary_wraps, reason = "same type as failures")]
pub(crate) fn valid_for(number: u8, seconds: u64) -> Outcome {
    let end = START.parse::<Timestamp>().unwrap() + Duration::from_secs(seconds);
    Ok(ExpiringBundle::new(bundle(number), end))
}

pub(crate) fn failing(reason: &str) -> Outcome {
    Err(SourceError::new(reason.to_owned()))
}

/// Returns a bundle of the reference implementation, with another last octet of the signature.
pub(crate) fn bundle(number: u8) -> TokenBundle {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/reference/member-user.bin");
    let mut octets = std::fs::read(path).unwrap();
    *octets.last_mut().unwrap() = number;
    TokenBundle::from_bytes(octets).unwrap()
}

/// Returns the header value of a bundle.
#[expect(clippy::unnecessary_wraps, reason = "it is compared with an optional header")]
pub(crate) fn value(number: u8) -> Option<HeaderValue> {
    Some(bundle(number).to_authorization().parse().unwrap())
}

/// A clock that the test sets.
#[derive(Clone)]
pub(crate) struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    pub(crate) fn new() -> Self {
        let start: Timestamp = START.parse().unwrap();
        Self(Arc::new(AtomicI64::new(start.as_millisecond())))
    }

    /// Sets the time in seconds after the start.
    pub(crate) fn set(&self, seconds: i64) {
        let start: Timestamp = START.parse().unwrap();
        self.0.store(start.as_millisecond() + seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).ok()
    }
}

pub(crate) fn request(uri: &str) -> Request<String> {
    Request::get(uri).body(String::new()).unwrap()
}

/// Sends a request through the layer, and returns the header that the service received.
pub(crate) async fn send(
    layer: &KlientoClientLayer,
    request: Request<String>,
) -> Result<Option<HeaderValue>, ClientError<Infallible>> {
    let service = service_fn(|request: Request<String>| async move {
        Ok::<_, Infallible>(request.headers().get(AUTHORIZATION).cloned())
    });
    layer.layer(service).oneshot(request).await
}

/// Returns the header that is attached to a request now.
pub(crate) async fn attached(layer: &KlientoClientLayer) -> Option<HeaderValue> {
    send(layer, request("https://api.example.com/")).await.unwrap()
}

/// Sends requests until this header is attached, or fails after a minute.
pub(crate) async fn eventually(layer: &KlientoClientLayer, expected: Option<HeaderValue>) {
    let attempts = async {
        while attached(layer).await != expected {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), attempts).await.expect("attached in time");
}
