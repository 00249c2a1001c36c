//! Clients that send a bundle with every call, and clients without one.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use kliento_tonic::v1::WhoAmIRequest;
use kliento_tonic::v1::identity_client::IdentityClient;
use kliento_tower::FixedClock;
use kliento_tower::client::{BundleFile, KlientoClient, KlientoClientLayer};
use tonic::Code;
use tonic::transport::{Channel, Endpoint};
use tower_layer::Layer as _;

use crate::reference::{self, INSTANT};
use crate::server::ServerCommand;

pub(crate) type Client = IdentityClient<KlientoClient<Channel>>;

/// A client with a fixed clock that sends the bundle in this file.
pub(crate) fn client(channel: Channel, file: impl Into<PathBuf>) -> Client {
    let layer = KlientoClientLayer::new(BundleFile::new(file));
    let layer = layer.with_clock(FixedClock(INSTANT.parse().unwrap()));
    IdentityClient::new(layer.layer(channel))
}

/// A client that authenticates as `alice@example.com`, by a member's key.
pub(crate) fn alice(channel: Channel) -> Client {
    client(channel, reference::file("member-user"))
}

#[tokio::test]
async fn call_without_a_bundle_is_not_sent() {
    let server = ServerCommand::start();
    let mut client = client(server.connect().await, Path::new("missing.bin"));
    let status = client.who_am_i(WhoAmIRequest {}).await.unwrap_err();
    // The server would respond with Unauthenticated.
    assert_eq!(status.code(), Code::Unknown);
    assert!(status.message().contains("failed to read"), "{}", status.message());
}

#[tokio::test]
async fn connection_errors_pass_the_layer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let channel = url.parse::<Endpoint>().unwrap().connect_lazy();
    let status = alice(channel).who_am_i(WhoAmIRequest {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}
