//! The routes of recovery, and sessions that are only for a change of the password.

use axum::Router;
use axum::body::Body;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use kleidia_tower::rate_limit::PeerAddress;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{Fixture, PASSWORD};

const NEW: &str = "another passphrase of mine";

impl Fixture {
    async fn recovery_call(
        &self,
        bearer: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("/api{path}"));
        let mut request = request.header(CONTENT_TYPE, "application/json");
        if !bearer.is_empty() {
            request = request.header(AUTHORIZATION, bearer);
        }
        let mut request = request.body(Body::from(body.to_string())).unwrap();
        request.extensions_mut().insert(PeerAddress("192.0.2.1:7".parse().unwrap()));
        let router = Router::new().nest("/api", self.api().into_router());
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn admin_call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.recovery_call(&self.admin, method, path, &body).await
    }

    async fn public_call(&self, path: &str, body: Value) -> (u16, Value) {
        self.recovery_call("", Method::POST, path, &body).await
    }
}

#[tokio::test]
async fn new_user_sets_the_first_password_with_a_code() {
    let fixture = Fixture::new().await;
    let (status, created) =
        fixture.admin_call(Method::POST, "/admin/users", json!({"username": "bob"})).await;
    assert_eq!((status, &created["must_change_password"]), (201, &json!(false)));
    let code = created["recovery_code"]["code"].as_str().unwrap().to_owned();
    let wrong = json!({"code": "A".repeat(43), "username": "bob", "password": NEW});
    let (status, problem) = fixture.public_call("/auth/recover", wrong).await;
    assert_eq!((status, &problem["code"]), (401, &json!("code_invalid")));
    let used = json!({"code": code, "username": "bob", "password": NEW});
    assert_eq!(fixture.public_call("/auth/recover", used.clone()).await.0, 204);
    assert_eq!(fixture.public_call("/auth/recover", used).await.0, 401);
    let login = json!({"username": "bob", "password": NEW});
    assert_eq!(fixture.public_call("/auth/login", login).await.0, 200);
}

#[tokio::test]
async fn recovery_code_needs_its_permission() {
    let fixture = Fixture::new().await;
    let (id, bob) = fixture.user("bob", &["user"]).await;
    let path = format!("/admin/users/{id}/recovery-code");
    let (status, problem) = fixture.recovery_call(&bob, Method::POST, &path, &json!({})).await;
    assert_eq!((status, &problem["code"]), (403, &json!("permission_denied")));
    let (status, issued) = fixture.admin_call(Method::POST, &path, json!({})).await;
    assert_eq!((status, issued["code"].as_str().unwrap().len()), (201, 43));
    let (status, _) =
        fixture.admin_call(Method::POST, "/admin/users/999/recovery-code", json!({})).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn session_is_only_for_the_required_change() {
    let fixture = Fixture::new().await;
    let (id, bob) = fixture.user("bob", &["user"]).await;
    let path = format!("/admin/users/{id}");
    let (status, updated) =
        fixture.admin_call(Method::PATCH, &path, json!({"must_change_password": true})).await;
    assert_eq!((status, &updated["must_change_password"]), (200, &json!(true)));
    for path in ["/session", "/whoami", &format!("/users/{id}")] {
        let (status, problem) = fixture.recovery_call(&bob, Method::GET, path, &json!({})).await;
        assert_eq!((status, &problem["code"]), (403, &json!("password_expired")), "{path}");
    }
    let change = json!({"current_password": PASSWORD, "new_password": NEW});
    assert_eq!(fixture.recovery_call(&bob, Method::POST, "/auth/password", &change).await.0, 204);
    assert_eq!(fixture.recovery_call(&bob, Method::GET, "/session", &json!({})).await.0, 200);
    let temporary =
        json!({"username": "carol", "password": PASSWORD, "must_change_password": true});
    let (status, created) = fixture.admin_call(Method::POST, "/admin/users", temporary).await;
    assert_eq!((status, &created["must_change_password"]), (201, &json!(true)));
    assert_eq!(created.get("recovery_code"), None);
}

#[tokio::test]
async fn requested_recovery_tells_nothing() {
    let fixture = Fixture::new().await;
    for name in ["root", "nobody", "nobody@example.com", ""] {
        let (status, body) = fixture.public_call("/auth/recovery", json!({"username": name})).await;
        assert_eq!((status, body), (202, Value::Null), "{name}");
    }
}

#[tokio::test]
async fn admin_changes_profile_and_name_and_erases() {
    let policy = kleidia_tower::rbac::Policy::default();
    let erase = "users:erase".parse().unwrap();
    let policy = policy.with_role("eraser".parse().unwrap(), [erase]);
    let fixture = Fixture::with_policy(policy).await;
    let (id, bob) = fixture.user("bob", &["user"]).await;
    let (_, eraser) = fixture.user("eve", &["eraser"]).await;
    let path = format!("/admin/users/{id}");
    let profile = format!("{path}/profile");
    let new = json!({
        "display_name": "Bob", "email": "bob@example.com", "email_verified": true,
        "attributes": {"locale": "en"},
    });
    assert_eq!(fixture.admin_call(Method::PUT, &profile, new.clone()).await, (200, new.clone()));
    assert_eq!(fixture.admin_call(Method::GET, &profile, json!({})).await, (200, new));
    for (invalid, field) in [
        (json!({"display_name": "a\u{202e}b"}), "display_name"),
        (json!({"email": "bob@example.com\r\nBcc: eve@example.com"}), "email"),
        (json!({"attributes": []}), "attributes"),
        (json!({"attributes": {"a": "x".repeat(5000)}}), "attributes"),
    ] {
        let (status, problem) = fixture.admin_call(Method::PUT, &profile, invalid).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (400, &json!(field)), "{problem}");
    }
    assert_eq!(fixture.recovery_call(&bob, Method::GET, &profile, &json!({})).await.0, 403);

    let rename = format!("{path}/rename");
    let taken = fixture.admin_call(Method::POST, &rename, json!({"username": "root"})).await;
    assert_eq!((taken.0, &taken.1["code"]), (409, &json!("name_taken")));
    let renamed = fixture.admin_call(Method::POST, &rename, json!({"username": "robert"})).await;
    assert_eq!(renamed.0, 204);
    let (_, whoami) = fixture.recovery_call(&bob, Method::GET, "/whoami", &json!({})).await;
    assert_eq!(whoami["username"], "robert");
    let former = json!({"username": "bob", "password": PASSWORD});
    assert_eq!(fixture.admin_call(Method::POST, "/admin/users", former).await.0, 409);

    let erase = format!("{path}/erase");
    let denied = fixture.admin_call(Method::POST, &erase, json!({})).await;
    assert_eq!(denied.0, 403, "no wildcard grants it");
    let enabled = fixture.recovery_call(&eraser, Method::POST, &erase, &json!({})).await;
    assert_eq!((enabled.0, &enabled.1["code"]), (409, &json!("user_enabled")));
    fixture.admin_call(Method::PATCH, &path, json!({"disabled": true})).await;
    assert_eq!(fixture.recovery_call(&eraser, Method::POST, &erase, &json!({})).await.0, 204);
    let (_, user) = fixture.admin_call(Method::GET, &format!("/users/{id}"), json!({})).await;
    assert!(user["username"].as_str().unwrap().starts_with("erased-"), "{user}");
    let (_, profile) = fixture.admin_call(Method::GET, &profile, json!({})).await;
    assert_eq!((&profile["email"], &profile["display_name"]), (&Value::Null, &Value::Null));
    let enabled = fixture.admin_call(Method::PATCH, &path, json!({"disabled": false})).await;
    assert_eq!((enabled.0, &enabled.1["code"]), (409, &json!("user_disabled")));
}
