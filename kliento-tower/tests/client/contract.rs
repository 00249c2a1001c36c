//! The contract of Tower's services: readiness, clones, cancellation, errors.

use std::pin::pin;
use std::task::Poll;

use http::{Request, Response};
use kliento_tower::client::{BundleError, ClientError, KlientoClient, KlientoClientLayer};
use tower::{Layer as _, Service as _, ServiceExt as _};
use tower_test::mock;

use crate::scripted_source::{ManualClock, ScriptedSource, failing, request, valid_for, value};

type Mock = mock::Mock<Request<String>, Response<String>>;
type Handle = mock::Handle<Request<String>, Response<String>>;

/// An error that implements `Error`, unlike `Mock`'s own.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failure(String);

fn layer() -> KlientoClientLayer {
    KlientoClientLayer::new(ScriptedSource::new([valid_for(1, 300)])).with_clock(ManualClock::new())
}

fn layered() -> (KlientoClient<Mock>, Handle) {
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
    // `Mock` panics if it is called without having been polled. The first bundle has to be awaited.
    for _ in 0..3 {
        let ready = service.ready().await.unwrap();
        let response = ready.call(request("https://api.example.com/"));
        let respond = async {
            let (request, responder) = handle.next_request().await.unwrap();
            let attached = &request.headers()["authorization"];
            assert!(attached.is_sensitive());
            assert_eq!(Some(attached), value(1).as_ref());
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
    let layer = KlientoClientLayer::new(ScriptedSource::new([failing("unavailable")]));
    let mut rejected = layer.with_clock(ManualClock::new()).layer(limited);
    // The first request waits for the source, the second gets the same error.
    for _ in 0..2 {
        let response = rejected.ready().await.unwrap().call(request("https://api.example.com/"));
        let error = response.await.unwrap_err();
        assert!(matches!(error, ClientError::Bundle(BundleError::Source(_))), "{error:?}");
        let mut other = rejected.clone();
        let mut ready = pin!(other.ready());
        assert!(futures_util::poll!(&mut ready).is_ready());
    }
    drop(handle);
}

#[tokio::test]
async fn forwards_errors_of_inner_service() {
    let (service, mut handle) = mock::pair::<Request<String>, Response<String>>();
    let service = service.map_err(|error| Failure(error.to_string()));
    let mut service = layer().layer(service);
    let response = service.ready().await.unwrap().call(request("https://api.example.com/"));
    let respond = async {
        handle.next_request().await.unwrap().1.send_error("out of paper");
    };
    let (response, ()) = tokio::join!(response, respond);
    let error: Box<dyn std::error::Error> = response.unwrap_err().into();
    assert_eq!(error.to_string(), "out of paper");
    handle.send_error("broken");
    let error = service.ready().await.err().unwrap();
    assert!(matches!(error, ClientError::Service(Failure(reason)) if reason == "broken"));
}

#[test]
fn fails_outside_a_runtime() {
    let (service, handle) = mock::pair::<Request<String>, Response<String>>();
    let response = layer().layer(service).oneshot(request("https://api.example.com/"));
    let error = poll_once(response).unwrap_err();
    assert!(matches!(error, ClientError::Bundle(BundleError::NoTokioRuntime)), "{error:?}");
    drop(handle);
}

#[test]
fn fails_in_a_runtime_that_was_shut_down() {
    let (service, handle) = mock::pair::<Request<String>, Response<String>>();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let entered = runtime.handle().clone();
    drop(runtime);
    let _guard = entered.enter();
    let response = layer().layer(service).oneshot(request("https://api.example.com/"));
    let error = poll_once(response).unwrap_err();
    assert!(matches!(error, ClientError::Bundle(BundleError::RefreshAborted)), "{error:?}");
    drop(handle);
}

/// Polls once, and panics if the future is pending.
fn poll_once<F: Future>(future: F) -> F::Output {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("pending"),
    }
}
