//! Rejected calls get a gRPC status, and the connection stays open.

use std::sync::Arc;

use kliento::TokenBundle;
use kliento_tonic::IdentityService;
use kliento_tonic::v1::identity_client::IdentityClient;
use kliento_tonic::v1::identity_server::Identity as _;
use kliento_tonic::v1::{Statement, WatchRequest, WhoAmIRequest};
use kliento_tower::{FixedClock, TrustAnchors};
use tokio::net::TcpStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::client::{alice, client};
use crate::reference::{self, INSTANT};
use crate::server::{ServerCommand, connect_to, layer};

const MISSING: &str = "Kliento credentials are required (credentials_missing)";
const MALFORMED: &str = "The Authorization header is malformed (credentials_malformed)";
const INVALID: &str =
    "The token bundle is not valid for this service at this time (credentials_invalid)";

/// Returns the status of a call with these `Authorization` headers.
pub(crate) async fn rejection(channel: &Channel, authorizations: &[&str]) -> (Code, String) {
    let mut request = Request::new(WhoAmIRequest {});
    for value in authorizations {
        request.metadata_mut().append("authorization", value.parse().unwrap());
    }
    let status = IdentityClient::new(channel.clone()).who_am_i(request).await.unwrap_err();
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn rejects_missing_and_invalid_credentials() {
    let server = ServerCommand::start();
    let channel = server.connect().await;
    let good = reference::bundle("member-user").to_authorization();
    let tampered = tampered();
    for (authorizations, message) in [
        (vec![], MISSING),
        (vec!["Bearer x"], MISSING),
        (vec!["Kliento !"], MALFORMED),
        (vec![&good, &good], MALFORMED),
        (vec![&tampered], INVALID),
    ] {
        let rejected = rejection(&channel, &authorizations).await;
        assert_eq!(
            rejected,
            (Code::Unauthenticated, message.to_owned()),
            "{}",
            authorizations.len()
        );
    }
    // The connection still serves valid calls.
    let mut client = alice(channel);
    assert_eq!(
        client.who_am_i(WhoAmIRequest {}).await.unwrap().into_inner().subject,
        "alice@example.com"
    );
}

/// A bundle with another last octet, which belongs to the signature.
fn tampered() -> String {
    let mut octets = reference::bundle("member-user").into_bytes();
    *octets.last_mut().unwrap() ^= 1;
    TokenBundle::from_bytes(octets).unwrap().to_authorization()
}

#[tokio::test]
async fn rejects_streams_before_they_begin() {
    let server = ServerCommand::start();
    let mut client = IdentityClient::new(server.connect().await);
    let watched = client.watch(WatchRequest {}).await.map(drop).unwrap_err();
    let statements = tokio_stream::pending::<Statement>();
    let attributed = client.attribute(statements).await.map(drop).unwrap_err();
    for status in [watched, attributed] {
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, MISSING));
    }
}

#[tokio::test]
async fn rejects_bundle_for_another_audience() {
    let anchors = reference::trust_anchors();
    let server = ServerCommand::with("https://api.example.net", &anchors);
    let good = reference::bundle("member-user").to_authorization();
    let rejected = rejection(&server.connect().await, &[&good]).await;
    assert_eq!(rejected, (Code::Unauthenticated, INVALID.to_owned()));
}

#[tokio::test]
async fn denies_callers_that_the_authorizer_denies() {
    let clock = Arc::new(FixedClock(INSTANT.parse().unwrap()));
    let layer = layer(clock).with_authorizer(|caller| caller.user().is_none());
    let channel = connect_to(layer).await;
    let alice = reference::bundle("member-user").to_authorization();
    let rejected = rejection(&channel, &[&alice]).await;
    let message = "Permission denied (permission_denied)".to_owned();
    assert_eq!(rejected, (Code::PermissionDenied, message));

    let mut client = client(channel, reference::file("member-bot"));
    assert_eq!(
        client.who_am_i(WhoAmIRequest {}).await.unwrap().into_inner().subject,
        "example.com"
    );
}

#[tokio::test]
async fn allows_listed_workloads_only() {
    let alice = reference::bundle("member-user").to_authorization();
    let anchors = reference::trust_anchors();
    let flags = ["--allow-organisation", "example.net", "--allow-subject", "example.com"];
    let server = ServerCommand::with_flags(reference::AUDIENCE, &anchors, &flags);
    let message = "Permission denied (permission_denied)".to_owned();
    let channel = server.connect().await;
    assert_eq!(rejection(&channel, &[&alice]).await, (Code::PermissionDenied, message));
    let mut client = client(channel, reference::file("member-bot"));
    assert!(client.who_am_i(WhoAmIRequest {}).await.is_ok());
}

/// 1,024 connections of one address, of 4,096 in all.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn idle_connections_of_one_address_do_not_block_others() {
    let server = ServerCommand::start();
    let address = server.url.strip_prefix("http://").unwrap();
    let mut idle = Vec::new();
    for _ in 0..1_100 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let endpoint: Endpoint = server.url.parse().unwrap();
    let other = endpoint.local_address(Some([127, 0, 0, 2].into())).connect().await.unwrap();
    assert!(alice(other).who_am_i(WhoAmIRequest {}).await.is_ok());
}

#[tokio::test]
async fn reports_unavailable_trust_anchors() {
    let clock = Arc::new(FixedClock(INSTANT.parse().unwrap()));
    let layer = layer(clock).with_trust_anchors(TrustAnchors::new([]));
    let channel = connect_to(layer).await;
    let alice = reference::bundle("member-user").to_authorization();
    let message = "Authentication is temporarily unavailable (unavailable)".to_owned();
    assert_eq!(rejection(&channel, &[&alice]).await, (Code::Unavailable, message));
    // Missing credentials need no trust anchors.
    assert_eq!(rejection(&channel, &[]).await, (Code::Unauthenticated, MISSING.to_owned()));
}

#[tokio::test]
async fn service_without_its_layer_is_an_internal_error() {
    let service = IdentityService::default();
    let code = |status: Status| status.code();
    let called = service.who_am_i(Request::new(WhoAmIRequest {})).await.map(drop);
    assert_eq!(called.map_err(code), Err(Code::Internal));
    let watched = service.watch(Request::new(WatchRequest {})).await.map(drop);
    assert_eq!(watched.map_err(code), Err(Code::Internal));
}
