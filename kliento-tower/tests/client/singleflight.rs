//! One query to the source for all concurrent requests, also if some are cancelled.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kliento_tower::client::{
    BundleError, ClientError, ExpiringBundle, KlientoClientLayer, SourceError, TokenBundleSource,
};

use crate::scripted_source::{
    ManualClock, ScriptedSource, attached, failing, request, send, valid_for, value,
};

fn layer(source: impl TokenBundleSource) -> KlientoClientLayer {
    KlientoClientLayer::new(source).with_clock(ManualClock::new())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thousand_requests_fetch_one_bundle() {
    let source = ScriptedSource::blocked([valid_for(1, 300), valid_for(2, 300)]);
    let layer = layer(source.clone());
    let requests: Vec<_> = (0..1000)
        .map(|_| {
            let layer = layer.clone();
            tokio::spawn(async move { attached(&layer).await })
        })
        .collect();
    source.permits.add_permits(2);
    for request in requests {
        assert_eq!(request.await.unwrap(), value(1));
    }
    assert_eq!(source.queries(), 1);
}

#[tokio::test]
async fn all_waiting_requests_get_the_error() {
    let source = ScriptedSource::blocked([failing("unavailable"), valid_for(1, 300)]);
    let layer = layer(source.clone());
    let sent = || send(&layer, request("https://api.example.com/"));
    let (mut first, mut second) = (pin!(sent()), pin!(sent()));
    assert!(futures_util::poll!(&mut first).is_pending());
    assert!(futures_util::poll!(&mut second).is_pending());
    source.permits.add_permits(2);
    for outcome in [first.await, second.await] {
        assert_eq!(outcome.unwrap_err().to_string(), "no token bundle: unavailable");
    }
    assert_eq!(source.queries(), 1);
}

#[tokio::test]
async fn cancelled_request_does_not_cancel_the_refresh() {
    let source = ScriptedSource::blocked([valid_for(1, 300), valid_for(2, 300)]);
    let layer = layer(source.clone());
    let mut waiting = {
        let mut cancelled = Box::pin(attached(&layer));
        assert!(futures_util::poll!(&mut cancelled).is_pending());
        let mut waiting = Box::pin(attached(&layer));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        waiting
    };
    source.permits.add_permits(1);
    assert_eq!((&mut waiting).await, value(1));
    assert_eq!(source.queries(), 1);
}

#[tokio::test]
async fn refresh_completes_without_waiting_requests() {
    let source = ScriptedSource::blocked([valid_for(1, 300), valid_for(2, 300)]);
    let layer = layer(source.clone());
    {
        let mut cancelled = pin!(attached(&layer));
        assert!(futures_util::poll!(&mut cancelled).is_pending());
    }
    source.permits.add_permits(1);
    assert_eq!(attached(&layer).await, value(1));
    assert_eq!(source.queries(), 1);
}

/// Panics at the first query.
struct PanickingSource(Arc<ScriptedSource>, std::sync::atomic::AtomicBool);

#[async_trait]
impl TokenBundleSource for PanickingSource {
    async fn token_bundle(&self, _: Option<&str>) -> Result<ExpiringBundle, SourceError> {
        let has_panicked = self.1.swap(true, std::sync::atomic::Ordering::SeqCst);
        assert!(has_panicked, "expected by the test");
        self.0.token_bundle(None).await
    }
}

#[tokio::test]
async fn panicking_source_is_queried_again() {
    let layer = layer(PanickingSource(ScriptedSource::new([valid_for(1, 300)]), false.into()));
    let error = send(&layer, request("https://api.example.com/")).await.unwrap_err();
    assert!(matches!(error, ClientError::Bundle(BundleError::RefreshAborted)), "{error:?}");
    assert_eq!(attached(&layer).await, value(1));
}

#[tokio::test]
async fn source_timeout_fails_the_request() {
    let source = ScriptedSource::blocked([valid_for(1, 300)]);
    let layer = layer(source.clone()).with_source_timeout(Duration::from_millis(1)).unwrap();
    let error = send(&layer, request("https://api.example.com/")).await.unwrap_err();
    assert!(matches!(error, ClientError::Bundle(BundleError::Timeout(_))), "{error:?}");
}
