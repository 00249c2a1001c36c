//! Clients that read nothing, and handlers that produce nothing, or more than can be sent.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use http_body_util::Empty;
use http_guard::serve::Server;
use http_guard::stream::StreamSettings;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::TokenSet;
use kleidia_tower::store::MemoryStore;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Client, Delivery, Kind};
use crate::node::{Node, accounts, bearer};
use crate::sockets::{connections, wait_until};
use crate::ticks::Tick;
use crate::{PROCESSORS, TEST_TIMEOUT};

const INTERVAL: Duration = Duration::from_millis(100);
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);
/// Before the unread connection is closed.
const PROMPTLY: Duration = Duration::from_secs(2);

/// Starts a node whose users may have one stream, and a session.
async fn node() -> (Node, TokenSet) {
    let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
    let settings = StreamSettings::default().with_max_per_principal(1).unwrap();
    let accounts = accounts(Arc::new(MemoryStore::default()), &keys).with_stream_settings(settings);
    let server = Server::new().with_write_timeout(WRITE_TIMEOUT, 0).unwrap();
    let node = Node::start(accounts, server, INTERVAL).await;
    node.create_user("alice").await;
    let alice = node.log_in("alice").await;
    (node, alice)
}

fn request(node: &Node, tokens: &TokenSet, path: &str) -> Request<Empty<Bytes>> {
    let request = Request::get(format!("http://{}{path}", node.address));
    let request = request.header("host", node.address.to_string());
    request.header(AUTHORIZATION, bearer(tokens)).body(Empty::new()).unwrap()
}

/// A connection whose client has stopped to read from it, and the response, of which nothing was
/// read.
struct UnreadConnection {
    _connection: Box<dyn Send>,
    _response: http::Response<Incoming>,
}

impl UnreadConnection {
    /// Opens the flood.
    async fn open(node: &Node, tokens: &TokenSet, is_http2: bool) -> Self {
        let io = TokioIo::new(TcpStream::connect(node.address).await.unwrap());
        let request = request(node, tokens, "/flood");
        if is_http2 {
            let (mut sender, connection) =
                http2::handshake(TokioExecutor::new(), io).await.unwrap();
            let mut connection = Box::pin(connection);
            let response = tokio::select! {
                _ = &mut connection => panic!("closed"),
                response = sender.send_request(request) => response.unwrap(),
            };
            assert_eq!(response.status(), StatusCode::OK);
            return Self { _connection: Box::new((sender, connection)), _response: response };
        }
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        let mut connection = Box::pin(connection);
        let response = tokio::select! {
            _ = &mut connection => panic!("closed"),
            response = sender.send_request(request) => response.unwrap(),
        };
        assert_eq!(response.status(), StatusCode::OK);
        Self { _connection: Box::new((sender, connection)), _response: response }
    }
}

/// It no longer counts for its user at once, and the write timeout of the server releases its
/// descriptor.
#[tokio::test(flavor = "multi_thread")]
async fn unread_stream_that_has_ended_counts_no_longer_and_is_closed() {
    let _processors = PROCESSORS.read().await;
    for is_http2 in [false, true] {
        let (node, alice) = node().await;
        let unread = UnreadConnection::open(&node, &alice, is_http2).await;
        let other = node.log_in("alice").await;
        let mut client = Client::connect(node.address, &bearer(&other)).await;
        assert_eq!(client.subscribe(Kind::Events).await.err(), Some(429));
        node.log_out(&alice).await;
        let subscribing = async {
            loop {
                // The event of the end is applied by a task.
                if let Ok(stream) = client.subscribe(Kind::Events).await {
                    return stream;
                }
            }
        };
        let mut stream = timeout(PROMPTLY, subscribing).await.expect("a stream");
        drop(client);
        stream.wait_for_new_message().await;
        wait_until("one connection is accepted", || connections(node.address).0 == 1).await;
        stream.wait_for_new_message().await;
        drop((stream, unread));
        wait_until("none is left", || connections(node.address) == (0, 0)).await;
    }
}

/// Nothing wakes the handler's body, and so nothing but the end wakes the response.
#[tokio::test(flavor = "multi_thread")]
async fn body_that_is_never_ready_ends() {
    let _processors = PROCESSORS.read().await;
    let (node, alice) = node().await;
    let mut client = Client::connect(node.address, &bearer(&alice)).await;
    let mut events = client.get_events("/silent").await.unwrap();
    node.log_out(&alice).await;
    let last = timeout(TEST_TIMEOUT, events.next()).await.expect("an end");
    assert!(matches!(last, Delivery::End(end) if end.code == "session_ended"));
}

/// On one thread, which the body could keep for itself.
#[tokio::test]
async fn body_that_is_always_ready_ends() {
    let _processors = PROCESSORS.read().await;
    let (node, alice) = node().await;
    let mut client = Client::connect(node.address, &bearer(&alice)).await;
    let mut events = client.get_events("/flood").await.unwrap();
    let last = tokio::spawn(async move { events.next().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!last.is_finished());
    node.log_out(&alice).await;
    let last = timeout(TEST_TIMEOUT, last).await.expect("an end").unwrap();
    assert!(matches!(last, Delivery::End(end) if end.code == "session_ended"));
}

/// The other tests rely on it: what is produced after the end says so, if it is delivered.
#[tokio::test(flavor = "multi_thread")]
async fn messages_after_the_end_of_a_stream_that_is_not_wrapped_are_late() {
    let _processors = PROCESSORS.read().await;
    let (node, alice) = node().await;
    let mut client = Client::connect(node.address, &bearer(&alice)).await;
    let mut events = client.get("/unwatched", "text/plain").await.unwrap();
    assert!(matches!(events.next().await, Delivery::Message(Tick { is_late: false, .. })));
    node.log_out(&alice).await;
    let late = async {
        while !matches!(events.next().await, Delivery::Message(Tick { is_late: true, .. })) {}
    };
    timeout(TEST_TIMEOUT, late).await.expect("a late message");
}
