//! A server on a real socket.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

/// Serves until the test ends, and returns the address.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}
