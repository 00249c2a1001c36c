//! The audit log: what records of denials say, and filters by user.

use http::{Method, StatusCode};
use kleidia_tower::rbac::Policy;
use serde_json::{Value, json};

use super::Fixture;

impl Fixture {
    async fn log(&self, query: &str) -> Vec<Value> {
        self.accounts.flush().await;
        let path = format!("/api/admin/audit?{query}");
        let response = self.send(self.api(), Method::GET, &path, "").await;
        assert_eq!(response.status(), StatusCode::OK, "{query}");
        serde_json::from_slice(response.body()).unwrap()
    }
}

#[tokio::test]
async fn denials_name_method_and_route() {
    // Deletion is denied, even to a role that a policy grants it to.
    let listed = ["users:delete", "audit:delete", "users:read", "audit:read"];
    let listed = listed.map(|name| name.parse().unwrap());
    let policy = Policy::default().with_role("deleter".parse().unwrap(), listed);
    let fixture = Fixture::with_policy(policy).await;
    let (_, deleter) = fixture.user("dora", &["deleter"]).await;
    for (path, route) in [
        ("/api/admin/users/1?force=true", "/api/admin/users/{id}"),
        ("/api/admin/audit", "/api/admin/audit"),
    ] {
        for (name, bearer) in [("dora", &deleter), ("root", &fixture.admin)] {
            let response = fixture.send_as(bearer, fixture.api(), Method::DELETE, path, "").await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
            let records = fixture.log("event=permission.denied").await;
            let record = &records[0];
            assert_eq!(record["user"], name, "{record}");
            assert_eq!((&record["method"], &record["route"]), (&json!("DELETE"), &json!(route)));
        }
    }
    assert_eq!(fixture.denials().await, 4);
    let others = fixture.log("event=login.success").await;
    assert!(others.iter().all(|record| record["method"].is_null() && record["route"].is_null()));
}

/// `user` is a name, even if it looks like a number, and `user_id` is a number.
#[tokio::test]
async fn filters_by_name_or_by_number() {
    let fixture = Fixture::new().await;
    let (alice, _) = fixture.user("alice", &["user"]).await;
    let (two, _) = fixture.user(&alice.to_string(), &["user"]).await;
    assert_ne!(alice, two);
    let users = async |query: &str| {
        let records = fixture.log(query).await;
        assert!(!records.is_empty(), "{query}");
        let names = records.iter().map(|record| record["user"].as_str().unwrap().to_owned());
        let mut names: Vec<_> = names.collect();
        names.dedup();
        names
    };
    assert_eq!(users(&format!("user={alice}")).await, [alice.to_string()]);
    assert_eq!(users("user=ALICE").await, ["alice"]);
    assert_eq!(users(&format!("user_id={alice}")).await, ["alice"]);
    assert_eq!(users(&format!("user_id={two}")).await, [alice.to_string()]);
    for query in [format!("user=alice&user_id={two}"), "user_id=99".into(), "user=99".into()] {
        assert_eq!(fixture.log(&query).await, Vec::<Value>::new(), "{query}");
    }
    assert_eq!(users(&format!("user=alice&user_id={alice}")).await, ["alice"]);
}
