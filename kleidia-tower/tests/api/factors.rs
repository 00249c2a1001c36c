//! The routes of factors: what they show, and which sessions they accept.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode};
use kleidia_tower::rate_limit::PeerAddress;
use kleidia_tower::rbac::{Policy, RoleName};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};
use tower::ServiceExt as _;

use super::Fixture;

const FACTORS: &str = "/api/session/factors";

/// Returns the one-time password of the step that begins so many steps from now.
fn password(app: &Totp, steps: u64) -> String {
    #[expect(clippy::disallowed_methods, reason = "the clock of the service")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    app.generate(now + 30 * steps).to_string()
}

impl Fixture {
    pub(super) async fn json(
        &self,
        bearer: &str,
        method: Method,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(path);
        let request = request.header(AUTHORIZATION, bearer);
        let request = request.header(CONTENT_TYPE, "application/json");
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(PeerAddress("192.0.2.1:7".parse().unwrap()));
        let router = Router::new().nest("/api", self.api().into_router());
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Enrols an authenticator app.
    async fn enrol(&self, bearer: &str) -> Totp {
        let path = "/api/session/factors/totp";
        let (status, enrolment) = self.json(bearer, Method::POST, path, &Value::Null).await;
        assert_eq!(status, 201, "{enrolment}");
        let secret = Secret::try_from_base32(enrolment["secret"].as_str().unwrap()).unwrap();
        let app = Builder::new().with_secret(secret).build().unwrap();
        let body = json!({
            "enrolment": enrolment["enrolment"],
            "totp": password(&app, 0),
            "label": "Phone",
        });
        let path = "/api/session/factors/totp/confirm";
        let (status, factor) = self.json(bearer, Method::POST, path, &body).await;
        assert_eq!(
            (status, &factor["kind"], &factor["label"]),
            (201, &json!("totp"), &json!("Phone"))
        );
        app
    }
}

#[tokio::test]
async fn policy_leaves_only_the_routes_of_factors_and_logout() {
    let policy = Policy::default().with_second_factor([RoleName::admin()]);
    let fixture = Fixture::with_policy(policy).await;
    let root = fixture.admin.clone();
    for (method, path) in [
        (Method::GET, "/api/admin/users"),
        (Method::GET, "/api/admin/audit"),
        (Method::GET, "/api/session"),
        (Method::GET, "/api/session/events"),
        (Method::GET, "/api/whoami"),
        (Method::GET, "/api/users/1"),
        (Method::DELETE, "/api/session/7"),
        (Method::POST, "/api/auth/password"),
    ] {
        let body = json!({"current_password": super::PASSWORD, "new_password": "another one 123"});
        let (status, rejected) = fixture.json(&root, method, path, &body).await;
        assert_eq!((status, &rejected["code"]), (401, &json!("second_factor_required")), "{path}");
    }
    let (status, listed) = fixture.json(&root, Method::GET, FACTORS, &Value::Null).await;
    assert_eq!((status, &listed["amr"], &listed["factors"]), (200, &json!(["pwd"]), &json!([])));
    fixture.enrol(&root).await;
    let (status, whoami) = fixture.json(&root, Method::GET, "/api/whoami", &Value::Null).await;
    assert_eq!((status, &whoami["amr"]), (200, &json!(["pwd", "otp", "mfa"])));
    assert!(whoami["auth_time"].is_string());
    let (_, sessions) = fixture.json(&root, Method::GET, "/api/session", &Value::Null).await;
    assert_eq!(sessions[0]["amr"], whoami["amr"]);
    let logout = "/api/auth/logout";
    assert_eq!(fixture.json(&root, Method::POST, logout, &Value::Null).await.0, 204);
}

#[tokio::test]
async fn user_steps_up_and_removes_factors() {
    let fixture = Fixture::new().await;
    let (id, alice) = fixture.user("alice", &["user"]).await;
    let app = fixture.enrol(&alice).await;
    let codes = "/api/session/factors/recovery-codes";
    let (status, codes) = fixture.json(&alice, Method::POST, codes, &Value::Null).await;
    assert_eq!((status, codes["codes"].as_array().unwrap().len()), (201, 10));

    let other = fixture.log_in("alice").await;
    let step_up = "/api/session/factor";
    for (body, expected) in [
        (json!({"totp": "000000"}), json!("factor_rejected")),
        (json!({}), json!("malformed_request")),
        (json!({"totp": "000000", "recovery_code": "0"}), json!("malformed_request")),
    ] {
        let (_, rejected) = fixture.json(&other, Method::POST, step_up, &body).await;
        assert_eq!(rejected["code"], expected, "{body}");
    }
    let next = json!({"totp": password(&app, 1)});
    let (status, stepped_up) = fixture.json(&other, Method::POST, step_up, &next).await;
    assert_eq!((status, &stepped_up["amr"]), (200, &json!(["pwd", "otp", "mfa"])));
    let code = json!({"recovery_code": codes["codes"][0]});
    let (status, stepped_up) = fixture.json(&other, Method::POST, step_up, &code).await;
    assert_eq!((status, &stepped_up["amr"]), (200, &json!(["pwd", "otp", "recovery", "mfa"])));

    let (_, listed) = fixture.json(&other, Method::GET, FACTORS, &Value::Null).await;
    assert_eq!(listed["factors"][1]["codes_left"], 9);
    let text = listed.to_string();
    assert!(!text.contains("secret") && !text.contains("digest"), "{text}");
    let one = format!("{FACTORS}/{}", listed["factors"][0]["id"]);
    let bystander = fixture.log_in("alice").await;
    let (status, rejected) = fixture.json(&bystander, Method::DELETE, &one, &Value::Null).await;
    assert_eq!((status, &rejected["code"]), (401, &json!("second_factor_required")));
    assert_eq!(fixture.json(&other, Method::DELETE, &one, &Value::Null).await.0, 204);
    assert_eq!(fixture.json(&other, Method::DELETE, &one, &Value::Null).await.0, 404);

    // An admin lists and removes what is left.
    fixture.enrol(&alice).await;
    let factors = format!("/api/admin/users/{id}/factors");
    let (status, listed) = fixture.json(&fixture.admin, Method::GET, &factors, &Value::Null).await;
    assert_eq!((status, listed.as_array().unwrap().len()), (200, 1));
    assert_eq!(fixture.json(&alice, Method::DELETE, &factors, &Value::Null).await.0, 403);
    let admin = fixture.admin.clone();
    assert_eq!(fixture.json(&admin, Method::DELETE, &factors, &Value::Null).await.0, 204);
    let (_, listed) = fixture.json(&admin, Method::GET, &factors, &Value::Null).await;
    assert_eq!(listed, json!([]));
}

#[tokio::test]
async fn label_is_checked() {
    let fixture = Fixture::new().await;
    let body = json!({"enrolment": "x", "totp": "000000", "label": "a\u{202e}b"});
    let path = "/api/session/factors/totp/confirm";
    let response = fixture.send(fixture.api(), Method::POST, path, &body.to_string()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(body["errors"][0]["field"], "label");
}
