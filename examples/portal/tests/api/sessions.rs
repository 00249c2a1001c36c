//! `GET|DELETE /api/session`: one's own, and nobody else's.

use serde_json::{Value, json};

use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::tokens::Tokens;

#[tokio::test]
async fn each_session_tells_where_it_is_from() {
    let portal = Portal::start(&["--trusted-proxy", "127.0.0.1/32"]);
    let first = portal.admin().await;
    let second = portal.log_in(ADMIN, PASSWORD).from("2001:db8::7").header("user-agent", "b/2");
    let second = Tokens::of(&second.send().await);
    let sessions = portal.get("/api/session").by(&second).send().await.gives();
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let [newest, oldest] = &sessions[..] else { panic!("{sessions:?}") };
    let mut members: Vec<_> = newest.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let expected = ["agent_key", "created_at", "current", "expires_at", "id", "ip"];
    assert_eq!(members, [&expected[..], &["last_seen_at", "user_agent"]].concat());
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
async fn nobody_sees_or_ends_the_sessions_of_others() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let (alice, bob) = (portal.user(&admin, "alice").await, portal.user(&admin, "bob").await);
    let seen = portal.get("/api/session").by(&alice).send().await.gives();
    assert_eq!(seen.as_array().unwrap().len(), 1);
    for id in [bob.session, admin.session, 999_999, -1] {
        let path = format!("/api/session/{id}");
        portal.delete(&path).by(&alice).send().await.refuses(404, "not_found");
    }
    for id in ["x", "1.0", "99999999999999999999", "%20"] {
        let path = format!("/api/session/{id}");
        portal.delete(&path).by(&alice).send().await.refuses(404, "not_found");
    }
    // Not by this route, even for admins.
    let path = format!("/api/session/{}", bob.session);
    portal.delete(&path).by(&admin).send().await.refuses(404, "not_found");
    portal.get("/api/session").by(&bob).send().await.gives();
}

#[tokio::test]
async fn one_ends_ones_own() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let (one, two) = (portal.user(&admin, "alice").await, portal.enter("alice").await);
    let path = format!("/api/session/{}", two.session);
    portal.delete(&path).by(&one).send().await.is_done();
    portal.get("/api/session").by(&two).send().await.refuses(401, "session_expired");
    portal.delete(&path).by(&one).send().await.refuses(404, "not_found");
    let left = portal.get("/api/session").by(&one).send().await.gives();
    assert_eq!(left.as_array().unwrap().len(), 1);
    let path = format!("/api/session/{}", one.session);
    portal.delete(&path).by(&one).send().await.is_done();
    portal.get("/api/session").by(&one).send().await.refuses(401, "session_expired");
}

#[tokio::test]
async fn a_refresh_renews_the_session() {
    let portal = Portal::start(&["--session-ttl", "100s"]);
    let admin = portal.admin().await;
    let answer = portal.log_in(ADMIN, PASSWORD).send().await.gives();
    assert_eq!(answer["expires_in"], 100, "a token outlives its session");
    let expiry = async |tokens: &Tokens| {
        let sessions = portal.get("/api/session").by(tokens).send().await.gives();
        let sessions = sessions.as_array().unwrap().clone();
        let current = sessions.into_iter().find(|session| session["current"] == true).unwrap();
        current["expires_at"].as_str().unwrap().to_owned()
    };
    let before = expiry(&admin).await;
    let signed_at = admin.part(1)["iat"].as_i64().unwrap();
    let next = crate::tokens::until(async || {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        (now.cast_signed() > signed_at).then_some(())
    });
    next.await;
    let next = Tokens::of(&portal.refresh(&admin.refresh).await);
    assert_eq!(next.session, admin.session);
    assert!(expiry(&next).await > before);
}

#[tokio::test]
async fn sessions_and_tokens_survive_a_restart() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let portal = portal.restart(&[]);
    portal.get("/api/session").by(&admin).send().await.gives();
    let next = Tokens::of(&portal.refresh(&admin.refresh).await);
    let portal = portal.restart(&[]);
    assert_eq!(Tokens::of(&portal.refresh(&next.refresh).await).session, admin.session);
}
