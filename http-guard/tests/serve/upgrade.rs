//! Upgrades and tunnels of HTTP/1 keep working after the request is complete.

use std::convert::Infallible;

use http::{Method, Request, Response, StatusCode};
use http_guard::serve::{RequestBody, Server};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::support::{BoxBody, SHORT, TEST_TIMEOUT, read_to_end, text};

/// Echoes the octets after the head.
async fn echo(request: Request<RequestBody>) -> Result<Response<BoxBody>, Infallible> {
    let mut response = Response::new(text(""));
    if request.method() != Method::CONNECT {
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("connection", "upgrade".parse().unwrap());
        response.headers_mut().insert("upgrade", "echo".parse().unwrap());
    }
    tokio::spawn(async {
        let upgraded = hyper::upgrade::on(request).await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
        tokio::io::copy(&mut reader, &mut writer).await.unwrap();
    });
    Ok(response)
}

#[tokio::test]
async fn upgraded_connections_outlive_timeouts_and_keep_their_slot() {
    let server = Server::new().with_idle_timeout(SHORT).unwrap().with_head_timeout(SHORT).unwrap();
    let server = server.with_max_connections_per_address(1).unwrap();
    let server = server.with_shutdown_timeout(SHORT).unwrap();
    for head in [
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = server.clone();
        let ended = tokio::spawn(async move {
            let shutdown = async { stopped.await.unwrap() };
            server.serve(listener, tower::service_fn(echo), shutdown).await
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\n") {
            response.push(stream.read_u8().await.unwrap());
        }
        sleep(3 * SHORT).await;
        stream.write_all(b"hello").await.unwrap();
        let mut octets = [0; 5];
        timeout(TEST_TIMEOUT, stream.read_exact(&mut octets)).await.unwrap().unwrap();
        assert_eq!(&octets, b"hello");

        let mut second = TcpStream::connect(address).await.unwrap();
        assert!(read_to_end(&mut second).await.0.is_empty());
        stop.send(()).unwrap();
        let summary = timeout(TEST_TIMEOUT, ended).await.unwrap().unwrap();
        assert_eq!((summary.dropped_requests(), summary.open_upgrades()), (0, 1));
    }
}
