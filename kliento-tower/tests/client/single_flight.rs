//! One question to the source, however many requests wait, whoever of them is given up.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kliento_tower::client::{
    BundleError, ClientError, IssuedBundle, KlientoClientLayer, SourceError, TokenBundleSource,
};

use crate::script::{HandClock, Script, attached, failing, lasting, request, send, value};

fn layer(source: impl TokenBundleSource) -> KlientoClientLayer {
    KlientoClientLayer::new(source).with_clock(HandClock::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_obtain_one() {
    let script = Script::held([lasting(1, 300), lasting(2, 300)]);
    let layer = layer(script.clone());
    let requests: Vec<_> = (0..1000)
        .map(|_| {
            let layer = layer.clone();
            tokio::spawn(async move { attached(&layer).await })
        })
        .collect();
    script.turns.add_permits(2);
    for request in requests {
        assert_eq!(request.await.unwrap(), value(1));
    }
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn all_who_wait_are_told_of_a_failure() {
    let script = Script::held([failing("there is none"), lasting(1, 300)]);
    let layer = layer(script.clone());
    let sent = || send(&layer, request("https://api.example.com/"));
    let (mut first, mut second) = (pin!(sent()), pin!(sent()));
    assert!(futures_util::poll!(&mut first).is_pending());
    assert!(futures_util::poll!(&mut second).is_pending());
    script.turns.add_permits(2);
    for outcome in [first.await, second.await] {
        assert_eq!(outcome.unwrap_err().to_string(), "no token bundle: there is none");
    }
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn who_is_given_up_takes_nobody_along() {
    let script = Script::held([lasting(1, 300), lasting(2, 300)]);
    let layer = layer(script.clone());
    let mut waiting = {
        let mut given_up = Box::pin(attached(&layer));
        assert!(futures_util::poll!(&mut given_up).is_pending());
        let mut waiting = Box::pin(attached(&layer));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        waiting
    };
    script.turns.add_permits(1);
    assert_eq!((&mut waiting).await, value(1));
    assert_eq!(script.asked(), 1);
}

#[tokio::test]
async fn when_all_are_given_up_the_bundle_is_there_for_the_next() {
    let script = Script::held([lasting(1, 300), lasting(2, 300)]);
    let layer = layer(script.clone());
    {
        let mut given_up = pin!(attached(&layer));
        assert!(futures_util::poll!(&mut given_up).is_pending());
    }
    script.turns.add_permits(1);
    assert_eq!(attached(&layer).await, value(1));
    assert_eq!(script.asked(), 1);
}

/// Panics when it is asked first.
struct Panicking(Arc<Script>, std::sync::atomic::AtomicBool);

#[async_trait]
impl TokenBundleSource for Panicking {
    async fn token_bundle(&self) -> Result<IssuedBundle, SourceError> {
        let has_panicked = self.1.swap(true, std::sync::atomic::Ordering::SeqCst);
        assert!(has_panicked, "this panic belongs to the test");
        self.0.token_bundle().await
    }
}

#[tokio::test]
async fn a_source_that_panics_can_be_asked_again() {
    let layer = layer(Panicking(Script::new([lasting(1, 300)]), false.into()));
    let error = send(&layer, request("https://api.example.com/")).await.unwrap_err();
    assert!(matches!(error, ClientError::Bundle(BundleError::Abandoned)), "{error:?}");
    assert_eq!(attached(&layer).await, value(1));
}

#[tokio::test]
async fn a_source_that_never_answers_is_given_up() {
    let script = Script::held([lasting(1, 300)]);
    let layer = layer(script.clone()).with_source_timeout(Duration::from_millis(1));
    let error = send(&layer, request("https://api.example.com/")).await.unwrap_err();
    assert!(matches!(error, ClientError::Bundle(BundleError::Timeout(_))), "{error:?}");
}
