//! `/api/admin/users`: accounts are created, listed and changed, but never deleted.

use serde_json::{Value, json};

use crate::portal::{ADMIN, PASSWORD, Portal};

#[tokio::test]
async fn creates_accounts() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let create =
        async |body: Value| portal.post("/api/admin/users").auth(&admin).json(&body).send().await;
    let alice = create(json!({"username": "Alice", "password": PASSWORD})).await;
    assert_eq!(alice.status, 201);
    let alice = alice.expect_json();
    let mut members: Vec<_> = alice.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    let expected = ["created_at", "disabled", "id", "is_admin", "must_change_password"];
    let others = ["password_changed_at", "roles", "username"];
    assert_eq!(members, [&expected[..], &others].concat());
    assert_eq!((&alice["username"], &alice["roles"]), (&json!("alice"), &json!(["user"])));
    let bob = json!({"username": "bob", "password": PASSWORD, "roles": ["user", "admin"]});
    assert_eq!(create(bob).await.expect_json()["is_admin"], true);

    for name in ["alice", "ALICE", "\u{ff21}lice", ADMIN] {
        let again = create(json!({"username": name, "password": PASSWORD})).await;
        again.expect_problem(409, "name_taken");
    }
    let weak = create(json!({"username": "carol", "password": "carol"})).await;
    let reasons = weak.expect_problem(422, "password_rejected")["reasons"].clone();
    assert_eq!(
        (&reasons[0]["code"], &reasons[1]["code"]),
        (&json!("too_short"), &json!("user_name"))
    );

    let created = portal.audit(&admin, "event=user.created").await;
    let names: Vec<_> = created.iter().map(|record| record["user"].as_str().unwrap()).collect();
    assert_eq!(names, ["bob", "alice", ADMIN]);
    assert_eq!(created[0]["actor"], ADMIN);
    assert_eq!((&created[0]["ip"], &created[2]["ip"]), (&json!("127.0.0.1"), &Value::Null));
}

#[tokio::test]
async fn lists_accounts_in_pages() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    for name in ["alice", "bob", "carol"] {
        portal.create_user(&admin, name).await;
    }
    let names = async |query: &str| -> Vec<(i64, String)> {
        let path = format!("/api/admin/users?{query}");
        let users = portal.get(&path).auth(&admin).send().await.expect_json();
        let pair = |user: &Value| {
            (user["id"].as_i64().unwrap(), user["username"].as_str().unwrap().to_owned())
        };
        users.as_array().unwrap().iter().map(pair).collect()
    };
    let all = names("").await;
    let all_names: Vec<_> = all.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(all_names, [ADMIN, "alice", "bob", "carol"]);
    assert_eq!(names("limit=2").await, all[..2]);
    assert_eq!(names(&format!("limit=2&after={}", all[1].0)).await, all[2..]);
    assert_eq!(names(&format!("after={}", all[3].0)).await, []);
    assert!(!names("limit=1000000").await.is_empty());
}

#[tokio::test]
async fn disables_and_enables_account() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let path = format!("/api/admin/users/{}", alice.user);
    for (disabled, event) in [(true, "user.disabled"), (false, "user.enabled")] {
        let update = json!({"disabled": disabled});
        let updated = portal.patch(&path).auth(&admin).json(&update).send().await.expect_json();
        assert_eq!(updated["disabled"], disabled);
        // Repeating it changes nothing, and records no event.
        portal.patch(&path).auth(&admin).json(&update).send().await.expect_json();
        let records = portal.audit(&admin, &format!("event={event}")).await;
        assert_eq!((records.len(), &records[0]["user"]), (1, &json!("alice")));
        assert_eq!(records[0]["actor"], ADMIN);
    }
    let ended = portal.audit(&admin, "event=session.ended").await;
    assert_eq!((ended.len(), &ended[0]["reason"]), (1, &json!("disabled")));
    portal.get(&path.replace("/admin", "")).auth(&admin).send().await.expect_json();
    let unchanged = portal.patch(&path).auth(&admin).json(&json!({})).send().await.expect_json();
    assert_eq!((&unchanged["disabled"], &unchanged["roles"]), (&json!(false), &json!(["user"])));
    let unknown = portal.patch("/api/admin/users/999").auth(&admin).json(&json!({})).send().await;
    unknown.expect_problem(404, "not_found");
}

#[tokio::test]
async fn ends_all_sessions_of_user() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let (one, two) = (portal.create_user(&admin, "alice").await, portal.log_in("alice").await);
    let path = format!("/api/admin/users/{}/sessions", one.user);
    portal.delete(&path).auth(&admin).send().await.expect_no_content();
    for tokens in [&one, &two] {
        portal.get("/api/session").auth(tokens).send().await.expect_problem(401, "session_expired");
    }
    portal.delete(&path).auth(&admin).send().await.expect_no_content();
    portal.get("/api/session").auth(&admin).send().await.expect_json();
    let unknown = portal.delete("/api/admin/users/999/sessions").auth(&admin).send().await;
    unknown.expect_problem(404, "not_found");
    let ended = portal.audit(&admin, "event=session.ended").await;
    assert_eq!(ended.len(), 2);
    assert!(ended.iter().all(|r| r["reason"] == "revoked-by-admin" && r["actor"] == ADMIN));
}

/// The admin of the portal can lose neither the role nor the account.
#[tokio::test]
async fn last_admin_stays() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let root = format!("/api/admin/users/{}", admin.user);
    let update = async |path: &str, change: Value| {
        portal.patch(path).auth(&admin).json(&change).send().await
    };
    for change in [json!({"disabled": true}), json!({"roles": ["user"]}), json!({"roles": []})] {
        update(&root, change).await.expect_problem(409, "last_admin");
    }
    let unknown = update(&root, json!({"roles": ["admin", "operator"]})).await;
    let problem = unknown.expect_problem(400, "malformed_request");
    assert_eq!(problem["errors"][0]["field"], "roles[1]");
    let other = portal.create_user(&admin, "other").await;
    let path = format!("/api/admin/users/{}", other.user);
    update(&path, json!({"roles": ["admin"]})).await.expect_json();
    update(&root, json!({"disabled": true})).await.expect_json();
    let change = portal.patch(&path).auth(&other).json(&json!({"roles": []})).send().await;
    change.expect_problem(409, "last_admin");
}
