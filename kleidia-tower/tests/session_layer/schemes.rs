//! People and workloads on one route: this layer and `KlientoAuthLayer`, around each other.

use http::{HeaderValue, StatusCode};
use kleidia_tower::rbac::{RoleName, WorkloadRules};
use kleidia_tower::session::{CredentialPolicy, JwtSessionLayer};
use kleidia_tower::{Principal, Rejection};
use tower::ServiceBuilder;

use crate::stage::World;
use crate::stage::http::{challenges, outcome, request, send};
use crate::workloads::Workloads;

const KLIENTO: HeaderValue = HeaderValue::from_static(r#"Kliento realm="workloads""#);

fn session_layer(world: &World) -> JwtSessionLayer {
    world.layer().with_realm("people").with_passthrough_scheme(KLIENTO)
}

fn rules() -> WorkloadRules {
    WorkloadRules::default().with_organisation("example.com", [RoleName::user()])
}

#[tokio::test]
async fn one_route_serves_both() {
    let (world, workloads) = (World::new().await, Workloads::new());
    let (people, kliento) = (session_layer(&world), workloads.layer().with_realm("workloads"));
    let (alice, backup) = (world.bearer("alice").await, workloads.member("backup", "example.com"));
    let tampered = backup.replace("Kliento MI", "Kliento MJ");
    for (values, expected) in [
        (vec![alice.as_str()], "alice"),
        (vec![&backup], "backup@example.com"),
        (vec![], "refused"),
        (vec!["Bearer x"], "refused"),
        (vec![&tampered], "refused"),
        (vec!["Basic x"], "refused"),
        (vec![&alice, &backup], "refused"),
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
            if expected == "refused" {
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
async fn a_workload_without_rules_is_nobody() {
    let (world, workloads) = (World::new().await, Workloads::new());
    let layers = ServiceBuilder::new().layer(session_layer(&world)).layer(workloads.layer());
    let bot = workloads.bot("example.com");
    let response = send(layers.into_inner(), request(&[&bot])).await;
    assert_eq!(outcome(&response), "nobody: token_invalid");
}

#[tokio::test]
async fn optional_routes_take_both_and_strangers() {
    let (world, workloads) = (World::new().await, Workloads::new());
    let policy = CredentialPolicy::AllowMissing;
    let layers = || {
        ServiceBuilder::new()
            .layer(session_layer(&world).with_policy(policy))
            .layer(workloads.layer().with_policy(CredentialPolicy::AllowMissing))
            .layer(rules())
            .into_inner()
    };
    let bot = workloads.bot("example.com");
    assert_eq!(outcome(&send(layers(), request(&[])).await), "nobody: token_invalid");
    assert_eq!(outcome(&send(layers(), request(&[&bot])).await), "example.com");
    assert_eq!(outcome(&send(layers(), request(&[&world.bearer("root").await])).await), "root");
    let response = send(layers(), request(&["Bearer x"])).await;
    assert!(matches!(response.extensions().get(), Some(Rejection::AccessToken(_))));
}

/// A principal that was found for one request is not another one's.
#[tokio::test]
async fn principals_that_were_there_before_are_removed() {
    let world = World::new().await;
    let root = world.log_in("root").await.session;
    let principal = world.principal("root").await;
    let other = session_layer(&world);
    let optional = world.layer().with_policy(CredentialPolicy::AllowMissingOrInvalid);
    for (layer, value) in
        [(other, "Kliento QQ=="), (optional.clone(), "Bearer x"), (optional, "Basic x")]
    {
        let mut request = request(&[value]);
        request.extensions_mut().insert::<Principal>(principal.clone());
        request.extensions_mut().insert(root.clone());
        assert_eq!(outcome(&send(layer, request).await), "nobody: token_invalid", "{value}");
    }
}
