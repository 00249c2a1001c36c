//! Which requests the layer attaches a bundle to.

use std::convert::Infallible;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use kliento_tower::client::{BundleError, ClientError, KlientoClientLayer, OriginConfigError};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::scripted_source::{ManualClock, ScriptedSource, request, send, valid_for, value};

/// The audience of the scripted bundles.
const AUDIENCE: &str = "https://api.example.com";

fn layer() -> KlientoClientLayer {
    let outcomes = [valid_for(1, 300), valid_for(2, 300)];
    KlientoClientLayer::new(ScriptedSource::new(outcomes)).with_clock(ManualClock::new())
}

/// Each recipient could use the bundle at the others.
#[tokio::test]
async fn without_origins_attaches_to_requests_to_the_first_origin_only() {
    let uris = ["https://api.example.com/", "http://127.0.0.1:8080/x?y", "/path"];
    for (uri, same) in uris.into_iter().zip(["HTTPS://API.example.com:443/x", uris[1]]) {
        let layer = layer();
        for _ in 0..2 {
            assert_eq!(send(&layer, request(uri)).await.unwrap(), value(1), "{uri}");
            assert_eq!(send(&layer.clone(), request(same)).await.unwrap(), value(1), "{uri}");
            for other in uris.into_iter().chain(["https://api.example.com:8443/"]) {
                let error = send(&layer, request(other)).await.err();
                let is_second =
                    matches!(error, Some(ClientError::Bundle(BundleError::SecondOrigin { .. })));
                assert_eq!(is_second, other != uri, "{uri}, {other}: {error:?}");
            }
        }
    }
    let error = send(&layer(), request("wss://api.example.com/")).await.unwrap_err();
    assert!(matches!(error, ClientError::Bundle(BundleError::Target(_))), "{error:?}");
}

/// Paths are requests on the connection of a service, and two services may be two servers.
#[tokio::test]
async fn without_origins_attaches_to_paths_of_the_first_service_only() {
    let layer = layer();
    let [first, second] = [(); 2].map(|()| {
        layer.layer(service_fn(|request: Request<String>| async move {
            Ok::<_, Infallible>(request.headers().get(AUTHORIZATION).cloned())
        }))
    });
    for _ in 0..2 {
        assert_eq!(first.clone().oneshot(request("/path")).await.unwrap(), value(1));
        assert_eq!(first.clone().oneshot(request("/other")).await.unwrap(), value(1));
        for (service, uri) in [(&second, "/path"), (&first, "https://api.example.com/")] {
            let error = service.clone().oneshot(request(uri)).await.unwrap_err();
            let is_second = matches!(error, ClientError::Bundle(BundleError::SecondOrigin { .. }));
            assert!(is_second, "{uri}: {error:?}");
        }
    }
}

#[test]
fn second_origin_needs_an_audience() {
    let layer = layer().with_origin("https://a.example").unwrap();
    assert!(layer.clone().with_origin("https://A.example:443").is_ok());
    let error = layer.clone().with_origin("https://b.example").unwrap_err();
    assert!(matches!(error, OriginConfigError::SecondOrigin { .. }), "{error:?}");
    let error = layer.clone().with_audience("https://a.example", "a").unwrap_err();
    assert!(matches!(error, OriginConfigError::Conflict { .. }), "{error:?}");
    let layer = layer.with_audience("https://b.example", "b").unwrap();
    assert!(layer.clone().with_audience("https://b.example", "b").is_ok());
    assert!(layer.with_audience("https://b.example", "c").is_err());
}

#[tokio::test]
async fn each_audience_has_its_own_bundle() {
    let elsewhere = "https://other.example.com";
    let outcomes = [valid_for(1, 300), valid_for(2, 300), valid_for(3, 300)];
    let source = ScriptedSource::new(outcomes);
    let layer = KlientoClientLayer::new(source.clone())
        .with_audience("https://a.example", AUDIENCE)
        .and_then(|layer| layer.with_audience("https://b.example", elsewhere))
        .and_then(|layer| layer.with_audience("https://c.example", AUDIENCE))
        .unwrap()
        .with_clock(ManualClock::new());
    assert_eq!(send(&layer, request("https://a.example/")).await.unwrap(), value(1));
    assert_eq!(send(&layer, request("https://c.example/")).await.unwrap(), value(1));
    // The source ignores the audience, so its bundle is not sent.
    let error = send(&layer, request("https://b.example/")).await.unwrap_err();
    let ClientError::Bundle(BundleError::Audience { expected, found }) = error else {
        panic!("{error:?}");
    };
    assert_eq!((expected.as_str(), found.as_str()), (elsewhere, AUDIENCE));
    assert_eq!(send(&layer, request("https://d.example/")).await.unwrap(), None);
    assert_eq!(source.audiences(), [AUDIENCE, elsewhere].map(|text| Some(text.to_owned())));
}

#[tokio::test]
async fn with_origins_attaches_to_matching_requests_only() {
    let layer = layer().with_origin("https://api.example.com").unwrap();
    let layer = layer.with_audience("http://[::1]:8080", AUDIENCE).unwrap();
    for uri in
        ["https://api.example.com/orders", "https://API.example.com:443/", "http://[0:0::1]:8080/"]
    {
        let value = send(&layer, request(uri)).await.unwrap();
        assert!(value.is_some(), "{uri}");
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
