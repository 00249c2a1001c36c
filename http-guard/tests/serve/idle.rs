//! Which connections are idle, and how they are closed.

use std::time::Duration;

use http::{HeaderMap, Version};
use http_body_util::BodyExt as _;
use http_guard::serve::Server;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::support::{
    HTTP2_START, SHORT, TEST_TIMEOUT, TestServer, VERSIONS, read_to_end, send_slowly,
};

fn server() -> Server {
    Server::new().with_idle_timeout(SHORT).unwrap()
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let running = TestServer::start(server()).await;
    for version in VERSIONS {
        let mut client = running.client(version).await;
        client.ok("/").await;
        sleep(SHORT / 2).await;
        // A request starts the timeout again.
        client.ok("/").await;
        assert!(client.ended().await >= SHORT / 2, "{version:?}");
    }
}

/// The timeout for heads begins with the first octet of the next request.
#[tokio::test]
async fn kept_alive_connections_outlive_the_head_timeout() {
    let running = TestServer::start(Server::new().with_head_timeout(SHORT).unwrap()).await;
    for version in VERSIONS {
        let mut client = running.client(version).await;
        client.ok("/").await;
        sleep(3 * SHORT).await;
        client.ok("/").await;
    }
}

#[tokio::test]
async fn answering_pings_is_idle() {
    // hyper's client answers the pings.
    let pinging = server().with_keep_alive(SHORT / 8, TEST_TIMEOUT).unwrap();
    let running = TestServer::start(pinging).await;
    let mut client = running.client(Version::HTTP_2).await;
    client.ok("/").await;
    assert!(client.ended().await < TEST_TIMEOUT / 2);
}

#[tokio::test]
async fn sending_pings_is_idle_and_unanswered_goaway_drops_the_connection() {
    let running = TestServer::start(server()).await;
    let mut stream = running.connect().await;
    stream.write_all(HTTP2_START).await.unwrap();
    let start = Instant::now();
    let (mut reader, mut writer) = stream.split();
    let pings = async {
        while writer.write_all(b"\0\0\x08\x06\0\0\0\0\0pingping").await.is_ok() {
            sleep(SHORT / 8).await;
        }
    };
    let mut octets = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut octets);
    timeout(TEST_TIMEOUT, async {
        tokio::select! { _ = read => {}, () = pings => {} }
    })
    .await
    .unwrap();
    assert!(start.elapsed() >= SHORT);
    // GOAWAY with NO_ERROR.
    assert!(octets.windows(9).any(|frame| frame == b"\0\0\x08\x07\0\0\0\0\0"), "{octets:?}");
}

#[tokio::test]
async fn pings_detect_dead_peer() {
    let pinging = Server::new().with_keep_alive(SHORT / 2, SHORT / 2).unwrap();
    let running = TestServer::start(pinging).await;
    let mut stream = running.connect().await;
    stream.write_all(HTTP2_START).await.unwrap();
    assert!(read_to_end(&mut stream).await.1 < TEST_TIMEOUT / 2);
}

#[tokio::test]
async fn open_requests_are_not_idle() {
    let running = TestServer::start(server()).await;
    for version in VERSIONS {
        let mut client = running.client(version).await;
        assert_eq!(client.ok("/slow").await, "slow");
        assert_eq!(client.ok("/ticks").await.lines().count(), 6);
        assert_eq!(client.ok("/").await, "hello");
    }
}

#[tokio::test]
async fn slow_downloads_are_not_idle() {
    const MIB: usize = 1024 * 1024;
    let running = TestServer::start(server()).await;
    for version in VERSIONS {
        let mut client = running.client(version).await;
        let request = client.request("/large", HeaderMap::new());
        let mut body = client.send(request).await.unwrap().into_body();
        let (mut length, mut pauses) = (0, 0);
        while let Some(frame) = body.frame().await {
            length += frame.expect("the rest of the response").into_data().unwrap().len();
            if length / MIB > pauses {
                pauses += 1;
                sleep(SHORT / 10).await;
            }
        }
        assert_eq!(length, 32 * MIB, "{version:?}");
    }
}

#[tokio::test]
async fn closed_window_of_http2_is_a_blocked_write() {
    let running = TestServer::start(Server::new().with_write_timeout(SHORT, 100).unwrap()).await;
    let mut client = running.client(Version::HTTP_2).await;
    let request = client.request("/large", HeaderMap::new());
    // The client opens its window only as the body is read.
    let response = client.send(request).await.unwrap();
    assert!(client.ended().await >= SHORT / 2);
    drop(response);
}

/// `WINDOW_UPDATE` of stream 1, by 1.
const WINDOW_UPDATE: &[u8] = b"\0\0\x04\x08\0\0\0\0\x01\0\0\0\x01";

/// Requests `/large` in stream 1, whose window is closed.
async fn request_with_closed_window(running: &TestServer) -> TcpStream {
    let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0";
    let headers = b"\0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x44\x06/large\x41\x01a";
    let mut stream = running.connect().await;
    stream.write_all(&[HTTP2_START, settings, headers].concat()).await.unwrap();
    stream
}

#[tokio::test]
async fn window_that_is_closed_from_the_start_is_a_blocked_write() {
    let server = Server::new().with_write_timeout(SHORT, 0).unwrap();
    let running = TestServer::start(server).await;
    let mut stream = request_with_closed_window(&running).await;
    assert!(read_to_end(&mut stream).await.1 >= SHORT / 2);
}

#[tokio::test]
async fn window_that_opens_too_slowly_is_a_blocked_write() {
    let server = Server::new().with_write_timeout(SHORT, 1_000).unwrap();
    let running = TestServer::start(server).await;
    let mut stream = request_with_closed_window(&running).await;
    send_slowly(&mut stream, WINDOW_UPDATE).await;
}

#[tokio::test]
async fn window_that_opens_at_the_rate_is_kept_open() {
    let server = Server::new().with_write_timeout(4 * SHORT, 5).unwrap();
    let running = TestServer::start(server).await;
    let mut stream = request_with_closed_window(&running).await;
    // Longer than the timeout, with 20 octets per second.
    let slowly = send_slowly(&mut stream, WINDOW_UPDATE);
    assert!(timeout(8 * SHORT, slowly).await.is_err());
}

#[tokio::test]
async fn client_that_reads_nothing_is_dropped() {
    let running = TestServer::start(Server::new().with_write_timeout(SHORT, 100).unwrap()).await;
    let mut stream = running.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    sleep(4 * SHORT).await;
    let (octets, _) = read_to_end(&mut stream).await;
    assert!(octets.len() < 32 * 1024 * 1024, "{}", octets.len());
}

#[tokio::test]
async fn settings_out_of_bounds_are_rejected() {
    let error = Server::new().with_idle_timeout(Duration::MAX).unwrap_err();
    assert!(error.to_string().starts_with("idle timeout is out of bounds: expected 1ms to 86400s"));
    assert!(Server::new().with_head_timeout(Duration::ZERO).is_err());
    assert!(Server::new().with_max_connections(0).is_err());
    assert!(Server::new().with_max_connections_per_address(0).is_err());
    assert!(Server::new().with_max_connections_per_address(u32::MAX).is_err());
    assert!(Server::new().with_max_head_octets(1_024).is_err());
}
