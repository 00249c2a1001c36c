//! Open streams end when the rules no longer admit their workload. Their checks charge no quota.

use std::convert::Infallible;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use kliento_core::Token;
use kliento_tower::stream::StreamSettings;
use kliento_tower::{Admission, AdmissionStore, AllowRule, KlientoAuthLayer, Quota, ResponseBody};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::fixture::{AUDIENCE, Fixture, decide};
use crate::mock::exchange::request;

/// The least lease, so that workloads are checked each second.
const LEASE: Duration = Duration::from_secs(2);

/// Rules that a test replaces.
#[derive(Clone)]
struct SharedRules(Arc<RwLock<Admission>>);

impl AdmissionStore for SharedRules {
    fn current(&self) -> Admission {
        self.0.read().unwrap().clone()
    }
}

fn rules() -> Admission {
    let rule = AllowRule::new().with_organisations(["example.com"]).unwrap();
    let quota = Quota::new(2, Duration::from_secs(24 * 3600)).unwrap();
    Admission::new().with_rule(rule).with_quota(quota)
}

async fn subscribe(
    layer: &KlientoAuthLayer,
    credentials: &HeaderValue,
) -> Response<ResponseBody<Body>> {
    let service = layer.layer(service_fn(async |_: Request<()>| {
        let events = stream::iter([Ok::<_, Infallible>("data: 1\n\n")]);
        let body = Body::from_stream(events.chain(stream::pending()));
        let response = Response::builder().header("content-type", "text/event-stream");
        Ok::<_, Infallible>(response.body(body).unwrap())
    }));
    service.oneshot(request(credentials)).await.unwrap()
}

async fn next(response: &mut Response<ResponseBody<Body>>) -> Bytes {
    response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test]
async fn end_when_the_rules_change_and_are_not_charged() {
    let fixture = Fixture::new();
    let alice = fixture.member("example.com", "alice", &Token::new(AUDIENCE));
    let shared = SharedRules(Arc::new(RwLock::new(rules())));
    let settings = StreamSettings::default().with_lease(LEASE).unwrap();
    let layer = fixture.layer().with_admission(shared.clone()).with_stream_settings(settings);
    let mut response = subscribe(&layer, &alice).await;
    assert_eq!(next(&mut response).await, "data: 1\n\n");
    // It lives for longer than the budget has requests.
    assert!(tokio::time::timeout(2 * LEASE, next(&mut response)).await.is_err());
    assert_eq!(decide(&layer, &alice).await, "allowed");
    assert_eq!(decide(&layer, &alice).await, "quota_exceeded");

    *shared.0.write().unwrap() = rules().with_denied_subjects(["alice@example.com"]).unwrap();
    assert!(next(&mut response).await.ends_with(b"data: permission_denied\n\n"));
    assert!(response.body_mut().frame().await.is_none());
}
