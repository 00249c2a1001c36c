//! The limit of requests that verify or hash a password.

use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use kleidia_tower::rate_limit::PeerAddress;
use serde_json::json;
use tower::ServiceExt as _;

use super::{Fixture, PASSWORD};

/// Logins, password changes and new accounts share the budget of an address.
#[tokio::test]
async fn applies_to_each_route_that_hashes_a_password() {
    let fixture = Fixture::new().await;
    let api = fixture.api().with_login_limit("4/60".parse().unwrap());
    let router = Router::new().nest("/api", api.into_router());
    let login = json!({"username": "root", "password": PASSWORD});
    let change = json!({"current_password": "wrong", "new_password": "another password"});
    let new = json!({"username": "bob", "password": PASSWORD});
    let send = async |path: &str, body: &serde_json::Value, from: &str, bearer: Option<&str>| {
        let request = Request::builder().method(Method::POST).uri(path);
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = request.header(AUTHORIZATION, bearer.unwrap_or(&fixture.admin));
        let mut request = request.body(Body::from(body.to_string())).unwrap();
        request.extensions_mut().insert(PeerAddress(from.parse().unwrap()));
        router.clone().oneshot(request).await.unwrap().status().as_u16()
    };
    let (here, there) = ("192.0.2.1:7", "192.0.2.2:7");
    assert_eq!(send("/api/auth/password", &change, here, None).await, 422);
    // Without a session no password is verified, and nothing is charged.
    for _ in 0..5 {
        assert_eq!(send("/api/auth/password", &change, here, Some("Bearer x")).await, 401);
    }
    assert_eq!(send("/api/admin/users", &new, here, Some("Bearer x")).await, 401);
    assert_eq!(send("/api/auth/login", &login, here, None).await, 200);
    assert_eq!(send("/api/auth/password", &change, here, None).await, 422);
    assert_eq!(send("/api/admin/users", &new, here, None).await, 201);
    assert_eq!(send("/api/admin/users", &new, here, None).await, 429);
    assert_eq!(send("/api/auth/password", &change, here, None).await, 429);
    assert_eq!(send("/api/auth/login", &login, here, None).await, 429);
    assert_eq!(send("/api/auth/login", &login, there, None).await, 200);
}
