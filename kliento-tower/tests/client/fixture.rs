//! An organisation under a mock DNS root, and a service that trusts it, on a socket.

use std::net::SocketAddr;
use std::sync::LazyLock;

use axum::Router;
use axum::routing::get;
use kliento_core::{Period, Timestamp};
use kliento_tower::{FixedClock, KlientoAuthLayer, TrustAnchors, WorkloadIdentity};
use veraid::testing::{MockEnvironment, MockMember};

use crate::scripted_source::START;
use crate::server::serve;

pub(crate) const AUDIENCE: &str = "https://api.example.com";

pub(crate) struct Fixture {
    pub(crate) alice: MockMember,
    trust_anchors: TrustAnchors,
}

/// Generating keys is slow, so they are shared.
pub(crate) static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let instant = |text: &str| text.parse::<Timestamp>().unwrap();
    let period = (instant("2026-11-22T00:00:00Z"), instant("2026-11-24T00:00:00Z"));
    let environment = MockEnvironment::new(Period::new(period.0, period.1).unwrap()).unwrap();
    let alice = environment.organisation("example.com").unwrap().member("alice").unwrap();
    Fixture { alice, trust_anchors: TrustAnchors::new(environment.trust_anchors().unwrap()) }
});

/// Starts a service that responds with the caller's subject, and returns its address.
pub(crate) async fn whoami() -> SocketAddr {
    let layer = KlientoAuthLayer::new(AUDIENCE)
        .with_trust_anchors(FIXTURE.trust_anchors.clone())
        .with_clock(FixedClock(START.parse().unwrap()));
    let respond = |request: axum::extract::Request| async move {
        let caller = request.extensions().get::<WorkloadIdentity>();
        caller.unwrap().subject().to_owned()
    };
    serve(Router::new().route("/", get(respond)).layer(layer)).await
}
