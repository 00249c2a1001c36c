//! The peer in the extensions of requests.

use std::convert::Infallible;

use http::{Request, Response};
use http_guard::PeerAddress;
use http_guard::serve::{Peer, RequestBody, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{BoxBody, SHORT, TEST_TIMEOUT, text};

async fn show(request: Request<RequestBody>) -> Result<Response<BoxBody>, Infallible> {
    let extensions = request.extensions();
    let address = extensions.get::<PeerAddress>().map(|peer| peer.0.ip());
    let peer = extensions.get::<Peer>().unwrap();
    #[cfg(feature = "connect-info")]
    assert_eq!(
        extensions.get::<axum::extract::ConnectInfo<std::net::SocketAddr>>().map(|peer| peer.0),
        peer.address()
    );
    Ok(Response::new(text(&format!("{address:?} {peer:?}"))))
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn tcp_has_an_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let service = tower::service_fn(show);
    tokio::spawn(
        async move { Server::new().serve(listener, service, std::future::pending()).await },
    );
    stream.write_all(REQUEST).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let peer = format!("Some(127.0.0.1) Ip({})", stream.local_addr().unwrap());
    assert!(response.ends_with(&peer), "{response}");
}

#[cfg(unix)]
#[tokio::test]
async fn unix_socket_has_credentials_and_no_address() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let service = tower::service_fn(show);
    tokio::spawn(
        async move { Server::new().serve(listener, service, std::future::pending()).await },
    );
    let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.contains("None Unix(Some("), "{response}");
    let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&path).unwrap());
    assert!(response.contains(&format!("uid: {uid}")), "{response}");
}

/// A further connection of a user waits for no other user, and replaces the user's silent one.
#[cfg(unix)]
#[tokio::test]
async fn limits_connections_per_user() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = Server::new().with_max_connections_per_user(1).unwrap();
    let service = tower::service_fn(show);
    tokio::spawn(async move { server.serve(listener, service, std::future::pending()).await });
    let connect = async || tokio::net::UnixStream::connect(&path).await.unwrap();
    let (mut silent, mut rest) = (connect().await, Vec::new());
    let mut early = connect().await;
    // Each connection is protected for a second.
    let read = tokio::time::timeout(TEST_TIMEOUT, early.read_to_end(&mut rest)).await.unwrap();
    assert!(read.is_err() || rest.is_empty());
    tokio::time::sleep(3 * SHORT).await;
    let mut stream = connect().await;
    stream.write_all(REQUEST).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.contains("Unix(Some("), "{response}");
    let read = tokio::time::timeout(TEST_TIMEOUT, silent.read_to_end(&mut rest)).await.unwrap();
    assert!(read.is_err() || rest.is_empty());
}

/// axum's routers are Tower services for hyper's requests.
#[cfg(feature = "connect-info")]
#[tokio::test]
async fn axum_router_gets_connect_info() {
    use axum::extract::ConnectInfo;

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let handler = async |ConnectInfo(peer): ConnectInfo<std::net::SocketAddr>| peer.to_string();
    let router = axum::Router::new().route("/", axum::routing::get(handler));
    tokio::spawn(
        async move { Server::new().serve(listener, router, std::future::pending()).await },
    );
    stream.write_all(REQUEST).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with(&stream.local_addr().unwrap().to_string()), "{response}");
}
