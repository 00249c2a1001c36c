//! Streams end when the caller's bundle expires, by the server's clock.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use kliento::Timestamp;
use kliento_tonic::v1::{Caller, Statement, WatchRequest, WhoAmIRequest};
use kliento_tower::Clock;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::client::{Client, alice};
use crate::reference::INSTANT;
use crate::server::{connect_to, layer};

/// A clock that the test sets.
struct TestClock(Mutex<Option<Timestamp>>);

impl TestClock {
    fn set(&self, now: Option<Timestamp>) {
        *self.0.lock().unwrap() = now;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap()
    }
}

async fn client() -> (Client, Arc<TestClock>) {
    let clock = Arc::new(TestClock(Mutex::new(INSTANT.parse().ok())));
    let channel = connect_to(layer(clock.clone()), clock.clone()).await;
    (alice(channel), clock)
}

/// The last instant at which the bundle is valid, and the next one.
fn last_and_next(caller: &Caller) -> (Option<Timestamp>, Option<Timestamp>) {
    let last: Timestamp = caller.valid_until.parse().unwrap();
    (Some(last), Some(last + Duration::from_millis(1)))
}

async fn next(callers: &mut Streaming<Caller>) -> Caller {
    callers.message().await.unwrap().expect("a message")
}

/// Returns the status that ends the stream; some messages may still precede it.
async fn end(callers: &mut Streaming<Caller>) -> Status {
    for _ in 0..10_000 {
        match callers.message().await {
            Ok(message) => assert_eq!(message.expect("a status").subject, "alice@example.com"),
            Err(status) => return status,
        }
    }
    panic!("the stream does not end");
}

#[tokio::test]
async fn watch_ends_when_the_bundle_expires() {
    let (mut client, clock) = client().await;
    let mut callers = client.watch(WatchRequest {}).await.unwrap().into_inner();
    let (last, later) = last_and_next(&next(&mut callers).await);
    clock.set(last);
    for _ in 0..100 {
        next(&mut callers).await;
    }
    clock.set(later);
    let status = end(&mut callers).await;
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.message(), "The token bundle has expired (credentials_invalid)");
    // Further calls are rejected.
    let rejected = client.who_am_i(WhoAmIRequest {}).await.unwrap_err();
    assert_eq!(rejected.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn watch_ends_without_a_clock() {
    let (mut client, clock) = client().await;
    let mut callers = client.watch(WatchRequest {}).await.unwrap().into_inner();
    next(&mut callers).await;
    clock.set(None);
    assert_eq!(end(&mut callers).await.code(), Code::Unavailable);
}

#[tokio::test]
async fn attribute_ends_when_the_bundle_expires() {
    let (mut client, clock) = client().await;
    let caller = client.who_am_i(WhoAmIRequest {}).await.unwrap().into_inner();
    let (last, later) = last_and_next(&caller);
    let (sender, statements) = mpsc::channel(1);
    let statements = ReceiverStream::new(statements);
    let mut attributed = client.attribute(statements).await.unwrap().into_inner();

    let statement = |text: &str| Statement { text: text.to_owned() };
    clock.set(last);
    sender.send(statement("just in time")).await.unwrap();
    let response = attributed.message().await.unwrap().expect("a response");
    assert_eq!(response.text, "just in time");

    clock.set(later);
    sender.send(statement("too late")).await.unwrap();
    let status = attributed.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}
