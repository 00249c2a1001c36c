//! The contract of Tower services: readiness, clones, cancellation, errors.

use std::convert::Infallible;
use std::pin::pin;
use std::task::Poll;

use http::{Request, Response};
use http_guard::GuardedService;
use tower::{Service as _, ServiceExt as _, service_fn};
use tower_test::mock;

use crate::guard::{TestGuard, guarded, request};

type Mock = mock::Mock<Request<String>, Response<String>>;
type Handle = mock::Handle<Request<String>, Response<String>>;

fn mocked() -> (GuardedService<Mock, TestGuard>, Handle) {
    let (service, handle) = mock::pair();
    (guarded(service), handle)
}

#[tokio::test]
async fn is_ready_when_inner_service_is() {
    let (mut service, mut handle) = mocked();
    handle.allow(0);
    let mut ready = pin!(service.ready());
    assert!(futures_util::poll!(&mut ready).is_pending());
    handle.allow(1);
    assert!(matches!(futures_util::poll!(&mut ready), Poll::Ready(Ok(_))));
}

#[tokio::test]
async fn calls_the_instance_that_was_polled_ready() {
    let (mut service, mut handle) = mocked();
    // `Mock` panics if it is called without having been polled.
    for token in ["valid", "slow", "valid"] {
        let response = service.ready().await.unwrap().call(request(token));
        let respond = async {
            let (request, responder) = handle.next_request().await.unwrap();
            assert!(request.headers()["authorization"].is_sensitive());
            assert_eq!(request.extensions().get(), Some(&"authenticated"));
            responder.send_response(Response::new(String::new()));
        };
        let (response, ()) = tokio::join!(response, respond);
        assert_eq!(response.unwrap().headers()["vary"], "authorization");
    }
}

#[tokio::test]
async fn rejected_request_releases_the_ready_inner_service() {
    for token in ["invalid", "late"] {
        let (service, handle) = mock::pair::<Request<String>, Response<String>>();
        let mut rejecting = guarded(tower::limit::ConcurrencyLimit::new(service, 1));
        let mut other = rejecting.clone();
        let response = rejecting.ready().await.unwrap().call(request(token));
        assert!(response.await.unwrap().status().as_u16() > 400);
        let mut ready = pin!(other.ready());
        assert!(futures_util::poll!(&mut ready).is_ready());
        drop(handle);
    }
}

#[tokio::test]
async fn cancelled_lookup_releases_the_ready_inner_service() {
    let (service, handle) = mock::pair::<Request<String>, Response<String>>();
    let mut waiting = guarded(tower::limit::ConcurrencyLimit::new(service, 1));
    let mut other = waiting.clone();
    let response = waiting.ready().await.unwrap().call(request("forever"));
    {
        let mut ready = pin!(other.ready());
        assert!(futures_util::poll!(&mut ready).is_pending());
    }
    drop(response);
    let mut ready = pin!(other.ready());
    assert!(futures_util::poll!(&mut ready).is_ready());
    drop(handle);
}

#[tokio::test]
async fn passes_errors_of_inner_service() {
    let (mut service, mut handle) = mocked();
    let response = service.ready().await.unwrap().call(request("valid"));
    let respond = async {
        handle.next_request().await.unwrap().1.send_error("out of paper");
    };
    let (response, ()) = tokio::join!(response, respond);
    assert_eq!(response.err().unwrap().to_string(), "out of paper");
    handle.send_error("broken");
    assert_eq!(service.ready().await.err().unwrap().to_string(), "broken");
}

#[tokio::test]
async fn inner_service_runs_inside_the_span() {
    let _default = tracing::subscriber::set_default(tracing_subscriber::registry());
    let name = || tracing::Span::current().metadata().map(tracing::Metadata::name);
    let service = service_fn(move |_: Request<String>| {
        let called_in = name();
        async move {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(Response::new([called_in, name()]))
        }
    });
    for token in ["valid", "slow"] {
        let response = guarded(service).oneshot(request(token)).await.unwrap();
        let http_body_util::Either::Left(names) = response.into_body() else { panic!("rejected") };
        assert_eq!(names.into_inner(), Some([Some("guarded"); 2]));
    }
    assert_eq!(name(), None);
}
