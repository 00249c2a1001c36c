//! Permissions: users access their own account, admins everything except deletion.

use serde_json::{Value, json};

use crate::portal::Portal;
use crate::tokens::Tokens;

#[tokio::test]
async fn denies_admin_routes_to_users() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let own = format!("/api/admin/users/{}", alice.user);
    let new = json!({"username": "mallory", "password": "long enough", "roles": ["admin"]});
    let requests = [
        portal.get("/api/admin/users"),
        portal.post("/api/admin/users").json(&new),
        portal.patch(&own).json(&json!({"roles": ["admin"]})),
        portal.delete(&own),
        portal.post(&format!("{own}/unlock")),
        portal.delete(&format!("{own}/sessions")),
        portal.get("/api/admin/audit"),
        portal.delete("/api/admin/audit"),
    ];
    let count = requests.len();
    for request in requests {
        request.auth(&alice).send().await.expect_problem(403, "permission_denied");
    }
    let denials = portal.audit_with(&admin, "event=permission.denied&user=alice", count).await;
    assert_eq!(denials.len(), count);
    for denial in &denials {
        assert_eq!((&denial["outcome"], &denial["ip"]), (&json!("failure"), &json!("127.0.0.1")));
        assert_eq!(denial["session"], alice.session);
    }
    // The route is the pattern, without the id.
    let asked_for = |denial: &Value| (denial["method"].clone(), denial["route"].clone());
    let asked_for: Vec<_> = denials.iter().rev().map(asked_for).collect();
    let expected = [
        ("GET", "/api/admin/users"),
        ("POST", "/api/admin/users"),
        ("PATCH", "/api/admin/users/{id}"),
        ("DELETE", "/api/admin/users/{id}"),
        ("POST", "/api/admin/users/{id}/unlock"),
        ("DELETE", "/api/admin/users/{id}/sessions"),
        ("GET", "/api/admin/audit"),
        ("DELETE", "/api/admin/audit"),
    ];
    assert_eq!(asked_for, expected.map(|(method, route)| (json!(method), json!(route))));
    let users = portal.get("/api/admin/users").auth(&admin).send().await.expect_json();
    assert_eq!(users.as_array().unwrap().len(), 2);
}

/// Authentication comes before any other check.
#[tokio::test]
async fn rejects_unauthenticated_requests() {
    let portal = Portal::start(&[]);
    for request in [
        portal.post("/api/auth/logout"),
        portal.post("/api/auth/logout-all"),
        portal.post("/api/auth/password").raw_json("{"),
        portal.get("/api/session"),
        portal.delete("/api/session/1"),
        portal.post("/api/session/1/register-agent").raw_json("{"),
        portal.get("/api/whoami"),
        portal.get("/api/users/1"),
        portal.get("/api/admin/users"),
        portal.post("/api/admin/users").raw_json("{"),
        portal.patch("/api/admin/users/1").raw_json("{"),
        portal.delete("/api/admin/users/1"),
        portal.post("/api/admin/users/1/unlock"),
        portal.delete("/api/admin/users/1/sessions"),
        portal.get("/api/admin/audit"),
        portal.delete("/api/admin/audit"),
    ] {
        request.send().await.expect_problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn users_read_their_own_account_and_admins_all() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let (alice, bob) =
        (portal.create_user(&admin, "alice").await, portal.create_user(&admin, "bob").await);
    let path = |tokens: &Tokens| format!("/api/users/{}", tokens.user);
    let own = portal.get(&path(&alice)).auth(&alice).send().await.expect_json();
    assert_eq!((&own["username"], &own["roles"]), (&json!("alice"), &json!(["user"])));
    assert_eq!((&own["is_admin"], &own["disabled"]), (&json!(false), &json!(false)));
    portal.get(&path(&bob)).auth(&alice).send().await.expect_problem(403, "permission_denied");
    // This does not reveal whether the user exists.
    portal.get("/api/users/999").auth(&alice).send().await.expect_problem(403, "permission_denied");
    for variant in [format!("/api/users/0{}", alice.user), format!("/api/users/+{}", alice.user)] {
        let response = portal.get(&variant).auth(&bob).send().await;
        response.expect_problem(403, "permission_denied");
    }
    let read = portal.get(&path(&alice)).auth(&admin).send().await.expect_json();
    assert_eq!(read, own);
    portal.get("/api/users/999").auth(&admin).send().await.expect_problem(404, "not_found");
    portal.get("/api/users/x").auth(&admin).send().await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn denies_deletion_to_admins() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let before = portal.audit(&admin, "").await.len();
    for path in [
        format!("/api/admin/users/{}", alice.user),
        "/api/admin/users/999".to_owned(),
        "/api/admin/audit".to_owned(),
    ] {
        let request = portal.delete(&path).auth(&admin).header("x-admin-override", "true");
        let request = request.header("x-override-reason", "because");
        request.send().await.expect_problem(403, "permission_denied");
        portal.delete(&path).auth(&admin).send().await.expect_problem(403, "permission_denied");
    }
    portal.get("/api/session").auth(&alice).send().await.expect_json();
    portal.audit_with(&admin, "", before + 6).await;
}

#[tokio::test]
async fn role_changes_take_effect_immediately() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let path = format!("/api/admin/users/{}", alice.user);
    portal.assert_may_not_list_users(&alice).await;
    let roles = json!({"roles": ["admin", "user"]});
    let promoted = portal.patch(&path).auth(&admin).json(&roles).send().await.expect_json();
    assert_eq!(promoted["is_admin"], true);
    // With the same token, whose claims still say otherwise.
    portal.get("/api/admin/users").auth(&alice).send().await.expect_json();
    let roles = json!({"roles": ["user"]});
    portal.patch(&path).auth(&admin).json(&roles).send().await.expect_json();
    portal.assert_may_not_list_users(&alice).await;
    portal.get("/api/session").auth(&alice).send().await.expect_json();

    let changes = portal.audit(&admin, "event=role.changed").await;
    let reasons: Vec<_> = changes.iter().map(|r| r["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["admin,user -> user", "user -> admin,user"]);
    assert!(changes.iter().all(|r| r["user"] == "alice" && r["actor"] == "root"));
}

#[tokio::test]
async fn whoami_reports_the_user() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let caller = portal.get("/api/whoami").auth(&alice).send().await.expect_json();
    assert_eq!((&caller["kind"], &caller["username"]), (&json!("user"), &json!("alice")));
    assert_eq!((&caller["roles"], &caller["permissions"]), (&json!(["user"]), &json!([])));
    assert_eq!(caller["claims"]["session_id"], alice.session);
    assert!(caller["subject"].is_string(), "{caller}");
    let caller = portal.get("/api/whoami").auth(&admin).send().await.expect_json();
    let permissions = caller["permissions"].as_array().unwrap();
    assert!(permissions.contains(&json!("users:read")), "{caller}");
    assert!(permissions.iter().all(|name| !name.as_str().unwrap().ends_with(":delete")));
}
