//! `POST /api/auth/refresh`: each token is used once, and has one successor.

use serde_json::json;

use crate::portal::Portal;
use crate::tokens::{Tokens, wait_for};

#[tokio::test]
async fn refresh_returns_tokens_and_user() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let response = portal.refresh(&admin.refresh).await;
    let (body, next) = (response.expect_json(), Tokens::from_response(&response));
    assert_eq!((next.session, next.user), (admin.session, admin.user));
    assert_ne!(next.refresh, admin.refresh);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(1800)));
    assert_eq!(body["refresh_expires_in"], 7 * 24 * 3600);
    assert_eq!(body["user"]["roles"], json!(["admin"]));
    for tokens in [&admin, &next] {
        portal.get("/api/whoami").auth(tokens).send().await.expect_json();
    }
    let third = Tokens::from_response(&portal.refresh(&next.refresh).await);
    assert_ne!(third.refresh, next.refresh);
}

#[tokio::test]
async fn returns_same_successor_within_grace_period() {
    let portal = Portal::start(&["--refresh-grace", "1h"]);
    let admin = portal.log_in_admin().await;
    let first = Tokens::from_response(&portal.refresh(&admin.refresh).await);
    let again = Tokens::from_response(&portal.refresh(&admin.refresh).await);
    assert_eq!((&first.refresh, first.session), (&again.refresh, again.session));
    portal.get("/api/whoami").auth(&again).send().await.expect_json();
    let reasons = portal.audit(&first, "event=token.refresh").await;
    assert_eq!(reasons[0]["reason"], "retry");
    assert_eq!(reasons.len(), 2);
}

#[tokio::test]
async fn second_use_without_grace_period_is_reuse() {
    let portal = Portal::start(&["--refresh-grace", "0s"]);
    let admin = portal.log_in_admin().await;
    let next = Tokens::from_response(&portal.refresh(&admin.refresh).await);
    portal.refresh(&admin.refresh).await.expect_problem(401, "refresh_reused");
    portal.refresh(&next.refresh).await.expect_problem(401, "refresh_invalid");
    portal.get("/api/whoami").auth(&next).send().await.expect_problem(401, "session_expired");
}

#[tokio::test]
async fn reuse_after_grace_period_revokes_family_and_session() {
    let portal = Portal::start(&["--refresh-grace", "1s"]);
    let admin = portal.log_in_admin().await;
    let (reused, other) = (portal.create_user(&admin, "alice").await, portal.log_in("alice").await);
    let next = Tokens::from_response(&portal.refresh(&reused.refresh).await);
    let rejected = wait_for(async || {
        let response = portal.refresh(&reused.refresh).await;
        if response.status != 200 {
            return Some(response);
        }
        assert_eq!(Tokens::from_response(&response).refresh, next.refresh);
        None
    });
    rejected.await.expect_problem(401, "refresh_reused");
    for token in [&next.refresh, &reused.refresh] {
        let response = portal.refresh(token).await;
        response.expect_problem(401, "refresh_invalid");
    }
    for tokens in [&next, &reused] {
        portal.get("/api/whoami").auth(tokens).send().await.expect_problem(401, "session_expired");
    }
    // Other sessions of the same user are other families.
    portal.get("/api/whoami").auth(&other).send().await.expect_json();
    Tokens::from_response(&portal.refresh(&other.refresh).await);

    let [reuse] = &portal.audit(&admin, "event=token.reuse").await[..] else {
        panic!("expected one record")
    };
    assert_eq!((&reuse["user"], &reuse["outcome"]), (&json!("alice"), &json!("failure")));
    assert_eq!(reuse["session"], reused.session);
    let ended = portal.audit(&admin, "event=session.ended&user=alice").await;
    assert_eq!((&ended[0]["reason"], &ended[0]["session"]), (&json!("reuse"), &reuse["session"]));
}

#[tokio::test]
async fn concurrent_refreshes_get_one_successor() {
    let portal = Portal::start(&["--refresh-grace", "1h", "--refresh-limit", "1000/1"]);
    let mut tokens = portal.log_in_admin().await;
    for _ in 0..3 {
        let requests = (0..100).map(|_| {
            let request = portal.post("/api/auth/refresh");
            tokio::spawn(request.json(&json!({"refresh_token": tokens.refresh})).send())
        });
        let mut successors = Vec::new();
        for request in requests.collect::<Vec<_>>() {
            successors.push(Tokens::from_response(&request.await.unwrap()));
        }
        let first = successors[0].clone();
        let is_same = successors.iter().all(|next| next.refresh == first.refresh);
        assert!(is_same && successors.len() == 100);
        assert_ne!(first.refresh, tokens.refresh);
        tokens = first;
    }
    portal.get("/api/whoami").auth(&tokens).send().await.expect_json();
    let refreshes = portal.audit(&tokens, "event=token.refresh&limit=1000").await;
    let first_uses = refreshes.iter().filter(|record| record["reason"].is_null());
    assert_eq!(first_uses.count(), 3);
}

#[tokio::test]
async fn refresh_replaces_expired_session() {
    let portal = Portal::start(&["--session-ttl", "1s", "--access-ttl", "1s"]);
    let admin = portal.log_in_admin().await;
    let rejected = wait_for(async || {
        let response = portal.get("/api/whoami").auth(&admin).send().await;
        (response.status != 200).then_some(response)
    });
    rejected.await.expect_problem(401, "token_expired");
    let next = portal.post("/api/auth/refresh").header("user-agent", "another/2");
    let next = next.json(&json!({"refresh_token": admin.refresh})).send().await;
    let next = Tokens::from_response(&next);
    assert_ne!(next.session, admin.session);
    let (_, _, database) = portal.stop_with("-TERM");

    let portal = database.start(&[]);
    let again = portal.log_in_admin().await;
    let created = portal.audit(&again, "event=session.created").await;
    let successor = created.iter().find(|record| record["session"] == next.session).unwrap();
    assert_eq!(successor["reason"], "session-expired");
    assert_eq!(successor["user_agent"], "another/2");
}

#[tokio::test]
async fn rejects_invalid_refresh_tokens() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let mut altered = admin.refresh.clone().into_bytes();
    altered[0] = if altered[0] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    for token in ["", "x", &altered, &admin.access, &format!("{} ", admin.refresh)] {
        portal.refresh(token).await.expect_problem(401, "refresh_invalid");
    }
    Tokens::from_response(&portal.refresh(&admin.refresh).await);
}
