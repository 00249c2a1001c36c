//! Connections with many requests, and the graceful stop.

use http::{StatusCode, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::case::vector;
use super::client::{Connection, VERSIONS};
use super::process::Server;

#[tokio::test]
async fn serves_many_requests_per_connection() {
    let case = vector("member-user");
    let server = Server::start(&case);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        for turn in 0..200 {
            let (value, status) = match turn % 3 {
                0 => (case.authorization.clone(), StatusCode::OK),
                1 => (case.tampered(), StatusCode::UNAUTHORIZED),
                _ => (format!("Kliento {turn}"), StatusCode::UNAUTHORIZED),
            };
            assert_eq!(connection.get("/whoami", &[&value]).await.status, status, "{turn}");
        }
    }
}

#[tokio::test]
async fn answers_pipelined_requests_in_order() {
    let case = vector("member-user");
    let server = Server::start(&case);
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let requests = (0..30).map(|turn| {
        let path = ["/whoami", "/optional", "/public"][turn % 3];
        let value = [case.authorization.as_str(), "Kliento !"][turn / 3 % 2];
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {value}\r\n\r\n")
    });
    let mut requests: String = requests.collect();
    requests.push_str("GET /public HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let (mut reader, mut writer) = stream.split();
    let mut responses = String::new();
    let (written, read) =
        tokio::join!(writer.write_all(requests.as_bytes()), reader.read_to_string(&mut responses),);
    written.unwrap();
    read.unwrap();
    let statuses: Vec<_> = responses.split("HTTP/1.1 ").skip(1).map(|text| &text[..3]).collect();
    let mut expected = ["200", "200", "200", "401", "401", "200"].repeat(5);
    expected.push("200");
    assert_eq!(statuses, expected);
}

#[tokio::test]
async fn stops_gracefully_on_signals() {
    let case = vector("member-user");
    for signal in ["-TERM", "-INT"] {
        let server = Server::start(&case);
        let mut idle = Vec::new();
        for version in VERSIONS {
            let mut connection = Connection::open(&server, version).await;
            let response = connection.get("/whoami", &[&case.authorization]).await;
            assert_eq!(response.status, StatusCode::OK);
            idle.push(connection);
        }
        // A connection whose HTTP version is still unknown.
        let silent = TcpStream::connect(&server.address).await.unwrap();
        server.signal(signal);
        for connection in idle {
            connection.ended.await.unwrap().unwrap();
        }
        let (status, log) = server.wait();
        assert!(status.success());
        assert!(log.contains("stopping") && !log.contains("dropped open requests"), "{log}");
        drop(silent);
    }
}

/// The head of the request is incomplete when the signal arrives.
#[tokio::test]
async fn answers_open_request_before_it_stops() {
    let case = vector("member-user");
    let server = Server::start(&case);
    let mut stream = TcpStream::connect(&server.address).await.unwrap();
    let (begin, end) = case.authorization.split_at(1000);
    let head = format!("GET /whoami HTTP/1.1\r\nHost: a\r\nAuthorization: {begin}");
    stream.write_all(head.as_bytes()).await.unwrap();
    // Connections are accepted in turn, so the first one has been accepted.
    let mut connection = Connection::open(&server, Version::HTTP_11).await;
    connection.get("/public", &[]).await;
    server.signal("-TERM");
    connection.ended.await.unwrap().unwrap();
    stream.write_all(format!("{end}\r\n\r\n").as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(server.wait().0.success());
}
