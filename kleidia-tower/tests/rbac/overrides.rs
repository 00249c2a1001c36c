//! Admins who override a policy, and others who try.

use http::StatusCode;
use kleidia_tower::audit::{EventKind, Outcome};
use kleidia_tower::rbac::{Permit, RbacLayer, Requirement, RoleName};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::stage::World;
use crate::stage::http::{outcome, request_to, send};
use crate::{inside, may, require};

const ASKS: (&str, &str) = ("x-admin-override", "true");
const WHY: (&str, &str) = ("x-override-reason", "incident 4711");

/// Asks an admin's session for what no admin may: a role that nobody has.
fn unmet(world: &World) -> RbacLayer {
    require(world, Requirement::role("operator".parse().unwrap()))
}

async fn ask(
    world: &World,
    layer: &RbacLayer,
    name: &str,
    headers: &[(&'static str, &str)],
) -> (u16, String) {
    let bearer = world.bearer(name).await;
    let mut request = request_to("/", headers);
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let response = send(inside(world, layer.clone()), request).await;
    (response.status().as_u16(), outcome(&response))
}

/// How many overrides, violations and denials were recorded.
async fn recorded(world: &World) -> [usize; 3] {
    [
        world.recorded(EventKind::PolicyOverride).await.len(),
        world.recorded(EventKind::PolicyViolation).await.len(),
        world.recorded(EventKind::PermissionDenied).await.len(),
    ]
}

fn denied() -> (u16, String) {
    (403, "permission_denied".to_owned())
}

#[tokio::test]
async fn an_override_is_recorded_and_passes() {
    let world = World::new().await;
    let layer = unmet(&world).overridable();
    assert_eq!(ask(&world, &layer, "root", &[ASKS, WHY]).await, (200, "root".to_owned()));
    let records = world.recorded(EventKind::PolicyOverride).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record.outcome, Outcome::Success);
    assert_eq!(record.reason.as_deref(), Some("incident 4711"));
    assert_eq!(record.user.as_ref().unwrap().name, "root");
    assert!(record.session.is_some());
    assert_eq!(recorded(&world).await, [1, 0, 0]);
}

#[tokio::test]
async fn the_service_sees_that_it_was_overridden() {
    let world = World::new().await;
    let tell = service_fn(async |request: http::Request<String>| {
        let permit = request.extensions().get::<Permit>().unwrap();
        let reason = permit.override_reason().unwrap().as_str().to_owned();
        Ok::<_, std::convert::Infallible>(http::Response::new(reason))
    });
    let layer = unmet(&world).overridable();
    let bearer = world.bearer("root").await;
    let headers = [("authorization", bearer.as_str()), ASKS, WHY];
    let service = inside(&world, layer).layer(tell);
    let response = service.oneshot(request_to("/", &headers)).await.unwrap();
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert_eq!(body, "incident 4711");
}

#[tokio::test]
async fn only_who_may_override_does() {
    let (long, world) = ("x".repeat(257), World::new().await);
    let layer = unmet(&world).overridable();
    for (name, headers) in [
        ("alice", vec![ASKS, WHY]),
        ("root", vec![ASKS]),
        ("root", vec![ASKS, ("x-override-reason", "  ")]),
        ("root", vec![ASKS, ("x-override-reason", &long)]),
    ] {
        let before = recorded(&world).await;
        assert_eq!(ask(&world, &layer, name, &headers).await, denied(), "{name}: {headers:?}");
        let [overrides, violations, denials] = before;
        assert_eq!(recorded(&world).await, [overrides, violations + 1, denials + 1]);
    }
    let records = world.recorded(EventKind::PolicyViolation).await;
    assert!(records.iter().all(|record| record.outcome == Outcome::Failure));
    // Who does not ask violates nothing.
    for headers in [vec![], vec![WHY], vec![("x-admin-override", "false"), WHY]] {
        assert_eq!(ask(&world, &layer, "root", &headers).await, denied());
    }
    assert_eq!(recorded(&world).await, [0, 4, 7]);
}

#[tokio::test]
async fn headers_that_are_there_twice_override_nothing() {
    let world = World::new().await;
    let bearer = world.bearer("root").await;
    for (name, value) in [("x-admin-override", "false"), ("x-override-reason", "another")] {
        let mut request = request_to("/", &[("authorization", &bearer), ASKS, WHY]);
        request.headers_mut().append(name, value.parse().unwrap());
        let layer = inside(&world, unmet(&world).overridable());
        assert_eq!(send(layer, request).await.status(), StatusCode::FORBIDDEN, "{name}");
    }
    assert_eq!(recorded(&world).await, [0, 2, 2]);
}

#[tokio::test]
async fn what_was_not_made_so_is_not_overridden() {
    let world = World::new().await;
    assert_eq!(ask(&world, &unmet(&world), "root", &[ASKS, WHY]).await, denied());
    assert_eq!(recorded(&world).await, [0, 1, 1]);
}

#[tokio::test]
async fn nobody_overrides_deletion_nor_the_age_of_a_password() {
    let world = World::new().await;
    let operator = Requirement::role("operator".parse::<RoleName>().unwrap());
    for requirement in [
        may("users:delete"),
        may("audit:delete"),
        Requirement::all_of([operator.clone(), may("users:delete")]),
        Requirement::any_of([operator.clone(), may("users:delete")]),
        Requirement::step_up(0),
        Requirement::all_of([operator.clone(), Requirement::step_up(0)]),
        Requirement::all_of([]),
        Requirement::any_of([]),
    ] {
        let layer = require(&world, requirement.clone()).overridable();
        assert_eq!(ask(&world, &layer, "root", &[ASKS, WHY]).await, denied(), "{requirement:?}");
    }
    assert_eq!(recorded(&world).await, [0, 8, 8]);
    // A password that was just given leaves the rest to be overridden.
    let fresh = Requirement::all_of([operator, Requirement::step_up(60)]);
    let layer = require(&world, fresh).overridable();
    assert_eq!(ask(&world, &layer, "root", &[ASKS, WHY]).await, (200, "root".to_owned()));
}

#[tokio::test]
async fn what_can_not_be_recorded_does_not_pass() {
    let world = World::new().await;
    let layer = unmet(&world).overridable();
    let bearer = world.bearer("root").await;
    world.store.set_log_broken(true);
    let request = request_to("/", &[("authorization", &bearer), ASKS, WHY]);
    let response = send(inside(&world, layer), request).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(outcome(&response), "unavailable");
    world.store.set_log_broken(false);
    assert_eq!(recorded(&world).await, [0, 0, 0]);
}

/// Who may anyway overrides nothing.
#[tokio::test]
async fn what_is_permitted_is_no_override() {
    let world = World::new().await;
    let layer = require(&world, may("users:read")).overridable();
    assert_eq!(ask(&world, &layer, "root", &[ASKS, WHY]).await, (200, "root".to_owned()));
    assert_eq!(recorded(&world).await, [0, 0, 0]);
}
