//! Overrides of denials.

use std::time::Duration;

use http::StatusCode;
use kleidia_tower::audit::{AuditedRequest, EventKind, Outcome};
use kleidia_tower::rbac::{Permission, Permit, Policy, RbacLayer, Requirement, RoleName};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::support::Fixture;
use crate::support::http::{outcome, request_to, send};
use crate::{in_session_layer, may, permission, require};

const OVERRIDE: (&str, &str) = ("x-admin-override", "true");
const REASON: (&str, &str) = ("x-override-reason", "incident 4711");

/// Requires a role that no account has.
fn unmet(fixture: &Fixture) -> RbacLayer {
    require(fixture, Requirement::role("operator".parse().unwrap()))
}

async fn send_as(
    fixture: &Fixture,
    layer: &RbacLayer,
    name: &str,
    headers: &[(&'static str, &str)],
) -> (u16, String) {
    let bearer = fixture.bearer(name).await;
    let mut request = request_to("/", headers);
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let response = send(in_session_layer(fixture, layer.clone()), request).await;
    (response.status().as_u16(), outcome(&response))
}

/// Counts the recorded overrides, violations and denials.
async fn record_counts(fixture: &Fixture) -> [usize; 3] {
    [
        fixture.audit_records(EventKind::PolicyOverride).await.len(),
        fixture.audit_records(EventKind::PolicyViolation).await.len(),
        fixture.audit_records(EventKind::PermissionDenied).await.len(),
    ]
}

fn denied() -> (u16, String) {
    (403, "permission_denied".to_owned())
}

#[tokio::test]
async fn allows_and_records_an_override() {
    let fixture = Fixture::new().await;
    let layer = unmet(&fixture).with_overrides();
    assert_eq!(
        send_as(&fixture, &layer, "root", &[OVERRIDE, REASON]).await,
        (200, "root".to_owned())
    );
    let records = fixture.audit_records(EventKind::PolicyOverride).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.outcome, Outcome::Success);
    assert_eq!(record.reason.as_deref(), Some("incident 4711"));
    assert_eq!(record.user.as_ref().unwrap().name, "root");
    assert!(record.session.is_some());
    assert_eq!(record.request, Some(AuditedRequest::new("GET", None)));
    assert_eq!(record_counts(&fixture).await, [1, 0, 0]);
}

#[tokio::test]
async fn permit_has_the_override_reason() {
    let fixture = Fixture::new().await;
    let inner = service_fn(async |request: http::Request<String>| {
        let permit = request.extensions().get::<Permit>().unwrap();
        let reason = permit.override_reason().unwrap().as_str().to_owned();
        Ok::<_, std::convert::Infallible>(http::Response::new(reason))
    });
    let layer = unmet(&fixture).with_overrides();
    let bearer = fixture.bearer("root").await;
    let headers = [("authorization", bearer.as_str()), OVERRIDE, REASON];
    let service = in_session_layer(&fixture, layer).layer(inner);
    let response = service.oneshot(request_to("/", &headers)).await.unwrap();
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert_eq!(body, "incident 4711");
}

#[tokio::test]
async fn rejects_overrides_without_permission_or_reason() {
    let (long, fixture) = ("x".repeat(257), Fixture::new().await);
    let layer = unmet(&fixture).with_overrides();
    for (name, headers) in [
        ("alice", vec![OVERRIDE, REASON]),
        ("root", vec![OVERRIDE]),
        ("root", vec![OVERRIDE, ("x-override-reason", "  ")]),
        ("root", vec![OVERRIDE, ("x-override-reason", &long)]),
    ] {
        let before = record_counts(&fixture).await;
        assert_eq!(
            send_as(&fixture, &layer, name, &headers).await,
            denied(),
            "{name}: {headers:?}"
        );
        let [overrides, violations, denials] = before;
        assert_eq!(record_counts(&fixture).await, [overrides, violations + 1, denials + 1]);
        assert_eq!(fixture.store.appends(), denials + 1, "one transaction for both records");
    }
    let records = fixture.audit_records(EventKind::PolicyViolation).await;
    assert!(records.iter().all(|record| record.outcome == Outcome::Failure));
    // Without the override header it is a plain denial.
    for headers in [vec![], vec![REASON], vec![("x-admin-override", "false"), REASON]] {
        assert_eq!(send_as(&fixture, &layer, "root", &headers).await, denied());
    }
    assert_eq!(record_counts(&fixture).await, [0, 4, 7]);
}

/// The rule is that of user names.
#[tokio::test]
async fn rejects_reasons_with_invisible_characters() {
    let fixture = Fixture::new().await;
    let layer = unmet(&fixture).with_overrides();
    for invisible in ['\u{202e}', '\u{200b}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{85}'] {
        let mut request =
            request_to("/", &[("authorization", &fixture.bearer("root").await), OVERRIDE]);
        let reason = format!("incident {invisible}4711");
        let reason = http::HeaderValue::from_bytes(reason.as_bytes()).unwrap();
        request.headers_mut().insert("x-override-reason", reason);
        let response = send(in_session_layer(&fixture, layer.clone()), request).await;
        assert_eq!(outcome(&response), "permission_denied", "{invisible:?}");
    }
    assert_eq!(record_counts(&fixture).await, [0, 6, 6]);
}

#[tokio::test]
async fn rejects_repeated_override_headers() {
    let fixture = Fixture::new().await;
    let bearer = fixture.bearer("root").await;
    for (name, value) in [("x-admin-override", "false"), ("x-override-reason", "another")] {
        let mut request = request_to("/", &[("authorization", &bearer), OVERRIDE, REASON]);
        request.headers_mut().append(name, value.parse().unwrap());
        let layer = in_session_layer(&fixture, unmet(&fixture).with_overrides());
        assert_eq!(send(layer, request).await.status(), StatusCode::FORBIDDEN, "{name}");
    }
    assert_eq!(record_counts(&fixture).await, [0, 2, 2]);
}

#[tokio::test]
async fn overrides_are_off_by_default() {
    let fixture = Fixture::new().await;
    assert_eq!(send_as(&fixture, &unmet(&fixture), "root", &[OVERRIDE, REASON]).await, denied());
    assert_eq!(record_counts(&fixture).await, [0, 1, 1]);
}

#[tokio::test]
async fn destruction_and_step_up_cannot_be_overridden() {
    let fixture = Fixture::new().await;
    let operator = Requirement::role("operator".parse::<RoleName>().unwrap());
    for requirement in [
        may("users:delete"),
        may("audit:delete"),
        Requirement::all_of([operator.clone(), may("users:delete")]),
        Requirement::any_of([operator.clone(), may("users:delete")]),
        Requirement::permission(Permission::destructive("users:purge").unwrap()),
        Requirement::any_of([operator.clone(), may("reports:purge")]),
        Requirement::role("purger".parse().unwrap()),
        Requirement::all_of([operator.clone(), Requirement::fresh(Duration::ZERO)]),
        Requirement::all_of([]),
        Requirement::any_of([]),
    ] {
        // The policy says that `reports:purge` is destructive.
        let policy = Policy::default().with_destructive([permission("reports:purge")]);
        let policy = policy.with_role("purger".parse().unwrap(), [permission("reports:purge")]);
        let trail = fixture.accounts.audit_trail();
        let layer = RbacLayer::new(policy, requirement.clone(), trail).with_overrides();
        assert_eq!(
            send_as(&fixture, &layer, "root", &[OVERRIDE, REASON]).await,
            denied(),
            "{requirement:?}"
        );
    }
    assert_eq!(record_counts(&fixture).await, [0, 10, 10]);
    let layer = require(&fixture, Requirement::fresh(Duration::ZERO)).with_overrides();
    let rejected = send_as(&fixture, &layer, "root", &[OVERRIDE, REASON]).await;
    assert_eq!(rejected, (401, "authentication_too_old".to_owned()));
    // With a recent password the rest can be overridden.
    let fresh = Requirement::all_of([operator, Requirement::fresh(Duration::from_secs(60))]);
    let layer = require(&fixture, fresh).with_overrides();
    assert_eq!(
        send_as(&fixture, &layer, "root", &[OVERRIDE, REASON]).await,
        (200, "root".to_owned())
    );
}

#[tokio::test]
async fn rejects_an_override_that_cannot_be_recorded() {
    let fixture = Fixture::new().await;
    let layer = unmet(&fixture).with_overrides();
    let bearer = fixture.bearer("root").await;
    fixture.store.set_audit_unavailable(true);
    let request = request_to("/", &[("authorization", &bearer), OVERRIDE, REASON]);
    let response = send(in_session_layer(&fixture, layer), request).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(outcome(&response), "unavailable");
    fixture.store.set_audit_unavailable(false);
    assert_eq!(record_counts(&fixture).await, [0, 0, 0]);
}

#[tokio::test]
async fn permitted_request_is_not_an_override() {
    let fixture = Fixture::new().await;
    let layer = require(&fixture, may("users:read")).with_overrides();
    assert_eq!(
        send_as(&fixture, &layer, "root", &[OVERRIDE, REASON]).await,
        (200, "root".to_owned())
    );
    assert_eq!(record_counts(&fixture).await, [0, 0, 0]);
}
