//! The layer uses the current contents of the file for each request.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use kliento_core::TokenBundle;
use kliento_tower::{FixedClock, KlientoAuthLayer};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::fixture::{AnchorFile, DIGEST_2024, IANA_XML, NOW, anchors_xml, key_digest};

/// The key of the mock root under which the reference implementation made the bundle.
const MOCK_ROOT: &str =
    "19522 8 2 81BCD7E55DD8B40BE69DD64E6AF9B1BCEAACE85C32A6BCAD895B75AFEF828499";

#[tokio::test]
async fn change_applies_to_the_next_request() {
    let anchor_file = AnchorFile::new(MOCK_ROOT);
    let store = Arc::new(anchor_file.open().unwrap());
    let layer = KlientoAuthLayer::new("https://api.example.com")
        .with_trust_anchors(store.clone())
        .with_clock(FixedClock(NOW.parse().unwrap()));
    assert_eq!(status(&layer).await, StatusCode::OK);

    anchor_file.write(IANA_XML);
    store.reload().unwrap();
    assert_eq!(status(&layer).await, StatusCode::UNAUTHORIZED);

    let expired = "validFrom='2020-01-01T00:00:00Z' validUntil='2021-01-01T00:00:00Z'";
    anchor_file.write(anchors_xml(key_digest(38696, expired, DIGEST_2024)));
    store.reload().unwrap_err();
    assert_eq!(status(&layer).await, StatusCode::SERVICE_UNAVAILABLE);

    anchor_file.write(MOCK_ROOT);
    store.reload().unwrap();
    anchor_file.write("nothing");
    store.reload().unwrap_err();
    assert_eq!(status(&layer).await, StatusCode::OK);
}

async fn status(layer: &KlientoAuthLayer) -> StatusCode {
    let bundle = include_bytes!("../../../vectors/reference/member-user.bin");
    let authorization = TokenBundle::from_bytes(bundle.to_vec()).unwrap().to_authorization();
    let request = Request::builder().header(AUTHORIZATION, authorization);
    let service =
        service_fn(async |_: Request<String>| Ok::<_, Infallible>(Response::new(String::new())));
    let service = layer.layer(service);
    service.oneshot(request.body(String::new()).unwrap()).await.unwrap().status()
}
