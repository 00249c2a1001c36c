//! Bodies: what is delivered, and how they end.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Either};

use super::*;
use crate::ResponseBody;

/// Frames that are there, and then none, or the end.
struct TestBody {
    frames: VecDeque<Frame<Bytes>>,
    is_endless: bool,
    _held: Arc<()>,
}

impl Body for TestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if self.is_endless => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

fn respond(
    watch: &StreamWatch,
    content_type: &str,
    frames: &[&'static str],
) -> (Response<ResponseBody<TestBody>>, Arc<()>) {
    let held = Arc::new(());
    let frames = frames.iter().map(|data| Frame::data(Bytes::from_static(data.as_bytes())));
    let body = TestBody { frames: frames.collect(), is_endless: true, _held: Arc::clone(&held) };
    let response = Response::builder().header("content-type", content_type).body(body).unwrap();
    (watch_response(response, Some(watch)), held)
}

type Last = (String, Option<HeaderMap>, Option<String>);

/// Returns the data, the trailers and the error of a body.
async fn read(body: ResponseBody<TestBody>) -> Last {
    let (mut body, mut last) = (pin!(body), (String::new(), None, None));
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => last.0.push_str(str::from_utf8(&data).unwrap()),
            Ok(Err(frame)) => last.1 = frame.into_trailers().ok(),
            Err(error) => last.2 = Some(error.to_string()),
        }
    }
    last
}

fn poll(body: &mut ResponseBody<TestBody>) -> Poll<Option<Frame<Bytes>>> {
    let poll = Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()));
    poll.map(|frame| frame.map(Result::unwrap))
}

#[tokio::test]
async fn event_stream_ends_with_the_code() {
    let fixture = Fixture::allowing();
    let watch = fixture.watch(1);
    let (response, held) = respond(&watch, "text/event-stream", &["data: 1\n\n", "data: 2\n\n"]);
    let reader = tokio::spawn(read(response.into_body()));
    fixture.wait_for_checks(1).await;
    assert_eq!(fixture.registry.end(&"alice", &1, ENDED), 1);
    let (data, trailers, error) = reader.await.unwrap();
    assert!(data.starts_with("data: 1\n\ndata: 2\n\nevent: session-ended\nretry: "), "{data}");
    assert!(data.ends_with("\ndata: session_ended\n\n"), "{data}");
    assert_eq!((trailers, error), (None, None));
    assert_eq!(Arc::strong_count(&held), 1, "the handler's body is dropped");
    assert_eq!(watch.try_ended(), Some(ENDED));
    assert_eq!(*fixture.script.ends.lock().unwrap(), [(ENDED, 1)]);
    drop(watch);
    assert!(fixture.registry.is_empty());
}

#[tokio::test]
async fn nothing_is_delivered_after_the_end() {
    let fixture = Fixture::allowing();
    let watch = fixture.watch(1);
    let (response, _) = respond(&watch, "text/event-stream", &["data: 1\n\n", "data: 2\n\n"]);
    let mut body = response.into_body();
    assert!(poll(&mut body).is_ready());
    fixture.registry.end_principal(&"alice", ENDED);
    let Poll::Ready(Some(frame)) = poll(&mut body) else { panic!("no frame") };
    assert!(frame.into_data().unwrap().starts_with(b"event: session-ended\n"));
    assert!(matches!(poll(&mut body), Poll::Ready(None)));
}

#[tokio::test]
async fn grpc_stream_ends_with_trailers_between_messages_only() {
    for (data, expected) in [("\0\0\0\0\u{1}a", Some("16")), ("\0\0\0\0\u{2}a", None)] {
        let fixture = Fixture::allowing();
        let watch = fixture.watch(1);
        let (response, _) = respond(&watch, "application/grpc", &[data]);
        let reader = tokio::spawn(read(response.into_body()));
        fixture.wait_for_checks(1).await;
        fixture.registry.end(&"alice", &1, ENDED);
        let (_, trailers, error) = reader.await.unwrap();
        let status = trailers.as_ref().map(|trailers| trailers["grpc-status"].to_str().unwrap());
        assert_eq!(status, expected);
        let failed = expected.is_none().then(|| "stream ended: session_ended".to_owned());
        assert_eq!(error, failed);
    }
}

#[tokio::test]
async fn complete_grpc_response_opens_no_stream() {
    let fixture = Fixture::allowing();
    let watch = fixture.watch(1);
    let (response, _) = respond(&watch, "application/grpc", &["\0\0\0\0\u{1}a"]);
    let mut body = response.into_body();
    assert!(poll(&mut body).is_ready());
    assert!(fixture.registry.is_empty());
    assert!(poll(&mut body).is_pending());
    assert_eq!(fixture.registry.len(), 1, "it waits");

    let (response, _) = respond(&fixture.watch(2), "application/grpc", &["a", "b", "c"]);
    let mut body = response.into_body();
    assert!(poll(&mut body).is_ready() && poll(&mut body).is_ready());
    assert_eq!(fixture.registry.len(), 1);
    assert!(poll(&mut body).is_ready());
    assert_eq!(fixture.registry.len(), 2, "it has further frames");
}

#[tokio::test]
async fn other_responses_are_not_wrapped() {
    let fixture = Fixture::allowing();
    let (response, _) = respond(&fixture.watch(1), "application/json", &["{}"]);
    let Either::Left(body) = response.into_body() else { panic!("rejected") };
    assert!(body.into_inner().is_some() && fixture.registry.is_empty());
}

#[tokio::test]
async fn wrapped_body_ends_with_an_error() {
    let fixture = Fixture::allowing();
    let body = TestBody { frames: VecDeque::new(), is_endless: true, _held: Arc::default() };
    let body = fixture.watch(1).wrap(body).unwrap();
    fixture.registry.end(&"alice", &1, ENDED);
    assert_eq!(body.collect().await.unwrap_err().to_string(), "stream ended: session_ended");
}

#[tokio::test]
async fn stream_whose_validity_ended_delivers_only_after_a_check() {
    let fixture = Fixture::new(None, StreamSettings::default());
    *fixture.script.valid_for.lock().unwrap() = Some(Duration::ZERO);
    let (response, _) = respond(&fixture.watch(1), "text/event-stream", &["data: 1\n\n"]);
    let mut body = response.into_body();
    assert!(poll(&mut body).is_pending());
    fixture.wait_for_checks(1).await;
    assert!(poll(&mut body).is_pending());
    let reader = tokio::spawn(async move { body.frame().await });
    tokio::task::yield_now().await;
    fixture.decide(ALLOW);
    assert_eq!(reader.await.unwrap().unwrap().unwrap().into_data().unwrap(), "data: 1\n\n");
}

#[tokio::test]
async fn stream_ends_with_its_lease_if_checks_fail() {
    let lease = StreamSettings { lease: Duration::from_millis(20), ..StreamSettings::default() };
    for decision in [None, Some(StreamDecision::Unknown)] {
        let fixture = Fixture::new(decision, lease);
        let watch = fixture.watch(1);
        let (response, _) = respond(&watch, "text/event-stream", &[]);
        let mut body = response.into_body();
        assert_eq!(watch.ended().await, StreamEnd::UNAVAILABLE);
        let Poll::Ready(Some(frame)) = poll(&mut body) else { panic!("no frame") };
        assert!(frame.into_data().unwrap().ends_with(b"data: unavailable\n\n"));
    }
}

#[tokio::test]
async fn streams_of_a_principal_are_bounded() {
    let settings = StreamSettings::default().with_max_per_principal(2).unwrap();
    let fixture = Fixture::new(Some(ALLOW), settings);
    let (first, second, third) = (fixture.watch(1), fixture.watch(2), fixture.watch(3));
    first.open().unwrap();
    second.open().unwrap();
    let (response, _) = respond(&third, "text/event-stream", &[]);
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.extensions().get(), Some(&StreamEnd::TOO_MANY_STREAMS));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(str::from_utf8(&body).unwrap().contains("too_many_streams"));
    fixture.registry.watch("bob", 1, ()).open().unwrap();
    drop(first);
    third.open().unwrap();
}

/// A client that reads nothing may keep a body that has ended.
#[tokio::test]
async fn streams_that_have_ended_do_not_count() {
    let settings = StreamSettings::default().with_max_per_principal(1).unwrap();
    let fixture = Fixture::new(Some(ALLOW), settings);
    let (first, second) = (fixture.watch(1), fixture.watch(2));
    let (_unread, _) = respond(&first, "text/event-stream", &[]);
    fixture.registry.end(&"alice", &1, ENDED);
    assert!(fixture.registry.is_empty());
    second.open().unwrap();
    assert_eq!(fixture.watch(3).open(), Err(StreamEnd::TOO_MANY_STREAMS));
}

/// Such a request may no longer be allowed, so nothing is delivered before the check.
#[tokio::test]
async fn grpc_response_long_after_its_request_waits_for_a_check() {
    let fixture = Fixture::new(Some(StreamDecision::End(ENDED)), StreamSettings::default());
    let watch = fixture.watch(1);
    let (response, _) = respond(&watch, "application/grpc", &["\0\0\0\0\u{1}a"]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let (data, trailers, error) = read(response.into_body()).await;
    assert_eq!((data.as_str(), error), ("", None));
    assert_eq!(trailers.unwrap()["grpc-status"], "16");
}

#[tokio::test]
async fn nothing_follows_the_trailers_of_grpc_web() {
    let fixture = Fixture::allowing();
    let frames = [&b"\0\0\0\0\x01a"[..], b"\x80\0\0\0\x0fgrpc-status:0\r\n"];
    let frames = frames.map(|data| Frame::data(Bytes::from_static(data)));
    let body = TestBody { frames: frames.into(), is_endless: true, _held: Arc::default() };
    let response = Response::builder().header("content-type", "application/grpc-web");
    let response = watch_response(response.body(body).unwrap(), Some(&fixture.watch(1)));
    let mut body = response.into_body();
    assert!(poll(&mut body).is_ready() && poll(&mut body).is_ready());
    assert!(poll(&mut body).is_pending());
    assert!(fixture.registry.is_empty(), "it is complete");
}
