//! The layer: which requests it allows, its responses, and what requests cost.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use kleidia_tower::rate_limit::{
    ClientAddress, ForwardingHeader, Key, PeerAddress, RateLimitLayer, TrustedProxies,
};
use kleidia_tower::{Rejection, ResponseBody};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::fixture::ManualClock;

type HttpResponse = Response<ResponseBody<String>>;
type Client = BoxCloneSyncService<Request<()>, HttpResponse, Infallible>;

/// A service that responds with the client's address.
fn service(layer: &RateLimitLayer) -> Client {
    let inner = service_fn(|request: Request<()>| async move {
        let address = ClientAddress::from_extensions(request.extensions());
        Ok(Response::new(address.map(|address| address.to_string()).unwrap_or_default()))
    });
    BoxCloneSyncService::new(layer.layer(inner))
}

async fn send(client: &Client, request: Request<()>) -> HttpResponse {
    client.clone().oneshot(request).await.unwrap()
}

async fn status(client: &Client, request: Request<()>) -> StatusCode {
    send(client, request).await.status()
}

fn request_from(address: &str) -> Request<()> {
    request_with(address, &[])
}

fn request_with(address: &str, headers: &[(&str, &str)]) -> Request<()> {
    let peer = PeerAddress((address.parse::<std::net::IpAddr>().unwrap(), 4711).into());
    let request = Request::builder().extension(peer);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(()).unwrap()
}

#[tokio::test]
async fn clones_of_layers_and_services_share_the_state() {
    let clock = ManualClock::default();
    let layer = RateLimitLayer::new().with_limit(Key::address(), clock.limiter("5/1"));
    let mut passed = 0;
    for _ in 0..500 {
        // Frameworks clone layers and services for each route, connection and request.
        let one = service(&layer.clone());
        for client in [&one, &one.clone(), &service(&layer)] {
            passed += usize::from(status(client, request_from("192.0.2.1")).await.is_success());
        }
    }
    assert_eq!(passed, 5, "of 1500 requests");
    clock.advance(Duration::from_millis(400));
    let client = service(&layer);
    for expected in [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(status(&client, request_from("192.0.2.1")).await, expected);
    }
}

#[tokio::test]
async fn rejects_with_retry_after() {
    let clock = ManualClock::default();
    let client = service(&RateLimitLayer::new().with_limit(Key::address(), clock.limiter("2/100")));
    for _ in 0..2 {
        assert_eq!(status(&client, request_from("192.0.2.1")).await, StatusCode::OK);
    }
    clock.advance(Duration::from_millis(500));
    let rejected = send(&client, request_from("192.0.2.1")).await;
    assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(rejected.headers()[RETRY_AFTER], "50", "49.5, rounded up");
    assert_eq!(rejected.headers()[CONTENT_TYPE], "application/problem+json");
    assert!(!rejected.headers().contains_key("ratelimit"), "it is off by default");
    let rejection = rejected.extensions().get::<Rejection>();
    let Some(Rejection::RateLimited { retry_after, .. }) = rejection else {
        panic!("{rejection:?}")
    };
    assert_eq!(*retry_after, Duration::from_millis(49_500));
    let body = rejected.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(
        body.contains(r#""code":"rate_limited""#) && body.contains(r#""status":429"#),
        "{body}"
    );
    // Allowed after exactly this time.
    clock.advance(Duration::from_millis(49_500));
    assert_eq!(status(&client, request_from("192.0.2.1")).await, StatusCode::OK);
}

#[tokio::test]
async fn retry_after_is_at_least_one_second() {
    let client = service(
        &RateLimitLayer::new().with_limit(Key::address(), ManualClock::default().limiter("1000/1")),
    );
    let mut last = send(&client, request_from("192.0.2.1")).await;
    for _ in 0..1000 {
        last = send(&client, request_from("192.0.2.1")).await;
    }
    assert_eq!(last.headers()[RETRY_AFTER], "1", "for a wait of a millisecond");
}

#[tokio::test]
async fn rejects_grpc_requests_with_resource_exhausted() {
    let client = service(
        &RateLimitLayer::new().with_limit(Key::address(), ManualClock::default().limiter("1/60")),
    );
    let grpc = || {
        let mut request = request_with("192.0.2.1", &[("content-type", "application/grpc+proto")]);
        (*request.method_mut(), *request.version_mut()) = (Method::POST, Version::HTTP_2);
        request
    };
    assert!(!send(&client, grpc()).await.headers().contains_key("grpc-status"));
    let rejected = send(&client, grpc()).await;
    assert_eq!(rejected.status(), StatusCode::OK);
    assert_eq!(rejected.headers()["grpc-status"], "8");
    assert_eq!(rejected.headers()["grpc-retry-pushback-ms"], "60000");
}

#[tokio::test]
async fn rejected_request_is_charged_to_no_limit() {
    let clock = ManualClock::default();
    let tenant = HeaderName::from_static("x-tenant");
    let layer = RateLimitLayer::new()
        .with_limit(Key::address(), clock.limiter("5/60"))
        .with_limit(Key::header(tenant), clock.limiter("2/60"))
        .with_limit(Key::function(|_| Some("all")), clock.limiter("9/60"));
    let client = service(&layer);
    let request = |tenant| request_with("192.0.2.1", &[("x-tenant", tenant)]);
    let left = async |tenant| {
        let left = layer.peek(&request(tenant)).await.unwrap();
        left.into_iter().map(|(_, budget)| budget.count()).collect::<Vec<_>>()
    };
    for _ in 0..2 {
        assert_eq!(status(&client, request("a")).await, StatusCode::OK);
    }
    for _ in 0..20 {
        assert_eq!(status(&client, request("a")).await, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(left("a").await, [3, 0, 7]);
    for _ in 0..2 {
        assert_eq!(status(&client, request("b")).await, StatusCode::OK);
    }
    assert_eq!(status(&client, request("c")).await, StatusCode::OK);
    assert_eq!(status(&client, request("d")).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        left("d").await,
        [0, 2, 4],
        "the first limit rejected the request, and the others were not charged"
    );
}

#[tokio::test]
async fn retry_after_is_the_longest_wait() {
    let clock = ManualClock::default();
    let layer = RateLimitLayer::new()
        .with_limit(Key::address(), clock.limiter("1/10"))
        .with_limit(Key::address(), clock.limiter("1/300"))
        .with_limit(Key::address(), clock.limiter("1/20"));
    let client = service(&layer);
    assert_eq!(status(&client, request_from("192.0.2.1")).await, StatusCode::OK);
    assert_eq!(send(&client, request_from("192.0.2.1")).await.headers()[RETRY_AFTER], "300");
}

#[tokio::test]
async fn charges_the_configured_cost() {
    let clock = ManualClock::default();
    let layer = RateLimitLayer::new()
        .with_limit(Key::address(), clock.limiter("10/100"))
        .with_cost_fn(|head| head.headers()["cost"].to_str().unwrap().parse().unwrap());
    let client = service(&layer);
    let request = |cost| request_with("192.0.2.1", &[("cost", cost)]);
    assert_eq!(status(&client, request("7")).await, StatusCode::OK);
    assert_eq!(send(&client, request("4")).await.headers()[RETRY_AFTER], "10");
    assert_eq!(status(&client, request("3")).await, StatusCode::OK);
    assert_eq!(status(&client, request("0")).await, StatusCode::OK);
    clock.advance(Duration::from_secs(100));
    // A cost above the burst is never allowed.
    let rejected = send(&client, request("11")).await;
    assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(rejected.headers()[RETRY_AFTER], "100");
    assert_eq!(status(&client, request("10")).await, StatusCode::OK);

    let fixed =
        RateLimitLayer::new().with_limit(Key::address(), clock.limiter("10/100")).with_cost(6);
    let client = service(&fixed);
    assert_eq!(status(&client, request_from("192.0.2.1")).await, StatusCode::OK);
    assert_eq!(send(&client, request_from("192.0.2.1")).await.headers()[RETRY_AFTER], "20");
}

#[tokio::test]
async fn keys_separate_budgets() {
    let tenant = || Key::header(HeaderName::from_static("x-tenant"));
    let path = || Key::function(|head| Some(head.uri().path().to_owned()));
    let except_health = || Key::function(|head| (head.uri().path() != "/health").then_some(()));
    let request = |address: &str, tenants: &[&str], path: &str| {
        let tenants: Vec<_> = tenants.iter().map(|tenant| ("x-tenant", *tenant)).collect();
        let mut request = request_with(address, &tenants);
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
        (Key::address().and(except_health()), request("192.0.2.1", &["a"], "/b"), true),
        (Key::address().and(except_health()), request("192.0.2.1", &["a"], "/health"), false),
    ] {
        let context = format!("{key:?} of {other:?}");
        let client =
            service(&RateLimitLayer::new().with_limit(key, ManualClock::default().limiter("1/60")));
        assert_eq!(status(&client, one()).await, StatusCode::OK);
        assert_eq!(status(&client, other).await.is_success(), !is_same, "{context}");
    }
}

#[tokio::test]
async fn clients_behind_trusted_proxies_have_their_own_budgets() {
    let header = ForwardingHeader::XForwardedFor;
    let layer = RateLimitLayer::new()
        .with_limit(Key::address(), ManualClock::default().limiter("1/60"))
        .with_trusted_proxies(TrustedProxies::new(header, ["10.0.0.0/8".parse().unwrap()]));
    let client = service(&layer);
    let by = |list| request_with("10.0.0.1", &[("x-forwarded-for", list)]);
    let passed = send(&client, by("192.0.2.1")).await;
    assert_eq!(passed.into_body().collect().await.unwrap().to_bytes(), "192.0.2.1");
    assert_eq!(status(&client, by("192.0.2.2")).await, StatusCode::OK);
    assert_eq!(status(&client, by("198.51.100.1, 192.0.2.1")).await, StatusCode::TOO_MANY_REQUESTS);
    let direct = request_with("192.0.2.1", &[("x-forwarded-for", "198.51.100.2")]);
    assert_eq!(status(&client, direct).await, StatusCode::TOO_MANY_REQUESTS);
    // The address of an outer layer takes precedence.
    let mut found = by("192.0.2.1");
    found.extensions_mut().insert(ClientAddress::new("192.0.2.3".parse().unwrap()));
    assert_eq!(status(&client, found).await, StatusCode::OK);
}

#[tokio::test]
async fn responder_renders_rejections() {
    let layer = RateLimitLayer::new()
        .with_limit(Key::address(), ManualClock::default().limiter("1/60"))
        .with_responder(|rejection: &Rejection, _: &http::request::Parts| {
            Response::new(Bytes::from(rejection.code()))
        });
    let client = service(&layer);
    assert_eq!(status(&client, request_from("192.0.2.1")).await, StatusCode::OK);
    let rejected = send(&client, request_from("192.0.2.1")).await;
    assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(rejected.headers()[RETRY_AFTER], "60");
    let body: Full<Bytes> = Full::new(rejected.into_body().collect().await.unwrap().to_bytes());
    assert_eq!(body.collect().await.unwrap().to_bytes(), "rate_limited");
}
