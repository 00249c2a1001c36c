//! The heads of requests: how large they may be, and how long they may take.

use http::{HeaderMap, StatusCode, Version};
use http_guard::serve::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep};

use crate::support::{
    HTTP2_START, SHORT, TEST_TIMEOUT, TestServer, VERSIONS, read_to_end, send_slowly,
};

/// The header of the largest bundle.
const LARGEST_BUNDLE: usize = 21_856;

fn with_header(octets: usize) -> HeaderMap {
    HeaderMap::from_iter([("authorization".parse().unwrap(), "x".repeat(octets).parse().unwrap())])
}

#[tokio::test]
async fn largest_bundle_fits_and_larger_heads_get_431() {
    let running = TestServer::start(Server::new()).await;
    for version in VERSIONS {
        for (octets, status) in [
            (LARGEST_BUNDLE, StatusCode::OK),
            (40_000, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        ] {
            let mut client = running.client(version).await;
            let request = client.request("/", with_header(octets));
            assert_eq!(client.send(request).await.unwrap().status(), status, "{version:?}");
        }
    }
}

#[tokio::test]
async fn silent_connection_is_closed() {
    let running = TestServer::start(Server::new().with_head_timeout(SHORT).unwrap()).await;
    for start in [&b""[..], b"PRI * HT"] {
        let mut stream = running.connect().await;
        stream.write_all(start).await.unwrap();
        let (octets, elapsed) = read_to_end(&mut stream).await;
        assert!(octets.is_empty());
        assert!(elapsed >= SHORT / 2, "{elapsed:?}");
    }
}

#[tokio::test]
async fn slow_http_1_head_is_closed() {
    let running = TestServer::start(Server::new().with_head_timeout(SHORT).unwrap()).await;
    let mut stream = running.connect().await;
    // The second head of a connection counts from its own first octet.
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
    sleep(2 * SHORT).await;
    stream.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
    let start = Instant::now();
    send_slowly(&mut stream, b"x").await;
    assert!(start.elapsed() >= SHORT / 2);
}

#[tokio::test]
async fn slow_http_2_head_is_closed() {
    let running = TestServer::start(Server::new().with_head_timeout(SHORT).unwrap()).await;
    let mut stream = running.connect().await;
    // HEADERS of stream 1 without END_HEADERS, with `:method: GET`.
    let headers = b"\0\0\x01\x01\x01\0\0\0\x01\x82";
    stream.write_all(&[HTTP2_START, headers].concat()).await.unwrap();
    let start = Instant::now();
    // CONTINUATION with `:scheme: http`, without END_HEADERS; there may be several.
    send_slowly(&mut stream, b"\0\0\x01\x09\0\0\0\0\x01\x86").await;
    assert!(start.elapsed() < TEST_TIMEOUT / 2);
}

#[tokio::test]
async fn head_timeout_does_not_end_long_responses() {
    let running = TestServer::start(Server::new().with_head_timeout(SHORT).unwrap()).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        assert_eq!(running.client(version).await.ok("/slow").await, "slow");
    }
}
