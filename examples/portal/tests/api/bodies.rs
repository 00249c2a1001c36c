//! Bodies that can't be read: each is refused alike, and never as a failed login.

use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::portal::Portal;

#[tokio::test]
async fn what_is_no_login_is_malformed() {
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
        let answer = portal.post("/api/auth/login").text(body).send().await;
        answer.refuses(400, "malformed_request");
        assert!(!answer.body.contains("root"), "the answer repeats the request: {answer:?}");
    }
    let admin = portal.admin().await;
    assert_eq!(portal.audit(&admin, "event=login.failure").await.len(), 0);
}

/// Other sites can send forms and text without asking first, but no JSON.
#[tokio::test]
async fn only_json_is_taken() {
    let portal = Portal::start(&[]);
    let body = r#"{"username":"root","password":"correct horse battery staple"}"#;
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let call = portal.post("/api/auth/login").header(CONTENT_TYPE.as_str(), media_type);
        let answer = crate::call::Call(call.0.body(body)).send().await;
        answer.refuses(400, "malformed_request");
    }
    let untyped = portal.post("/api/auth/login");
    crate::call::Call(untyped.0.body(body)).send().await.refuses(400, "malformed_request");
    portal.post("/api/auth/login").text(body).send().await.gives();
}

#[tokio::test]
async fn every_other_body_is_checked_too() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let register = format!("/api/session/{}/register-agent", admin.session);
    let own = format!("/api/admin/users/{}", admin.user);
    let posts = [
        ("/api/auth/refresh", "{}"),
        ("/api/auth/refresh", r#"{"refresh_token":7}"#),
        ("/api/auth/password", r#"{"current_password":"x"}"#),
        ("/api/admin/users", r#"{"username":"bob"}"#),
        ("/api/admin/users", r#"{"username":"bob","password":"long enough","role":"admin"}"#),
        ("/api/admin/users", r#"{"username":"bob","password":"long enough","roles":"admin"}"#),
        ("/api/admin/users", r#"{"username":"bob","password":"long enough","roles":[""]}"#),
        ("/api/admin/users", r#"{"username":"b\u200bob","password":"long enough"}"#),
        (&register, r#"{"public_key":""}"#),
        (&register, "{}"),
    ];
    for (path, body) in posts {
        let answer = portal.post(path).by(&admin).text(body).send().await;
        answer.refuses(400, "malformed_request");
    }
    for body in [r#"{"disabled":"yes"}"#, r#"{"roles":[" "]}"#, r#"{"username":"other"}"#, "{"] {
        let answer = portal.patch(&own).by(&admin).text(body).send().await;
        answer.refuses(400, "malformed_request");
    }
    for query in ["after=x", "limit=-1"] {
        let answer = portal.get(&format!("/api/admin/users?{query}")).by(&admin).send().await;
        answer.refuses(400, "malformed_request");
    }
    let users = portal.get("/api/admin/users").by(&admin).send().await.gives();
    assert_eq!(users.as_array().unwrap().len(), 1);
}
