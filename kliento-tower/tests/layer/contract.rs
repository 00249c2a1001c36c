//! The contract of Tower's services: readiness, clones, cancellation, errors.

use std::pin::pin;
use std::task::Poll;

use http::{Request, Response};
use kliento_tower::KlientoAuth;
use tower::{Layer as _, Service as _, ServiceExt as _};
use tower_test::mock;

use crate::bundle::{authorization, layer, request};

type Mock = mock::Mock<Request<String>, Response<String>>;
type Handle = mock::Handle<Request<String>, Response<String>>;

fn layered() -> (KlientoAuth<Mock>, Handle) {
    let (service, handle) = mock::pair();
    (layer().layer(service), handle)
}

#[tokio::test]
async fn is_ready_when_inner_service_is() {
    let (mut service, mut handle) = layered();
    handle.allow(0);
    {
        let mut ready = pin!(service.ready());
        assert!(futures_util::poll!(&mut ready).is_pending());
        handle.allow(1);
        assert!(matches!(futures_util::poll!(&mut ready), Poll::Ready(Ok(_))));
    }
}

#[tokio::test]
async fn calls_the_instance_that_was_polled_ready() {
    let (mut service, mut handle) = layered();
    // `Mock` panics if it is called without having been polled. The first request misses the cache.
    for _ in 0..3 {
        let ready = service.ready().await.unwrap();
        let response = ready.call(request(&[&authorization()]));
        let respond = async {
            let (request, responder) = handle.next_request().await.unwrap();
            assert!(request.headers()["authorization"].is_sensitive());
            responder.send_response(Response::new(String::new()));
        };
        let (response, ()) = tokio::join!(response, respond);
        response.unwrap();
    }
}

#[tokio::test]
async fn rejected_request_releases_readiness() {
    let (service, handle) = mock::pair::<Request<String>, Response<String>>();
    let limited = tower::limit::ConcurrencyLimit::new(service, 1);
    let mut rejected = layer().layer(limited);
    let mut other = rejected.clone();
    let response = rejected.ready().await.unwrap().call(request(&[]));
    assert_eq!(response.await.unwrap().status(), 401);
    let mut ready = pin!(other.ready());
    assert!(futures_util::poll!(&mut ready).is_ready());
    drop(handle);
}

#[tokio::test]
async fn forwards_errors_of_inner_service() {
    let (mut service, mut handle) = layered();
    let response = service.ready().await.unwrap().call(request(&[&authorization()]));
    let respond = async {
        handle.next_request().await.unwrap().1.send_error("out of paper");
    };
    let (response, ()) = tokio::join!(response, respond);
    assert_eq!(response.err().unwrap().to_string(), "out of paper");
    handle.send_error("broken");
    assert_eq!(service.ready().await.err().unwrap().to_string(), "broken");
}

#[tokio::test]
async fn cancelled_request_does_not_affect_others() {
    let (mut service, mut handle) = layered();
    let mut clone = service.clone();
    let cancelled = service.ready().await.unwrap().call(request(&[&authorization()]));
    drop(cancelled);
    let response = clone.ready().await.unwrap().call(request(&[&authorization()]));
    let respond = async {
        handle.next_request().await.unwrap().1.send_response(Response::new(String::new()));
    };
    let (response, ()) = tokio::join!(response, respond);
    assert_eq!(response.unwrap().status(), 200);
}
