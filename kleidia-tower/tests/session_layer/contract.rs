//! The contract of Tower's services: readiness, clones, cancellation, errors.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::{future, poll};
use http::{Request, Response, StatusCode};
use kleidia_tower::GuardedService;
use kleidia_tower::session::SessionGuard;
use tower::{Layer as _, Service as _, ServiceExt as _};
use tower_test::mock;

use crate::support::Fixture;
use crate::support::http::{WhoamiService, outcome, request, send};

type Mock = mock::Mock<Request<String>, Response<String>>;
type Handle = mock::Handle<Request<String>, Response<String>>;

async fn mock_service() -> (Fixture, GuardedService<Mock, SessionGuard>, Handle) {
    let (fixture, (service, handle)) = (Fixture::new().await, mock::pair());
    let service = fixture.layer().layer(service);
    (fixture, service, handle)
}

#[tokio::test]
async fn is_ready_when_the_inner_service_is() {
    let (_fixture, mut service, mut handle) = mock_service().await;
    handle.allow(0);
    let mut ready = pin!(service.ready());
    assert!(poll!(&mut ready).is_pending());
    handle.allow(1);
    assert!(matches!(poll!(&mut ready), Poll::Ready(Ok(_))));
}

#[tokio::test]
async fn calls_the_polled_instance() {
    let (fixture, mut service, mut handle) = mock_service().await;
    let bearer = fixture.bearer("alice").await;
    // `Mock` panics if it is called without having been polled.
    for _ in 0..3 {
        let response = service.ready().await.unwrap().call(request(&[&bearer]));
        let respond = async {
            handle.next_request().await.unwrap().1.send_response(Response::new(String::new()));
        };
        let (response, ()) = tokio::join!(response, respond);
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn rejected_request_releases_the_ready_service() {
    let fixture = Fixture::new().await;
    for value in [None, Some("Bearer a.b.c")] {
        let (service, handle) = mock::pair::<Request<String>, Response<String>>();
        let limited = tower::limit::ConcurrencyLimit::new(service, 1);
        let mut rejecting = fixture.layer().layer(limited);
        let mut other = rejecting.clone();
        let response = rejecting.ready().await.unwrap().call(request(value.as_slice()));
        assert_eq!(response.await.unwrap().status(), StatusCode::UNAUTHORIZED);
        assert!(poll!(pin!(other.ready())).is_ready(), "{value:?}");
        drop(handle);
    }
}

#[tokio::test]
async fn passes_errors_of_the_inner_service() {
    let (fixture, mut service, mut handle) = mock_service().await;
    let bearer = fixture.bearer("alice").await;
    let response = service.ready().await.unwrap().call(request(&[&bearer]));
    let respond = async {
        handle.next_request().await.unwrap().1.send_error("inner error");
    };
    let (response, ()) = tokio::join!(response, respond);
    assert_eq!(response.err().unwrap().to_string(), "inner error");
    handle.send_error("not ready");
    assert_eq!(service.ready().await.err().unwrap().to_string(), "not ready");
}

/// The request is cancelled during its lookup.
#[tokio::test]
async fn cancelled_request_does_not_block_others() {
    let (fixture, mut service, mut handle) = mock_service().await;
    let bearer = fixture.bearer("alice").await;
    let pause = fixture.store.pause_next_lookup();
    {
        let mut cancelled = pin!(service.ready().await.unwrap().call(request(&[&bearer])));
        assert!(poll!(&mut cancelled).is_pending());
        pause.reached.notified().await;
    }
    let mut clone = service.clone();
    let response = clone.ready().await.unwrap().call(request(&[&bearer]));
    let respond = async {
        handle.next_request().await.unwrap().1.send_response(Response::new(String::new()));
    };
    let (response, ()) = tokio::join!(response, respond);
    assert_eq!(response.unwrap().status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_requests_do_not_mix() {
    let fixture = Arc::new(Fixture::new().await);
    let service = fixture.layer().layer(WhoamiService);
    let (alice, root) = (fixture.bearer("alice").await, fixture.bearer("root").await);
    let tasks = (0..300).map(|number| {
        let (value, expected) = match number % 3 {
            0 => (alice.clone(), "alice"),
            1 => (root.clone(), "root"),
            _ => ("Bearer a.b.c".to_owned(), "token_invalid"),
        };
        let service = service.clone();
        tokio::spawn(async move {
            let response = service.oneshot(request(&[&value])).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
            assert_eq!(outcome(&Response::from_parts(parts, body)), expected);
        })
    });
    for done in future::join_all(tasks).await {
        done.unwrap();
    }
}

/// Layers that were cloned before the session ended reject it too.
#[tokio::test]
async fn clones_share_all_state() {
    let fixture = Fixture::with_cache().await;
    let alice = fixture.log_in("alice").await;
    let bearer = crate::support::bearer(&alice);
    let (one, other) = (fixture.layer(), fixture.layer().clone());
    for layer in [one.clone(), other.clone()] {
        assert_eq!(outcome(&send(layer, request(&[&bearer])).await), "alice");
    }
    assert_eq!(fixture.store.lookups(), 1);
    fixture.accounts.log_out(&alice.session, kleidia_tower::ClientInfo::default()).await.unwrap();
    for layer in [one, other] {
        assert_eq!(outcome(&send(layer, request(&[&bearer])).await), "session_expired");
    }
}
