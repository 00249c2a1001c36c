//! Who may do what: users their own, admins everything but deletion.

use serde_json::json;

use crate::portal::Portal;
use crate::tokens::Tokens;

#[tokio::test]
async fn no_route_of_admins_is_for_users() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    let own = format!("/api/admin/users/{}", alice.user);
    let new = json!({"username": "mallory", "password": "long enough", "roles": ["admin"]});
    let calls = [
        portal.get("/api/admin/users"),
        portal.post("/api/admin/users").json(&new),
        portal.patch(&own).json(&json!({"roles": ["admin"]})),
        portal.delete(&own),
        portal.post(&format!("{own}/unlock")),
        portal.delete(&format!("{own}/sessions")),
        portal.get("/api/admin/audit"),
        portal.delete("/api/admin/audit"),
    ];
    let count = calls.len();
    for call in calls {
        call.by(&alice).send().await.refuses(403, "permission_denied");
    }
    let denials = portal.audit(&admin, "event=permission.denied&user=alice").await;
    assert_eq!(denials.len(), count);
    for denial in &denials {
        assert_eq!((&denial["outcome"], &denial["ip"]), (&json!("failure"), &json!("127.0.0.1")));
        assert_eq!(denial["session"], alice.session);
    }
    let users = portal.get("/api/admin/users").by(&admin).send().await.gives();
    assert_eq!(users.as_array().unwrap().len(), 2);
}

/// Who is nobody is asked who they are, before anything else.
#[tokio::test]
async fn no_route_but_three_is_for_everybody() {
    let portal = Portal::start(&[]);
    for call in [
        portal.post("/api/auth/logout"),
        portal.post("/api/auth/logout-all"),
        portal.post("/api/auth/password").text("{"),
        portal.get("/api/session"),
        portal.delete("/api/session/1"),
        portal.post("/api/session/1/register-agent").text("{"),
        portal.get("/api/whoami"),
        portal.get("/api/users/1"),
        portal.get("/api/admin/users"),
        portal.post("/api/admin/users").text("{"),
        portal.patch("/api/admin/users/1").text("{"),
        portal.delete("/api/admin/users/1"),
        portal.post("/api/admin/users/1/unlock"),
        portal.delete("/api/admin/users/1/sessions"),
        portal.get("/api/admin/audit"),
        portal.delete("/api/admin/audit"),
    ] {
        call.send().await.refuses(401, "token_invalid");
    }
}

#[tokio::test]
async fn a_user_sees_oneself_and_an_admin_everybody() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let (alice, bob) = (portal.user(&admin, "alice").await, portal.user(&admin, "bob").await);
    let path = |tokens: &Tokens| format!("/api/users/{}", tokens.user);
    let own = portal.get(&path(&alice)).by(&alice).send().await.gives();
    assert_eq!((&own["username"], &own["roles"]), (&json!("alice"), &json!(["user"])));
    assert_eq!((&own["is_admin"], &own["disabled"]), (&json!(false), &json!(false)));
    portal.get(&path(&bob)).by(&alice).send().await.refuses(403, "permission_denied");
    // Whether there is such a user is not told either.
    portal.get("/api/users/999").by(&alice).send().await.refuses(403, "permission_denied");
    for variant in [format!("/api/users/0{}", alice.user), format!("/api/users/+{}", alice.user)] {
        let answer = portal.get(&variant).by(&bob).send().await;
        answer.refuses(403, "permission_denied");
    }
    let seen = portal.get(&path(&alice)).by(&admin).send().await.gives();
    assert_eq!(seen, own);
    portal.get("/api/users/999").by(&admin).send().await.refuses(404, "not_found");
    portal.get("/api/users/x").by(&admin).send().await.refuses(404, "not_found");
}

#[tokio::test]
async fn nothing_is_deleted_by_anybody() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    let before = portal.audit(&admin, "").await.len();
    for path in [
        format!("/api/admin/users/{}", alice.user),
        "/api/admin/users/999".to_owned(),
        "/api/admin/audit".to_owned(),
    ] {
        let override_it = portal.delete(&path).by(&admin).header("x-admin-override", "true");
        let override_it = override_it.header("x-override-reason", "because");
        override_it.send().await.refuses(403, "permission_denied");
        portal.delete(&path).by(&admin).send().await.refuses(403, "permission_denied");
    }
    portal.get("/api/session").by(&alice).send().await.gives();
    assert!(portal.audit(&admin, "").await.len() >= before + 3);
}

#[tokio::test]
async fn a_role_is_given_and_taken_at_once() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    let path = format!("/api/admin/users/{}", alice.user);
    portal.get("/api/admin/users").by(&alice).send().await.refuses(403, "permission_denied");
    let roles = json!({"roles": ["admin", "user"]});
    let promoted = portal.patch(&path).by(&admin).json(&roles).send().await.gives();
    assert_eq!(promoted["is_admin"], true);
    // The same token, though it says that she is none.
    portal.get("/api/admin/users").by(&alice).send().await.gives();
    let roles = json!({"roles": ["user"]});
    portal.patch(&path).by(&admin).json(&roles).send().await.gives();
    portal.get("/api/admin/users").by(&alice).send().await.refuses(403, "permission_denied");
    portal.get("/api/session").by(&alice).send().await.gives();

    let changes = portal.audit(&admin, "event=role.changed").await;
    let reasons: Vec<_> = changes.iter().map(|r| r["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["admin,user -> user", "user -> admin,user"]);
    assert!(changes.iter().all(|r| r["user"] == "alice" && r["actor"] == "root"));
}

#[tokio::test]
async fn whoami_tells_a_user_who_it_is() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    let caller = portal.get("/api/whoami").by(&alice).send().await.gives();
    assert_eq!((&caller["kind"], &caller["username"]), (&json!("user"), &json!("alice")));
    assert_eq!((&caller["roles"], &caller["permissions"]), (&json!(["user"]), &json!([])));
    assert_eq!(caller["claims"]["session_id"], alice.session);
    assert!(caller["subject"].is_string(), "{caller}");
    let caller = portal.get("/api/whoami").by(&admin).send().await.gives();
    let permissions = caller["permissions"].as_array().unwrap();
    assert!(permissions.contains(&json!("users:read")), "{caller}");
    assert!(permissions.iter().all(|name| !name.as_str().unwrap().ends_with(":delete")));
}
