//! Custom listeners, their errors, and handshakes.

use std::future::{Ready, ready};
use std::io;

use http::Version;
use http_guard::serve::{Listener, Peer, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::support::{Client, SHORT, TEST_TIMEOUT, read_to_end, respond};

/// Fails a few times, then has one connection.
struct DuplexListener {
    errors: Vec<io::Error>,
    streams: mpsc::Receiver<DuplexStream>,
}

impl Listener for DuplexListener {
    type Stream = DuplexStream;
    type Handshake = Ready<io::Result<DuplexStream>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Peer)> {
        if let Some(error) = self.errors.pop() {
            return Err(error);
        }
        let stream = self.streams.recv().await.ok_or(io::ErrorKind::BrokenPipe)?;
        Ok((ready(Ok(stream)), Peer::Unaddressed))
    }
}

#[tokio::test]
async fn accept_errors_are_retried_and_any_stream_is_served() {
    let (sender, streams) = mpsc::channel(1);
    let too_many_files = io::Error::from_raw_os_error(24);
    let errors = vec![too_many_files, io::ErrorKind::ConnectionAborted.into()];
    let service = tower::service_fn(respond);
    tokio::spawn(async move {
        let listener = DuplexListener { errors, streams };
        Server::new().serve(listener, service, std::future::pending()).await
    });
    let (mut client, server) = tokio::io::duplex(1024);
    sender.send(server).await.unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut response = String::new();
    timeout(TEST_TIMEOUT, client.read_to_string(&mut response)).await.unwrap().unwrap();
    assert!(response.starts_with("HTTP/1.0 200 OK"), "{response}");
}

/// A handshake of one octet, which has to be `!`.
async fn shake_hands(mut tcp: TcpStream) -> io::Result<TcpStream> {
    match tcp.read_u8().await? {
        b'!' => Ok(tcp),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Connections that never complete their handshake do not keep other clients out.
#[tokio::test]
async fn incomplete_handshakes_are_replaced() {
    let per_address = Server::new().with_max_connections_per_address(2).unwrap();
    for server in [per_address.clone().with_max_connections(2).unwrap(), per_address] {
        let server = server.with_head_timeout(10 * TEST_TIMEOUT).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (listener, service) =
            (listener.with_handshake(shake_hands), tower::service_fn(respond));
        tokio::spawn(async move { server.serve(listener, service, std::future::pending()).await });
        let mut silent = [
            TcpStream::connect(address).await.unwrap(),
            TcpStream::connect(address).await.unwrap(),
        ];
        // Longer than the second for which new connections are protected.
        sleep(3 * SHORT).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"!").await.unwrap();
        Client::new(stream, Version::HTTP_11).await.ok("/").await;
        assert!(read_to_end(&mut silent[0]).await.0.is_empty());
    }
}

#[tokio::test]
async fn slow_handshake_delays_no_other_connection_and_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.with_handshake(shake_hands);
    let server = Server::new().with_head_timeout(SHORT).unwrap();
    let service = tower::service_fn(respond);
    tokio::spawn(async move { server.serve(listener, service, std::future::pending()).await });

    let mut slow = TcpStream::connect(address).await.unwrap();
    let mut invalid = TcpStream::connect(address).await.unwrap();
    invalid.write_all(b"?").await.unwrap();
    assert!(read_to_end(&mut invalid).await.0.is_empty());
    let mut fast = TcpStream::connect(address).await.unwrap();
    fast.write_all(b"!").await.unwrap();
    Client::new(fast, Version::HTTP_2).await.ok("/").await;
    let (octets, _) = read_to_end(&mut slow).await;
    assert!(octets.is_empty());
}
