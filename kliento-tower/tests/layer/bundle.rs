//! A bundle of the reference implementation, and a layer whose clock is within its period.

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kliento_core::TokenBundle;
use kliento_tower::{FixedClock, KlientoAuthLayer, ResponseBody, TrustAnchors, WorkloadIdentity};
use tower::{Layer as _, ServiceExt as _, service_fn};

pub(crate) const AUDIENCE: &str = "https://api.example.com";

/// Returns the header value of a bundle of `alice@example.com`.
pub(crate) fn authorization() -> String {
    TokenBundle::from_bytes(octets()).unwrap().to_authorization()
}

/// Returns the same bundle with an altered last octet, which is part of the signature.
pub(crate) fn tampered() -> String {
    let mut octets = octets();
    *octets.last_mut().unwrap() ^= 1;
    TokenBundle::from_bytes(octets).unwrap().to_authorization()
}

fn octets() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/reference/member-user.bin");
    fs::read(path).unwrap()
}

/// Returns a layer for which the bundle is valid.
pub(crate) fn layer() -> KlientoAuthLayer {
    KlientoAuthLayer::new(AUDIENCE)
        .with_trust_anchors(trust_anchors())
        .with_clock(FixedClock("2026-11-22T18:03:00Z".parse().unwrap()))
}

pub(crate) fn trust_anchors() -> TrustAnchors {
    let digest = "81BCD7E55DD8B40BE69DD64E6AF9B1BCEAACE85C32A6BCAD895B75AFEF828499";
    TrustAnchors::new([format!("19522 8 2 {digest}").parse().unwrap()])
}

pub(crate) fn request(authorizations: &[&str]) -> Request<String> {
    let mut request = Request::new(String::new());
    for value in authorizations {
        request.headers_mut().append(AUTHORIZATION, value.parse().unwrap());
    }
    request
}

/// Sends a request through the layer to a service that responds with the subject.
pub(crate) async fn send(
    layer: &KlientoAuthLayer,
    request: Request<String>,
) -> Response<ResponseBody<String>> {
    let service = layer.layer(service_fn(respond_with_subject));
    service.oneshot(request).await.unwrap()
}

pub(crate) async fn respond_with_subject(
    request: Request<String>,
) -> Result<Response<String>, Infallible> {
    let caller = request.extensions().get::<WorkloadIdentity>();
    Ok(Response::new(caller.map_or("anonymous", WorkloadIdentity::subject).to_owned()))
}

pub(crate) async fn body(response: Response<ResponseBody<String>>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}
