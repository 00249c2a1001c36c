//! The headers `RateLimit-Policy` and `RateLimit`.

use std::convert::Infallible;
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use kleidia_tower::rate_limit::{Key, Limit, PeerAddress, RateLimitLayer};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::fixture::ManualClock;

/// Returns the status, and the values of `RateLimit-Policy` and of `RateLimit`.
async fn send(outer: &RateLimitLayer, inner: &RateLimitLayer) -> (StatusCode, [Vec<String>; 2]) {
    let service = ServiceBuilder::new().layer(outer).layer(inner);
    let service =
        service.service(service_fn(async |_| Ok::<_, Infallible>(Response::new(String::new()))));
    let peer = PeerAddress("192.0.2.1:4711".parse().unwrap());
    let request = Request::builder().extension(peer).body(()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let values = |headers: &HeaderMap, name| {
        let values = headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let headers = response.headers();
    (response.status(), ["ratelimit-policy", "ratelimit"].map(|name| values(headers, name)))
}

#[tokio::test]
async fn each_response_reports_what_remains() {
    let (clock, none) = (ManualClock::default(), RateLimitLayer::new());
    let minute = Limit::per(Duration::from_secs(60), 2).unwrap();
    let daily = Limit::per(Duration::from_secs(86_400), 1000).unwrap().with_burst(50).unwrap();
    let layer = RateLimitLayer::new()
        .with_limit(Key::address(), clock.limiter_with(minute))
        .with_limit(Key::address(), clock.limiter_with(daily.with_name("daily").unwrap()))
        .with_rate_limit_headers();
    let policy = r#""address";q=2;w=60, "daily";q=50;w=4320"#;
    for (status, limits) in [
        (StatusCode::OK, r#""address";r=1;t=30, "daily";r=49;t=87"#),
        (StatusCode::OK, r#""address";r=0;t=30, "daily";r=48;t=87"#),
        (StatusCode::TOO_MANY_REQUESTS, r#""address";r=0;t=30, "daily";r=48;t=87"#),
    ] {
        let fields = [vec![policy.to_owned()], vec![limits.to_owned()]];
        assert_eq!(send(&layer, &none).await, (status, fields));
    }
    clock.advance(Duration::from_millis(29_999));
    let (status, [_, limits]) = send(&layer, &none).await;
    assert_eq!(
        (status, &*limits[0]),
        (StatusCode::TOO_MANY_REQUESTS, r#""address";r=0;t=1, "daily";r=48;t=57"#)
    );
}

#[tokio::test]
async fn nested_layers_append_their_limits() {
    let clock = ManualClock::default();
    let layer = |limit: &str, name: &'static str| {
        let limit = limit.parse::<Limit>().unwrap().with_name(name).unwrap();
        RateLimitLayer::new()
            .with_limit(Key::address(), clock.limiter_with(limit))
            .with_rate_limit_headers()
    };
    let (outer, inner) = (layer("9/9", "outer"), layer("1/5", "inner"));
    for (status, left) in [(StatusCode::OK, 8), (StatusCode::TOO_MANY_REQUESTS, 7)] {
        let policies = [r#""inner";q=1;w=5"#, r#""outer";q=9;w=9"#].map(str::to_owned);
        let outer_limit = format!("\"outer\";r={left};t=1");
        let limits = [r#""inner";r=0;t=5"#.to_owned(), outer_limit];
        assert_eq!(send(&outer, &inner).await, (status, [policies.to_vec(), limits.to_vec()]));
    }
}

#[tokio::test]
async fn omits_headers_by_default_and_for_exempt_requests() {
    let clock = ManualClock::default();
    let quiet = RateLimitLayer::new().with_limit(Key::address(), clock.limiter("1/5"));
    let others = Key::function(|_| None::<()>);
    let exempt =
        RateLimitLayer::new().with_limit(others, clock.limiter("1/5")).with_rate_limit_headers();
    for status in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(send(&quiet, &exempt).await, (status, [vec![], vec![]]));
    }
}
