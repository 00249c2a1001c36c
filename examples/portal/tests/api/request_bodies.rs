//! Malformed bodies are rejected as such, and never as failed logins.

use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::portal::Portal;

#[tokio::test]
async fn rejects_malformed_login_bodies() {
    let portal = Portal::start(&[]);
    let long = json!({"username": "root", "password": "x".repeat(20 * 1024)}).to_string();
    for body in [
        "",
        "{",
        "null",
        "[]",
        "\"root\"",
        "{}",
        r#"{"username":"root"}"#,
        r#"{"password":"x"}"#,
        r#"{"username":1,"password":"x"}"#,
        r#"{"username":"root","password":["x"]}"#,
        r#"{"username":"root","password":null}"#,
        r#"{"username":"root","password":"\ud800"}"#,
        r#"{"username":"root","password":"x"}{}"#,
        &long,
    ] {
        let response = portal.post("/api/auth/login").raw_json(body).send().await;
        response.expect_problem(400, "malformed_request");
        assert!(!response.body.contains("root"), "the response repeats the request: {response:?}");
    }
    let admin = portal.log_in_admin().await;
    assert_eq!(portal.audit(&admin, "event=login.failure").await.len(), 0);
}

/// Other origins can send forms and text without a CORS preflight, but not JSON.
#[tokio::test]
async fn accepts_only_json() {
    let portal = Portal::start(&[]);
    let body = r#"{"username":"root","password":"correct horse battery staple"}"#;
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let request = portal.post("/api/auth/login").header(CONTENT_TYPE.as_str(), media_type);
        let response = crate::request::ApiRequest(request.0.body(body)).send().await;
        response.expect_problem(400, "malformed_request");
    }
    let untyped = portal.post("/api/auth/login");
    crate::request::ApiRequest(untyped.0.body(body))
        .send()
        .await
        .expect_problem(400, "malformed_request");
    portal.post("/api/auth/login").raw_json(body).send().await.expect_json();
}

#[tokio::test]
async fn rejects_other_malformed_bodies() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let register = format!("/api/session/{}/register-agent", admin.session);
    let own = format!("/api/admin/users/{}", admin.user);
    let posts = [
        ("/api/auth/refresh", "{}"),
        ("/api/auth/refresh", r#"{"refresh_token":7}"#),
        ("/api/auth/password", r#"{"current_password":"x"}"#),
        ("/api/admin/users", "{}"),
        ("/api/auth/recover", r#"{"code":"x"}"#),
        ("/api/admin/users", r#"{"username":"bob","password":"long enough","role":"admin"}"#),
        ("/api/admin/users", r#"{"username":"bob","password":"long enough","roles":"admin"}"#),
        ("/api/admin/users", r#"{"username":"bob","password":"long enough","roles":[""]}"#),
        ("/api/admin/users", r#"{"username":"b\u200bob","password":"long enough"}"#),
        (&register, r#"{"public_key":""}"#),
        (&register, "{}"),
    ];
    for (path, body) in posts {
        let response = portal.post(path).auth(&admin).raw_json(body).send().await;
        response.expect_problem(400, "malformed_request");
    }
    for body in [r#"{"disabled":"yes"}"#, r#"{"roles":[" "]}"#, r#"{"username":"other"}"#, "{"] {
        let response = portal.patch(&own).auth(&admin).raw_json(body).send().await;
        response.expect_problem(400, "malformed_request");
    }
    for query in ["after=x", "limit=-1"] {
        let response = portal.get(&format!("/api/admin/users?{query}")).auth(&admin).send().await;
        response.expect_problem(400, "malformed_request");
    }
    let users = portal.get("/api/admin/users").auth(&admin).send().await.expect_json();
    assert_eq!(users.as_array().unwrap().len(), 1);
}
