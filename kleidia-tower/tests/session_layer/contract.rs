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

use crate::stage::World;
use crate::stage::http::{Tell, outcome, request, send};

type Mock = mock::Mock<Request<String>, Response<String>>;
type Handle = mock::Handle<Request<String>, Response<String>>;

async fn layered() -> (World, GuardedService<Mock, SessionGuard>, Handle) {
    let (world, (service, handle)) = (World::new().await, mock::pair());
    let service = world.layer().layer(service);
    (world, service, handle)
}

#[tokio::test]
async fn it_is_ready_when_the_service_is() {
    let (_world, mut service, mut handle) = layered().await;
    handle.allow(0);
    let mut ready = pin!(service.ready());
    assert!(poll!(&mut ready).is_pending());
    handle.allow(1);
    assert!(matches!(poll!(&mut ready), Poll::Ready(Ok(_))));
}

#[tokio::test]
async fn the_polled_instance_is_the_one_called() {
    let (world, mut service, mut handle) = layered().await;
    let bearer = world.bearer("alice").await;
    // `Mock` panics if it is called without having been polled.
    for _ in 0..3 {
        let response = service.ready().await.unwrap().call(request(&[&bearer]));
        let answer = async {
            handle.next_request().await.unwrap().1.send_response(Response::new(String::new()));
        };
        let (response, ()) = tokio::join!(response, answer);
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_refused_request_gives_its_place_back() {
    let world = World::new().await;
    for value in [None, Some("Bearer a.b.c")] {
        let (service, handle) = mock::pair::<Request<String>, Response<String>>();
        let limited = tower::limit::ConcurrencyLimit::new(service, 1);
        let mut refused = world.layer().layer(limited);
        let mut other = refused.clone();
        let response = refused.ready().await.unwrap().call(request(value.as_slice()));
        assert_eq!(response.await.unwrap().status(), StatusCode::UNAUTHORIZED);
        assert!(poll!(pin!(other.ready())).is_ready(), "{value:?}");
        drop(handle);
    }
}

#[tokio::test]
async fn the_services_errors_pass() {
    let (world, mut service, mut handle) = layered().await;
    let bearer = world.bearer("alice").await;
    let response = service.ready().await.unwrap().call(request(&[&bearer]));
    let answer = async {
        handle.next_request().await.unwrap().1.send_error("out of paper");
    };
    let (response, ()) = tokio::join!(response, answer);
    assert_eq!(response.err().unwrap().to_string(), "out of paper");
    handle.send_error("broken");
    assert_eq!(service.ready().await.err().unwrap().to_string(), "broken");
}

/// What is given up while the store is asked keeps nothing from others.
#[tokio::test]
async fn a_request_can_be_given_up() {
    let (world, mut service, mut handle) = layered().await;
    let bearer = world.bearer("alice").await;
    let gate = world.store.hold_next();
    {
        let mut given_up = pin!(service.ready().await.unwrap().call(request(&[&bearer])));
        assert!(poll!(&mut given_up).is_pending());
        gate.reached.notified().await;
    }
    let mut clone = service.clone();
    let response = clone.ready().await.unwrap().call(request(&[&bearer]));
    let answer = async {
        handle.next_request().await.unwrap().1.send_response(Response::new(String::new()));
    };
    let (response, ()) = tokio::join!(response, answer);
    assert_eq!(response.unwrap().status(), StatusCode::OK);
}

/// However many ask at once, each gets its own answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_requests_do_not_mix() {
    let world = Arc::new(World::new().await);
    let service = world.layer().layer(Tell);
    let (alice, root) = (world.bearer("alice").await, world.bearer("root").await);
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

/// A service that was cloned before a session ended knows it.
#[tokio::test]
async fn clones_share_all_state() {
    let world = World::cached().await;
    let alice = world.log_in("alice").await;
    let bearer = crate::stage::bearer(&alice);
    let (one, other) = (world.layer(), world.layer().clone());
    for layer in [one.clone(), other.clone()] {
        assert_eq!(outcome(&send(layer, request(&[&bearer])).await), "alice");
    }
    assert_eq!(world.store.lookups(), 1);
    world.accounts.log_out(&alice.session, kleidia_tower::ClientInfo::default()).await.unwrap();
    for layer in [one, other] {
        assert_eq!(outcome(&send(layer, request(&[&bearer])).await), "session_expired");
    }
}
