//! Locally signed bundles, sent over sockets to a service that verifies them.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kliento_core::{Member, Token};
use kliento_tower::FixedClock;
use kliento_tower::client::{
    KlientoClientLayer, LocalSigner, LocalSignerError, TokenBundleSource as _,
};
use tower::{Layer as _, ServiceExt as _};
use veraid::DnssecChain;

use crate::fixture::{AUDIENCE, FIXTURE, whoami};
use crate::scripted_source::START;

fn by_alice() -> LocalSigner {
    let id = FIXTURE.alice.id_bundle().unwrap();
    fixed(LocalSigner::member(id, FIXTURE.alice.key().clone(), Token::new(AUDIENCE)))
}

fn fixed(signer: LocalSigner) -> LocalSigner {
    signer.with_clock(FixedClock(START.parse().unwrap()))
}

/// Returns the subject that the service sees.
async fn subject(signer: LocalSigner) -> String {
    let origin = format!("http://{}", whoami().await);
    let layer = KlientoClientLayer::new(signer).with_clock(FixedClock(START.parse().unwrap()));
    let layer = layer.with_origin(&origin).unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request = Request::get(format!("{origin}/")).body(Empty::new()).unwrap();
    let response = layer.layer(client).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn signs_as_member() {
    assert_eq!(subject(by_alice()).await, "alice@example.com");
}

#[tokio::test]
async fn signs_as_organisation() {
    let organisation = FIXTURE.alice.organisation();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("chain.der");
    std::fs::write(&file, DnssecChain::messages_to_der(organisation.chain())).unwrap();
    let certificate = organisation.certificate().clone();
    let (key, token) = (organisation.key().clone(), Token::new(AUDIENCE));
    let signer = LocalSigner::organisation(certificate, file.as_path(), Member::Bot, key, token);
    assert_eq!(subject(fixed(signer)).await, "example.com");
}

#[tokio::test]
async fn respects_configured_validity() {
    let seconds = Duration::from_secs;
    let default = by_alice();
    let longer = by_alice().with_lifetime(seconds(900)).unwrap();
    let earlier = longer.clone().with_backdating(seconds(90)).unwrap();
    // Verifiers accept an hour, backdating included.
    let longest = by_alice().with_lifetime(seconds(3600)).unwrap();
    for (signer, expected) in [
        (default, "2026-11-22T18:02:30Z to 2026-11-22T18:08:00Z"),
        (longer, "2026-11-22T18:02:30Z to 2026-11-22T18:18:00Z"),
        (earlier, "2026-11-22T18:01:30Z to 2026-11-22T18:18:00Z"),
        (longest, "2026-11-22T18:02:30Z to 2026-11-22T19:02:30Z"),
    ] {
        let issued = signer.token_bundle(None).await.unwrap();
        let claimed = issued.bundle().claimed_period().unwrap();
        assert_eq!(claimed.to_string(), expected);
        assert_eq!(issued.valid_until(), claimed.end());
    }
}

/// With the claims of the signer's own token.
#[tokio::test]
async fn signs_for_the_audience_of_the_origin() {
    let id = FIXTURE.alice.id_bundle().unwrap();
    let token = Token::new("https://elsewhere.example").with_claim("permission", "read-only");
    let signer = fixed(LocalSigner::member(id, FIXTURE.alice.key().clone(), token));
    let issued = signer.token_bundle(Some(AUDIENCE)).await.unwrap();
    let expected = Token::new(AUDIENCE).with_claim("permission", "read-only");
    assert_eq!(issued.bundle().claimed_token().unwrap(), expected);

    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let [here, there] =
        [format!("http://{}", whoami().await), format!("http://{}", whoami().await)];
    let layer = KlientoClientLayer::new(signer).with_clock(FixedClock(START.parse().unwrap()));
    let layer = layer.with_audience(&here, AUDIENCE).unwrap();
    let layer = layer.with_audience(&there, "https://api.example.net").unwrap();
    for (origin, status) in [(here, 200), (there, 401)] {
        let request = Request::get(format!("{origin}/")).body(Empty::new()).unwrap();
        let response = layer.layer(client.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn reports_signing_errors() {
    let key = FIXTURE.alice.key().clone();
    let token = || Token::new(AUDIENCE);
    let long = token().with_claim("long", "x".repeat(20_000));
    let long = fixed(LocalSigner::member(FIXTURE.alice.id_bundle().unwrap(), key.clone(), long));
    let garbage = fixed(LocalSigner::member(vec![0x30, 0], key.clone(), token()));
    let missing = std::path::Path::new("/nowhere/alice.vid");
    let missing = fixed(LocalSigner::member(missing, key, token()));
    for (signer, is_expected) in [
        (long, (|error| matches!(error, LocalSignerError::Issue(_))) as fn(&LocalSignerError) -> _),
        (garbage, |error| matches!(error, LocalSignerError::MemberIdBundle(_))),
        (missing, |error| matches!(error, LocalSignerError::Read { .. })),
    ] {
        let error = signer.token_bundle(None).await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap();
        assert!(is_expected(cause.downcast_ref().unwrap()), "{error}");
    }
}
