//! The lockout: by name and source, without a word, and never for good.

use serde_json::json;

use crate::portal::{ADMIN, PASSWORD, Place, Portal};
use crate::tokens::{Tokens, until};

/// Locks after two failures, for longer than any test takes.
const FOR_LONG: [&str; 6] =
    ["--lockout-threshold", "2", "--lockout-base", "10m", "--trusted-proxy", "127.0.0.1/32"];

/// Two failures from an address.
async fn lock(portal: &Portal, name: &str, address: &str) {
    for _ in 0..2 {
        let wrong = portal.log_in(name, "not this one").from(address).send().await;
        wrong.refuses(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn a_lock_answers_as_a_wrong_password_does() {
    let portal = Portal::start(&FOR_LONG);
    let admin = portal.admin().await;
    portal.user(&admin, "alice").await;
    let wrong = portal.log_in("alice", "not this one").send().await;
    wrong.refuses(401, "invalid_credentials");
    portal.log_in("ALICE", "nor this one").send().await.refuses(401, "invalid_credentials");
    let locked = portal.log_in("alice", PASSWORD).send().await;
    locked.refuses(401, "invalid_credentials");
    assert_eq!(locked.without_date(), wrong.without_date());
    // No variant of the name has a counter of its own, and no other name is locked.
    for variant in ["Alice", "\u{ff21}lice"] {
        portal.log_in(variant, PASSWORD).send().await.refuses(401, "invalid_credentials");
    }
    portal.admin().await;

    let records = portal.audit(&admin, "event=login.locked").await;
    let reasons: Vec<_> = records.iter().map(|r| r["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["locked", "locked", "locked", "lock-started"]);
    assert!(records.iter().all(|record| record["user"] == "alice"));
    let failures = portal.audit(&admin, "event=login.failure&user=alice").await;
    assert!(failures.iter().all(|record| record["reason"] == "wrong-password"));
    assert_eq!(failures.len(), 2);
}

#[tokio::test]
async fn a_lock_is_of_the_source_alone() {
    let portal = Portal::start(&FOR_LONG);
    lock(&portal, ADMIN, "198.51.100.7").await;
    let locked = portal.log_in(ADMIN, PASSWORD).from("198.51.100.7").send().await;
    locked.refuses(401, "invalid_credentials");
    Tokens::of(&portal.log_in(ADMIN, PASSWORD).from("198.51.100.8").send().await);
    // What a client writes before what the proxy appends counts for nothing.
    let spoofed = portal.log_in(ADMIN, PASSWORD).from("203.0.113.9, 198.51.100.7").send().await;
    spoofed.refuses(401, "invalid_credentials");
    // A host has a whole IPv6 network.
    lock(&portal, ADMIN, "2001:db8:0:1::1").await;
    let neighbour = portal.log_in(ADMIN, PASSWORD).from("2001:db8:0:1:ffff::2").send().await;
    neighbour.refuses(401, "invalid_credentials");
    Tokens::of(&portal.log_in(ADMIN, PASSWORD).from("2001:db8:0:2::1").send().await);
}

#[tokio::test]
async fn an_unknown_name_locks_alike() {
    let portal = Portal::start(&FOR_LONG);
    let mut answers = Vec::new();
    for name in ["nobody", "nobody", "nobody", ADMIN, ADMIN, ADMIN] {
        answers.push(portal.log_in(name, "not this one").send().await);
    }
    for answer in &answers {
        assert_eq!(answer.without_date(), answers[0].without_date());
    }
    let admin = portal.log_in(ADMIN, PASSWORD).from("198.51.100.8").send().await;
    let records = portal.audit(&Tokens::of(&admin), "event=login.locked").await;
    let users: Vec<_> = records.iter().map(|record| record["user"].clone()).collect();
    // What was typed as a name may be a password, and is not recorded.
    assert_eq!(users, [json!(ADMIN), json!(ADMIN), json!(null), json!(null)]);
}

#[tokio::test]
async fn a_lock_survives_a_restart() {
    let portal = Portal::start(&FOR_LONG);
    lock(&portal, ADMIN, "198.51.100.7").await;
    let portal = portal.restart(&FOR_LONG);
    let locked = portal.log_in(ADMIN, PASSWORD).from("198.51.100.7").send().await;
    locked.refuses(401, "invalid_credentials");
}

#[tokio::test]
async fn an_admin_lifts_a_lock() {
    let portal = Portal::start(&FOR_LONG);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    lock(&portal, "alice", "198.51.100.7").await;
    let path = format!("/api/admin/users/{}/unlock", alice.user);
    portal.post(&path).by(&alice).send().await.refuses(403, "permission_denied");
    portal.post(&path).by(&admin).send().await.is_done();
    Tokens::of(&portal.log_in("alice", PASSWORD).from("198.51.100.7").send().await);
    let unlocked = portal.audit(&admin, "event=login.unlocked").await;
    assert_eq!((&unlocked[0]["user"], &unlocked[0]["actor"]), (&json!("alice"), &json!(ADMIN)));
    portal.post("/api/admin/users/99/unlock").by(&admin).send().await.refuses(404, "not_found");
}

#[tokio::test]
async fn a_lock_ends_by_time() {
    let portal = Portal::start(&["--lockout-threshold", "2", "--lockout-base", "2s"]);
    lock(&portal, ADMIN, "127.0.0.1").await;
    let entered = until(async || {
        let answer = portal.log_in(ADMIN, PASSWORD).send().await;
        if answer.status != 200 {
            answer.refuses(401, "invalid_credentials");
            return None;
        }
        Some(answer)
    });
    let admin = Tokens::of(&entered.await);
    let (locked, entered) = (
        portal.audit(&admin, "event=login.locked").await,
        portal.audit(&admin, "event=login.success").await,
    );
    let begins = locked.iter().find(|record| record["reason"] == "lock-started").unwrap();
    let seconds = |record: &serde_json::Value| {
        let time = record["time"].as_str().unwrap().trim_end_matches('Z');
        time.rsplit(':').next().unwrap().parse::<i64>().unwrap()
    };
    let passed = (seconds(&entered[0]) - seconds(begins)).rem_euclid(60);
    assert!(passed >= 2, "the lock ended after {passed} seconds");
}

#[tokio::test]
async fn a_spoofed_address_is_nothing_without_a_trusted_proxy() {
    let place = Place::with_admin();
    let portal = place.start(&["--lockout-threshold", "2", "--lockout-base", "10m"]);
    let admin = portal.admin().await;
    for address in ["198.51.100.7", "198.51.100.8"] {
        let wrong = portal.log_in(ADMIN, "not this one").from(address).send().await;
        wrong.refuses(401, "invalid_credentials");
    }
    let locked = portal.log_in(ADMIN, PASSWORD).from("198.51.100.9").send().await;
    locked.refuses(401, "invalid_credentials");
    let records = portal.audit(&admin, "user=root").await;
    let addresses = records.iter().filter(|record| record["event"] != "user.created");
    assert!(addresses.clone().all(|record| record["ip"] == "127.0.0.1"), "{records:?}");
    assert!(addresses.count() >= 5);
}
