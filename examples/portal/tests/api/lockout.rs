//! The lockout: by name and source, not revealed to clients, and temporary.

use serde_json::json;

use crate::portal::{ADMIN, PASSWORD, Portal, TempDatabase};
use crate::tokens::{Tokens, wait_for};

/// Locks after two failures, for longer than any test takes.
const LONG_LOCKOUT: [&str; 6] =
    ["--lockout-threshold", "2", "--lockout-base", "10m", "--trusted-proxy", "127.0.0.1/32"];

/// Locks the name for the address by two failures.
async fn lock(portal: &Portal, name: &str, address: &str) {
    for _ in 0..2 {
        let wrong = portal.login_request(name, "not this one").forwarded_for(address).send().await;
        wrong.expect_problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn locked_login_looks_like_wrong_password() {
    let portal = Portal::start(&LONG_LOCKOUT);
    let admin = portal.log_in_admin().await;
    portal.create_user(&admin, "alice").await;
    let wrong = portal.login_request("alice", "not this one").send().await;
    wrong.expect_problem(401, "invalid_credentials");
    portal
        .login_request("ALICE", "nor this one")
        .send()
        .await
        .expect_problem(401, "invalid_credentials");
    let locked = portal.login_request("alice", PASSWORD).send().await;
    locked.expect_problem(401, "invalid_credentials");
    assert_eq!(locked.without_date(), wrong.without_date());
    // Variants of the name share the counter, and other names are not locked.
    for variant in ["Alice", "\u{ff21}lice"] {
        portal
            .login_request(variant, PASSWORD)
            .send()
            .await
            .expect_problem(401, "invalid_credentials");
    }
    portal.log_in_admin().await;

    let records = portal.audit(&admin, "event=login.locked").await;
    let reasons: Vec<_> = records.iter().map(|r| r["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["locked", "locked", "locked", "lock-started"]);
    assert!(records.iter().all(|record| record["user"] == "alice"));
    let failures = portal.audit(&admin, "event=login.failure&user=alice").await;
    assert!(failures.iter().all(|record| record["reason"] == "wrong-password"));
    assert_eq!(failures.len(), 2);
}

#[tokio::test]
async fn lockout_applies_to_one_source() {
    let portal = Portal::start(&LONG_LOCKOUT);
    lock(&portal, ADMIN, "198.51.100.7").await;
    let locked = portal.login_request(ADMIN, PASSWORD).forwarded_for("198.51.100.7").send().await;
    locked.expect_problem(401, "invalid_credentials");
    Tokens::from_response(
        &portal.login_request(ADMIN, PASSWORD).forwarded_for("198.51.100.8").send().await,
    );
    // The address that the client sends before the one that the proxy appends is ignored.
    let spoofed = portal
        .login_request(ADMIN, PASSWORD)
        .forwarded_for("203.0.113.9, 198.51.100.7")
        .send()
        .await;
    spoofed.expect_problem(401, "invalid_credentials");
    // An IPv6 network of 64 bits counts as one source.
    lock(&portal, ADMIN, "2001:db8:0:1::1").await;
    let neighbour =
        portal.login_request(ADMIN, PASSWORD).forwarded_for("2001:db8:0:1:ffff::2").send().await;
    neighbour.expect_problem(401, "invalid_credentials");
    Tokens::from_response(
        &portal.login_request(ADMIN, PASSWORD).forwarded_for("2001:db8:0:2::1").send().await,
    );
}

#[tokio::test]
async fn locks_unknown_names_alike() {
    let portal = Portal::start(&LONG_LOCKOUT);
    let mut responses = Vec::new();
    for name in ["nobody", "nobody", "nobody", ADMIN, ADMIN, ADMIN] {
        responses.push(portal.login_request(name, "not this one").send().await);
    }
    for response in &responses {
        assert_eq!(response.without_date(), responses[0].without_date());
    }
    let admin = portal.login_request(ADMIN, PASSWORD).forwarded_for("198.51.100.8").send().await;
    let records = portal.audit(&Tokens::from_response(&admin), "event=login.locked").await;
    let users: Vec<_> = records.iter().map(|record| record["user"].clone()).collect();
    // An unknown name may be a password typed into the wrong field, so it is not recorded.
    assert_eq!(users, [json!(ADMIN), json!(ADMIN), json!(null), json!(null)]);
}

#[tokio::test]
async fn lockout_survives_restart() {
    let portal = Portal::start(&LONG_LOCKOUT);
    lock(&portal, ADMIN, "198.51.100.7").await;
    let portal = portal.restart(&LONG_LOCKOUT);
    let locked = portal.login_request(ADMIN, PASSWORD).forwarded_for("198.51.100.7").send().await;
    locked.expect_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn admin_lifts_lockout() {
    let portal = Portal::start(&LONG_LOCKOUT);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    lock(&portal, "alice", "198.51.100.7").await;
    let path = format!("/api/admin/users/{}/unlock", alice.user);
    portal.post(&path).auth(&alice).send().await.expect_problem(403, "permission_denied");
    portal.post(&path).auth(&admin).send().await.expect_no_content();
    Tokens::from_response(
        &portal.login_request("alice", PASSWORD).forwarded_for("198.51.100.7").send().await,
    );
    let unlocked = portal.audit(&admin, "event=login.unlocked").await;
    assert_eq!((&unlocked[0]["user"], &unlocked[0]["actor"]), (&json!("alice"), &json!(ADMIN)));
    portal
        .post("/api/admin/users/99/unlock")
        .auth(&admin)
        .send()
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn lockout_expires() {
    let portal = Portal::start(&["--lockout-threshold", "2", "--lockout-base", "2s"]);
    lock(&portal, ADMIN, "127.0.0.1").await;
    let logged_in = wait_for(async || {
        let response = portal.login_request(ADMIN, PASSWORD).send().await;
        if response.status != 200 {
            response.expect_problem(401, "invalid_credentials");
            return None;
        }
        Some(response)
    });
    let admin = Tokens::from_response(&logged_in.await);
    let (locked, logins) = (
        portal.audit(&admin, "event=login.locked").await,
        portal.audit(&admin, "event=login.success").await,
    );
    let lock_started = locked.iter().find(|record| record["reason"] == "lock-started").unwrap();
    let seconds = |record: &serde_json::Value| {
        let time = record["time"].as_str().unwrap().trim_end_matches('Z');
        time.rsplit(':').next().unwrap().parse::<i64>().unwrap()
    };
    let elapsed = (seconds(&logins[0]) - seconds(lock_started)).rem_euclid(60);
    assert!(elapsed >= 2, "the lock ended after {elapsed} seconds");
}

#[tokio::test]
async fn ignores_forwarded_address_without_trusted_proxy() {
    let database = TempDatabase::with_admin();
    let portal = database.start(&["--lockout-threshold", "2", "--lockout-base", "10m"]);
    let admin = portal.log_in_admin().await;
    for address in ["198.51.100.7", "198.51.100.8"] {
        let wrong = portal.login_request(ADMIN, "not this one").forwarded_for(address).send().await;
        wrong.expect_problem(401, "invalid_credentials");
    }
    let locked = portal.login_request(ADMIN, PASSWORD).forwarded_for("198.51.100.9").send().await;
    locked.expect_problem(401, "invalid_credentials");
    let records = portal.audit(&admin, "user=root").await;
    let addresses = records.iter().filter(|record| record["event"] != "user.created");
    assert!(addresses.clone().all(|record| record["ip"] == "127.0.0.1"), "{records:?}");
    assert!(addresses.count() >= 5);
}
