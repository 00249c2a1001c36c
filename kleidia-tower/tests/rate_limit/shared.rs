//! Limits that nodes share: their decisions, keys and scopes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use http::header::RETRY_AFTER;
use http::{HeaderName, StatusCode};
use kleidia_tower::rate_limit::{
    Key, Limit, LimitDecision, LimitKey, LimitStore, LimitStoreError, MemoryLimitStore,
    RateLimitLayer, SharedLimits,
};

use crate::fixture::{ManualClock, request, send};

const SECRET: [u8; 32] = [7; 32];

/// Two limits, of which the second one is by a header, and costs from a header.
fn two_limits(clock: &ManualClock) -> RateLimitLayer {
    let tenant = Key::header(HeaderName::from_static("x-tenant"));
    RateLimitLayer::new()
        .with_limit(Key::address(), clock.limiter("8/10"))
        .with_limit(tenant, clock.limiter("10/50"))
        .with_cost_fn(|head| head.headers()["x-cost"].to_str().unwrap().parse().unwrap())
        .with_rate_limit_headers()
}

fn shared(store: impl LimitStore) -> SharedLimits {
    SharedLimits::new(store, &SECRET.to_vec().into()).unwrap()
}

/// Records the keys of all charges.
#[derive(Clone, Debug, Default)]
struct Recorder(Arc<MemoryLimitStore>, Arc<Mutex<Vec<Vec<LimitKey>>>>);

#[async_trait]
impl LimitStore for Recorder {
    async fn charge(&self, keys: &[LimitKey], cost: u32) -> Result<LimitDecision, LimitStoreError> {
        self.1.lock().unwrap().push(keys.to_vec());
        self.0.charge(keys, cost).await
    }
}

impl Recorder {
    fn take(&self) -> Vec<Vec<LimitKey>> {
        std::mem::take(&mut self.1.lock().unwrap())
    }
}

/// The same requests through a layer with its own state, and through two nodes: the status, the
/// wait and what remains are the same.
#[tokio::test]
async fn shared_limits_decide_as_local_ones() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let clock = ManualClock::default();
        let local = two_limits(&clock);
        let limits = shared(clock.store());
        let nodes =
            [0, 1].map(|_| two_limits(&clock).with_shared_limits("requests", limits.clone()));
        let mut rejected = 0;
        for step in 0..200 {
            clock.advance(Duration::from_millis(rng.u64(0..2000)));
            let (address, tenant) = (format!("192.0.2.{}", rng.u8(0..3)), rng.u8(0..3).to_string());
            let cost = rng.u32(0..9);
            let node = &nodes[rng.usize(0..2)];
            let (expected, found) = (
                send(&local, &address, &tenant, cost).await,
                send(node, &address, &tenant, cost).await,
            );
            let context = format!("seed {seed}, step {step}, cost {cost}");
            assert_eq!(found.status(), expected.status(), "{context}");
            rejected += usize::from(expected.status() == StatusCode::TOO_MANY_REQUESTS);
            for header in ["retry-after", "ratelimit", "ratelimit-policy"] {
                assert_eq!(
                    found.headers().get(header),
                    expected.headers().get(header),
                    "{context}"
                );
            }
            let request = request(&address, &tenant, cost);
            let (expected, found) = (local.peek(&request).await, node.peek(&request).await);
            assert_eq!(found.unwrap(), expected.unwrap(), "{context}");
        }
        assert!((20..180).contains(&rejected), "{rejected} rejected");
    }
}

#[tokio::test]
async fn rejected_request_is_charged_to_no_shared_limit() {
    let clock = ManualClock::default();
    let layer = two_limits(&clock).with_shared_limits("requests", shared(clock.store()));
    assert_eq!(send(&layer, "192.0.2.1", "a", 6).await.status(), StatusCode::OK);
    for _ in 0..20 {
        let rejected = send(&layer, "192.0.2.2", "a", 5).await;
        assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(rejected.headers()[RETRY_AFTER], "5");
    }
    let left = layer.peek(&request("192.0.2.2", "a", 0)).await.unwrap();
    let left: Vec<_> = left.iter().map(|(name, left)| (name.as_str(), left.count())).collect();
    assert_eq!(left, [("address", 8), ("header", 4)]);
}

#[tokio::test]
async fn scopes_names_order_and_secrets_separate_budgets() {
    let recorder = Recorder::default();
    let limit = || "5/60".parse::<Limit>().unwrap();
    let layer = |scope: &str, secret: [u8; 32], limit: Limit| {
        let limits = SharedLimits::new(recorder.clone(), &secret.to_vec().into()).unwrap();
        RateLimitLayer::new().with_limit(Key::address(), limit).with_shared_limits(scope, limits)
    };
    let mut digests = Vec::new();
    for (layer, address) in [
        (layer("a", SECRET, limit()), "192.0.2.1"),
        (layer("a", SECRET, limit()), "192.0.2.2"),
        (layer("b", SECRET, limit()), "192.0.2.1"),
        (layer("a", [8; 32], limit()), "192.0.2.1"),
        (layer("a", SECRET, limit().with_name("other").unwrap()), "192.0.2.1"),
        (layer("a", SECRET, limit()).with_limit(Key::address(), limit()), "192.0.2.1"),
    ] {
        send(&layer, address, "", 1).await;
        digests.extend(recorder.take().concat().iter().map(LimitKey::digest));
    }
    // The first limit of the last layer is the only one that is the same as another.
    assert_eq!(digests.len(), 7);
    assert_eq!(digests[5], digests[0]);
    digests.remove(5);
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 6);
    // The order of configuration does not matter.
    let limits = shared(recorder.clone());
    let first = RateLimitLayer::new().with_shared_limits("a", limits);
    send(&first.with_limit(Key::address(), limit()), "192.0.2.1", "", 1).await;
    send(&layer("a", SECRET, limit()), "192.0.2.1", "", 1).await;
    let calls = recorder.take();
    assert_eq!(calls[0], calls[1]);
}

#[tokio::test]
async fn keys_of_a_call_are_in_one_partition_and_single_keys_are_spread() {
    let recorder = Recorder::default();
    let clock = ManualClock::default();
    let one = RateLimitLayer::new().with_limit(Key::address(), clock.limiter("7/10"));
    let one = one.with_shared_limits("requests", shared(recorder.clone()));
    let two = two_limits(&clock).with_shared_limits("requests", shared(recorder.clone()));
    let mut partitions = [Vec::new(), Vec::new()];
    for (layer, partitions) in [one, two].iter().zip(&mut partitions) {
        for number in 0..200 {
            let (address, tenant) = (format!("192.0.2.{number}"), (number % 7).to_string());
            send(layer, &address, &tenant, 1).await;
        }
        let calls = recorder.take();
        partitions.extend(calls.concat().iter().map(LimitKey::partition));
        partitions.sort_unstable();
        partitions.dedup();
    }
    assert!(partitions[0].len() > 190, "{}", partitions[0].len());
    assert_eq!(partitions[1].len(), 1);
}

#[tokio::test]
async fn requests_without_a_charge_do_not_reach_the_store() {
    let recorder = Recorder::default();
    let clock = ManualClock::default();
    let exempt = RateLimitLayer::new()
        .with_limit(Key::function(|_| None::<()>), clock.limiter("1/5"))
        .with_shared_limits("a", shared(recorder.clone()));
    let free = RateLimitLayer::new()
        .with_limit(Key::address(), clock.limiter("1/5"))
        .with_cost(0)
        .with_shared_limits("a", shared(recorder.clone()));
    for layer in [exempt, free] {
        assert_eq!(send(&layer, "192.0.2.1", "", 1).await.status(), StatusCode::OK);
    }
    assert!(recorder.take().is_empty());
}

#[test]
fn rejects_invalid_settings() {
    let limits = || shared(MemoryLimitStore::new());
    assert!(SharedLimits::new(MemoryLimitStore::new(), &vec![7; 31].into()).is_err());
    for timeout in [Duration::ZERO, Duration::from_millis(1001), Duration::from_secs(11)] {
        assert!(limits().with_timeout(timeout).is_err(), "{timeout:?}");
    }
    for interval in [Duration::ZERO, Duration::from_millis(49), Duration::from_secs(61)] {
        assert!(limits().with_retry_interval(interval).is_err(), "{interval:?}");
    }
    assert!(limits().with_timeout(Duration::from_secs(1)).is_ok());
}
