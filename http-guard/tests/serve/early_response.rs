//! Responses that are sent before the client has sent the whole request.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use http_guard::serve::Server;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use crate::support::{TEST_TIMEOUT, TestServer};

/// Sends all of a request before it reads the response, as many clients do.
fn exchange(address: SocketAddr, head: &str, body: usize) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(head.as_bytes())?;
    let chunk = vec![b'x'; 64 * 1024];
    for _ in 0..body / chunk.len() {
        stream.write_all(&chunk)?;
    }
    stream.set_read_timeout(Some(TEST_TIMEOUT))?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

#[tokio::test]
async fn response_before_the_end_of_a_body_arrives() {
    let running = TestServer::start(Server::new()).await;
    let address = running.address;
    for _ in 0..5 {
        let head = "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n";
        let response = spawn_blocking(move || exchange(address, head, 67_108_864));
        let response = response.await.unwrap().unwrap();
        assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
        assert!(response.ends_with("too large"), "{response}");
    }
}

#[tokio::test]
async fn response_to_a_head_that_is_too_large_arrives() {
    let running = TestServer::start(Server::new()).await;
    let address = running.address;
    let response = spawn_blocking(move || {
        exchange(address, "GET / HTTP/1.1\r\nHost: a\r\nX-Large: ", 4 * 1024 * 1024)
    });
    let response = response.await.unwrap().unwrap();
    assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
}

#[tokio::test]
async fn client_that_never_closes_is_not_waited_for() {
    let running = TestServer::start(Server::new()).await;
    let address = running.address;
    let start = Instant::now();
    let client = spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        // The write half stays open.
        (stream, response)
    });
    let (_stream, response) = client.await.unwrap();
    assert!(response.starts_with(b"HTTP/1.1 413 "));
    let summary = timeout(TEST_TIMEOUT, running.stop()).await.unwrap().unwrap();
    assert!(summary.is_clean(), "{summary:?}");
    assert!(start.elapsed() < Duration::from_secs(8));
}
