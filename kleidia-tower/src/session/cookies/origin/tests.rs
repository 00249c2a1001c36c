//! All combinations of the headers, beside tower-http's `CsrfLayer`.

use std::convert::Infallible;
use std::future::ready;

use http::{Request, Response, StatusCode};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tower_http::csrf::CsrfLayer;

use super::*;

const TRUSTED: &str = "https://app.example";

fn request(method: &Method, headers: &[(HeaderName, &str)]) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = method.clone();
    for (name, value) in headers {
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

fn is_rejected(request: &Request<()>) -> bool {
    let checked = check_origin(&RequestHead::from_request(request), &[TRUSTED.parse().unwrap()]);
    matches!(checked, Err(Rejection::CrossOrigin(_)))
}

fn post(host: &str, headers: &[(HeaderName, &str)]) -> Request<()> {
    request(&Method::POST, &[&[(HOST, host)], headers].concat())
}

#[test]
fn own_pages_and_trusted_ones_are_allowed() {
    for (host, headers) in [
        ("a.example", &[(SEC_FETCH_SITE, "same-origin")][..]),
        ("a.example", &[(SEC_FETCH_SITE, "same-origin"), (ORIGIN, "https://a.example")]),
        ("a.example", &[(SEC_FETCH_SITE, "same-origin"), (ORIGIN, "null")]),
        // A proxy has replaced `Host`.
        ("10.0.0.1", &[(SEC_FETCH_SITE, "same-origin"), (ORIGIN, "https://a.example")]),
        ("a.example", &[(SEC_FETCH_SITE, "none")]),
        ("a.example", &[(SEC_FETCH_SITE, "same-site"), (ORIGIN, TRUSTED)]),
        ("a.example", &[(SEC_FETCH_SITE, "cross-site"), (ORIGIN, TRUSTED)]),
        ("a.example", &[(ORIGIN, TRUSTED)]),
        ("a.example", &[(ORIGIN, "https://a.example")]),
        ("A.example", &[(ORIGIN, "https://a.example")]),
        ("a.example:8443", &[(ORIGIN, "https://a.example:8443")]),
        ("127.0.0.1:8080", &[(ORIGIN, "http://127.0.0.1:8080")]),
        ("localhost:8080", &[(ORIGIN, "http://localhost:8080")]),
        ("a.localhost", &[(ORIGIN, "http://a.localhost")]),
        ("[::1]:8080", &[(ORIGIN, "http://[::1]:8080")]),
        ("[::1]", &[(ORIGIN, "http://[::1]")]),
    ] {
        assert!(!is_rejected(&post(host, headers)), "{host} {headers:?}");
    }
}

#[test]
fn other_pages_are_rejected() {
    for (host, headers) in [
        // Not from a browser.
        ("a.example", &[][..]),
        ("a.example", &[(SEC_FETCH_SITE, "cross-site")]),
        ("a.example", &[(SEC_FETCH_SITE, "same-site")]),
        ("a.example", &[(SEC_FETCH_SITE, "same-site"), (ORIGIN, "https://b.a.example")]),
        // Only a script can combine them, and a browser does not let it.
        ("a.example", &[(SEC_FETCH_SITE, "cross-site"), (ORIGIN, "https://a.example")]),
        ("a.example", &[(SEC_FETCH_SITE, "")]),
        ("a.example", &[(SEC_FETCH_SITE, "Same-Origin")]),
        ("a.example", &[(SEC_FETCH_SITE, "same-origin"), (SEC_FETCH_SITE, "same-origin")]),
        ("a.example", &[(SEC_FETCH_SITE, "none"), (ORIGIN, "https://b.example")]),
        ("a.example", &[(SEC_FETCH_SITE, "none"), (ORIGIN, "chrome-extension://abc")]),
        ("a.example", &[(ORIGIN, "null")]),
        ("a.example", &[(ORIGIN, "")]),
        ("a.example", &[(ORIGIN, "https://b.example")]),
        ("a.example", &[(ORIGIN, "https://a.example.b.example")]),
        ("a.example", &[(ORIGIN, "https://a.example:8443")]),
        ("a.example", &[(ORIGIN, "https://a.example"), (ORIGIN, "https://a.example")]),
        // An attacker on the network can answer for it.
        ("a.example", &[(ORIGIN, "http://a.example")]),
        ("127.0.0.1.example", &[(ORIGIN, "http://127.0.0.1.example")]),
        ("localhost.example", &[(ORIGIN, "http://localhost.example")]),
        ("a.example", &[(ORIGIN, "http://app.example")]),
        ("127.0.0.1:8080", &[(ORIGIN, "http://127.0.0.1:8081")]),
        ("127.0.0.1:8080", &[(ORIGIN, "http://localhost:8080")]),
    ] {
        assert!(is_rejected(&post(host, headers)), "{host} {headers:?}");
    }
    let without_host = request(&Method::POST, &[(ORIGIN, "https://a.example")]);
    assert!(is_rejected(&without_host));
    let two_hosts = [(HOST, "a.example"), (HOST, "b.example"), (ORIGIN, "https://a.example")];
    assert!(is_rejected(&request(&Method::POST, &two_hosts)));
}

#[test]
fn target_precedes_host() {
    let mut absolute = post("b.example", &[(ORIGIN, "https://a.example")]);
    *absolute.uri_mut() = "https://a.example/x".parse().unwrap();
    assert!(!is_rejected(&absolute));
    *absolute.uri_mut() = "https://b.example/x".parse().unwrap();
    assert!(is_rejected(&absolute));
}

#[test]
fn safe_requests_are_allowed_but_no_handshakes() {
    let site = (SEC_FETCH_SITE, "cross-site");
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        assert!(!is_rejected(&request(&method, std::slice::from_ref(&site))));
    }
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE, Method::CONNECT] {
        assert!(is_rejected(&request(&method, std::slice::from_ref(&site))), "{method}");
    }
    let handshake = |origin: Option<&'static str>| {
        let origin = origin.map(|origin| (ORIGIN, origin));
        let headers = [(HOST, "a.example"), (UPGRADE, "websocket")].into_iter().chain(origin);
        is_rejected(&request(&Method::GET, &headers.collect::<Vec<_>>()))
    };
    assert!(handshake(None) && handshake(Some("null")) && handshake(Some("https://b.example")));
    assert!(!handshake(Some("https://a.example")));
}

/// Everything that tower-http's layer rejects is rejected.
#[tokio::test]
async fn allows_no_more_than_the_layer_of_tower_http() {
    let layer = CsrfLayer::new().add_trusted_origin(TRUSTED).unwrap();
    let service = layer.layer(service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(String::new())))
    }));
    let sites = ["same-origin", "same-site", "cross-site", "none", "", "other"];
    let origins = [TRUSTED, "https://a.example", "http://a.example", "https://b.example", "null"];
    let options = |values: &[&'static str], name: HeaderName| {
        let given = values.iter().map(move |value| Some((name.clone(), *value)));
        given.chain([None]).collect::<Vec<_>>()
    };
    let (mut stricter, mut rejected) = (0, 0);
    for method in [Method::GET, Method::POST, Method::DELETE, Method::TRACE] {
        for site in options(&sites, SEC_FETCH_SITE) {
            for origin in options(&origins, ORIGIN) {
                let headers = [Some((HOST, "a.example")), site.clone(), origin];
                let headers: Vec<_> = headers.into_iter().flatten().collect();
                let theirs = service.clone().oneshot(request(&method, &headers)).await.unwrap();
                let ours = is_rejected(&request(&method, &headers));
                if theirs.status() == StatusCode::FORBIDDEN {
                    assert!(ours, "{method} {headers:?}");
                    rejected += 1;
                } else if ours {
                    stricter += 1;
                }
            }
        }
    }
    assert!(rejected > 50 && stricter > 0, "{rejected} {stricter}");
}
