//! Which requests the layer attaches a bundle to.

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use kliento_tower::client::KlientoClientLayer;

use crate::scripted_source::{ManualClock, ScriptedSource, request, send, valid_for, value};

fn layer() -> KlientoClientLayer {
    KlientoClientLayer::new(ScriptedSource::new([valid_for(1, 300)])).with_clock(ManualClock::new())
}

#[tokio::test]
async fn without_origins_attaches_to_every_request() {
    for uri in ["https://api.example.com/", "http://127.0.0.1:8080/x?y", "/path"] {
        assert_eq!(send(&layer(), request(uri)).await.unwrap(), value(1), "{uri}");
    }
}

#[tokio::test]
async fn with_origins_attaches_to_matching_requests_only() {
    let layer = layer().with_origin("https://api.example.com").unwrap();
    let layer = layer.with_origin("http://[::1]:8080").unwrap();
    for uri in
        ["https://api.example.com/orders", "https://API.example.com:443/", "http://[0:0::1]:8080/"]
    {
        assert_eq!(send(&layer, request(uri)).await.unwrap(), value(1), "{uri}");
    }
    for uri in [
        "http://api.example.com/",
        "https://api.example.com:8443/",
        "https://api.example.com.evil.example/",
        "https://evil.example/https://api.example.com/",
        "https://api.example.com@evil.example/",
        "http://[::1]/",
        "/path",
    ] {
        assert_eq!(send(&layer, request(uri)).await.unwrap(), None, "{uri}");
    }
    let mut host = request("/path");
    host.headers_mut().insert("host", HeaderValue::from_static("api.example.com"));
    assert_eq!(send(&layer, host).await.unwrap(), None);
}

#[tokio::test]
async fn keeps_existing_credentials() {
    let source = ScriptedSource::new([valid_for(1, 300)]);
    let layer = KlientoClientLayer::new(source.clone()).with_clock(ManualClock::new());
    let bearer = HeaderValue::from_static("Bearer abc");
    let mut sent = request("https://api.example.com/");
    sent.headers_mut().insert(AUTHORIZATION, bearer.clone());
    assert_eq!(send(&layer, sent).await.unwrap(), Some(bearer));
    assert_eq!(source.queries(), 0);
}

#[tokio::test]
async fn debug_output_omits_the_bundle() {
    let layer = layer();
    let sent: Request<String> = request("https://api.example.com/");
    let value = send(&layer, sent).await.unwrap().unwrap();
    let credentials = value.to_str().unwrap().strip_prefix("Kliento ").unwrap();
    assert!(!format!("{layer:?} {value:?}").contains(&credentials[..16]));
}
