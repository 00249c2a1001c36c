//! Streams of workloads end when the policy no longer permits them.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use http_guard::stream::StreamSettings;
use kleidia_tower::rbac::{
    Policy, PolicyError, PolicyProvider, RbacLayer, Requirement, RoleName, WorkloadRules,
};
use tokio::time::timeout;
use tower::{ServiceBuilder, ServiceExt as _};

use crate::support::Fixture;
use crate::support::http::request;
use crate::support_workloads::Workloads;
use crate::{may, permission};

/// The least lease, so that callers are checked each second.
const LEASE: Duration = Duration::from_secs(2);

/// A policy that an operator replaces; `None` if it is unavailable.
#[derive(Clone)]
struct ReplaceablePolicy(Arc<Mutex<Option<Policy>>>);

#[async_trait]
impl PolicyProvider for ReplaceablePolicy {
    async fn policy(&self) -> Result<Policy, PolicyError> {
        let policy = self.0.lock().unwrap().clone();
        policy.ok_or_else(|| PolicyError::new(std::io::Error::other("unavailable")))
    }
}

impl ReplaceablePolicy {
    /// A policy under which reporters may read reports.
    fn permitting() -> Self {
        let policy = Policy::default().with_role(reporter(), [permission("reports:read")]);
        Self(Arc::new(Mutex::new(Some(policy))))
    }

    fn replace(&self, policy: Option<Policy>) {
        *self.0.lock().unwrap() = policy;
    }
}

fn reporter() -> RoleName {
    "reporter".parse().unwrap()
}

/// A stream of a workload, whose first event was read.
struct Subscription(Body);

impl Subscription {
    /// Sends a request with a bundle through all layers.
    async fn new(
        fixture: &Fixture,
        policy: &ReplaceablePolicy,
        rules: WorkloadRules,
        requirement: Requirement,
    ) -> Self {
        let workloads = Workloads::new();
        let settings = StreamSettings::default().with_lease(LEASE).unwrap();
        let service = ServiceBuilder::new()
            .layer(workloads.layer().with_stream_settings(settings))
            .layer(rules)
            .layer(RbacLayer::new(policy.clone(), requirement, fixture.accounts.audit_trail()))
            .service_fn(send_events);
        let backup = workloads.member("backup", "example.com");
        let response = service.oneshot(request(&[&backup])).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = Body::new(response.into_body());
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data: 1\n\n");
        Self(body)
    }

    async fn is_open_after(&mut self, time: Duration) -> bool {
        timeout(time, self.0.frame()).await.is_err()
    }

    /// Waits for the last event, and returns the code.
    async fn end(self) -> String {
        let rest = timeout(10 * LEASE, self.0.collect()).await.unwrap().unwrap().to_bytes();
        let rest = str::from_utf8(&rest).unwrap();
        assert!(rest.starts_with("event: session-ended\n"), "{rest}");
        rest.trim_end().rsplit_once("data: ").unwrap().1.to_owned()
    }
}

async fn send_events(_: Request<String>) -> Result<Response<Body>, Infallible> {
    let events = stream::iter([Ok::<_, Infallible>("data: 1\n\n")]);
    let body = Body::from_stream(events.chain(stream::pending()));
    Ok(Response::builder().header("content-type", "text/event-stream").body(body).unwrap())
}

fn reporters() -> WorkloadRules {
    WorkloadRules::default().with_subject("backup@example.com", [reporter()])
}

#[tokio::test]
async fn withdrawn_permission_ends_streams_of_workloads() {
    let (fixture, policy) = (Fixture::new().await, ReplaceablePolicy::permitting());
    let read = may("reports:read");
    let mut reading = Subscription::new(&fixture, &policy, reporters(), read).await;
    let requirement = Requirement::role(reporter());
    let mut reporting = Subscription::new(&fixture, &policy, reporters(), requirement).await;
    assert!(reading.is_open_after(LEASE * 2).await);
    policy.replace(Some(Policy::default().with_role(reporter(), [])));
    assert_eq!(reading.end().await, "permission_denied");
    assert!(reporting.is_open_after(LEASE).await, "the role is enough");
}

#[tokio::test]
async fn withdrawn_role_ends_streams_of_workloads() {
    let (fixture, policy) = (Fixture::new().await, ReplaceablePolicy::permitting());
    let is_reporter = Arc::new(AtomicBool::new(true));
    let assigned = Arc::clone(&is_reporter);
    let rules = WorkloadRules::default()
        .with_rule(move |_| assigned.load(Ordering::SeqCst).then(reporter).into_iter().collect());
    let mut reading = Subscription::new(&fixture, &policy, rules, may("reports:read")).await;
    assert!(reading.is_open_after(LEASE).await);
    is_reporter.store(false, Ordering::SeqCst);
    assert_eq!(reading.end().await, "permission_denied");
}

#[tokio::test]
async fn unavailable_policy_ends_streams_of_workloads_after_the_lease() {
    let (fixture, policy) = (Fixture::new().await, ReplaceablePolicy::permitting());
    let mut reading = Subscription::new(&fixture, &policy, reporters(), may("reports:read")).await;
    policy.replace(None);
    assert!(reading.is_open_after(LEASE / 4).await);
    assert_eq!(reading.end().await, "unavailable");
}
