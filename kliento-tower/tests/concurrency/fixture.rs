//! A layer whose verifications a test can block and count.

use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};

use http::HeaderValue;
use kliento_core::{Timestamp, Token};
use kliento_tower::{KlientoAuthLayer, clock_fn};
use metrics_util::debugging::{DebugValue, Snapshotter};
use tower::{Layer as _, Service as _, service_fn};
use veraid::testing::{MockEnvironment, MockMember};

use crate::mock::exchange::{Outcome, echo_extensions, outcome, request};
use crate::mock::{credentials, period, sign};

pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// A member of an organisation under a mock DNS root.
pub(crate) struct Fixture {
    environment: MockEnvironment,
    member: MockMember,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let environment = MockEnvironment::new(hour()).unwrap();
        let member = environment.organisation("example.com").unwrap().member("alice").unwrap();
        Self { environment, member }
    }

    pub(crate) fn trust_anchors(&self) -> kliento_tower::TrustAnchors {
        self.environment.trust_anchors().unwrap().into()
    }

    /// A layer that verifies one bundle at a time.
    pub(crate) fn layer(&self) -> KlientoAuthLayer {
        KlientoAuthLayer::new(AUDIENCE)
            .with_trust_anchors(self.trust_anchors())
            .with_clock(clock_fn(move || Some(now())))
            .with_concurrency_limit(1)
            .unwrap()
    }

    /// Returns the credentials of a bundle with this number in its claims.
    pub(crate) fn credentials(&self, number: usize) -> HeaderValue {
        let token = Token::new(AUDIENCE).with_claim("number", number.to_string());
        credentials(sign(&self.member, &token, hour()))
    }
}

fn hour() -> kliento_core::Period {
    period("2026-11-22T18:00:00Z", "2026-11-22T19:00:00Z")
}

pub(crate) fn now() -> Timestamp {
    hour().start()
}

/// A request in progress, which is only polled by the test.
pub(crate) type Pending = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Calls the layer, which looks up the cache immediately.
pub(crate) fn call(layer: &KlientoAuthLayer, credentials: &HeaderValue) -> Pending {
    let mut service = layer.layer(service_fn(echo_extensions));
    let response = service.call(request(credentials));
    Box::pin(async {
        let Ok(response) = response.await;
        outcome(response)
    })
}

/// Polls once, outside a runtime, since tokio's cooperative budget would limit the polls.
pub(crate) fn poll(pending: &mut Pending) -> Poll<Outcome> {
    pending.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Completes the future on this thread.
pub(crate) fn finish<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A clock that blocks its second reading until the test releases it.
#[derive(Clone, Default)]
pub(crate) struct BlockingClock(Arc<(Mutex<Readings>, Condvar)>);

#[derive(Default)]
struct Readings {
    count: usize,
    is_released: bool,
}

impl BlockingClock {
    /// The second reading is that of the first request's verification, while it holds its permit.
    const BLOCKED_READING: usize = 2;

    pub(crate) fn read(&self) -> Timestamp {
        let (readings, changed) = &*self.0;
        let mut readings = readings.lock().unwrap();
        readings.count += 1;
        changed.notify_all();
        if readings.count == Self::BLOCKED_READING {
            drop(changed.wait_while(readings, |readings| !readings.is_released).unwrap());
        }
        now()
    }

    /// Waits until a verification is blocked.
    pub(crate) fn wait_until_blocked(&self) {
        let (readings, changed) = &*self.0;
        let readings = readings.lock().unwrap();
        drop(
            changed
                .wait_while(readings, |readings| readings.count < Self::BLOCKED_READING)
                .unwrap(),
        );
    }

    pub(crate) fn release(&self) {
        let (readings, changed) = &*self.0;
        readings.lock().unwrap().is_released = true;
        changed.notify_all();
    }
}

/// A test that fails must not leave a thread blocked.
impl Drop for BlockingClock {
    fn drop(&mut self) {
        self.release();
    }
}

/// Returns the number of verifications since the last call.
pub(crate) fn verifications(snapshotter: &Snapshotter) -> u64 {
    let metrics = snapshotter.snapshot().into_vec();
    let counts = metrics.into_iter().filter_map(|(key, _, _, value)| match value {
        DebugValue::Counter(count) if key.key().name() == "kliento_verifications_total" => {
            Some(count)
        }
        _ => None,
    });
    counts.sum()
}
