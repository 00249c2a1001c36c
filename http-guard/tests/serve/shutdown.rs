//! The graceful shutdown, and its deadline.

use std::time::Duration;

use http::{HeaderMap, Version};
use http_guard::serve::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{
    BUFFERED_OCTETS, HTTP2_START, SHORT, TEST_TIMEOUT, TestServer, VERSIONS, read_to_end,
};

#[tokio::test]
async fn open_requests_finish() {
    for version in VERSIONS {
        let running = TestServer::start(Server::new()).await;
        let address = running.address;
        let (mut client, mut idle) = (running.client(version).await, running.client(version).await);
        idle.ok("/").await;
        let mut silent = running.connect().await;
        let mut response = Box::pin(client.get("/slow"));
        assert!(timeout(SHORT / 2, &mut response).await.is_err());
        let start = Instant::now();
        let ended = running.stop();
        // Idle connections are closed immediately, and no new ones are accepted.
        idle.ended().await;
        read_to_end(&mut silent).await;
        assert_eq!(response.await.unwrap().1, "slow", "{version:?}");
        let summary = timeout(TEST_TIMEOUT, ended).await.unwrap().unwrap();
        assert!(summary.is_clean(), "{summary:?}");
        assert!(start.elapsed() < Duration::from_secs(8));
        assert!(TcpStream::connect(address).await.is_err());
    }
}

/// A client that does not answer the ping by which HTTP/2 begins to end a connection.
#[tokio::test]
async fn silent_connections_do_not_delay_it() {
    let server = Server::new().with_shutdown_timeout(Duration::from_secs(3600)).unwrap();
    let running = TestServer::start(server).await;
    let mut silent = running.connect().await;
    silent.write_all(HTTP2_START).await.unwrap();
    let mut frame_header = [0; 9];
    silent.read_exact(&mut frame_header).await.unwrap();
    let summary = timeout(TEST_TIMEOUT, running.stop()).await.unwrap().unwrap();
    assert!(summary.is_clean(), "{summary:?}");
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An initial window of 1 MiB.
const SETTINGS: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\x10\0\0";
/// 1 MiB for the connection.
const WINDOW_UPDATE: &[u8] = b"\0\0\x04\x08\0\0\0\0\0\0\x10\0\0";
/// `GET`, `http`, and the path as a literal (RFC 7541, 6.2.2).
const REQUEST: &[u8] = b"\0\0\x0d\x01\x05\0\0\0\x01\x82\x86\x04\x09/buffered";

/// A client that reads slowly, and opens its window meanwhile.
#[tokio::test]
async fn slow_client_receives_what_the_operating_system_buffers() {
    let running = TestServer::start_buffering(Server::new());
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut client = socket.connect(running.address).await.unwrap();
    client.write_all(&[PREFACE, SETTINGS, WINDOW_UPDATE, REQUEST].concat()).await.unwrap();
    sleep(SHORT).await;
    let mut ended = running.stop();
    // Longer than the second that other connections have.
    let early = timeout(4 * SHORT, &mut ended).await;
    assert!(early.is_err(), "the client has not read the response: {early:?}");
    let mut octets = 0;
    loop {
        let mut head = [0; 9];
        client.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        client.read_exact(&mut payload).await.unwrap();
        if head[3] == 0 {
            octets += payload.len();
            // As after each read of a client: it would reset a socket that is closed.
            client.write_all(WINDOW_UPDATE).await.unwrap();
        }
        if head[3] == 0 && head[4] & 1 == 1 {
            break;
        }
    }
    assert_eq!(octets, BUFFERED_OCTETS);
    drop(client);
    assert!(timeout(TEST_TIMEOUT, ended).await.unwrap().unwrap().is_clean());
}

#[tokio::test]
async fn unsent_responses_are_dropped_and_counted() {
    for version in VERSIONS {
        let server = Server::new().with_shutdown_timeout(SHORT).unwrap();
        let running = TestServer::start(server).await;
        let mut client = running.client(version).await;
        let request = client.request("/large", HeaderMap::new());
        let response = client.send(request).await.unwrap();
        sleep(SHORT / 2).await;
        let summary = timeout(TEST_TIMEOUT, running.stop()).await.unwrap().unwrap();
        assert_eq!(summary.dropped_requests(), 1, "{version:?}");
        drop(response);
    }
}

#[tokio::test]
async fn requests_past_the_deadline_are_dropped_and_counted() {
    let server = Server::new().with_shutdown_timeout(SHORT).unwrap();
    let running = TestServer::start(server).await;
    let mut one = running.client(Version::HTTP_11).await;
    let mut two = running.client(Version::HTTP_2).await;
    let clients = async { tokio::join!(one.get("/never"), two.get("/never")) };
    let stop = async {
        sleep(SHORT).await;
        let start = Instant::now();
        let summary = timeout(TEST_TIMEOUT, running.stop()).await.unwrap().unwrap();
        assert_eq!((summary.dropped_requests(), summary.open_upgrades()), (2, 0));
        assert!(!summary.is_clean());
        assert!(start.elapsed() >= SHORT);
    };
    let (responses, ()) = tokio::join!(clients, stop);
    assert!(responses.0.is_err() && responses.1.is_err());
}
