//! What clients are told of limits, where that is asked for.

use std::convert::Infallible;
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use kleidia_tower::rate_limit::{Key, Limit, PeerAddress, RateLimitLayer, RateLimiter};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

use crate::world::Hand;

fn limiter(hand: &Hand, limit: Limit) -> RateLimiter {
    let clock = hand.clone();
    RateLimiter::new(limit).with_clock(move || clock.now())
}

/// The status, and the values of `RateLimit-Policy` and of `RateLimit`.
async fn told(outer: &RateLimitLayer, inner: &RateLimitLayer) -> (StatusCode, [Vec<String>; 2]) {
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
async fn each_response_tells_what_is_left() {
    let (hand, none) = (Hand::default(), RateLimitLayer::new());
    let minute = Limit::per(Duration::from_secs(60), 2).unwrap();
    let daily = Limit::per(Duration::from_secs(86_400), 1000).unwrap().with_burst(50).unwrap();
    let layer = RateLimitLayer::new()
        .limit(Key::address(), limiter(&hand, minute))
        .limit(Key::address(), limiter(&hand, daily.named("daily").unwrap()))
        .with_fields();
    let policy = r#""address";q=2;w=60, "daily";q=50;w=4320"#;
    for (status, limits) in [
        (StatusCode::OK, r#""address";r=1;t=30, "daily";r=49;t=87"#),
        (StatusCode::OK, r#""address";r=0;t=30, "daily";r=48;t=87"#),
        (StatusCode::TOO_MANY_REQUESTS, r#""address";r=0;t=30, "daily";r=48;t=87"#),
    ] {
        let fields = [vec![policy.to_owned()], vec![limits.to_owned()]];
        assert_eq!(told(&layer, &none).await, (status, fields));
    }
    hand.advance(Duration::from_millis(29_999));
    let (status, [_, limits]) = told(&layer, &none).await;
    assert_eq!(
        (status, &*limits[0]),
        (StatusCode::TOO_MANY_REQUESTS, r#""address";r=0;t=1, "daily";r=48;t=57"#)
    );
}

#[tokio::test]
async fn layers_within_each_other_tell_of_theirs() {
    let hand = Hand::default();
    let layer = |limit: &str, name: &'static str| {
        let limit = limit.parse::<Limit>().unwrap().named(name).unwrap();
        RateLimitLayer::new().limit(Key::address(), limiter(&hand, limit)).with_fields()
    };
    let (outer, inner) = (layer("9/9", "outer"), layer("1/5", "inner"));
    for (status, left) in [(StatusCode::OK, 8), (StatusCode::TOO_MANY_REQUESTS, 7)] {
        let policies = [r#""inner";q=1;w=5"#, r#""outer";q=9;w=9"#].map(str::to_owned);
        let outer_limit = format!("\"outer\";r={left};t=1");
        let limits = [r#""inner";r=0;t=5"#.to_owned(), outer_limit];
        assert_eq!(told(&outer, &inner).await, (status, [policies.to_vec(), limits.to_vec()]));
    }
}

#[tokio::test]
async fn nothing_is_told_unasked_or_of_limits_that_are_for_others() {
    let hand = Hand::default();
    let quiet = RateLimitLayer::new().limit(Key::address(), hand.limiter("1/5"));
    let others = Key::function(|_| None::<()>);
    let exempt = RateLimitLayer::new().limit(others, hand.limiter("1/5")).with_fields();
    for status in [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(told(&quiet, &exempt).await, (status, [vec![], vec![]]));
    }
}
