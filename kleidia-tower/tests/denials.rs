//! Denials are recorded in the background: no response waits for the store's writer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

#[path = "../../http-guard/tests/captured_log/mod.rs"]
mod captured_log;
mod support;

use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::Request;
use kleidia_tower::account::AccountSettings;
use kleidia_tower::api::Api;
use kleidia_tower::audit::{EventKind, RejectionLimits};
use kleidia_tower::rbac::{Policy, RbacLayer, Requirement};
use kleidia_tower::{HealthError, Principal};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use support::Fixture;
use support::http::{outcome, send};
use tower::ServiceExt as _;
use tracing::Level;

use crate::captured_log::CapturedLog;

/// The documented bound of the queue.
const MAX_PENDING: u64 = 4096;
const LOST: u64 = 300;

/// A principal without permissions, at a layer that denies it.
struct Caller {
    principal: Principal,
    layer: RbacLayer,
}

impl Caller {
    async fn new(fixture: &Fixture) -> Self {
        let requirement = Requirement::permission("users:read".parse().unwrap());
        let layer = RbacLayer::new(Policy::default(), requirement, fixture.accounts.audit_trail());
        Self { principal: fixture.principal("alice").await, layer }
    }

    async fn is_denied(&self) {
        let mut request = Request::new(String::new());
        request.extensions_mut().insert(self.principal.clone());
        assert_eq!(outcome(&send(self.layer.clone(), request).await), "permission_denied");
    }
}

/// A service that records each denial by itself.
async fn unlimited() -> Fixture {
    let limits = RejectionLimits::default().with_per_source(RejectionLimits::MAX).unwrap();
    let limits = limits.with_total(RejectionLimits::MAX).unwrap();
    Fixture::with_settings(AccountSettings::default().with_rejection_limits(limits)).await
}

async fn recorded(fixture: &Fixture) -> u64 {
    fixture.audit_records(EventKind::PermissionDenied).await.len() as u64
}

#[tokio::test]
async fn denials_do_not_wait_for_a_busy_writer() {
    let fixture = unlimited().await;
    let caller = Caller::new(&fixture).await;
    let writer = fixture.store.pause_next_event();
    caller.is_denied().await;
    writer.reached.notified().await;
    for _ in 0..9 {
        caller.is_denied().await;
    }
    assert_eq!(fixture.store.appends(), 0);
    writer.resumed.notify_one();
    assert_eq!(recorded(&fixture).await, 10);
    assert_eq!(fixture.store.appends(), 2, "those that waited are one transaction");
    assert_eq!(fixture.accounts.audit_trail().health(), Ok(()));
}

#[tokio::test]
async fn full_queue_loses_and_counts_denials() {
    let (recorder, log) = (DebuggingRecorder::new(), CapturedLog::default());
    let _metrics = metrics::set_default_local_recorder(&recorder);
    let _log = log.start(Level::INFO);
    let fixture = unlimited().await;
    let (caller, trail) = (Caller::new(&fixture).await, fixture.accounts.audit_trail());
    let writer = fixture.store.pause_next_event();
    caller.is_denied().await;
    writer.reached.notified().await;
    for _ in 0..MAX_PENDING + LOST {
        caller.is_denied().await;
    }
    assert_eq!(trail.health(), Err(HealthError::Failed("queue full".to_owned())));
    writer.resumed.notify_one();
    assert_eq!(recorded(&fixture).await, MAX_PENDING + 1);
    assert_eq!((trail.lost_denials(), trail.health()), (LOST, Ok(())));
    let reports = denials_reported(&log);
    assert_eq!(reports.iter().sum::<u64>(), LOST, "{reports:?}");
    assert!(reports.len() < 150, "{reports:?}");
    let metrics = recorder.snapshotter().snapshot().into_vec();
    let value = |name: &str| {
        let found = metrics.iter().find(|(key, ..)| key.key().name() == name);
        &found.unwrap().3
    };
    assert_eq!(*value("kleidia_denials_lost_total"), DebugValue::Counter(LOST));
    assert_eq!(*value("kleidia_denials_pending"), DebugValue::Gauge(0.0.into()));
}

#[tokio::test]
async fn failed_write_is_tried_again() {
    let fixture = unlimited().await;
    let (caller, trail) = (Caller::new(&fixture).await, fixture.accounts.audit_trail());
    fixture.store.set_audit_unavailable(true);
    caller.is_denied().await;
    while trail.health().is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    fixture.store.set_audit_unavailable(false);
    assert_eq!(recorded(&fixture).await, 1);
    assert_eq!((trail.lost_denials(), trail.health()), (0, Ok(())));
}

#[tokio::test]
async fn denies_if_recording_fails_and_reports_it_until_the_store_recovers() {
    let log = CapturedLog::default();
    let _log = log.start(Level::INFO);
    let fixture = unlimited().await;
    let (caller, trail) = (Caller::new(&fixture).await, fixture.accounts.audit_trail());
    fixture.store.set_audit_unavailable(true);
    for _ in 0..100 {
        caller.is_denied().await;
    }
    trail.flush().await;
    assert!(trail.health().is_err());
    assert_eq!(health(&fixture).await, "degraded: denials\n");
    assert!(log.take().contains("retrying to record denials"));
    fixture.store.set_audit_unavailable(false);
    // No further denial is needed.
    while health(&fixture).await != "ok\n" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((recorded(&fixture).await, trail.lost_denials()), (100, 0));
}

#[tokio::test]
async fn failing_denials_are_lost_if_others_wait() {
    let log = CapturedLog::default();
    let _log = log.start(Level::INFO);
    let fixture = unlimited().await;
    let (caller, trail) = (Caller::new(&fixture).await, fixture.accounts.audit_trail());
    fixture.store.set_audit_unavailable(true);
    // More than one transaction records.
    for _ in 0..300 {
        caller.is_denied().await;
    }
    trail.flush().await;
    let lost = trail.lost_denials();
    assert!((1..=256).contains(&lost), "{lost}");
    let reports = denials_reported(&log);
    assert_eq!(reports.iter().sum::<u64>(), lost, "{reports:?}");
    fixture.store.set_audit_unavailable(false);
    while trail.health().is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(recorded(&fixture).await, 300 - lost);
}

/// Returns the body of the health route.
async fn health(fixture: &Fixture) -> String {
    let request = Request::get("/health").body(Body::empty()).unwrap();
    let response = Api::new(fixture.accounts.clone()).into_router().oneshot(request).await;
    let body = to_bytes(response.unwrap().into_body(), usize::MAX).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

/// Returns how many lost denials each event reports.
fn denials_reported(log: &CapturedLog) -> Vec<u64> {
    let text = log.take();
    let reports = text.lines().filter(|line| line.contains("failed to record denials"));
    reports.map(|line| line.rsplit_once("denials=").unwrap().1.parse().unwrap()).collect()
}
