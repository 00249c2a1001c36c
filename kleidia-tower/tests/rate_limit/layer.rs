//! The layer through its services: what passes, what is answered, and what it costs.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use kleidia_tower::rate_limit::{
    ClientAddress, ForwardingHeader, Key, PeerAddress, RateLimitLayer, TrustedProxies,
};
use kleidia_tower::{Rejection, ResponseBody};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::world::Hand;

type Answer = Response<ResponseBody<String>>;
type Client = BoxCloneSyncService<Request<()>, Answer, Infallible>;

/// A service that answers with the client's address.
fn service(layer: &RateLimitLayer) -> Client {
    let inner = service_fn(|request: Request<()>| async move {
        let address = ClientAddress::of(request.extensions());
        Ok(Response::new(address.map(|address| address.to_string()).unwrap_or_default()))
    });
    BoxCloneSyncService::new(layer.layer(inner))
}

async fn send(client: &Client, request: Request<()>) -> Answer {
    client.clone().oneshot(request).await.unwrap()
}

async fn status(client: &Client, request: Request<()>) -> StatusCode {
    send(client, request).await.status()
}

fn from(address: &str) -> Request<()> {
    with(address, &[])
}

fn with(address: &str, headers: &[(&str, &str)]) -> Request<()> {
    let peer = PeerAddress((address.parse::<std::net::IpAddr>().unwrap(), 4711).into());
    let request = Request::builder().extension(peer);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap()
}

#[tokio::test]
async fn clones_of_layers_and_services_share_one_budget() {
    let hand = Hand::default();
    let layer = RateLimitLayer::new().limit(Key::address(), hand.limiter("5/1"));
    let mut passed = 0;
    for _ in 0..500 {
        // As frameworks do: each route, connection and request has a clone of something.
        let one = service(&layer.clone());
        for client in [&one, &one.clone(), &service(&layer)] {
            passed += usize::from(status(client, from("192.0.2.1")).await.is_success());
        }
    }
    assert_eq!(passed, 5, "of 1500 requests");
    hand.advance(Duration::from_millis(400));
    let client = service(&layer);
    for expected in [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(status(&client, from("192.0.2.1")).await, expected);
    }
}

#[tokio::test]
async fn a_refusal_says_when_to_come_again() {
    let hand = Hand::default();
    let client = service(&RateLimitLayer::new().limit(Key::address(), hand.limiter("2/100")));
    for _ in 0..2 {
        assert_eq!(status(&client, from("192.0.2.1")).await, StatusCode::OK);
    }
    hand.advance(Duration::from_millis(500));
    let refused = send(&client, from("192.0.2.1")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()[RETRY_AFTER], "50", "49.5, rounded up");
    assert_eq!(refused.headers()[CONTENT_TYPE], "application/problem+json");
    assert!(!refused.headers().contains_key("ratelimit"), "nobody asked for it");
    let rejection = refused.extensions().get::<Rejection>();
    let Some(Rejection::RateLimited { retry_after, .. }) = rejection else {
        panic!("{rejection:?}")
    };
    assert_eq!(*retry_after, Duration::from_millis(49_500));
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(
        body.contains(r#""code":"rate_limited""#) && body.contains(r#""status":429"#),
        "{body}"
    );
    // Then it passes.
    hand.advance(Duration::from_millis(49_500));
    assert_eq!(status(&client, from("192.0.2.1")).await, StatusCode::OK);
}

#[tokio::test]
async fn to_come_again_is_never_at_once() {
    let client =
        service(&RateLimitLayer::new().limit(Key::address(), Hand::default().limiter("1000/1")));
    let mut last = send(&client, from("192.0.2.1")).await;
    for _ in 0..1000 {
        last = send(&client, from("192.0.2.1")).await;
    }
    assert_eq!(last.headers()[RETRY_AFTER], "1", "for a wait of a millisecond");
}

#[tokio::test]
async fn grpc_is_answered_in_its_own_way() {
    let client =
        service(&RateLimitLayer::new().limit(Key::address(), Hand::default().limiter("1/60")));
    let grpc = || with("192.0.2.1", &[("content-type", "application/grpc+proto")]);
    assert!(!send(&client, grpc()).await.headers().contains_key("grpc-status"));
    let refused = send(&client, grpc()).await;
    assert_eq!(refused.status(), StatusCode::OK);
    assert_eq!(refused.headers()["grpc-status"], "8");
    assert_eq!(refused.headers()["grpc-retry-pushback-ms"], "60000");
}

#[tokio::test]
async fn what_one_limit_refuses_costs_the_others_nothing() {
    let hand = Hand::default();
    let tenant = HeaderName::from_static("x-tenant");
    let layer = RateLimitLayer::new()
        .limit(Key::address(), hand.limiter("5/60"))
        .limit(Key::header(tenant), hand.limiter("2/60"))
        .limit(Key::function(|_| Some("everybody")), hand.limiter("9/60"));
    let client = service(&layer);
    let request = |tenant| with("192.0.2.1", &[("x-tenant", tenant)]);
    let left = |tenant| {
        let left = layer.peek(&request(tenant)).unwrap();
        left.into_iter().map(|(_, budget)| budget.units()).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!(status(&client, request("a")).await, StatusCode::OK);
    }
    for _ in 0..20 {
        assert_eq!(status(&client, request("a")).await, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(left("a"), [3, 0, 7]);
    for _ in 0..2 {
        assert_eq!(status(&client, request("b")).await, StatusCode::OK);
    }
    assert_eq!(status(&client, request("c")).await, StatusCode::OK);
    assert_eq!(status(&client, request("d")).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(left("d"), [0, 2, 4], "the first limit refused, and the others were not charged");
}

#[tokio::test]
async fn the_longest_wait_is_told() {
    let hand = Hand::default();
    let layer = RateLimitLayer::new()
        .limit(Key::address(), hand.limiter("1/10"))
        .limit(Key::address(), hand.limiter("1/300"))
        .limit(Key::address(), hand.limiter("1/20"));
    let client = service(&layer);
    assert_eq!(status(&client, from("192.0.2.1")).await, StatusCode::OK);
    assert_eq!(send(&client, from("192.0.2.1")).await.headers()[RETRY_AFTER], "300");
}

#[tokio::test]
async fn requests_cost_what_you_say() {
    let hand = Hand::default();
    let layer = RateLimitLayer::new()
        .limit(Key::address(), hand.limiter("10/100"))
        .with_cost_of(|head| head.headers()["cost"].to_str().unwrap().parse().unwrap());
    let client = service(&layer);
    let request = |cost| with("192.0.2.1", &[("cost", cost)]);
    assert_eq!(status(&client, request("7")).await, StatusCode::OK);
    assert_eq!(send(&client, request("4")).await.headers()[RETRY_AFTER], "10");
    assert_eq!(status(&client, request("3")).await, StatusCode::OK);
    assert_eq!(status(&client, request("0")).await, StatusCode::OK);
    hand.advance(Duration::from_secs(100));
    // More than ever passes.
    let refused = send(&client, request("11")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()[RETRY_AFTER], "100");
    assert_eq!(status(&client, request("10")).await, StatusCode::OK);

    let fixed = RateLimitLayer::new().limit(Key::address(), hand.limiter("10/100")).with_cost(6);
    let client = service(&fixed);
    assert_eq!(status(&client, from("192.0.2.1")).await, StatusCode::OK);
    assert_eq!(send(&client, from("192.0.2.1")).await.headers()[RETRY_AFTER], "20");
}

#[tokio::test]
async fn keys_are_what_they_say() {
    let tenant = || Key::header(HeaderName::from_static("x-tenant"));
    let path = || Key::function(|head| Some(head.uri().path().to_owned()));
    let but_health = || Key::function(|head| (head.uri().path() != "/health").then_some(()));
    let request = |address: &str, tenants: &[&str], path: &str| {
        let tenants: Vec<_> = tenants.iter().map(|tenant| ("x-tenant", *tenant)).collect();
        let mut request = with(address, &tenants);
        *request.uri_mut() = path.parse().unwrap();
        request
    };
    let one = || request("192.0.2.1", &["a"], "/");
    for (key, other, is_same) in [
        (Key::address(), request("192.0.2.1", &["b"], "/b"), true),
        (Key::address(), request("::ffff:192.0.2.1", &["a"], "/"), true),
        (Key::address(), request("192.0.2.2", &["a"], "/"), false),
        (Key::principal(), request("192.0.2.1", &["b"], "/b"), true),
        (Key::principal(), request("192.0.2.2", &["a"], "/"), false),
        (tenant(), request("192.0.2.2", &["a"], "/b"), true),
        (tenant(), request("192.0.2.1", &["b"], "/"), false),
        (tenant(), request("192.0.2.1", &["a", "a"], "/"), false),
        (tenant(), request("192.0.2.1", &[], "/"), false),
        (path(), request("192.0.2.2", &["b"], "/"), true),
        (path(), request("192.0.2.1", &["a"], "/b"), false),
        (tenant().and(path()), request("192.0.2.2", &["a"], "/"), true),
        (tenant().and(path()), request("192.0.2.2", &["b"], "/"), false),
        (tenant().and(path()), request("192.0.2.2", &["a"], "/b"), false),
        (Key::address().and(tenant()), request("192.0.2.1", &["a"], "/b"), true),
        (Key::address().and(tenant()), request("192.0.2.1", &["b"], "/"), false),
        (Key::address().and(but_health()), request("192.0.2.1", &["a"], "/b"), true),
        (Key::address().and(but_health()), request("192.0.2.1", &["a"], "/health"), false),
    ] {
        let place = format!("{key:?} of {other:?}");
        let client = service(&RateLimitLayer::new().limit(key, Hand::default().limiter("1/60")));
        assert_eq!(status(&client, one()).await, StatusCode::OK);
        assert_eq!(status(&client, other).await.is_success(), !is_same, "{place}");
    }
}

#[tokio::test]
async fn whose_address_nobody_knows_is_refused_where_it_counts() {
    let unknown = || Request::new(());
    for key in [Key::address(), Key::principal(), Key::function(|_| Some(1)).and(Key::address())] {
        let layer = RateLimitLayer::new().limit(key, Hand::default().limiter("5/60"));
        let refused = send(&service(&layer), unknown()).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key(RETRY_AFTER));
        let rejection = refused.extensions().get::<Rejection>();
        assert!(matches!(rejection, Some(Rejection::Unavailable(_))), "{rejection:?}");
        assert!(layer.peek(&unknown()).is_err());
    }
    let by_function = Key::function(|_| Some(1));
    let layer = RateLimitLayer::new().limit(by_function, Hand::default().limiter("5/60"));
    assert_eq!(status(&service(&layer), unknown()).await, StatusCode::OK);
}

#[tokio::test]
async fn clients_behind_trusted_proxies_count_for_themselves() {
    let header = ForwardingHeader::XForwardedFor;
    let layer = RateLimitLayer::new()
        .limit(Key::address(), Hand::default().limiter("1/60"))
        .with_trusted_proxies(TrustedProxies::new(header, ["10.0.0.0/8".parse().unwrap()]));
    let client = service(&layer);
    let by = |list| with("10.0.0.1", &[("x-forwarded-for", list)]);
    let passed = send(&client, by("192.0.2.1")).await;
    assert_eq!(passed.into_body().collect().await.unwrap().to_bytes(), "192.0.2.1");
    assert_eq!(status(&client, by("192.0.2.2")).await, StatusCode::OK);
    assert_eq!(status(&client, by("198.51.100.1, 192.0.2.1")).await, StatusCode::TOO_MANY_REQUESTS);
    let direct = with("192.0.2.1", &[("x-forwarded-for", "198.51.100.2")]);
    assert_eq!(status(&client, direct).await, StatusCode::TOO_MANY_REQUESTS);
    // What an outer layer found, holds.
    let mut found = by("192.0.2.1");
    found.extensions_mut().insert(ClientAddress::new("192.0.2.3".parse().unwrap()));
    assert_eq!(status(&client, found).await, StatusCode::OK);
}

#[tokio::test]
async fn responders_shape_refusals() {
    let layer = RateLimitLayer::new()
        .limit(Key::address(), Hand::default().limiter("1/60"))
        .with_responder(|rejection: &Rejection, _: &http::request::Parts| {
            Response::new(Bytes::from(rejection.code()))
        });
    let client = service(&layer);
    assert_eq!(status(&client, from("192.0.2.1")).await, StatusCode::OK);
    let refused = send(&client, from("192.0.2.1")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()[RETRY_AFTER], "60");
    let body: Full<Bytes> = Full::new(refused.into_body().collect().await.unwrap().to_bytes());
    assert_eq!(body.collect().await.unwrap().to_bytes(), "rate_limited");
}
