//! When bundles are refreshed, and the outcome of requests if the refresh fails.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kliento_tower::client::{BundleError, ClientError, KlientoClientLayer, SourceError};
use kliento_tower::clock_fn;
use tokio::task::yield_now;

use crate::scripted_source::{
    ManualClock, Outcome, ScriptedSource, attached, eventually, failing, request, send, valid_for,
    value,
};

fn layer(source: &std::sync::Arc<ScriptedSource>) -> (KlientoClientLayer, ManualClock) {
    let clock = ManualClock::new();
    (KlientoClientLayer::new(source.clone()).with_clock(clock.clone()), clock)
}

async fn failure(layer: &KlientoClientLayer) -> BundleError {
    match send(layer, request("https://api.example.com/")).await {
        Err(ClientError::Bundle(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn refreshes_when_a_tenth_of_the_validity_is_left() {
    let source = ScriptedSource::blocked([valid_for(1, 300), valid_for(2, 600)]);
    source.permits.add_permits(1);
    let (layer, clock) = layer(&source);
    for seconds in [0, 1, 269] {
        clock.set(seconds);
        assert_eq!(attached(&layer).await, value(1), "{seconds}");
    }
    assert_eq!(source.queries(), 1);
    clock.set(270);
    // The source has not responded yet, so the cached bundle is used.
    assert_eq!(attached(&layer).await, value(1));
    source.permits.add_permits(1);
    eventually(&layer, value(2)).await;
    assert_eq!(source.queries(), 2);
}

#[tokio::test]
async fn refreshes_long_lived_bundles_a_minute_before_expiry() {
    let source = ScriptedSource::new([valid_for(1, 3600), valid_for(2, 7200)]);
    let (layer, clock) = layer(&source);
    clock.set(0);
    attached(&layer).await;
    clock.set(3539);
    assert_eq!(attached(&layer).await, value(1));
    assert_eq!(source.queries(), 1);
    clock.set(3540);
    eventually(&layer, value(2)).await;
}

#[tokio::test]
async fn respects_configured_margin() {
    let source = ScriptedSource::new([valid_for(1, 300), valid_for(2, 600)]);
    let (layer, clock) = layer(&source);
    let layer = layer.with_refresh_margin(Duration::from_secs(200));
    attached(&layer).await;
    clock.set(99);
    assert_eq!(attached(&layer).await, value(1));
    assert_eq!(source.queries(), 1);
    clock.set(100);
    eventually(&layer, value(2)).await;
}

#[tokio::test]
async fn margin_beyond_validity_does_not_query_for_every_request() {
    for margin in [Duration::from_secs(3600), Duration::MAX] {
        let source = ScriptedSource::new([valid_for(1, 300), valid_for(2, 300)]);
        let (layer, clock) = layer(&source);
        let layer = layer.with_refresh_margin(margin);
        for seconds in [0, 1, 29] {
            clock.set(seconds);
            assert_eq!(attached(&layer).await, value(1));
        }
        assert_eq!(source.queries(), 1);
        clock.set(30);
        eventually(&layer, value(2)).await;
    }
}

#[tokio::test]
async fn without_a_margin_a_bundle_is_refreshed_when_it_expires() {
    let source = ScriptedSource::new([valid_for(1, 300), valid_for(2, 600)]);
    let (layer, clock) = layer(&source);
    let layer = layer.with_refresh_margin(Duration::ZERO);
    attached(&layer).await;
    clock.set(299);
    assert_eq!(attached(&layer).await, value(1));
    assert_eq!(source.queries(), 1);
    clock.set(300);
    eventually(&layer, value(2)).await;
}

#[tokio::test]
async fn uses_cached_bundle_while_the_source_fails() {
    let outcomes = [valid_for(1, 300), failing("one"), failing("two"), valid_for(2, 900)];
    let source = ScriptedSource::new(outcomes);
    let (layer, clock) = layer(&source);
    attached(&layer).await;
    clock.set(290);
    while source.queries() < 2 {
        assert_eq!(attached(&layer).await, value(1));
        yield_now().await;
    }
    clock.set(300);
    assert_eq!(attached(&layer).await, value(1), "the period is closed");
    clock.set(301);
    assert_eq!(failure(&layer).await.to_string(), "no token bundle: two");
    assert_eq!(failure(&layer).await.to_string(), "no token bundle: two");
    assert_eq!(source.queries(), 3, "not queried for a second");
    clock.set(302);
    assert_eq!(attached(&layer).await, value(2));
}

#[tokio::test]
async fn respects_retry_after_of_the_source() {
    let busy = SourceError::new("busy").with_retry_after(Duration::from_secs(20));
    let source = ScriptedSource::new([Err(busy), valid_for(1, 300)]);
    let (layer, clock) = layer(&source);
    failure(&layer).await;
    clock.set(19);
    failure(&layer).await;
    assert_eq!(source.queries(), 1);
    clock.set(20);
    assert_eq!(attached(&layer).await, value(1));
}

#[tokio::test]
async fn setting_the_clock_back_does_not_prolong_the_delay() {
    let source = ScriptedSource::new([failing("one"), valid_for(1, 300)]);
    let (layer, clock) = layer(&source);
    failure(&layer).await;
    clock.set(-3600);
    assert_eq!(attached(&layer).await, value(1));
}

#[tokio::test]
async fn does_not_attach_expired_bundle() {
    let source = ScriptedSource::new([valid_for(1, 300)]);
    let (layer, clock) = layer(&source);
    clock.set(301);
    let error = failure(&layer).await;
    assert!(matches!(error, BundleError::Expired { .. }), "{error:?}");
}

#[tokio::test]
async fn change_of_the_source_takes_effect_soon() {
    let source = ScriptedSource::new([valid_for(1, 300), valid_for(2, 300)]);
    let (layer, _) = layer(&source);
    assert_eq!(attached(&layer).await, value(1));
    source.has_changed.store(true, Ordering::SeqCst);
    eventually(&layer, value(2)).await;
}

/// Returns how often the source was queried and asked while requests were sent for some time.
async fn queries_of_a_changing_source(outcomes: [Outcome; 2]) -> (usize, usize) {
    let source = ScriptedSource::new(outcomes);
    source.has_changed.store(true, Ordering::SeqCst);
    let (layer, start) = (layer(&source).0, Instant::now());
    let mut requests = 0;
    while start.elapsed() < Duration::from_millis(1500) || requests < 1_000 {
        drop(send(&layer, request("https://api.example.com/")).await);
        requests += 1;
        yield_now().await;
    }
    let seconds = usize::try_from(start.elapsed().as_secs()).unwrap();
    assert!(source.checks() <= seconds + 1, "{} checks", source.checks());
    (source.queries(), seconds)
}

/// A source that always has a new bundle is queried at most once a second, also if it fails.
#[tokio::test]
async fn changing_source_is_not_queried_for_every_request() {
    let failures = [failing("one"), failing("two")];
    for outcomes in [[valid_for(1, 300), failing("one")], failures] {
        let (queries, seconds) = queries_of_a_changing_source(outcomes).await;
        assert!((2..=seconds + 2).contains(&queries), "{queries} queries");
    }
}

#[tokio::test]
async fn changing_source_is_not_queried_before_its_retry_after() {
    let busy = || Err(SourceError::new("busy").with_retry_after(Duration::from_secs(20)));
    assert_eq!(queries_of_a_changing_source([busy(), busy()]).await.0, 1);
}

#[tokio::test]
async fn fails_without_clock() {
    let layer = KlientoClientLayer::new(ScriptedSource::new([valid_for(1, 300)]))
        .with_clock(clock_fn(|| None));
    assert!(matches!(failure(&layer).await, BundleError::ClockUnavailable));
}
