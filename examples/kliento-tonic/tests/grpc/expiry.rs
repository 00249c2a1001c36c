//! Streams end when the caller's bundle expires, by the server's clock, or when it is no longer
//! allowed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kliento::Timestamp;
use kliento_tonic::v1::{Caller, Statement, WatchRequest, WhoAmIRequest};
use kliento_tower::clock_fn;
use kliento_tower::stream::StreamSettings;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::client::{Client, alice};
use crate::reference::INSTANT;
use crate::server::{connect_to, layer};

/// Far longer than any step takes, also on a busy machine.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);

/// What decides about a caller, and a test changes.
#[derive(Clone)]
struct Surroundings {
    now: Arc<Mutex<Option<Timestamp>>>,
    is_denied: Arc<AtomicBool>,
}

impl Surroundings {
    fn set_now(&self, now: Option<Timestamp>) {
        *self.now.lock().unwrap() = now;
    }

    /// Lets the bundle of this caller expire.
    fn expire(&self, caller: &Caller) {
        let last: Timestamp = caller.valid_until.parse().unwrap();
        self.set_now(Some(last + Duration::from_millis(1)));
    }
}

/// Returns a client of a server that checks the callers of streams each second.
async fn client() -> (Client, Surroundings) {
    let now = Arc::new(Mutex::new(INSTANT.parse().ok()));
    let surroundings = Surroundings { now: Arc::clone(&now), is_denied: Arc::default() };
    let is_denied = Arc::clone(&surroundings.is_denied);
    let settings = StreamSettings::default().with_lease(Duration::from_secs(2)).unwrap();
    let layer = layer(Arc::new(clock_fn(move || *now.lock().unwrap())))
        .with_authorizer(move |_| !is_denied.load(Ordering::SeqCst))
        .with_stream_settings(settings);
    (alice(connect_to(layer).await), surroundings)
}

async fn next(callers: &mut Streaming<Caller>) -> Caller {
    callers.message().await.unwrap().expect("a message")
}

/// Returns the status that ends the stream; some messages may still precede it.
async fn end(callers: &mut Streaming<Caller>) -> (Code, String) {
    let end = async {
        loop {
            match callers.message().await {
                Ok(message) => assert_eq!(message.expect("a status").subject, "alice@example.com"),
                Err(status) => return parts(&status),
            }
        }
    };
    timeout(TEST_TIMEOUT, end).await.unwrap()
}

fn parts(status: &Status) -> (Code, String) {
    (status.code(), status.message().to_owned())
}

fn token_expired() -> (Code, String) {
    (Code::Unauthenticated, "The token bundle has expired (token_expired)".to_owned())
}

#[tokio::test]
async fn watch_ends_when_the_bundle_expires() {
    let (mut client, surroundings) = client().await;
    let mut callers = client.watch(WatchRequest {}).await.unwrap().into_inner();
    surroundings.expire(&next(&mut callers).await);
    assert_eq!(end(&mut callers).await, token_expired());
    // Further calls are rejected.
    let rejected = client.who_am_i(WhoAmIRequest {}).await.unwrap_err();
    assert_eq!(rejected.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn watch_ends_when_the_workload_is_no_longer_allowed() {
    let (mut client, surroundings) = client().await;
    let mut callers = client.watch(WatchRequest {}).await.unwrap().into_inner();
    next(&mut callers).await;
    surroundings.is_denied.store(true, Ordering::SeqCst);
    let expected = "Permission denied (permission_denied)".to_owned();
    assert_eq!(end(&mut callers).await, (Code::PermissionDenied, expected));
}

#[tokio::test]
async fn watch_ends_without_a_clock() {
    let (mut client, surroundings) = client().await;
    let mut callers = client.watch(WatchRequest {}).await.unwrap().into_inner();
    next(&mut callers).await;
    surroundings.set_now(None);
    let (code, message) = end(&mut callers).await;
    assert_eq!(code, Code::Unavailable);
    assert!(message.ends_with(" (unavailable)"), "{message}");
}

#[tokio::test]
async fn attribute_ends_in_both_directions_when_the_bundle_expires() {
    let (mut client, surroundings) = client().await;
    let caller = client.who_am_i(WhoAmIRequest {}).await.unwrap().into_inner();
    let (sender, statements) = mpsc::channel(1);
    let statements = ReceiverStream::new(statements);
    let mut attributed = client.attribute(statements).await.unwrap().into_inner();
    sender.send(Statement { text: "just in time".to_owned() }).await.unwrap();
    let response = attributed.message().await.unwrap().expect("a response");
    assert_eq!(
        (response.subject.as_str(), response.text.as_str()),
        ("alice@example.com", "just in time")
    );

    surroundings.expire(&caller);
    let ended = timeout(TEST_TIMEOUT, attributed.message()).await.unwrap().unwrap_err();
    assert_eq!(parts(&ended), token_expired());
    timeout(TEST_TIMEOUT, sender.closed()).await.unwrap();
}
