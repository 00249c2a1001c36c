//! When bundles are replaced, and what becomes of requests when they can't be.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kliento_tower::client::{BundleError, ClientError, KlientoClientLayer, SourceError};

use crate::script::{
    HandClock, Script, attached, eventually, failing, lasting, request, send, value,
};

fn layer(script: &std::sync::Arc<Script>) -> (KlientoClientLayer, HandClock) {
    let clock = HandClock::new();
    (KlientoClientLayer::new(script.clone()).with_clock(clock.clone()), clock)
}

async fn refusal(layer: &KlientoClientLayer) -> BundleError {
    match send(layer, request("https://api.example.com/")).await {
        Err(ClientError::Bundle(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_bundle_is_reused_until_a_tenth_of_its_life_is_left() {
    let script = Script::held([lasting(1, 300), lasting(2, 600)]);
    script.turns.add_permits(1);
    let (layer, clock) = layer(&script);
    for seconds in [0, 1, 269] {
        clock.set(seconds);
        assert_eq!(attached(&layer).await, value(1), "{seconds}");
    }
    assert_eq!(script.asked(), 1);
    clock.set(270);
    // The source has not answered yet, so the one at hand has to do.
    assert_eq!(attached(&layer).await, value(1));
    script.turns.add_permits(1);
    eventually(&layer, value(2)).await;
    assert_eq!(script.asked(), 2);
}

#[tokio::test]
async fn long_ones_are_replaced_a_minute_before() {
    let script = Script::new([lasting(1, 3600), lasting(2, 7200)]);
    let (layer, clock) = layer(&script);
    clock.set(0);
    attached(&layer).await;
    clock.set(3539);
    assert_eq!(attached(&layer).await, value(1));
    assert_eq!(script.asked(), 1);
    clock.set(3540);
    eventually(&layer, value(2)).await;
}

#[tokio::test]
async fn the_margin_can_be_set() {
    let script = Script::new([lasting(1, 300), lasting(2, 600)]);
    let (layer, clock) = layer(&script);
    let layer = layer.with_refresh_margin(Duration::from_secs(200));
    attached(&layer).await;
    clock.set(99);
    assert_eq!(attached(&layer).await, value(1));
    assert_eq!(script.asked(), 1);
    clock.set(100);
    eventually(&layer, value(2)).await;
}

#[tokio::test]
async fn a_margin_beyond_a_life_does_not_ask_at_every_request() {
    let script = Script::new([lasting(1, 300), lasting(2, 300)]);
    let (layer, clock) = layer(&script);
    let layer = layer.with_refresh_margin(Duration::from_secs(3600));
    for seconds in [0, 1, 29] {
        clock.set(seconds);
        assert_eq!(attached(&layer).await, value(1));
    }
    assert_eq!(script.asked(), 1);
    clock.set(30);
    eventually(&layer, value(2)).await;
}

#[tokio::test]
async fn while_the_source_fails_the_one_at_hand_does() {
    let outcomes = [lasting(1, 300), failing("one"), failing("two"), lasting(2, 900)];
    let script = Script::new(outcomes);
    let (layer, clock) = layer(&script);
    attached(&layer).await;
    clock.set(290);
    while script.asked() < 2 {
        assert_eq!(attached(&layer).await, value(1));
        tokio::task::yield_now().await;
    }
    clock.set(300);
    assert_eq!(attached(&layer).await, value(1), "both ends belong to it");
    clock.set(301);
    assert_eq!(refusal(&layer).await.to_string(), "no token bundle: two");
    assert_eq!(refusal(&layer).await.to_string(), "no token bundle: two");
    assert_eq!(script.asked(), 3, "it is left in peace for a second");
    clock.set(302);
    assert_eq!(attached(&layer).await, value(2));
}

#[tokio::test]
async fn the_source_says_how_long_it_is_left_in_peace() {
    let busy = SourceError::new("busy").with_retry_after(Duration::from_secs(20));
    let script = Script::new([Err(busy), lasting(1, 300)]);
    let (layer, clock) = layer(&script);
    refusal(&layer).await;
    clock.set(19);
    refusal(&layer).await;
    assert_eq!(script.asked(), 1);
    clock.set(20);
    assert_eq!(attached(&layer).await, value(1));
}

#[tokio::test]
async fn a_clock_that_is_put_back_prolongs_no_peace() {
    let script = Script::new([failing("one"), lasting(1, 300)]);
    let (layer, clock) = layer(&script);
    refusal(&layer).await;
    clock.set(-3600);
    assert_eq!(attached(&layer).await, value(1));
}

#[tokio::test]
async fn what_has_lapsed_is_not_attached() {
    let script = Script::new([lasting(1, 300)]);
    let (layer, clock) = layer(&script);
    clock.set(301);
    let error = refusal(&layer).await;
    assert!(matches!(error, BundleError::Lapsed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_change_takes_effect_at_once() {
    let script = Script::new([lasting(1, 300), lasting(2, 300), failing("half")]);
    let (layer, _) = layer(&script);
    assert_eq!(attached(&layer).await, value(1));
    script.has_changed.store(true, Ordering::SeqCst);
    assert_eq!(attached(&layer).await, value(2));
    script.has_changed.store(true, Ordering::SeqCst);
    assert_eq!(attached(&layer).await, value(2), "a bad change leaves the last good one");
    assert_eq!(script.asked(), 3);
}

#[tokio::test]
async fn a_clock_that_fails_refuses() {
    let layer = KlientoClientLayer::new(Script::new([lasting(1, 300)])).with_clock(|| None);
    assert!(matches!(refusal(&layer).await, BundleError::Clock));
}
