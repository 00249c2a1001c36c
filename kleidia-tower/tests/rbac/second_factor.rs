//! Second factors, which requirements ask of routes and policies of roles.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode, Version};
use kleidia_tower::account::{FactorKind, FactorLabel, NewFactor, TokenSet};
use kleidia_tower::audit::EventKind;
use kleidia_tower::rbac::{Policy, RbacLayer, Requirement, RoleName, StepUp};
use kleidia_tower::session::{AuthMethod, AuthMethods};
use kleidia_tower::store::ChangeContext;
use kleidia_tower::{ClientInfo, Rejection};

use crate::support::http::{challenges, outcome, request, send};
use crate::support::{Fixture, NOW, bearer};
use crate::{in_session_layer, may, require};

const REQUIRED: &str = "second_factor_required";

/// Enrols a factor in a session, which has a second factor from then on.
async fn enrol(fixture: &Fixture, tokens: &TokenSet) {
    let methods =
        AuthMethods::none().with(AuthMethod::OneTimePassword).with(AuthMethod::MultipleFactors);
    let new = NewFactor {
        user: tokens.session.account.id,
        session: tokens.session.session.id,
        kind: FactorKind::Totp,
        credential: None,
        label: FactorLabel::default(),
        data: String::new(),
        presented: Some(methods),
        ceremony: None,
        max_factors: 20,
    };
    let change = ChangeContext { at: NOW, client: ClientInfo::default(), actor: None };
    fixture.accounts.store().add_factor(&new, &change).await.unwrap().value.unwrap();
}

#[tokio::test]
async fn requirement_is_met_by_sessions_with_a_second_factor() {
    let fixture = Fixture::new().await;
    let (with, without) = (fixture.log_in("alice").await, fixture.bearer("alice").await);
    enrol(&fixture, &with).await;
    let second_factor = Requirement::second_factor;
    for (requirement, with_factor, without_factor) in [
        (second_factor(), "alice", REQUIRED),
        (Requirement::all_of([second_factor(), Requirement::authenticated()]), "alice", REQUIRED),
        // The permission is missing anyway.
        (
            Requirement::all_of([second_factor(), may("users:read")]),
            "permission_denied",
            "permission_denied",
        ),
        (Requirement::any_of([may("users:read"), second_factor()]), "alice", REQUIRED),
        (Requirement::any_of([Requirement::authenticated(), second_factor()]), "alice", "alice"),
    ] {
        for (bearer, expected) in [(bearer(&with), with_factor), (without.clone(), without_factor)]
        {
            let layer = in_session_layer(&fixture, require(&fixture, requirement.clone()));
            let found = outcome(&send(layer, request(&[&bearer])).await);
            assert_eq!(found, expected, "{requirement:?}");
        }
    }
    let denials = fixture.audit_records(EventKind::PermissionDenied).await;
    let reasons = denials.iter().filter_map(|record| record.reason.as_deref());
    assert_eq!(reasons.filter(|reason| *reason == "second factor required").count(), 3);
}

/// RFC 9470, 3.
#[tokio::test]
async fn rejection_asks_for_a_step_up() {
    let fixture = Fixture::new().await;
    let alice = fixture.bearer("alice").await;
    fixture.advance_clock(60);
    let layer = |requirement| in_session_layer(&fixture, require(&fixture, requirement));
    let fresh = Requirement::fresh(Duration::from_secs(60));
    let error = "error=\"insufficient_user_authentication\"";
    for (requirement, expected) in [
        (Requirement::second_factor(), format!("Bearer realm=\"kleidia\", {error}")),
        (fresh, format!("Bearer realm=\"kleidia\", {error}, max_age=\"60\"")),
    ] {
        let response = send(layer(requirement), request(&[&alice])).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(challenges(&response), [expected]);
    }
    let mut grpc = request(&[&alice]);
    (*grpc.method_mut(), *grpc.version_mut()) = (Method::POST, Version::HTTP_2);
    grpc.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let response = send(layer(Requirement::second_factor()), grpc).await;
    assert_eq!(response.headers()["grpc-status"], "16");
    let rejection = response.extensions().get::<Rejection>();
    assert!(matches!(rejection, Some(Rejection::StepUpRequired(StepUp::SecondFactor))));
}

#[tokio::test]
async fn policy_requires_a_second_factor_of_roles() {
    let fixture = Fixture::new().await;
    let policy = Policy::default().with_second_factor([RoleName::admin()]);
    let outcome_for = async |bearer: &str, requirement: Requirement| {
        let trail = fixture.accounts.audit_trail();
        let layer = RbacLayer::new(policy.clone(), requirement, trail).with_overrides();
        let mut request = request(&[bearer]);
        for (name, value) in [("x-admin-override", "true"), ("x-override-reason", "because")] {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        outcome(&send(in_session_layer(&fixture, layer), request).await)
    };
    let (root, alice) = (fixture.log_in("root").await, fixture.bearer("alice").await);
    let operator = || Requirement::role("operator".parse().unwrap());
    for requirement in [Requirement::authenticated(), may("users:read"), operator()] {
        let found = outcome_for(&bearer(&root), requirement.clone()).await;
        // What the role does not grant is denied as before, and not overridden.
        let expected = if requirement == operator() { "permission_denied" } else { REQUIRED };
        assert_eq!(found, expected, "{requirement:?}");
    }
    assert_eq!(outcome_for(&alice, Requirement::authenticated()).await, "alice");
    enrol(&fixture, &root).await;
    for requirement in [Requirement::authenticated(), may("users:read"), operator()] {
        assert_eq!(outcome_for(&bearer(&root), requirement).await, "root");
    }
    // Another session of the same user has to present it itself.
    let other = fixture.bearer("root").await;
    assert_eq!(outcome_for(&other, Requirement::authenticated()).await, REQUIRED);
}
