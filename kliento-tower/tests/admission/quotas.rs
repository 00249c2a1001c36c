//! Quotas: what is charged, and the response to a workload whose organisation has no budget.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, StatusCode, Version};
use kliento_core::Token;
use kliento_tower::{
    Admission, AdmissionStore as _, AllowRule, KlientoAuthLayer, Quota, Rejection,
};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::fixture::{AUDIENCE, Fixture, OTHER_AUDIENCE, RuleFile, decide};
use crate::mock::exchange::{echo_extensions, send};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Allows all organisations, each once a day.
fn once_a_day() -> Admission {
    let rule = AllowRule::new().with_organisations(["*"]).unwrap();
    Admission::new().with_rule(rule).with_quota(Quota::new(1, DAY).unwrap())
}

#[tokio::test]
async fn exhausted_quota_is_429_with_retry_after() {
    let fixture = Fixture::new();
    let alice = fixture.member("example.com", "alice", &Token::new(AUDIENCE));
    let layer = fixture.layer().with_admission(once_a_day());
    assert!(send(&layer, &alice).await.is_ok());
    let rejection = send(&layer, &alice).await.unwrap_err();
    assert_eq!(
        (rejection.status(), rejection.code()),
        (StatusCode::TOO_MANY_REQUESTS, "quota_exceeded")
    );
    let Rejection::QuotaExceeded { identity, retry_after } = rejection else { panic!() };
    assert_eq!(identity.subject(), "alice@example.com");
    assert!(retry_after <= DAY && retry_after > DAY / 2);

    let service = || layer.layer(service_fn(echo_extensions));
    let request = || Request::builder().header(AUTHORIZATION, &alice);
    let response = service().oneshot(request().body(()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = response.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=DAY.as_secs()).contains(&seconds));
    let request = request().method(Method::POST).version(Version::HTTP_2);
    let request = request.header(CONTENT_TYPE, "application/grpc").body(()).unwrap();
    let response = service().oneshot(request).await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["grpc-status"]),
        (StatusCode::OK, &HeaderValue::from_static("8"))
    );
    assert!(response.headers().contains_key("grpc-retry-pushback-ms"));
}

#[tokio::test]
async fn workloads_of_an_organisation_share_its_budget() {
    let fixture = Fixture::new();
    let token = Token::new(AUDIENCE);
    let alice = fixture.member("example.com", "alice", &token);
    let bob = fixture.on_behalf("example.com", "bob", &Token::new(OTHER_AUDIENCE));
    let other = fixture.member("sub.example.com", "alice", &token);
    let layer = fixture.layer().with_admission(once_a_day());
    assert_eq!(decide(&layer, &alice).await, "allowed");
    assert_eq!(decide(&layer, &bob).await, "quota_exceeded");
    assert_eq!(decide(&layer, &other).await, "allowed");
    // Layers that are configured from it share the budget, also with other rules.
    let configured = layer.clone().with_realm("another").with_admission(once_a_day());
    assert_eq!(decide(&configured, &other).await, "quota_exceeded");
    // Another layer does not.
    assert_eq!(decide(&fixture.layer().with_admission(once_a_day()), &other).await, "allowed");
}

#[tokio::test]
async fn rejected_requests_are_not_charged() {
    let fixture = Fixture::new();
    let alice = fixture.member("example.com", "alice", &Token::new(AUDIENCE));
    let layer = fixture.layer().with_admission(once_a_day());
    let denied: [KlientoAuthLayer; 3] = [
        layer.clone().with_authorizer(|_| false),
        layer.clone().with_allowed_organisations(["other.example"]).unwrap(),
        layer.clone().with_admission(once_a_day().with_denied_organisations(["*"]).unwrap()),
    ];
    for denied in denied {
        assert_eq!(decide(&denied, &alice).await, "permission_denied");
    }
    assert_eq!(
        decide(&layer, &HeaderValue::from_static("Kliento QQ==")).await,
        "credentials_malformed"
    );
    assert_eq!(decide(&layer, &alice).await, "allowed");
    assert_eq!(decide(&layer, &alice).await, "quota_exceeded");
}

#[tokio::test]
async fn first_quota_that_names_the_organisation_applies() {
    let fixture = Fixture::new();
    let token = Token::new(AUDIENCE);
    let [example, sub] =
        ["example.com", "sub.example.com"].map(|name| fixture.member(name, "alice", &token));
    let quota = |requests| Quota::new(requests, DAY).unwrap();
    let rule = AllowRule::new().with_organisations(["*"]).unwrap();
    let rules = Admission::new()
        .with_rule(rule)
        .with_quota(quota(3).with_organisations(["other.example", "*.example.com"]).unwrap())
        .with_quota(quota(2));
    let layer = fixture.layer().with_admission(rules);
    for (bundle, budget) in [(example, 2), (sub, 3)] {
        for _ in 0..budget {
            assert_eq!(decide(&layer, &bundle).await, "allowed");
        }
        assert_eq!(decide(&layer, &bundle).await, "quota_exceeded");
    }
}

#[tokio::test]
async fn reload_keeps_the_budget() {
    let fixture = Fixture::new();
    let alice = fixture.member("example.com", "alice", &Token::new(AUDIENCE));
    let content =
        "[[allow]]\norganisations = ['*']\n[[quota]]\nrequests = 2\nperiod = 86400\nburst = 1\n";
    let file = RuleFile::new(content);
    let store = std::sync::Arc::new(file.open().unwrap());
    let layer = fixture.layer().with_admission(store.clone());
    assert_eq!(decide(&layer, &alice).await, "allowed");
    file.write(format!("[deny]\norganisations = ['other.example']\n{content}"));
    store.reload().unwrap();
    assert!(!format!("{:?}", store.current()).is_empty());
    assert_eq!(decide(&layer, &alice).await, "quota_exceeded");
    file.write(content.replace("burst = 1", "burst = 2"));
    store.reload().unwrap();
    assert_eq!(decide(&layer, &alice).await, "allowed");
}

#[test]
fn numbers_have_bounds() {
    for (requests, period) in
        [(0, DAY), (1_000_001, DAY), (1, Duration::from_millis(999)), (1, 367 * DAY)]
    {
        assert!(Quota::new(requests, period).is_err(), "{requests} per {period:?}");
    }
    let quota = Quota::new(1, 366 * DAY).unwrap();
    for burst in [0, 100, 1_000_001] {
        assert!(quota.clone().with_burst(burst).is_err(), "{burst}");
    }
}
