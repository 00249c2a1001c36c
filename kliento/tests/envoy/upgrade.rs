//! Upgrades to WebSocket through Envoy, octet by octet.

use test_servers::EnvoyServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::authorizer::Authorizer;
use crate::issuer::Issuer;
use crate::proxied::{AUTHORIZER, CONFIGURATION, LISTENER, SERVICE};

const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n";

/// Reads the head of a message, and what follows it at once.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    while !octets.windows(4).any(|window| window == b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut octets).await.unwrap(), 0, "the connection has ended");
    }
    String::from_utf8(octets).unwrap()
}

async fn upgrade(envoy: &EnvoyServer, credentials: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", envoy.port())).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nhost: api.example.com\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         kliento-subject: mallory\r\n{credentials}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn passes_authorized_upgrades_only() {
    let issuer = Issuer::new();
    let authorizer = Authorizer::start(&issuer, &[]);
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = backend.local_addr().unwrap().port();
    let ports = [(AUTHORIZER, authorizer.port()), (SERVICE, port)];
    let Some(envoy) = EnvoyServer::start(CONFIGURATION, LISTENER, &ports) else { return };

    for credentials in ["", "authorization: Kliento AAAA\r\n"] {
        let mut client = upgrade(&envoy, credentials).await;
        assert!(read_head(&mut client).await.starts_with("HTTP/1.1 401 "));
    }

    // The first connection that reaches the service is the authorized one.
    let mut client = upgrade(&envoy, &format!("authorization: {}\r\n", issuer.valid())).await;
    let (mut service, _) = backend.accept().await.unwrap();
    let head = read_head(&mut service).await;
    assert!(head.contains("kliento-subject: carol@example.org\r\n"), "{head}");
    assert!(head.contains("upgrade: websocket\r\n") && !head.contains("mallory"), "{head}");
    service.write_all(SWITCHING.as_bytes()).await.unwrap();
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 101 "));

    let mut octets = [0; 4];
    client.write_all(b"ping").await.unwrap();
    service.read_exact(&mut octets).await.unwrap();
    service.write_all(b"pong").await.unwrap();
    assert_eq!(&octets, b"ping");
    client.read_exact(&mut octets).await.unwrap();
    assert_eq!(&octets, b"pong");
}
