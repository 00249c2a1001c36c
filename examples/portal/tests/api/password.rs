//! `POST /api/auth/password`: for who knows the current one, and wants a better one.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::portal::{PASSWORD, Portal};
use crate::tokens::Tokens;

const NEW: &str = "staple battery horse";

async fn change(portal: &Portal, tokens: &Tokens, current: &str, new: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": new});
    portal.post("/api/auth/password").by(tokens).json(&body).send().await
}

#[tokio::test]
async fn the_session_that_asks_goes_on() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let (alice, other) = (portal.user(&admin, "alice").await, portal.enter("alice").await);
    change(&portal, &alice, PASSWORD, NEW).await.is_done();
    portal.get("/api/session").by(&alice).send().await.gives();
    portal.get("/api/session").by(&other).send().await.refuses(401, "session_expired");
    portal.get("/api/session").by(&admin).send().await.gives();
    portal.log_in("alice", PASSWORD).send().await.refuses(401, "invalid_credentials");
    portal.log_in("alice", NEW).send().await.gives();

    let changed = portal.audit(&admin, "event=password.changed").await;
    assert_eq!((changed.len(), &changed[0]["user"]), (1, &json!("alice")));
    let ended = portal.audit(&admin, "event=session.ended&user=alice").await;
    assert_eq!((ended.len(), &ended[0]["reason"]), (1, &json!("password-changed")));
    assert_eq!(ended[0]["session"], other.session);
}

#[tokio::test]
async fn the_current_password_must_be_right() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let wrong = change(&portal, &admin, "not this one", NEW).await;
    wrong.refuses(401, "invalid_credentials");
    portal.log_in("root", NEW).send().await.refuses(401, "invalid_credentials");
    portal.admin().await;
}

/// Who has a stolen token must not find the password with it.
#[tokio::test]
async fn wrong_current_passwords_lock() {
    let portal = Portal::start(&["--lockout-threshold", "2", "--lockout-base", "10m"]);
    let admin = portal.admin().await;
    let first = change(&portal, &admin, "not this one", NEW).await;
    change(&portal, &admin, "nor this one", NEW).await.refuses(401, "invalid_credentials");
    let locked = change(&portal, &admin, PASSWORD, NEW).await;
    locked.refuses(401, "invalid_credentials");
    assert_eq!(locked.without_date(), first.without_date());
    portal.get("/api/session").by(&admin).send().await.gives();
}

#[tokio::test]
async fn a_bad_password_is_refused_with_all_reasons() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    let long = "x".repeat(1025);
    for (new, expected) in [
        ("seven c", &["too_short"][..]),
        ("I am aLiCe the 1st", &["user_name"]),
        ("alice", &["too_short", "user_name"]),
        (PASSWORD, &["used_before"]),
        (&long, &["too_long"]),
        ("", &["too_short"]),
    ] {
        let problem = change(&portal, &alice, PASSWORD, new).await;
        let problem = problem.refuses(422, "password_rejected");
        let reasons = problem["reasons"].as_array().unwrap();
        let codes: Vec<_> = reasons.iter().map(|reason| reason["code"].as_str().unwrap()).collect();
        assert_eq!(codes, expected, "{new}");
        assert!(
            reasons.iter().all(|reason| reason["detail"].as_str().is_some_and(|d| !d.is_empty()))
        );
    }
    portal.enter("alice").await;
}

#[tokio::test]
async fn passwords_are_any_unicode_in_any_normal_form() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    let long = format!("p\u{e4}ssw\u{f6}rd \u{1f511} {}", "x".repeat(118));
    assert!(long.chars().count() >= 128);
    change(&portal, &alice, PASSWORD, &long).await.is_done();
    portal.log_in("alice", &long).send().await.gives();
    let decomposed = long.replace('\u{e4}', "a\u{308}").replace('\u{f6}', "o\u{308}");
    portal.log_in("alice", &decomposed).send().await.gives();
    // All of it counts.
    let shorter = &long[..long.len() - 1];
    portal.log_in("alice", shorter).send().await.refuses(401, "invalid_credentials");
    let same: Value =
        change(&portal, &alice, &long, &decomposed).await.refuses(422, "password_rejected");
    assert_eq!(same["reasons"][0]["code"], "used_before");
}

#[tokio::test]
async fn of_two_changes_at_once_one_holds() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    let passwords = ["first of the two", "second of the two"];
    let [first, second] = passwords.map(|new| change(&portal, &alice, PASSWORD, new));
    let (first, second) = tokio::join!(first, second);
    let done = [&first, &second].map(|answer| answer.status == 204);
    assert!(done[0] != done[1], "{first:?} {second:?}");
    for (new, is_done) in passwords.into_iter().zip(done) {
        let status = portal.log_in("alice", new).send().await.status;
        assert_eq!(status == 200, is_done, "{new}");
    }
}
