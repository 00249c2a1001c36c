//! Streams end when their bundle expires, or would no longer be accepted.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kliento_tower::stream::{Reconnection, StreamEnd, StreamSettings, StreamWatch};
use kliento_tower::{
    KlientoAuthLayer, ResponseBody, Timestamp, TrustAnchorError, TrustAnchorStore, TrustAnchors,
    WorkloadIdentity, clock_fn,
};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::bundle::{authorization, layer, request, trust_anchors};

/// The least lease, so that callers are checked each second.
const LEASE: Duration = Duration::from_secs(2);

/// A clock and anchors that a test changes.
#[derive(Clone)]
struct Surroundings {
    now: Arc<Mutex<Option<Timestamp>>>,
    anchors: Arc<RwLock<TrustAnchors>>,
    is_denied: Arc<AtomicBool>,
}

#[async_trait]
impl TrustAnchorStore for Surroundings {
    async fn snapshot(&self) -> Result<TrustAnchors, TrustAnchorError> {
        Ok(self.anchors.read().unwrap().clone())
    }
}

impl Surroundings {
    fn new() -> Self {
        let now = Arc::new(Mutex::new("2026-11-22T18:03:00Z".parse().ok()));
        let anchors = Arc::new(RwLock::new(trust_anchors()));
        Self { now, anchors, is_denied: Arc::default() }
    }

    fn layer(&self) -> KlientoAuthLayer {
        let (now, is_denied) = (Arc::clone(&self.now), Arc::clone(&self.is_denied));
        layer()
            .with_clock(clock_fn(move || *now.lock().unwrap()))
            .with_trust_anchors(self.clone())
            .with_authorizer(move |_| !is_denied.load(Ordering::SeqCst))
            .with_stream_settings(StreamSettings::default().with_lease(LEASE).unwrap())
    }

    fn set_now(&self, now: Option<Timestamp>) {
        *self.now.lock().unwrap() = now;
    }
}

/// Responds with events, and what the extensions of the request contain.
async fn subscribe(layer: &KlientoAuthLayer) -> Response<ResponseBody<Body>> {
    let service = layer.layer(service_fn(async |request: Request<String>| {
        let response = Response::builder().header("content-type", "text/event-stream");
        let events = stream::iter([Ok::<_, Infallible>("data: 1\n\n")]);
        let body = Body::from_stream(events.chain(stream::pending()));
        let mut response = response.body(body).unwrap();
        *response.extensions_mut() = request.into_parts().0.extensions;
        Ok::<_, Infallible>(response)
    }));
    service.oneshot(request(&[&authorization()])).await.unwrap()
}

async fn next(response: &mut Response<ResponseBody<Body>>) -> Bytes {
    response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap()
}

/// Reads the first event, and waits for the last one after something has changed.
async fn end_after(change: impl FnOnce(&Surroundings, Timestamp)) -> StreamEnd {
    let surroundings = Surroundings::new();
    let mut response = subscribe(&surroundings.layer()).await;
    assert_eq!(next(&mut response).await, "data: 1\n\n");
    let extensions = response.extensions();
    let valid_until = extensions.get::<WorkloadIdentity>().unwrap().valid_until();
    let watch = extensions.get::<StreamWatch>().unwrap().clone();
    assert_eq!(watch.try_ended(), None);
    change(&surroundings, valid_until);
    let last = next(&mut response).await;
    let end = watch.try_ended().unwrap();
    let expected = format!("data: {}\n\n", end.code());
    assert!(last.starts_with(b"event: session-ended\n") && last.ends_with(expected.as_bytes()));
    assert!(response.body_mut().frame().await.is_none());
    end
}

#[tokio::test]
async fn ends_when_the_bundle_expires() {
    let end = end_after(|surroundings, valid_until| {
        surroundings.set_now(Some(valid_until + Duration::from_nanos(1)));
    });
    let end = end.await;
    assert_eq!((end.code(), end.reconnection()), ("token_expired", Reconnection::Authenticate));
}

/// At its last instant a bundle is valid, but not for a lease.
#[tokio::test]
async fn delivers_nothing_while_it_is_unknown_whether_the_bundle_has_expired() {
    let surroundings = Surroundings::new();
    let layer = surroundings.layer();
    let first = subscribe(&layer).await;
    let valid_until = first.extensions().get::<WorkloadIdentity>().unwrap().valid_until();
    surroundings.set_now(Some(valid_until));
    let mut response = subscribe(&layer).await;
    assert!(tokio::time::timeout(LEASE / 4, next(&mut response)).await.is_err());
    surroundings.set_now(Some(valid_until + Duration::from_nanos(1)));
    assert!(next(&mut response).await.ends_with(b"data: token_expired\n\n"));
}

#[tokio::test]
async fn ends_when_its_trust_anchors_are_withdrawn() {
    let end = end_after(|surroundings, _| {
        *surroundings.anchors.write().unwrap() = TrustAnchors::iana();
    });
    let end = end.await;
    assert_eq!(
        (end.code(), end.reconnection()),
        ("credentials_invalid", Reconnection::Authenticate)
    );
}

#[tokio::test]
async fn ends_when_it_is_no_longer_allowed() {
    let end = end_after(|surroundings, _| surroundings.is_denied.store(true, Ordering::SeqCst));
    let end = end.await;
    assert_eq!((end.code(), end.reconnection()), ("permission_denied", Reconnection::Never));
}

#[tokio::test]
async fn ends_after_the_lease_while_it_cannot_be_checked() {
    let ends = [
        end_after(|surroundings, _| surroundings.set_now(None)).await,
        end_after(|surroundings, _| {
            *surroundings.anchors.write().unwrap() = TrustAnchors::new([]);
        })
        .await,
    ];
    assert_eq!(ends, [StreamEnd::UNAVAILABLE; 2]);
}

/// More anchors do not end a stream, and a lease is renewed.
#[tokio::test]
async fn lives_longer_than_its_lease() {
    let surroundings = Surroundings::new();
    let mut response = subscribe(&surroundings.layer()).await;
    assert_eq!(next(&mut response).await, "data: 1\n\n");
    let both = [trust_anchors(), TrustAnchors::iana()];
    let both = both.iter().flat_map(TrustAnchors::as_slice).cloned();
    *surroundings.anchors.write().unwrap() = TrustAnchors::new(both);
    assert!(tokio::time::timeout(2 * LEASE, next(&mut response)).await.is_err());
}

#[tokio::test]
async fn streams_of_a_subject_are_bounded() {
    let settings = StreamSettings::default().with_max_per_principal(1).unwrap();
    let layer = layer().with_stream_settings(settings);
    let open = subscribe(&layer).await;
    let rejected = subscribe(&layer.clone().with_realm("another")).await;
    assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
    drop(open);
    assert_eq!(subscribe(&layer).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn service_may_watch_its_streams_itself() {
    let mut response = subscribe(&layer().without_streams()).await;
    assert!(response.extensions().get::<StreamWatch>().is_none());
    assert_eq!(next(&mut response).await, "data: 1\n\n");
}

#[tokio::test]
async fn shutdown_ends_streams() {
    let layer = layer();
    let mut response = subscribe(&layer).await;
    assert_eq!(next(&mut response).await, "data: 1\n\n");
    assert_eq!(layer.shut_down_streams(), 1);
    assert!(next(&mut response).await.ends_with(b"data: server_shutdown\n\n"));
    assert_eq!(subscribe(&layer).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}
