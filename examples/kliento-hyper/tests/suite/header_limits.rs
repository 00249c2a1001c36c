//! The largest bundle is accepted; the layer or hyper rejects larger headers.

use http::{StatusCode, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::case::vector;
use super::client::{Connection, VERSIONS};
use super::process::Server;

#[tokio::test]
async fn accepts_largest_bundle() {
    let case = vector("authorization-maximum");
    assert_eq!(case.authorization.len(), "Kliento ".len() + 16_384_usize.div_ceil(3) * 4);
    let server = Server::start(&case);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        // The second response comes from the cache.
        for _ in 0..2 {
            let response = connection.get("/whoami", &[&case.authorization]).await;
            assert_eq!((response.status, response.version), (StatusCode::OK, version));
            assert_eq!(response.json()["subject"], case.expected["subject"]);
        }
    }
}

#[tokio::test]
async fn layer_rejects_one_more_octet() {
    let case = vector("authorization-maximum");
    let server = Server::start(&case);
    let octet_more = vector("authorization-16385-octets").authorization;
    let character_more = format!("{}A", case.authorization);
    for version in VERSIONS {
        let mut connection = Connection::open(&server, version).await;
        for value in [&octet_more, &character_more] {
            let response = connection.get("/whoami", &[value]).await;
            assert_eq!(response.status, StatusCode::UNAUTHORIZED);
            assert_eq!(response.json()["code"], "credentials_malformed");
        }
        let response = connection.get("/whoami", &[&case.authorization]).await;
        assert_eq!(response.status, StatusCode::OK);
    }
}

/// Over HTTP/2 the connection stays open; over HTTP/1 it is closed.
#[tokio::test]
async fn rejects_heads_above_the_limit_with_431() {
    let case = vector("member-user");
    let server = Server::start(&case);
    for version in VERSIONS {
        for kibibytes in [32, 64, 120] {
            let mut connection = Connection::open(&server, version).await;
            let response = connection.get("/whoami", &[&credentials(kibibytes)]).await;
            assert_eq!(response.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            assert_eq!(response.version, version);
            let next = connection.try_get("/whoami", &[&case.authorization]).await;
            let stays_open = next.is_ok_and(|response| response.status == StatusCode::OK);
            assert_eq!(stays_open, version == Version::HTTP_2);
        }
    }
}

/// The client writes the whole head, or until the server closes the connection.
#[tokio::test]
async fn rejects_huge_head_with_431_over_http_1() {
    let case = vector("member-user");
    let server = Server::start(&case);
    for kibibytes in [128, 1024, 16 * 1024] {
        let stream = TcpStream::connect(&server.address).await.unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let value = credentials(kibibytes);
        let writing = tokio::spawn(async move {
            let head = format!("GET /whoami HTTP/1.1\r\nHost: a\r\nAuthorization: {value}\r\n\r\n");
            // The server may have closed the connection before it has read everything.
            let _ = writer.write_all(head.as_bytes()).await;
            writer
        });
        let mut status = [0; 13];
        reader.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 431 ");
        drop(writing.await);
    }
    let mut connection = Connection::open(&server, Version::HTTP_11).await;
    let response = connection.get("/whoami", &[&case.authorization]).await;
    assert_eq!(response.status, StatusCode::OK);
}

/// Above four times the limit, hyper ends the connection of HTTP/2 with `ENHANCE_YOUR_CALM`.
#[tokio::test]
async fn huge_head_ends_its_http_2_connection() {
    let case = vector("member-user");
    let arguments = ["--audience", &case.audience, "--clock", &case.at];
    let server = Server::start_logging(&case, &arguments, "debug");
    let mut other = Connection::open(&server, Version::HTTP_2).await;
    for kibibytes in [160, 1024] {
        let mut connection = Connection::open(&server, Version::HTTP_2).await;
        assert!(connection.try_get("/whoami", &[&credentials(kibibytes)]).await.is_err());
        // An error is possible if the server closes while the client writes.
        let _ = connection.ended.await.unwrap();
        let response = other.get("/whoami", &[&case.authorization]).await;
        assert_eq!(response.status, StatusCode::OK);
    }
    server.signal("-TERM");
    other.ended.await.unwrap().unwrap();
    let (_, log) = server.wait();
    assert!(log.contains("connection failed"), "{log}");
    assert!(log.contains("detected excessive load generating behavior"), "{log}");
}

fn credentials(kibibytes: usize) -> String {
    format!("Kliento {}", "A".repeat(kibibytes * 1024))
}
