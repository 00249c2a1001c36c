//! Limits on connections, and when a slot is released.

use http::{StatusCode, Version};
use http_guard::serve::Server;
use http_guard::{ForwardingHeader, TrustedProxies};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{Client, HTTP2_START, SHORT, TEST_TIMEOUT, TestServer, VERSIONS, read_to_end};

/// One connection in all. The limit of an address does not apply, which would close the next one.
fn one_in_all() -> Server {
    Server::new().with_max_connections(1).unwrap().with_exempt_proxies(loopback())
}

fn loopback() -> TrustedProxies {
    TrustedProxies::new(ForwardingHeader::XForwardedFor, ["127.0.0.0/8".parse().unwrap()])
}

fn one_per_address() -> Server {
    Server::new().with_max_connections_per_address(1).unwrap()
}

#[tokio::test]
async fn limits_connections_per_address() {
    let running = TestServer::start(one_per_address()).await;
    let mut first = running.client(Version::HTTP_11).await;
    first.ok("/").await;
    let mut second = running.connect().await;
    assert!(read_to_end(&mut second).await.0.is_empty());
    first.ok("/").await;
    // The slot is released when the first connection has ended.
    drop(first);
    let start = Instant::now();
    while running.client(Version::HTTP_11).await.get("/").await.is_err() {
        assert!(start.elapsed() < TEST_TIMEOUT);
        sleep(SHORT / 8).await;
    }
}

/// Only Linux has all of 127.0.0.0/8 without configuration.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn does_not_limit_other_addresses() {
    let running = TestServer::start(one_per_address()).await;
    let mut first = running.client(Version::HTTP_11).await;
    first.ok("/").await;
    connect_from("127.0.0.2:0", &running).await.ok("/").await;
}

/// A connection that is rejected for its address replaces no other in a full server.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn rejected_connections_replace_no_other() {
    let running = TestServer::start(one_per_address().with_max_connections(2).unwrap()).await;
    let (open, _connection) = never(&running).await;
    let mut waiting = connect_from("127.0.0.2:0", &running).await;
    waiting.ok("/").await;
    // Longer than the second for which connections between two requests are protected.
    sleep(3 * SHORT).await;
    let mut rejected = running.connect().await;
    assert!(read_to_end(&mut rejected).await.0.is_empty());
    sleep(SHORT).await;
    waiting.ok("/").await;
    assert!(!open.is_finished());
}

#[cfg(target_os = "linux")]
async fn connect_from(local: &str, running: &TestServer) -> Client {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(local.parse().unwrap()).unwrap();
    Client::new(socket.connect(running.address).await.unwrap(), Version::HTTP_11).await
}

#[tokio::test]
async fn proxies_can_be_exempt() {
    let running = TestServer::start(one_per_address().with_exempt_proxies(loopback())).await;
    let mut first = running.client(Version::HTTP_11).await;
    first.ok("/").await;
    running.client(Version::HTTP_2).await.ok("/").await;
}

/// Each of these connections occupies the only slot; the last client gets it afterwards.
#[tokio::test]
async fn every_end_of_a_connection_releases_its_slot() {
    let server = one_in_all();
    let server = server.with_head_timeout(SHORT).unwrap().with_idle_timeout(SHORT).unwrap();
    let running = TestServer::start(server).await;

    // Handlers that panic.
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mut client = running.client(version).await;
        assert!(client.get("/panic").await.is_err());
    }
    // Clients that disconnect, also during a request.
    drop(running.connect().await);
    let mut client = running.client(Version::HTTP_11).await;
    assert!(timeout(SHORT / 4, client.get("/never")).await.is_err());
    client.connection.abort();
    // A client that is idle, one that is silent, and malformed requests.
    running.client(Version::HTTP_2).await.ok("/").await;
    read_to_end(&mut running.connect().await).await;
    for octets in [&b"\0\0\0\0\r\n\r\n"[..], &[HTTP2_START, &[0xff; 64]].concat()] {
        let mut stream: TcpStream = running.connect().await;
        stream.write_all(octets).await.unwrap();
        read_to_end(&mut stream).await;
    }
    assert_eq!(running.client(Version::HTTP_11).await.ok("/").await, "hello");
}

#[tokio::test]
async fn clients_wait_while_the_server_is_full() {
    let running = TestServer::start(one_in_all()).await;
    // With an open request, a connection is not replaced.
    let (first, connection) = never(&running).await;
    let mut second = running.client(Version::HTTP_11).await;
    let mut waiting = Box::pin(second.get("/"));
    assert!(timeout(SHORT, &mut waiting).await.is_err());
    connection.abort();
    assert!(first.await.unwrap().is_err());
    assert_eq!(timeout(TEST_TIMEOUT, waiting).await.unwrap().unwrap().1, "hello");
}

/// Connections that answer pings and ask nothing do not keep other clients out.
#[tokio::test]
async fn waiting_connections_are_replaced() {
    let per_address = Server::new().with_max_connections_per_address(3).unwrap();
    for server in [per_address.clone().with_max_connections(3).unwrap(), per_address] {
        let server = server.with_keep_alive(SHORT / 8, TEST_TIMEOUT).unwrap();
        let running = TestServer::start(server).await;
        let (open, _connection) = never(&running).await;
        let (mut waiting, mut clients) = (Vec::new(), Vec::new());
        for version in VERSIONS {
            let mut client = running.client(version).await;
            client.ok("/").await;
            waiting.push(client);
        }
        // Longer than the second for which connections between two requests are protected.
        sleep(3 * SHORT).await;
        for version in VERSIONS {
            let mut client = running.client(version).await;
            client.ok("/").await;
            clients.push(client);
        }
        for client in waiting {
            client.ended().await;
        }
        assert!(!open.is_finished(), "a connection with an open request is kept");
    }
}

/// Bodies that never end, or that arrive at the minimum rate, do not keep other clients out.
#[tokio::test]
async fn connections_that_wait_for_bodies_are_replaced() {
    const HTTP_1: &[u8] = b"POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n";
    // HEADERS of stream 1 with END_HEADERS: `POST /body`.
    const HTTP_2: &[u8] = b"\0\0\x0c\x01\x04\0\0\0\x01\x83\x86\x44\x05/body\x41\x01a";
    let per_address = Server::new().with_max_connections_per_address(3).unwrap();
    for server in [per_address.clone().with_max_connections(3).unwrap(), per_address] {
        let running = TestServer::start(server.without_body_timeout()).await;
        let (open, _connection) = never(&running).await;
        let mut waiting = Vec::new();
        for request in [HTTP_1, &[HTTP2_START, HTTP_2].concat()] {
            let mut stream = running.connect().await;
            stream.write_all(request).await.unwrap();
            waiting.push(stream);
        }
        // Longer than the second for which connections between two requests are protected.
        sleep(3 * SHORT).await;
        // These have open requests, so the connections that wait for bodies are replaced.
        let _clients = [never(&running).await, never(&running).await];
        for mut stream in waiting {
            assert!(read_to_end(&mut stream).await.1 < TEST_TIMEOUT);
        }
        assert!(!open.is_finished(), "a connection with another open request is kept");
    }
}

/// `::1` is the translated address of 0.0.0.1.
#[tokio::test]
async fn waiting_connections_of_translated_addresses_are_replaced() {
    let proxies = TrustedProxies::none().with_nat64_prefixes(["::/96".parse().unwrap()]).unwrap();
    let server = one_per_address().with_exempt_proxies(proxies);
    let running = TestServer::start_on(server, "[::1]:0").await;
    let mut waiting = running.client(Version::HTTP_11).await;
    waiting.ok("/").await;
    sleep(3 * SHORT).await;
    running.client(Version::HTTP_11).await.ok("/").await;
    waiting.ended().await;
}

type Pending = JoinHandle<hyper::Result<(StatusCode, String)>>;

/// Returns a request without a response, and its connection.
async fn never(running: &TestServer) -> (Pending, AbortHandle) {
    let mut client = running.client(Version::HTTP_11).await;
    client.ok("/").await;
    let connection = client.connection.abort_handle();
    let pending = tokio::spawn(async move { client.get("/never").await });
    // The request has arrived long before another client is served.
    sleep(SHORT / 4).await;
    (pending, connection)
}
