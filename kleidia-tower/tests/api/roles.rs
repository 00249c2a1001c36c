//! Roles: who may assign which, and the last administrator.

use http::Method;
use kleidia_tower::audit::AuditedRequest;
use kleidia_tower::rbac::{Permission, Policy};
use serde_json::{Value, json};

use super::{Fixture, PASSWORD};

const USERS: &str = "/api/admin/users";

/// Besides `admin` and `user`: the roles of a creator, a help desk, a reader, and a purger.
fn policy() -> Policy {
    let role = |name: &str| name.parse().unwrap();
    let listed = |names: &[&str]| {
        names.iter().map(|name| name.parse().unwrap()).collect::<Vec<Permission>>()
    };
    let purge = Permission::destructive("reports:purge").unwrap();
    Policy::default()
        .with_role(role("creator"), listed(&["users:create", "users:update"]))
        .with_role(role("helpdesk"), listed(&["users:create", "users:update", "roles:assign"]))
        .with_role(role("reader"), listed(&["users:read"]))
        .with_role(role("purger"), [purge])
}

impl Fixture {
    /// Returns the status, and the code of the rejection.
    async fn call(&self, bearer: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let body = body.to_string();
        let response = self.send_as(bearer, self.api(), method, path, &body).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        (response.status().as_u16(), body["code"].clone())
    }

    async fn create(&self, bearer: &str, name: &str, roles: Option<&[&str]>) -> u16 {
        let mut body = json!({"username": name, "password": PASSWORD});
        if let Some(roles) = roles {
            body["roles"] = json!(roles);
        }
        self.call(bearer, Method::POST, USERS, &body).await.0
    }
}

#[tokio::test]
async fn assigns_no_more_than_the_caller_has() {
    let fixture = Fixture::with_policy(policy()).await;
    let (_, creator) = fixture.user("carol", &["creator"]).await;
    let (helper_id, helpdesk) = fixture.user("henry", &["helpdesk"]).await;
    let admin = fixture.admin.clone();
    for (number, (bearer, roles, expected)) in [
        (&creator, None, 201),
        (&creator, Some(&["user"][..]), 201),
        (&creator, Some(&[]), 201),
        (&creator, Some(&["creator"]), 403),
        (&creator, Some(&["admin"]), 403),
        (&helpdesk, Some(&["user", "creator"]), 201),
        (&helpdesk, Some(&["helpdesk"]), 201),
        (&helpdesk, Some(&["reader"]), 403),
        (&helpdesk, Some(&["user", "admin"]), 403),
        (&admin, Some(&["admin", "reader"]), 201),
        (&admin, Some(&["purger"]), 403),
    ]
    .into_iter()
    .enumerate()
    {
        let status = fixture.create(bearer, &format!("user{number}"), roles).await;
        assert_eq!(status, expected, "{roles:?}");
    }

    let (id, _) = fixture.user("alice", &["user"]).await;
    let (path, own_path) = (format!("{USERS}/{id}"), format!("{USERS}/{helper_id}"));
    for (bearer, path, roles, expected) in [
        (&creator, &path, &["user", "creator"][..], 403),
        (&creator, &path, &[], 403),
        (&creator, &path, &["user"], 200),
        (&helpdesk, &path, &["creator"], 200),
        (&helpdesk, &path, &["creator", "reader"], 403),
        (&helpdesk, &own_path, &["helpdesk", "admin"], 403),
        (&admin, &path, &["creator", "reader"], 200),
        (&admin, &path, &["purger"], 403),
    ] {
        let body = json!({"roles": roles});
        let (status, code) = fixture.call(bearer, Method::PATCH, path, &body).await;
        assert_eq!(status, expected, "{roles:?}");
        assert_eq!(code == "permission_denied", expected == 403, "{roles:?}");
    }
    // A caller who may not assign roles may still disable.
    let (status, _) =
        fixture.call(&creator, Method::PATCH, &path, &json!({"disabled": true})).await;
    assert_eq!(status, 200);
    // And enable an account with the default role alone, but not an admin.
    let enable = json!({"disabled": false});
    let (status, code) = fixture.call(&creator, Method::PATCH, &path, &enable).await;
    assert_eq!((status, code), (403, json!("permission_denied")), "creator and reader");
    for (roles, expected) in [(&["user"], 200), (&["admin"], 403)] {
        let body = json!({"disabled": true, "roles": roles});
        assert_eq!(fixture.call(&admin, Method::PATCH, &path, &body).await.0, 200);
        let (status, _) = fixture.call(&creator, Method::PATCH, &path, &enable).await;
        assert_eq!(status, expected, "{roles:?}");
    }
    assert_eq!(fixture.call(&admin, Method::PATCH, &path, &enable).await.0, 200);
}

#[tokio::test]
async fn denied_assignment_is_recorded() {
    let fixture = Fixture::with_policy(policy()).await;
    let (id, helpdesk) = fixture.user("henry", &["helpdesk"]).await;
    fixture.create(&helpdesk, "mallory", Some(&["admin"])).await;
    let body = json!({"roles": ["admin"]});
    fixture.call(&helpdesk, Method::PATCH, &format!("{USERS}/{id}"), &body).await;
    let records = fixture.denial_records().await;
    let expected = [("PATCH", "/api/admin/users/{id}"), ("POST", USERS)];
    assert_eq!(records.len(), expected.len());
    for (record, (method, route)) in records.iter().zip(expected) {
        assert_eq!(record.request, Some(AuditedRequest::new(method, Some(route))));
        assert_eq!(record.user.as_ref().unwrap().name, "henry");
        assert!(record.session.is_some());
        let reason = "role admin grants more than the principal has";
        assert_eq!(record.reason.as_deref(), Some(reason));
    }
}

#[tokio::test]
async fn unknown_roles_are_named() {
    let fixture = Fixture::with_policy(policy()).await;
    let (id, _) = fixture.user("alice", &["user"]).await;
    let new = json!({"username": "bob", "password": PASSWORD, "roles": ["user", "ghost"]});
    let roles = json!({"roles": ["user", "ghost"]});
    for (method, path, body) in
        [(Method::POST, USERS.to_owned(), new), (Method::PATCH, format!("{USERS}/{id}"), roles)]
    {
        let (status, problem) = fixture.problem(method, &path, &body.to_string()).await;
        assert_eq!((status, &problem["code"]), (400, &json!("malformed_request")));
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
        let error = &problem["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!("roles[1]"), &json!("invalid")));
    }
    assert_eq!(fixture.denials().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enabled_admin_remains() {
    let fixture = Fixture::new().await;
    let admin = fixture.admin.clone();
    let root = format!("{USERS}/1");
    let changes = [
        json!({"disabled": true}),
        json!({"roles": ["user"]}),
        json!({"roles": []}),
        json!({"disabled": true, "roles": ["user"]}),
    ];
    for change in &changes {
        let (status, code) = fixture.call(&admin, Method::PATCH, &root, change).await;
        assert_eq!((status, code), (409, json!("last_admin")), "{change}");
    }
    // Two admins remove each other at once.
    let (id, other) = fixture.user("other", &["admin"]).await;
    let path = format!("{USERS}/{id}");
    let change = json!({"disabled": true});
    let (one, two) = tokio::join!(
        fixture.call(&admin, Method::PATCH, &path, &change),
        fixture.call(&other, Method::PATCH, &root, &change),
    );
    let accounts = fixture.accounts.users(None, 10).await.unwrap();
    let enabled = accounts.iter().filter(|account| !account.is_disabled).count();
    assert_eq!(enabled, 1, "{one:?} {two:?}");
}
