//! `GET|DELETE /api/session`: lists and ends sessions of the caller only.

use serde_json::{Value, json};

use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::tokens::Tokens;

#[tokio::test]
async fn lists_sessions_with_address_and_user_agent() {
    let portal = Portal::start(&["--trusted-proxy", "127.0.0.1/32"]);
    let first = portal.log_in_admin().await;
    let second = portal
        .login_request(ADMIN, PASSWORD)
        .forwarded_for("2001:db8::7")
        .header("user-agent", "b/2");
    let second = Tokens::from_response(&second.send().await);
    let sessions = portal.get("/api/session").auth(&second).send().await.expect_json();
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let [newest, oldest] = &sessions[..] else { panic!("{sessions:?}") };
    let mut members: Vec<_> = newest.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let expected = ["agent_key", "amr", "auth_time", "created_at", "current", "expires_at", "id"];
    assert_eq!(members, [&expected[..], &["ip", "last_seen_at", "user_agent"]].concat());
    assert_eq!(newest["amr"], json!(["pwd"]));
    assert_eq!((&newest["id"], &newest["current"]), (&json!(second.session), &json!(true)));
    assert_eq!((&newest["ip"], &newest["user_agent"]), (&json!("2001:db8::7"), &json!("b/2")));
    assert_eq!((&oldest["id"], &oldest["current"]), (&json!(first.session), &json!(false)));
    assert_eq!((&oldest["ip"], &oldest["user_agent"]), (&json!("127.0.0.1"), &json!("api-test/1")));
    assert_eq!(newest["agent_key"], Value::Null);
    for name in ["created_at", "last_seen_at", "expires_at"] {
        let time = newest[name].as_str().unwrap();
        assert!(time.len() == 20 && time.ends_with('Z') && time.contains('T'), "{time}");
    }
    assert!(newest["created_at"].as_str() < newest["expires_at"].as_str());
}

#[tokio::test]
async fn hides_sessions_of_other_users() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let (alice, bob) =
        (portal.create_user(&admin, "alice").await, portal.create_user(&admin, "bob").await);
    let listed = portal.get("/api/session").auth(&alice).send().await.expect_json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    for id in [bob.session, admin.session, 999_999, -1] {
        let path = format!("/api/session/{id}");
        portal.delete(&path).auth(&alice).send().await.expect_problem(404, "not_found");
    }
    for id in ["x", "1.0", "99999999999999999999", "%20"] {
        let path = format!("/api/session/{id}");
        portal.delete(&path).auth(&alice).send().await.expect_problem(404, "not_found");
    }
    // This route hides them from admins too.
    let path = format!("/api/session/{}", bob.session);
    portal.delete(&path).auth(&admin).send().await.expect_problem(404, "not_found");
    portal.get("/api/session").auth(&bob).send().await.expect_json();
}

#[tokio::test]
async fn ends_own_sessions() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let (one, two) = (portal.create_user(&admin, "alice").await, portal.log_in("alice").await);
    let path = format!("/api/session/{}", two.session);
    portal.delete(&path).auth(&one).send().await.expect_no_content();
    portal.get("/api/session").auth(&two).send().await.expect_problem(401, "session_expired");
    portal.delete(&path).auth(&one).send().await.expect_problem(404, "not_found");
    let remaining = portal.get("/api/session").auth(&one).send().await.expect_json();
    assert_eq!(remaining.as_array().unwrap().len(), 1);
    let path = format!("/api/session/{}", one.session);
    portal.delete(&path).auth(&one).send().await.expect_no_content();
    portal.get("/api/session").auth(&one).send().await.expect_problem(401, "session_expired");
}

#[tokio::test]
async fn refresh_extends_session() {
    let portal = Portal::start(&["--session-ttl", "100s"]);
    let admin = portal.log_in_admin().await;
    let response = portal.login_request(ADMIN, PASSWORD).send().await.expect_json();
    assert_eq!(response["expires_in"], 100, "a token outlives its session");
    let expiry = async |tokens: &Tokens| {
        let sessions = portal.get("/api/session").auth(tokens).send().await.expect_json();
        let sessions = sessions.as_array().unwrap().clone();
        let current = sessions.into_iter().find(|session| session["current"] == true).unwrap();
        current["expires_at"].as_str().unwrap().to_owned()
    };
    let before = expiry(&admin).await;
    let signed_at = admin.part(1)["iat"].as_i64().unwrap();
    let next_second = crate::tokens::wait_for(async || {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        (now.cast_signed() > signed_at).then_some(())
    });
    next_second.await;
    let next = Tokens::from_response(&portal.refresh(&admin.refresh).await);
    assert_eq!(next.session, admin.session);
    assert!(expiry(&next).await > before);
}

#[tokio::test]
async fn sessions_and_tokens_survive_restart() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let portal = portal.restart(&[]);
    portal.get("/api/session").auth(&admin).send().await.expect_json();
    let next = Tokens::from_response(&portal.refresh(&admin.refresh).await);
    let portal = portal.restart(&[]);
    assert_eq!(Tokens::from_response(&portal.refresh(&next.refresh).await).session, admin.session);
}
