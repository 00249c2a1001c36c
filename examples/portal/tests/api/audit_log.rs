//! `GET /api/admin/audit`: filters, pages, and the members of a record.

use serde_json::{Value, json};

use crate::portal::{ADMIN, PASSWORD, Portal};

#[tokio::test]
async fn record_has_user_address_and_user_agent() {
    let portal = Portal::start(&["--trusted-proxy", "127.0.0.1/32"]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let wrong =
        portal.login_request("alice", "not this one").forwarded_for("203.0.113.5, 198.51.100.7");
    let wrong = wrong.header("user-agent", "curl/8 \u{fe}\u{202e}\u{200b}\u{2028}x").send().await;
    wrong.expect_problem(401, "invalid_credentials");
    let records = portal.audit(&admin, "limit=2").await;
    let record = &records[0];
    let mut members: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let expected = ["actor", "event", "id", "ip", "method", "outcome", "reason", "route"];
    assert_eq!(members, [&expected[..], &["session", "time", "user", "user_agent"]].concat());
    assert_eq!(
        (&record["event"], &record["outcome"]),
        (&json!("login.failure"), &json!("failure"))
    );
    assert_eq!((&record["user"], &record["ip"]), (&json!("alice"), &json!("198.51.100.7")));
    assert_eq!((&record["reason"], &record["session"]), (&json!("wrong-password"), &Value::Null));
    assert_eq!(record["user_agent"], "curl/8 \u{fe}???x");
    let time = record["time"].as_str().unwrap();
    assert!(time.len() == 20 && time.ends_with('Z'), "{time}");

    let created = &records[1];
    assert_eq!(
        (&created["event"], &created["outcome"]),
        (&json!("session.created"), &json!("success"))
    );
    assert_eq!((&created["session"], &created["ip"]), (&json!(alice.session), &json!("127.0.0.1")));
    assert_eq!(created["user_agent"], "api-test/1");
}

#[tokio::test]
async fn applies_each_filter() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    portal.create_user(&admin, "bob").await;
    portal.assert_may_not_list_users(&alice).await;
    portal.audit_with(&admin, "event=permission.denied", 1).await;
    let all = portal.audit(&admin, "").await;
    let matching = |predicate: &dyn Fn(&Value) -> bool| -> Vec<Value> {
        all.iter().filter(|record| predicate(record)).cloned().collect()
    };
    let concerns = |name: &'static str| move |r: &Value| r["user"] == name || r["actor"] == name;
    let of_alice = matching(&concerns("alice"));
    assert!(of_alice.len() >= 4 && of_alice.len() < all.len());
    for user in ["alice", "ALICE", "%EF%BC%A1lice"] {
        assert_eq!(portal.audit(&admin, &format!("user={user}")).await, of_alice, "{user}");
    }
    let by_id = portal.audit(&admin, &format!("user_id={}", alice.user)).await;
    assert_eq!(by_id, of_alice);
    // A name may look like a number.
    let by_name = portal.audit(&admin, &format!("user={}", alice.user)).await;
    assert_eq!(by_name, Vec::<Value>::new());
    let failures = matching(&|record| record["outcome"] == "failure");
    assert_eq!(failures.len(), 1);
    assert_eq!(portal.audit(&admin, "outcome=failure").await, failures);
    let logins = matching(&|record| record["event"] == "login.success");
    assert_eq!(logins.len(), 3);
    assert_eq!(portal.audit(&admin, "event=login.success").await, logins);
    let query = "event=login.success&user=bob&outcome=success";
    assert_eq!(
        portal.audit(&admin, query).await,
        matching(&|r| r["event"] == "login.success" && r["user"] == "bob")
    );
    assert_eq!(portal.audit(&admin, "event=&user=&outcome=&before=").await, all);
    assert_eq!(portal.audit(&admin, "user=nobody").await, Vec::<Value>::new());
    assert_eq!(portal.audit(&admin, "user=999").await, Vec::<Value>::new());
    assert_eq!(portal.audit(&admin, "user_id=999").await, Vec::<Value>::new());
}

#[tokio::test]
async fn pages_are_complete_and_in_order() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    for name in ["alice", "bob"] {
        portal.create_user(&admin, name).await;
    }
    let all = portal.audit(&admin, "").await;
    let ids: Vec<_> = all.iter().map(|record| record["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
    let (mut pages, mut before) = (Vec::new(), String::new());
    loop {
        let page = portal.audit(&admin, &format!("limit=3&before={before}")).await;
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        before = last["id"].to_string();
        pages.extend(page);
        assert!(pages.len() <= all.len(), "a record is repeated");
    }
    assert_eq!(pages, all);

    let newest = all[0]["time"].as_str().unwrap();
    let earlier = portal.audit(&admin, &format!("before={newest}")).await;
    let expected: Vec<_> =
        all.iter().filter(|record| record["time"].as_str().unwrap() < newest).cloned().collect();
    assert_eq!(earlier, expected);
    assert_eq!(portal.audit(&admin, "before=2999-01-01T00:00:00Z").await, all);
    // An offset of RFC 3339, also if its `+` is not escaped.
    for offset in ["%2B00:00", "+00:00", "-00:00"] {
        let before = newest.replace('Z', offset);
        assert_eq!(portal.audit(&admin, &format!("before={before}")).await, expected, "{before}");
    }
    assert_eq!(portal.audit(&admin, "before=2999-01-01T00:00:00%2B05:30").await, all);
    assert_eq!(portal.audit(&admin, "before=1999-01-01T00:00:00Z").await, Vec::<Value>::new());
    assert_eq!(portal.audit(&admin, "limit=0").await, Vec::<Value>::new());
    assert_eq!(portal.audit(&admin, "limit=99999999").await, all);
}

#[tokio::test]
async fn rejects_invalid_filters() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    for query in [
        "event=logged",
        "outcome=maybe",
        "limit=x",
        "limit=-1",
        "before=yesterday",
        "before=2026-11-29T12:00:00",
        "before=2026-11-29T12:00:00%2B01",
        "before=2026-11-29T12:00:00Z[UTC]",
        "user_id=alice",
        "event=logout&event=logout",
    ] {
        let response = portal.get(&format!("/api/admin/audit?{query}")).auth(&admin).send().await;
        response.expect_problem(400, "malformed_request");
    }
}

/// A user may type the password into the field of the name.
#[tokio::test]
async fn records_contain_no_secrets() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let typed = "typed in the wrong field";
    portal.login_request(typed, PASSWORD).send().await.expect_problem(401, "invalid_credentials");
    portal.login_request(ADMIN, typed).send().await.expect_problem(401, "invalid_credentials");
    portal.refresh(&admin.refresh).await.expect_json();
    let records = portal.audit(&admin, "").await;
    assert!(records.iter().any(|record| record["reason"] == "unknown-user"), "{records:?}");
    let text = Value::from(records).to_string();
    for secret in [typed, PASSWORD, &admin.access, &admin.refresh] {
        assert!(!text.contains(secret), "{secret}");
    }
}
