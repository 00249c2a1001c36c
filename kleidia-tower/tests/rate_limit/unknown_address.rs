//! Requests whose client address is unknown, since the server does not provide it.

use std::convert::Infallible;

use http::header::RETRY_AFTER;
use http::{Request, Response, StatusCode};
use kleidia_tower::rate_limit::{Key, RateLimitLayer};
use kleidia_tower::{Rejection, ResponseBody};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::Level;

use crate::captured_log::CapturedLog;
use crate::fixture::ManualClock;

async fn send(layer: &RateLimitLayer) -> Response<ResponseBody<String>> {
    let inner = service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new())));
    layer.layer(inner).oneshot(Request::new(())).await.unwrap()
}

fn limited_by(key: Key) -> RateLimitLayer {
    RateLimitLayer::new().with_limit(key, ManualClock::default().limiter("5/60"))
}

#[tokio::test]
async fn rejects_requests_if_a_limit_needs_the_address() {
    for key in [Key::address(), Key::principal(), Key::function(|_| Some(1)).and(Key::address())] {
        let layer = limited_by(key);
        let rejected = send(&layer).await;
        assert_eq!(rejected.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(rejected.headers().contains_key(RETRY_AFTER));
        let rejection = rejected.extensions().get::<Rejection>();
        assert!(matches!(rejection, Some(Rejection::ClientAddressUnknown)), "{rejection:?}");
        assert!(layer.peek(&Request::new(())).await.is_err());
    }
    let layer = limited_by(Key::function(|_| Some(1)));
    assert_eq!(send(&layer).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn logs_how_to_provide_the_address_once_per_layer() {
    let log = CapturedLog::default();
    let _guard = log.start(Level::INFO);
    let layer = limited_by(Key::address());
    for _ in 0..3 {
        send(&layer.clone()).await;
    }
    let log = log.take();
    assert_eq!(log.lines().count(), 1, "{log}");
    for text in ["ERROR", "client address unknown", "http_guard::serve", "PeerAddress"] {
        assert!(log.contains(text), "{log}");
    }
}
