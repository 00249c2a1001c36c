//! Users and workloads on one route: `JwtSessionLayer` and `KlientoAuthLayer`, in either order.

use http::{HeaderValue, StatusCode};
use kleidia_tower::rbac::{RoleName, WorkloadRules};
use kleidia_tower::session::{CredentialPolicy, JwtSessionLayer};
use kleidia_tower::{Principal, Rejection};
use tower::ServiceBuilder;

use crate::support::Fixture;
use crate::support::http::{challenges, outcome, request, send};
use crate::workloads::Workloads;

const KLIENTO: HeaderValue = HeaderValue::from_static(r#"Kliento realm="workloads""#);

fn session_layer(fixture: &Fixture) -> JwtSessionLayer {
    fixture.layer().with_realm("people").with_passthrough_scheme(KLIENTO)
}

fn rules() -> WorkloadRules {
    WorkloadRules::default().with_organisation("example.com", [RoleName::user()])
}

#[tokio::test]
async fn one_route_serves_users_and_workloads() {
    let (fixture, workloads) = (Fixture::new().await, Workloads::new());
    let (people, kliento) = (session_layer(&fixture), workloads.layer().with_realm("workloads"));
    let (alice, backup) =
        (fixture.bearer("alice").await, workloads.member("backup", "example.com"));
    let tampered = backup.replace("Kliento MI", "Kliento MJ");
    for (values, expected) in [
        (vec![alice.as_str()], "alice"),
        (vec![&backup], "backup@example.com"),
        (vec![], "rejected"),
        (vec!["Bearer x"], "rejected"),
        (vec![&tampered], "rejected"),
        (vec!["Basic x"], "rejected"),
        (vec![&alice, &backup], "rejected"),
    ] {
        let outside = ServiceBuilder::new()
            .layer(people.clone())
            .layer(kliento.clone())
            .layer(rules())
            .into_inner();
        let inside = ServiceBuilder::new()
            .layer(kliento.clone())
            .layer(rules())
            .layer(people.clone())
            .into_inner();
        for response in
            [send(outside, request(&values)).await, send(inside, request(&values)).await]
        {
            if expected == "rejected" {
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{values:?}");
                let mut schemes: Vec<&str> = challenges(&response);
                schemes.sort_unstable();
                assert!(schemes[0].starts_with(r#"Bearer realm="people""#), "{schemes:?}");
                assert!(schemes[1].starts_with(r#"Kliento realm="workloads""#), "{schemes:?}");
                assert_eq!(schemes.len(), 2);
            } else {
                assert_eq!(outcome(&response), expected, "{values:?}");
            }
        }
    }
}

#[tokio::test]
async fn workload_without_rules_has_no_principal() {
    let (fixture, workloads) = (Fixture::new().await, Workloads::new());
    let layers = ServiceBuilder::new().layer(session_layer(&fixture)).layer(workloads.layer());
    let bot = workloads.bot("example.com");
    let response = send(layers.into_inner(), request(&[&bot])).await;
    assert_eq!(outcome(&response), "anonymous: token_invalid");
}

#[tokio::test]
async fn optional_route_allows_users_workloads_and_anonymous_requests() {
    let (fixture, workloads) = (Fixture::new().await, Workloads::new());
    let policy = CredentialPolicy::AllowMissing;
    let layers = || {
        ServiceBuilder::new()
            .layer(session_layer(&fixture).with_policy(policy))
            .layer(workloads.layer().with_policy(CredentialPolicy::AllowMissing))
            .layer(rules())
            .into_inner()
    };
    let bot = workloads.bot("example.com");
    assert_eq!(outcome(&send(layers(), request(&[])).await), "anonymous: token_invalid");
    assert_eq!(outcome(&send(layers(), request(&[&bot])).await), "example.com");
    assert_eq!(outcome(&send(layers(), request(&[&fixture.bearer("root").await])).await), "root");
    let response = send(layers(), request(&["Bearer x"])).await;
    assert!(matches!(response.extensions().get(), Some(Rejection::AccessToken(_))));
}

/// An existing principal must not pass for that of a request without valid credentials.
#[tokio::test]
async fn removes_existing_principal_and_session() {
    let fixture = Fixture::new().await;
    let root = fixture.log_in("root").await.session;
    let principal = fixture.principal("root").await;
    let other = session_layer(&fixture);
    let optional = fixture.layer().with_policy(CredentialPolicy::AllowMissingOrInvalid);
    for (layer, value) in
        [(other, "Kliento QQ=="), (optional.clone(), "Bearer x"), (optional, "Basic x")]
    {
        let mut request = request(&[value]);
        request.extensions_mut().insert::<Principal>(principal.clone());
        request.extensions_mut().insert(root.clone());
        assert_eq!(outcome(&send(layer, request).await), "anonymous: token_invalid", "{value}");
    }
}
