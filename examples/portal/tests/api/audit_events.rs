//! Every kind of event, with its outcome, session, address and user agent.

use serde_json::{Value, json};

use crate::api::event_stream::EventStream;
use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::tokens::Tokens;

const NEW_PASSWORD: &str = "staple battery horse";

/// Causes each event at least once, for the account `alice`.
async fn cause_all_events(portal: &Portal, admin: &Tokens) -> Tokens {
    let alice = portal.create_user(admin, "alice").await;
    let agent = format!("/api/session/{}/register-agent", alice.session);
    let key = json!({"public_key": include_str!("rsa_4096.pem")});
    portal.post(&agent).auth(&alice).json(&key).send().await.expect_no_content();
    portal
        .get("/api/admin/audit")
        .auth(&alice)
        .send()
        .await
        .expect_problem(403, "permission_denied");
    let body = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    portal.post("/api/auth/password").auth(&alice).json(&body).send().await.expect_no_content();
    let stolen = Tokens::from_response(&portal.login_request("alice", NEW_PASSWORD).send().await);
    Tokens::from_response(&portal.refresh(&stolen.refresh).await);
    portal.refresh(&stolen.refresh).await.expect_problem(401, "refresh_reused");
    portal.post("/api/auth/logout").auth(&alice).send().await.expect_no_content();
    for _ in 0..2 {
        let wrong = portal.login_request("alice", "not this one").send().await;
        wrong.expect_problem(401, "invalid_credentials");
    }
    let path = format!("/api/admin/users/{}", alice.user);
    portal.post(&format!("{path}/unlock")).auth(admin).send().await.expect_no_content();
    for update in
        [json!({"roles": ["admin"]}), json!({"disabled": true}), json!({"disabled": false})]
    {
        portal.patch(&path).auth(admin).json(&update).send().await.expect_json();
    }
    alice
}

#[tokio::test]
async fn records_every_kind_of_event() {
    let portal = Portal::start(&["--lockout-threshold", "2", "--refresh-grace", "0s"]);
    let admin = portal.log_in_admin().await;
    let alice = cause_all_events(&portal, &admin).await;
    // The outcome, whether it has a session of the user, and the actor if it is another user.
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
        let query = format!("event={event}&user=alice");
        let records = portal.audit_with(&admin, &query, 1).await;
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

/// The log starts with the first account, and has each step once.
#[tokio::test]
async fn records_events_in_order() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let next = Tokens::from_response(&portal.refresh(&admin.refresh).await);
    portal.post("/api/auth/logout-all").auth(&next).send().await.expect_no_content();
    let again = portal.log_in_admin().await;
    let mut records = portal.audit(&again, "").await;
    records.reverse();
    let events: Vec<_> =
        records.iter().map(|r| (r["event"].as_str().unwrap(), &r["session"])).collect();
    let (first, second) = (&json!(admin.session), &json!(again.session));
    assert_eq!(
        events,
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

/// Two tabs with the same session, which an admin ends.
#[tokio::test]
async fn records_ends_of_streams_once_per_session() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let mut tabs = Vec::new();
    for _ in 0..2 {
        let mut tab = EventStream::open(&portal, &alice).await;
        tab.expect("roles").await;
        tabs.push(tab);
    }
    let path = format!("/api/admin/users/{}/sessions", alice.user);
    portal.delete(&path).auth(&admin).send().await.expect_no_content();
    for tab in tabs {
        tab.expect_end("session_ended").await;
    }
    let records = portal.audit_with(&admin, "event=stream.ended", 1).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(record["reason"], "2 streams: session_ended");
    assert_eq!((&record["user"], &record["actor"]), (&json!("alice"), &Value::Null));
    assert_eq!((&record["session"], &record["ip"]), (&json!(alice.session), &Value::Null));
}
