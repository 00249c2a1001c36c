//! Whose a resource is: by a parameter of the path, or by your function.

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::get;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use kleidia_tower::rbac::{RbacLayer, Requirement};
use kleidia_tower::{Principal, Rejection};
use tower::ServiceExt as _;

use crate::stage::World;
use crate::stage::http::{outcome, request_to, send};
use crate::{inside, may, require};

fn own_or_all(world: &World) -> RbacLayer {
    require(world, Requirement::any_of([Requirement::own(), may("users:read")]))
}

#[tokio::test]
async fn a_number_in_the_path_is_the_owners() {
    let world = World::new().await;
    let layer = own_or_all(&world).with_owner_parameter("/api/users/{id}").unwrap();
    let (alice, root) = (world.bearer("alice").await, world.bearer("root").await);
    let own = world.principal("alice").await.user_id().unwrap();
    let ask = async |path: &str, bearer: &str| {
        let request = request_to(path, &[("authorization", bearer)]);
        outcome(&send(inside(&world, layer.clone()), request).await)
    };
    assert_eq!(ask(&format!("/api/users/{own}"), &alice).await, "alice");
    assert_eq!(ask(&format!("/api/users/{own}?x=/api/users/0"), &alice).await, "alice");
    // Whatever a handler may take for the same number is not.
    for path in [
        format!("/api/users/{}", own + 1),
        format!("/api/users/0{own}"),
        format!("/api/users/+{own}"),
        format!("/api/users/%3{own}"),
        format!("/api/users/{own}/"),
        format!("/api/users/{own}/sessions"),
        format!("/api//users/{own}"),
        format!("/users/{own}"),
        "/api/users/".to_owned(),
        "/api/users/alice".to_owned(),
    ] {
        assert_eq!(ask(&path, &alice).await, "permission_denied", "{path}");
        assert_eq!(ask(&path, &root).await, "root", "{path}");
    }
}

#[tokio::test]
async fn axum_nests_it_without_the_prefix() {
    let world = World::new().await;
    let own = world.principal("alice").await.user_id().unwrap();
    let layer = own_or_all(&world).with_owner_parameter("/users/{id}").unwrap();
    let handler = get(|Path(id): Path<i64>| async move { id.to_string() });
    let users = Router::new().route("/users/{id}", handler.layer(layer));
    let router = Router::new().nest("/api", users).layer(world.layer());
    let bearer = world.bearer("alice").await;
    let status = async |path: String| {
        let request = Request::get(path).header(AUTHORIZATION, &bearer);
        let request = request.body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(status(format!("/api/users/{own}")).await, StatusCode::OK);
    // axum decodes and reads numbers generously; who is let in by that must be the owner anyway.
    for path in [format!("/api/users/{}", own + 1), format!("/api/users/0{own}")] {
        assert_eq!(status(path).await, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn a_function_can_tell() {
    let world = World::new().await;
    let layer = own_or_all(&world).with_owner(|principal: &Principal, head| {
        let owner = head.headers().get("x-owner").and_then(|owner| owner.to_str().ok());
        owner == Some(principal.name())
    });
    let alice = world.bearer("alice").await;
    for (owner, expected) in [("alice", "alice"), ("root", "permission_denied")] {
        let request = request_to("/", &[("authorization", &alice), ("x-owner", owner)]);
        assert_eq!(outcome(&send(inside(&world, layer.clone()), request).await), expected);
    }
}

#[tokio::test]
async fn a_function_can_look_it_up_and_fail() {
    let world = World::new().await;
    let layer = own_or_all(&world).with_owner_lookup(|principal: Principal, uri| async move {
        tokio::task::yield_now().await;
        match uri.path() {
            "/broken" => Err(Rejection::Unavailable("the documents can't be had")),
            path => Ok(path == format!("/{}", principal.name())),
        }
    });
    let (alice, root) = (world.bearer("alice").await, world.bearer("root").await);
    for (path, bearer, expected) in [
        ("/alice", &alice, "alice"),
        ("/root", &alice, "permission_denied"),
        // Fail closed, even for who might pass by another alternative: nobody knows.
        ("/broken", &alice, "unavailable"),
        ("/broken", &root, "unavailable"),
        ("/alice", &root, "root"),
    ] {
        let request = request_to(path, &[("authorization", bearer)]);
        let response = send(inside(&world, layer.clone()), request).await;
        assert_eq!(outcome(&response), expected, "{path}");
    }
}
