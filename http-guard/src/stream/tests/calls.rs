//! gRPC calls that take long to be answered.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Version};
use http_body_util::BodyExt as _;
use tokio::time::sleep;
use tower::{ServiceExt as _, service_fn};

use super::*;
use crate::{Allowed, Check, Decision, Guard, GuardedService, Rejection, RejectionRenderer};

/// Allows all requests, with the watch of the test.
struct TestGuard(StreamWatch, RejectionRenderer<Never>);

#[derive(Clone, Debug)]
enum Never {}

impl Guard for TestGuard {
    type Rejection = Never;
    type Lookup = ();

    fn start<B>(&self, request: &mut Request<B>) -> Check<(), Never> {
        match request.uri().path() {
            "/lookup" => Check::Pending(Box::pin(async {})),
            _ => Check::Ready(self.finish(request, ())),
        }
    }

    fn finish<B>(&self, _: &mut Request<B>, (): ()) -> Decision<Never> {
        Ok(Allowed { watch: Some(self.0.clone()), ..Allowed::default() })
    }

    fn renderer(&self) -> &RejectionRenderer<Never> {
        &self.1
    }
}

impl Rejection for Never {
    fn problem(&self) -> Problem {
        match *self {}
    }
}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for Never {}

/// Calls a handler that takes so long to respond, and owns the request.
async fn call(
    fixture: &Fixture,
    (path, content_type): (&str, &str),
    time: Duration,
) -> Response<String> {
    let guard = TestGuard(fixture.watch(1), RejectionRenderer::new("Test", "test"));
    let service = service_fn(move |request: Request<Arc<()>>| async move {
        sleep(time).await;
        drop(request);
        Ok::<_, Infallible>(Response::new("answered".to_owned()))
    });
    let owned = Arc::new(());
    let request = Request::post(path).version(Version::HTTP_2);
    let request = request.header("content-type", content_type).body(Arc::clone(&owned)).unwrap();
    let service = GuardedService::new(service, Arc::new(guard));
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(Arc::strong_count(&owned), 1, "the call is dropped");
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn call_ends_before_it_is_answered() {
    for (path, content_type) in [
        ("/", "application/grpc"),
        ("/lookup", "application/grpc"),
        ("/", "application/grpc-web"),
        ("/", "application/grpc-web-text"),
    ] {
        let fixture = Fixture::allowing();
        let end = async {
            fixture.wait_for_checks(1).await;
            assert_eq!(fixture.registry.end(&"alice", &1, ENDED), 1);
        };
        let (response, ()) = tokio::join!(call(&fixture, (path, content_type), HOUR), end);
        assert_eq!(response.headers()["content-type"], content_type);
        assert_eq!(response.headers()["grpc-status"], "16");
        assert_eq!(response.headers()["grpc-message"], "It ended (session_ended)");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.extensions().get(), Some(&ENDED));
        assert_eq!(response.body(), "");
        assert!(fixture.registry.is_empty());
    }
}

/// Its response is not a stream either, as long as it does not wait.
#[tokio::test]
async fn response_after_long_is_delivered_at_the_limit_and_during_a_shutdown() {
    let settings = StreamSettings::default().with_max_per_principal(1).unwrap();
    let fixture = Fixture::new(Some(ALLOW), settings);
    let stream = fixture.watch(1);
    stream.open().unwrap();
    for shuts_down in [false, true] {
        let watch = fixture.watch(1);
        sleep(Duration::from_millis(1100)).await;
        if shuts_down {
            fixture.registry.shut_down();
        }
        let response = Response::builder().header("content-type", "application/grpc");
        let response = response.body("answered".to_owned()).unwrap();
        let body = watch.wrap_response(response).into_body().collect().await.unwrap();
        assert_eq!(body.trailers(), None);
        assert_eq!(body.to_bytes(), "answered");
    }
}

#[tokio::test]
async fn call_ends_some_seconds_after_a_shutdown() {
    let fixture = Fixture::allowing();
    let shutdown = async {
        fixture.wait_for_checks(1).await;
        assert_eq!(fixture.registry.shut_down(), 0);
    };
    let (response, ()) = tokio::join!(call(&fixture, ("/", "application/grpc"), HOUR), shutdown);
    assert_eq!(response.headers()["grpc-status"], "14");
    assert_eq!(response.headers()["grpc-retry-pushback-ms"], "1000");
}

/// Its handler may have changed something, and clients repeat what is rejected as unavailable.
#[tokio::test]
async fn long_call_is_answered_at_the_limit_and_during_a_shutdown() {
    let time = Duration::from_millis(1200);
    let settings = StreamSettings::default().with_max_per_principal(1).unwrap();
    let fixture = Fixture::new(Some(ALLOW), settings);
    let (stream, calls) = (fixture.watch(1), ["application/grpc", "application/grpc-web"]);
    stream.open().unwrap();
    for content_type in calls {
        assert_eq!(call(&fixture, ("/", content_type), time).await.body(), "answered");
        assert_eq!(fixture.registry.len(), 1, "calls do not count");
    }
    let shutdown = async {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(fixture.registry.shut_down(), 1);
    };
    let (answer, ()) = tokio::join!(call(&fixture, ("/", "application/grpc"), time), shutdown);
    assert_eq!(answer.body(), "answered");
    assert_eq!(stream.try_ended(), Some(StreamEnd::SERVER_SHUTDOWN));
    assert_eq!(call(&fixture, ("/", "application/grpc"), time).await.body(), "answered");
}

#[tokio::test]
async fn calls_of_a_principal_are_bounded() {
    let settings = StreamSettings::default().with_max_per_principal(1).unwrap();
    let fixture = Fixture::new(Some(ALLOW), settings);
    let first = async { call(&fixture, ("/", "application/grpc"), HOUR).await };
    let (first, second) = (first, call(&fixture, ("/", "application/grpc"), HOUR));
    let third = async {
        fixture.wait_for_checks(1).await;
        sleep(Duration::from_millis(100)).await;
        let third = call(&fixture, ("/", "application/grpc"), HOUR).await;
        fixture.registry.end(&"alice", &1, ENDED);
        third
    };
    let (first, second, third) = tokio::join!(first, second, third);
    assert_eq!(third.headers()["grpc-status"], "8");
    for ended in [first, second] {
        assert_eq!(ended.headers()["grpc-status"], "16");
    }
}

#[tokio::test]
async fn short_calls_and_other_requests_open_no_stream() {
    let fixture = Fixture::allowing();
    fixture.registry.shut_down();
    for (content_type, time) in [
        ("application/grpc", Duration::ZERO),
        ("application/grpc", Duration::from_millis(100)),
        ("application/json", Duration::from_millis(1200)),
    ] {
        let response = call(&fixture, ("/", content_type), time).await;
        assert_eq!(response.body(), "answered");
    }
}

/// The caller has expired as far as is known, so the handler is not polled.
#[tokio::test]
async fn suspended_call_goes_on_after_its_check() {
    let fixture = Fixture::new(None, StreamSettings::default());
    *fixture.script.valid_for.lock().unwrap() = Some(Duration::ZERO);
    let time = Duration::from_secs(1);
    let allow = async {
        fixture.wait_for_checks(1).await;
        sleep(Duration::from_millis(500)).await;
        fixture.decide(ALLOW);
    };
    let answered = async {
        let response = call(&fixture, ("/", "application/grpc"), time).await;
        (response.into_body(), fixture.script.decision.lock().unwrap().is_some())
    };
    let (answered, ()) = tokio::join!(answered, allow);
    assert_eq!(answered, ("answered".to_owned(), true));
}
