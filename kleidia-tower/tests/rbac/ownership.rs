//! The owner of a resource: by a parameter of the path, or by a function.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::get;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use kleidia_tower::rbac::{RbacLayer, Requirement};
use kleidia_tower::{Principal, Rejection};
use tower::ServiceExt as _;

use crate::support::Fixture;
use crate::support::http::{outcome, request_to, send};
use crate::{in_session_layer, may, require};

fn owner_or_reader(fixture: &Fixture) -> RbacLayer {
    require(fixture, Requirement::any_of([Requirement::owner(), may("users:read")]))
}

#[tokio::test]
async fn owner_is_the_user_in_the_path() {
    let fixture = Fixture::new().await;
    let layer = owner_or_reader(&fixture).with_owner_parameter("/api/users/{id}").unwrap();
    let (alice, root) = (fixture.bearer("alice").await, fixture.bearer("root").await);
    let user_id = fixture.principal("alice").await.user_id().unwrap();
    let outcome_for = async |path: &str, bearer: &str| {
        let request = request_to(path, &[("authorization", bearer)]);
        outcome(&send(in_session_layer(&fixture, layer.clone()), request).await)
    };
    assert_eq!(outcome_for(&format!("/api/users/{user_id}"), &alice).await, "alice");
    assert_eq!(outcome_for(&format!("/api/users/{user_id}?x=/api/users/0"), &alice).await, "alice");
    // Other spellings, which a handler may parse to the same id, do not match.
    for path in [
        format!("/api/users/{}", user_id.get() + 1),
        format!("/api/users/0{user_id}"),
        format!("/api/users/+{user_id}"),
        format!("/api/users/%3{user_id}"),
        format!("/api/users/{user_id}/"),
        format!("/api/users/{user_id}/sessions"),
        format!("/api//users/{user_id}"),
        format!("/users/{user_id}"),
        "/api/users/".to_owned(),
        "/api/users/alice".to_owned(),
    ] {
        assert_eq!(outcome_for(&path, &alice).await, "permission_denied", "{path}");
        assert_eq!(outcome_for(&path, &root).await, "root", "{path}");
    }
}

#[tokio::test]
async fn matches_paths_in_axum_nest_without_the_prefix() {
    let fixture = Fixture::new().await;
    let user_id = fixture.principal("alice").await.user_id().unwrap();
    let layer = owner_or_reader(&fixture).with_owner_parameter("/users/{id}").unwrap();
    let handler = get(|Path(id): Path<i64>| async move { id.to_string() });
    let users = Router::new().route("/users/{id}", handler.layer(layer));
    let router = Router::new().nest("/api", users).layer(fixture.layer());
    let bearer = fixture.bearer("alice").await;
    let status = async |path: String| {
        let request = Request::get(path).header(AUTHORIZATION, &bearer);
        let request = request.body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(status(format!("/api/users/{user_id}")).await, StatusCode::OK);
    // axum parses ids leniently, so only the canonical form may match.
    for path in [format!("/api/users/{}", user_id.get() + 1), format!("/api/users/0{user_id}")] {
        assert_eq!(status(path).await, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn function_decides_ownership() {
    let fixture = Fixture::new().await;
    let layer = owner_or_reader(&fixture).with_owner(|principal: &Principal, head| {
        let owner = head.headers().get("x-owner").and_then(|owner| owner.to_str().ok());
        owner == Some(principal.name())
    });
    let alice = fixture.bearer("alice").await;
    for (owner, expected) in [("alice", "alice"), ("root", "permission_denied")] {
        let request = request_to("/", &[("authorization", &alice), ("x-owner", owner)]);
        assert_eq!(
            outcome(&send(in_session_layer(&fixture, layer.clone()), request).await),
            expected
        );
    }
}

#[tokio::test]
async fn lookup_decides_ownership_or_fails() {
    let fixture = Fixture::new().await;
    let layer =
        owner_or_reader(&fixture).with_owner_lookup(|principal: Principal, uri| async move {
            tokio::task::yield_now().await;
            match uri.path() {
                "/broken" => Err(Rejection::Unavailable("documents unavailable")),
                path => Ok(path == format!("/{}", principal.name())),
            }
        });
    let (alice, root) = (fixture.bearer("alice").await, fixture.bearer("root").await);
    for (path, bearer, expected) in [
        ("/alice", &alice, "alice"),
        ("/root", &alice, "permission_denied"),
        // Fails closed, even if another alternative is met.
        ("/broken", &alice, "unavailable"),
        ("/broken", &root, "unavailable"),
        ("/alice", &root, "root"),
    ] {
        let request = request_to(path, &[("authorization", bearer)]);
        let response = send(in_session_layer(&fixture, layer.clone()), request).await;
        assert_eq!(outcome(&response), expected, "{path}");
    }
}
