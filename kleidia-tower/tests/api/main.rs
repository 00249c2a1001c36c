//! The API in process: its settings, unknown paths and methods, and invalid fields.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "tests")]

mod audit;
mod cookies;
mod events;
#[cfg(feature = "totp")]
mod factors;
mod login_limit;
#[cfg(all(feature = "passkeys", feature = "totp"))]
mod passkeys;
mod recovery;
mod roles;
#[allow(dead_code, reason = "shared by several tests")]
#[path = "../support/store.rs"]
mod store;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::api::{Api, ApiRoutes};
use kleidia_tower::audit::{AuditQuery, AuditRecord, EventKind};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::{Policy, RoleName};
use kleidia_tower::{ClientInfo, Rejection, UserId};

use self::store::FaultInjectingStore;

const PASSWORD: &str = "correct horse battery staple";

struct Fixture {
    store: Arc<FaultInjectingStore>,
    accounts: Accounts,
    admin: String,
}

impl Fixture {
    async fn new() -> Self {
        Self::with_policy(Policy::default()).await
    }

    /// Creates a service with the admin `root`.
    async fn with_policy(policy: Policy) -> Self {
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
        let store = Arc::new(FaultInjectingStore::default());
        let sessions = Arc::<FaultInjectingStore>::clone(&store);
        let accounts = Accounts::new(sessions, Arc::new(keys), options.start().unwrap());
        let accounts = accounts.with_policy(policy);
        let fixture = Self { store, accounts, admin: String::new() };
        let (_, admin) = fixture.user("root", &["admin"]).await;
        Self { admin, ..fixture }
    }

    /// Creates an account, and logs in; returns its id and `Authorization`.
    async fn user(&self, name: &str, roles: &[&str]) -> (UserId, String) {
        let client = ClientInfo::new("192.0.2.1".parse().unwrap());
        let roles = roles.iter().map(|role| role.parse().unwrap()).collect::<BTreeSet<RoleName>>();
        let created = self.accounts.create_user(None, name, PASSWORD.into(), roles, client);
        let id = created.await.unwrap().id;
        (id, self.log_in(name).await)
    }

    /// Opens a session, and returns its `Authorization`.
    async fn log_in(&self, name: &str) -> String {
        let client = ClientInfo::new("192.0.2.1".parse().unwrap());
        let (user_name, password) = (name.to_owned(), PASSWORD.into());
        let attempt = LoginRequest { user_name, password, client, device_token: None };
        let tokens = self.accounts.log_in(attempt).await.unwrap();
        format!("Bearer {}", tokens.access_token.expose_secret())
    }

    fn api(&self) -> Api {
        Api::new(self.accounts.clone())
    }

    /// Sends a request of the admin to the API below `/api`.
    async fn send(&self, api: Api, method: Method, path: &str, body: &str) -> Response<Bytes> {
        self.send_as(&self.admin, api, method, path, body).await
    }

    async fn send_as(
        &self,
        bearer: &str,
        api: Api,
        method: Method,
        path: &str,
        body: &str,
    ) -> Response<Bytes> {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(AUTHORIZATION, bearer);
        let request = request.header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = Router::new().nest("/api", api.into_router()).oneshot(request).await;
        let (parts, body) = response.unwrap().into_parts();
        assert_eq!(parts.headers[CACHE_CONTROL], "no-store");
        Response::from_parts(parts, to_bytes(body, usize::MAX).await.unwrap())
    }

    async fn problem(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        let response = self.send(self.api(), method, path, body).await;
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let problem: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(problem["status"], response.status().as_u16());
        (response.status().as_u16(), problem)
    }

    async fn denials(&self) -> usize {
        self.denial_records().await.len()
    }

    /// Returns the records of denials, newest first.
    async fn denial_records(&self) -> Vec<AuditRecord> {
        self.accounts.flush().await;
        let kind = Some(EventKind::PermissionDenied);
        let query = AuditQuery { kind, limit: usize::MAX, ..AuditQuery::default() };
        self.accounts.audit(&query).await.unwrap()
    }
}

#[tokio::test]
async fn unsupported_method_is_405_with_allow_and_no_denial() {
    let fixture = Fixture::new().await;
    for (path, allow) in [
        ("/api/admin/users/1", "PATCH,DELETE"),
        ("/api/admin/users", "GET,HEAD,POST"),
        ("/api/users/1", "GET,HEAD"),
        ("/api/session", "GET,HEAD"),
        ("/api/auth/login", "POST"),
        ("/api/health", "GET,HEAD"),
    ] {
        let response = fixture.send(fixture.api(), Method::PUT, path, "").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(response.headers()[ALLOW], allow, "{path}");
        assert!(response.extensions().get::<Rejection>().is_some(), "{path}");
        let (status, problem) = fixture.problem(Method::PUT, path, "").await;
        assert_eq!((status, &problem["code"]), (405, &json!("method_not_allowed")), "{path}");
    }
    assert_eq!(fixture.denials().await, 0);
}

#[tokio::test]
async fn deletion_is_denied_to_admins_and_recorded() {
    let fixture = Fixture::new().await;
    for path in ["/api/admin/users/1", "/api/admin/audit"] {
        let (status, problem) = fixture.problem(Method::DELETE, path, "").await;
        assert_eq!((status, &problem["code"]), (403, &json!("permission_denied")), "{path}");
    }
    assert_eq!(fixture.denials().await, 2);
}

#[tokio::test]
async fn unknown_path_is_404() {
    let fixture = Fixture::new().await;
    for path in ["/api/nothing", "/api/admin", "/api/users", "/api/users/x", "/api"] {
        let (status, problem) = fixture.problem(Method::GET, path, "").await;
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{path}");
    }
}

#[tokio::test]
async fn invalid_fields_are_named() {
    let fixture = Fixture::new().await;
    let (long, users) = ("a".repeat(129), "/api/admin/users");
    let user = |name: &str| json!({"username": name, "password": PASSWORD}).to_string();
    let cases = [
        ("/api/auth/login", "{}".to_owned(), "username", "missing"),
        ("/api/auth/login", r#"{"username":"a"}"#.into(), "password", "missing"),
        ("/api/auth/login", r#"{"username":7,"password":""}"#.into(), "username", "wrong_type"),
        ("/api/auth/login", r#"{"username":"a","username":""}"#.into(), "username", "duplicate"),
        ("/api/auth/refresh", r#"{"refresh_token":[]}"#.into(), "refresh_token", "wrong_type"),
        (users, user(""), "username", "empty"),
        (users, user(&long), "username", "too_long"),
        (users, user("al\u{200b}ice"), "username", "forbidden_character"),
        ("/api/auth/recover", r#"{"password":""}"#.into(), "code", "missing"),
        (users, r#"{"username":"a","password":"","role":1}"#.into(), "role", "unknown"),
        (users, r#"{"username":"a","password":"","a secret":1}"#.into(), "", "unknown"),
        (users, r#"{"username":"a","password":"","roles":[1]}"#.into(), "roles[0]", "wrong_type"),
        (
            users,
            r#"{"username":"a","password":"","roles":["a"," "]}"#.into(),
            "roles[1]",
            "invalid",
        ),
    ];
    for (path, body, field, code) in cases {
        let (status, problem) = fixture.problem(Method::POST, path, &body).await;
        assert_eq!((status, &problem["code"]), (400, &json!("malformed_request")), "{body}");
        let error = &problem["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(code)), "{body}");
        assert!(error["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
        assert!(!problem.to_string().contains("secret"), "{problem}");
    }
    for (query, field) in [
        ("users?after=x", "after"),
        ("users?limit=-1", "limit"),
        ("audit?event=nothing", "event"),
        ("audit?outcome=nothing", "outcome"),
        ("audit?before=yesterday", "before"),
        ("audit?before=2026-11-29", "before"),
        ("audit?before=2026-11-29T12:00:00", "before"),
        ("audit?before=2026-11-29T12:00:00Z[Europe/Paris]", "before"),
        ("audit?user_id=alice", "user_id"),
        ("audit?limit=many", "limit"),
    ] {
        let (status, problem) =
            fixture.problem(Method::GET, &format!("/api/admin/{query}"), "").await;
        let error = &problem["errors"][0];
        assert_eq!(
            (status, &error["field"], &error["code"]),
            (400, &json!(field), &json!("invalid"))
        );
    }
}

#[tokio::test]
async fn password_violations_name_the_field() {
    let fixture = Fixture::new().await;
    let new = json!({"username": "bob", "password": "bob"}).to_string();
    let change = json!({"current_password": PASSWORD, "new_password": "x"}).to_string();
    for (path, body, field) in
        [("/api/admin/users", new, "password"), ("/api/auth/password", change, "new_password")]
    {
        let request = Request::builder().method(Method::POST).uri(path);
        let request = request.header(AUTHORIZATION, &fixture.admin);
        let mut request =
            request.header(CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap();
        let address = kleidia_tower::rate_limit::PeerAddress("192.0.2.1:7".parse().unwrap());
        request.extensions_mut().insert(address);
        let router = Router::new().nest("/api", fixture.api().into_router());
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["reasons"][0]["code"], "too_short", "{path}");
        assert_eq!(problem["errors"][0]["code"], "too_short", "{path}");
        assert_eq!(problem["errors"][0]["field"], field, "{path}");
    }
}

#[tokio::test]
async fn login_without_client_address_is_503() {
    let fixture = Fixture::new().await;
    let body = json!({"username": "root", "password": PASSWORD}).to_string();
    let (status, problem) = fixture.problem(Method::POST, "/api/auth/login", &body).await;
    assert_eq!((status, &problem["code"]), (503, &json!("unavailable")));
}

#[tokio::test]
async fn serves_the_chosen_routes_only() {
    let fixture = Fixture::new().await;
    let status = async |routes: Vec<ApiRoutes>, path: &str| {
        let api = fixture.api().with_routes(routes);
        fixture.send(api, Method::GET, path, "").await.status()
    };
    let paths = [
        (ApiRoutes::Sessions, "/api/session"),
        (ApiRoutes::Whoami, "/api/whoami"),
        (ApiRoutes::Users, "/api/users/1"),
        (ApiRoutes::Administration, "/api/admin/users"),
        (ApiRoutes::Audit, "/api/admin/audit"),
        (ApiRoutes::Health, "/api/health"),
    ];
    for (group, path) in paths {
        assert_eq!(status(vec![group], path).await, StatusCode::OK, "{path}");
        let others = paths.map(|(other, _)| other).into_iter().filter(|other| *other != group);
        assert_eq!(status(others.collect(), path).await, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn realm_and_responder_apply_to_layers_and_handlers() {
    let fixture = Fixture::new().await;
    let api = fixture.api().with_realm("example").with_responder(
        |rejection: &Rejection, request: &Parts| {
            Response::new(Bytes::from(format!("{} {}", rejection.code(), request.uri.path())))
        },
    );
    let login = json!({"username": "root"}).to_string();
    let response = fixture.send(api.clone(), Method::POST, "/api/auth/login", &login).await;
    // Within a nested router, paths have no prefix.
    assert_eq!(response.body(), "malformed_request /auth/login");
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);

    let request = Request::builder().uri("/session").body(Body::empty()).unwrap();
    let response = api.into_router().oneshot(request).await.unwrap();
    assert_eq!(response.headers()[WWW_AUTHENTICATE], "Bearer realm=\"example\"");
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    assert_eq!(body, "token_invalid /session");
}
