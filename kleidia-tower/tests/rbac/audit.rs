//! The audit records of denials.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use kleidia_tower::audit::{
    AuditRecord, AuditSink, AuditSinks, AuditTrail, AuditedRequest, EventKind, MatchedRoute,
    Outcome,
};
use kleidia_tower::rate_limit::PeerAddress;
use kleidia_tower::rbac::{Policy, RbacLayer};
use kleidia_tower::{UserAgent, clock_fn};
use tower::ServiceExt as _;
use tower::layer::util::Stack;

use crate::support::http::{outcome, request, request_to, send};
use crate::support::{Fixture, NOW};
use crate::{in_session_layer, may, require};

#[tokio::test]
async fn records_user_session_client_and_reason() {
    let fixture = Fixture::new().await;
    let alice = fixture.log_in("alice").await;
    let headers = [
        ("authorization", crate::support::bearer(&alice)),
        ("user-agent", "Laptop/1.0".to_owned()),
    ];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut request = request_to("/", &headers);
    request.extensions_mut().insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
    let layer = in_session_layer(&fixture, require(&fixture, may("users:read")));
    assert_eq!(send(layer, request).await.status(), StatusCode::FORBIDDEN);
    let records = fixture.audit_records(EventKind::PermissionDenied).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((record.at, record.outcome), (NOW, Outcome::Failure));
    assert_eq!(record.user.as_ref().unwrap().name, "alice");
    assert_eq!(record.session, Some(alice.session.session.id));
    assert_eq!(record.client.address, "192.0.2.7".parse().ok());
    assert_eq!(record.client.user_agent, Some(UserAgent::new("Laptop/1.0")));
    assert_eq!(record.reason.as_deref(), Some("missing permission users:read"));
}

/// The record has the pattern that matched, not what the client typed.
#[tokio::test]
async fn records_method_and_matched_route() {
    let fixture = Fixture::new().await;
    let alice = fixture.bearer("alice").await;
    let layers = Stack::new(require(&fixture, may("reports:read")), fixture.layer());
    let route = axum::routing::any(async || "a report").layer(layers);
    let routes = axum::Router::new().route("/reports/{id}", route);
    let api = axum::Router::new().nest("/api", routes);
    for method in ["GET", "PURGE"] {
        let request = http::Request::builder().method(method).uri("/api/reports/secret?token=7");
        let request = request.header("authorization", &alice).body(axum::body::Body::empty());
        let response = api.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
    }
    // Another router says which route matched.
    let mut request = request_to("/reports/secret", &[("authorization", &alice)]);
    request.extensions_mut().insert(MatchedRoute::new("/reports/:id"));
    send(in_session_layer(&fixture, require(&fixture, may("reports:read"))), request).await;
    let records = fixture.audit_records(EventKind::PermissionDenied).await;
    let found: Vec<_> = records.into_iter().map(|record| record.request.unwrap()).collect();
    let expected =
        [("GET", "/api/reports/{id}"), ("PURGE", "/api/reports/{id}"), ("GET", "/reports/:id")];
    assert_eq!(found, expected.map(|(method, route)| AuditedRequest::new(method, Some(route))));
}

#[tokio::test]
async fn does_not_record_allowed_and_unauthenticated_requests() {
    let fixture = Fixture::new().await;
    let layer = || in_session_layer(&fixture, require(&fixture, may("users:read")));
    assert_eq!(outcome(&send(layer(), request(&[&fixture.bearer("root").await])).await), "root");
    assert_eq!(outcome(&send(layer(), request(&[])).await), "token_invalid");
    assert!(fixture.audit_records(EventKind::PermissionDenied).await.is_empty());
}

#[derive(Clone, Default)]
struct CollectingSink(Arc<Mutex<Vec<AuditRecord>>>);

impl AuditSink for CollectingSink {
    fn record(&mut self, record: &AuditRecord) {
        self.0.lock().unwrap().push(record.clone());
    }
}

#[tokio::test]
async fn sinks_receive_denials() {
    let (fixture, sink) = (Fixture::new().await, CollectingSink::default());
    let sinks =
        AuditSinks::new(vec![Box::new(sink.clone())], AuditSinks::DEFAULT_QUEUE_LIMIT).unwrap();
    let trail =
        AuditTrail::new(fixture.store.clone(), sinks.clone(), Arc::new(clock_fn(|| Some(NOW))));
    let layer = RbacLayer::new(Policy::default(), may("users:read"), trail.clone());
    let response =
        send(in_session_layer(&fixture, layer), request(&[&fixture.bearer("alice").await])).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    trail.flush().await;
    sinks.close();
    let records = sink.0.lock().unwrap();
    assert_eq!(
        records.iter().map(|record| record.kind).collect::<Vec<_>>(),
        [EventKind::PermissionDenied]
    );
}
