//! `POST /api/session/{id}/register-agent`: a strong key, by who has the session, while it lasts.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::portal::Portal;
use crate::tokens::Tokens;

/// By `openssl genpkey -algorithm RSA` and `openssl pkey -pubout`.
const RSA_4096: &str = include_str!("rsa_4096.pem");
const RSA_2048: &str = include_str!("rsa_2048.pem");

async fn register(portal: &Portal, tokens: &Tokens, session: i64, key: &str) -> Answer {
    let path = format!("/api/session/{session}/register-agent");
    portal.post(&path).by(tokens).json(&json!({"public_key": key})).send().await
}

async fn key_of(portal: &Portal, tokens: &Tokens, session: i64) -> Value {
    let sessions = portal.get("/api/session").by(tokens).send().await.gives();
    let sessions = sessions.as_array().unwrap();
    sessions.iter().find(|seen| seen["id"] == session).unwrap()["agent_key"].clone()
}

#[tokio::test]
async fn a_key_is_bound_to_the_session() {
    let portal = Portal::start(&[]);
    let (admin, other) = (portal.admin().await, portal.admin().await);
    register(&portal, &admin, admin.session, RSA_4096).await.is_done();
    assert_eq!(key_of(&portal, &admin, admin.session).await, RSA_4096);
    assert_eq!(key_of(&portal, &admin, other.session).await, Value::Null);
    // One may register for one's other sessions, and again when the agent has restarted.
    register(&portal, &admin, other.session, RSA_4096).await.is_done();
    register(&portal, &admin, other.session, RSA_4096).await.is_done();
    let registered = portal.audit(&admin, "event=agent.registered").await;
    assert_eq!((registered.len(), &registered[2]["session"]), (3, &json!(admin.session)));
    let next = Tokens::of(&portal.refresh(&admin.refresh).await);
    assert_eq!(key_of(&portal, &next, admin.session).await, RSA_4096);
}

#[tokio::test]
async fn weak_keys_and_other_texts_are_refused() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let twice = RSA_4096.repeat(2);
    let before = format!("a line\n{RSA_4096}");
    let cut = &RSA_4096[..400];
    for key in [RSA_2048, &twice, &before, cut, "", "-----BEGIN PUBLIC KEY-----"] {
        let answer = register(&portal, &admin, admin.session, key).await;
        answer.refuses(400, "malformed_request");
    }
    assert_eq!(key_of(&portal, &admin, admin.session).await, Value::Null);
    assert_eq!(portal.audit(&admin, "event=agent.registered").await.len(), 0);
}

#[tokio::test]
async fn only_the_owner_registers() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    register(&portal, &alice, admin.session, RSA_4096).await.refuses(404, "not_found");
    register(&portal, &admin, alice.session, RSA_4096).await.refuses(404, "not_found");
    register(&portal, &admin, 999_999, RSA_4096).await.refuses(404, "not_found");
    assert_eq!(key_of(&portal, &admin, admin.session).await, Value::Null);
    assert_eq!(key_of(&portal, &alice, alice.session).await, Value::Null);
}

#[tokio::test]
async fn a_key_ends_with_its_session() {
    let portal = Portal::start(&[]);
    let (kept, ended) = (portal.admin().await, portal.admin().await);
    register(&portal, &ended, ended.session, RSA_4096).await.is_done();
    portal.post("/api/auth/logout").by(&ended).send().await.is_done();
    register(&portal, &ended, ended.session, RSA_4096).await.refuses(401, "session_expired");
    register(&portal, &kept, ended.session, RSA_4096).await.refuses(404, "not_found");
    let sessions = portal.get("/api/session").by(&kept).send().await;
    assert!(!sessions.body.contains("PUBLIC KEY"), "{sessions:?}");
    assert_eq!(key_of(&portal, &kept, portal.admin().await.session).await, Value::Null);
}
