//! Every kind of event: each has its outcome, session, address and user agent.

use serde_json::{Value, json};

use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::tokens::Tokens;

const NEW: &str = "staple battery horse";

/// What happens in the life of an account, each event at least once.
async fn live(portal: &Portal, admin: &Tokens) -> Tokens {
    let alice = portal.user(admin, "alice").await;
    let agent = format!("/api/session/{}/register-agent", alice.session);
    let key = json!({"public_key": include_str!("rsa_4096.pem")});
    portal.post(&agent).by(&alice).json(&key).send().await.is_done();
    portal.get("/api/admin/audit").by(&alice).send().await.refuses(403, "permission_denied");
    let body = json!({"current_password": PASSWORD, "new_password": NEW});
    portal.post("/api/auth/password").by(&alice).json(&body).send().await.is_done();
    let stolen = Tokens::of(&portal.log_in("alice", NEW).send().await);
    Tokens::of(&portal.refresh(&stolen.refresh).await);
    portal.refresh(&stolen.refresh).await.refuses(401, "refresh_reused");
    portal.post("/api/auth/logout").by(&alice).send().await.is_done();
    for _ in 0..2 {
        let wrong = portal.log_in("alice", "not this one").send().await;
        wrong.refuses(401, "invalid_credentials");
    }
    let path = format!("/api/admin/users/{}", alice.user);
    portal.post(&format!("{path}/unlock")).by(admin).send().await.is_done();
    for update in
        [json!({"roles": ["admin"]}), json!({"disabled": true}), json!({"disabled": false})]
    {
        portal.patch(&path).by(admin).json(&update).send().await.gives();
    }
    alice
}

#[tokio::test]
async fn every_kind_of_event_is_recorded() {
    let portal = Portal::start(&["--lockout-threshold", "2", "--refresh-grace", "0s"]);
    let admin = portal.admin().await;
    let alice = live(&portal, &admin).await;
    // Its outcome, whether it is in a session of the user's, and who else caused it.
    for (event, outcome, in_session, actor) in [
        ("login.success", "success", true, None),
        ("login.failure", "failure", false, None),
        ("login.locked", "failure", false, None),
        ("login.unlocked", "success", false, Some(ADMIN)),
        ("logout", "success", true, None),
        ("token.refresh", "success", true, None),
        ("token.reuse", "failure", true, None),
        ("session.created", "success", true, None),
        ("session.ended", "success", true, None),
        ("permission.denied", "failure", true, None),
        ("password.changed", "success", false, None),
        ("user.created", "success", false, Some(ADMIN)),
        ("user.disabled", "success", false, Some(ADMIN)),
        ("user.enabled", "success", false, Some(ADMIN)),
        ("role.changed", "success", false, Some(ADMIN)),
        ("agent.registered", "success", true, None),
    ] {
        let records = portal.audit(&admin, &format!("event={event}&user=alice")).await;
        assert!(!records.is_empty(), "there is no {event}");
        for record in &records {
            assert_eq!(record["outcome"], outcome, "{record}");
            assert_eq!((&record["user"], &record["actor"]), (&json!("alice"), &json!(actor)));
            assert_eq!(record["session"].is_i64(), in_session, "{record}");
            assert_eq!(record["ip"], "127.0.0.1", "{record}");
            assert_eq!(record["user_agent"], "api-test/1", "{record}");
        }
    }
    let kinds: std::collections::BTreeSet<_> =
        portal.audit(&admin, "user=alice").await.iter().map(|r| r["event"].to_string()).collect();
    assert_eq!(kinds.len(), 16, "{kinds:?}");
    let registered = &portal.audit(&admin, "event=agent.registered").await[0];
    assert_eq!(registered["session"], alice.session);
}

/// The log begins with the first account, and has each step once.
#[tokio::test]
async fn what_happens_is_recorded_in_order() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let next = Tokens::of(&portal.refresh(&admin.refresh).await);
    portal.post("/api/auth/logout-all").by(&next).send().await.is_done();
    let again = portal.admin().await;
    let mut records = portal.audit(&again, "").await;
    records.reverse();
    let told: Vec<_> =
        records.iter().map(|r| (r["event"].as_str().unwrap(), &r["session"])).collect();
    let (first, second) = (&json!(admin.session), &json!(again.session));
    assert_eq!(
        told,
        [
            ("user.created", &Value::Null),
            ("login.success", first),
            ("session.created", first),
            ("token.refresh", first),
            ("logout", first),
            ("session.ended", first),
            ("login.success", second),
            ("session.created", second),
        ]
    );
}
