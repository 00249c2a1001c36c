//! Roles, permissions, step-up, and combinations of them.

use std::time::Duration;

use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode, Version};
use kleidia_tower::Rejection;
use kleidia_tower::rbac::{Denial, Permission, Policy, RbacLayer, Requirement, RoleName};

use crate::support::Fixture;
use crate::support::http::{challenges, outcome, request, send};
use crate::{in_session_layer, may, permission, require};

const DENIED: &str = "permission_denied";
const TOO_OLD: &str = "authentication_too_old";

async fn outcome_for(fixture: &Fixture, requirement: &Requirement, bearer: &str) -> String {
    let layer = in_session_layer(fixture, require(fixture, requirement.clone()));
    outcome(&send(layer, request(&[bearer])).await)
}

#[tokio::test]
async fn default_roles_have_the_documented_permissions() {
    let fixture = Fixture::new().await;
    let (alice, root) = (fixture.bearer("alice").await, fixture.bearer("root").await);
    let none = Requirement::any_of([]);
    for (requirement, user, admin) in [
        (Requirement::authenticated(), "alice", "root"),
        (Requirement::role(RoleName::user()), "alice", DENIED),
        (Requirement::role(RoleName::admin()), DENIED, "root"),
        (may("users:read"), DENIED, "root"),
        (may("audit:read"), DENIED, "root"),
        (may("policies:update"), DENIED, "root"),
        (may("system:configure"), DENIED, "root"),
        (may("users:delete"), DENIED, DENIED),
        (may("audit:delete"), DENIED, DENIED),
        (Requirement::permission(Permission::destructive("users:purge").unwrap()), DENIED, DENIED),
        (Requirement::owner(), DENIED, DENIED),
        (Requirement::any_of([may("users:delete"), may("users:read")]), DENIED, "root"),
        (Requirement::all_of([may("users:delete"), may("users:read")]), DENIED, DENIED),
        (Requirement::all_of([Requirement::authenticated(), may("users:read")]), DENIED, "root"),
        // Denies by default: an empty requirement is never met.
        (none.clone(), DENIED, DENIED),
        (Requirement::all_of([]), DENIED, DENIED),
        (Requirement::all_of([Requirement::authenticated(), none]), DENIED, DENIED),
    ] {
        assert_eq!(outcome_for(&fixture, &requirement, &alice).await, user, "{requirement:?}");
        assert_eq!(outcome_for(&fixture, &requirement, &root).await, admin, "{requirement:?}");
    }
}

#[tokio::test]
async fn policy_can_define_roles_and_permissions() {
    let fixture = Fixture::new().await;
    let id = fixture.principal("alice").await.user_id().unwrap();
    let auditor: RoleName = "auditor".parse().unwrap();
    let policy = Policy::empty().with_role(auditor, [permission("audit:read")]);
    let layer = |requirement| {
        let layer = RbacLayer::new(policy.clone(), requirement, fixture.accounts.audit_trail());
        in_session_layer(&fixture, layer)
    };
    let alice = fixture.bearer("alice").await;
    let audit = || layer(may("audit:read"));
    assert_eq!(outcome(&send(audit(), request(&[&alice])).await), DENIED);
    // The roles of the account in the store apply immediately, not those of the token.
    fixture.set_roles(id, &["auditor"]).await;
    assert_eq!(outcome(&send(audit(), request(&[&alice])).await), "alice");
    assert_eq!(outcome(&send(layer(may("users:read")), request(&[&alice])).await), DENIED);
    fixture.set_roles(id, &[]).await;
    assert_eq!(outcome(&send(audit(), request(&[&alice])).await), DENIED);
    // Without a role `admin` in the policy, admins have no permissions.
    let root = fixture.bearer("root").await;
    assert_eq!(outcome(&send(audit(), request(&[&root])).await), DENIED);
}

#[tokio::test]
async fn fresh_requires_a_recent_login() {
    let fixture = Fixture::new().await;
    let log_in = fixture.log_in("alice").await;
    let alice = crate::support::bearer(&log_in);
    let recent = Requirement::fresh(Duration::from_secs(300));
    assert_eq!(outcome_for(&fixture, &recent, &alice).await, "alice");
    fixture.advance_clock(299);
    assert_eq!(outcome_for(&fixture, &recent, &alice).await, "alice");
    fixture.advance_clock(1);
    assert_eq!(outcome_for(&fixture, &recent, &alice).await, TOO_OLD);
    // A refresh does not verify the password; a login does.
    let here = kleidia_tower::ClientInfo::default();
    let refreshed = fixture.accounts.refresh(&log_in.refresh_token, here).await.unwrap();
    assert_eq!(outcome_for(&fixture, &recent, &crate::support::bearer(&refreshed)).await, TOO_OLD);
    assert_eq!(outcome_for(&fixture, &recent, &fixture.bearer("alice").await).await, "alice");
    let both = Requirement::all_of([may("users:read"), recent]);
    let root = fixture.bearer("root").await;
    assert_eq!(outcome_for(&fixture, &both, &root).await, "root");
    fixture.advance_clock(300);
    assert_eq!(outcome_for(&fixture, &both, &root).await, TOO_OLD);
    // A step-up would be in vain.
    assert_eq!(outcome_for(&fixture, &both, &alice).await, DENIED);
    assert_eq!(outcome_for(&fixture, &may("users:read"), &root).await, "root");
}

#[tokio::test]
async fn missing_principal_is_401_with_all_challenges() {
    let fixture = Fixture::new().await;
    let kliento = HeaderValue::from_static(r#"Kliento realm="workloads""#);
    let layer = require(&fixture, Requirement::authenticated());
    let layer = layer.with_realm("people").with_additional_challenge(kliento);
    // Without `JwtSessionLayer` around it, the layer rejects all requests.
    let response = send(layer, request(&[&fixture.bearer("root").await])).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let expected = [r#"Bearer realm="people""#, r#"Kliento realm="workloads""#];
    assert_eq!(challenges(&response), expected);
}

#[tokio::test]
async fn denial_is_403_without_a_reason() {
    let fixture = Fixture::new().await;
    let alice = fixture.bearer("alice").await;
    let layer = || in_session_layer(&fixture, require(&fixture, may("users:read")));
    let response = send(layer(), request(&[&alice])).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
    let body = str::from_utf8(response.body()).unwrap();
    assert!(!body.contains("users:read"), "{body}");
    let rejection = response.extensions().get::<Rejection>();
    let denial = Denial::Permission(permission("users:read"));
    assert!(matches!(rejection, Some(Rejection::PermissionDenied(found)) if *found == denial));

    let mut grpc = request(&[&alice]);
    (*grpc.method_mut(), *grpc.version_mut()) = (Method::POST, Version::HTTP_2);
    grpc.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let response = send(layer(), grpc).await;
    assert_eq!(
        (response.status(), &response.headers()["grpc-status"]),
        (StatusCode::OK, &"7".parse().unwrap())
    );
}
