//! `POST /api/auth/refresh`: each token is spent once, for one successor.

use serde_json::json;

use crate::portal::Portal;
use crate::tokens::{Tokens, until};

#[tokio::test]
async fn a_refresh_gives_what_a_login_gives() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let answer = portal.refresh(&admin.refresh).await;
    let (given, next) = (answer.gives(), Tokens::of(&answer));
    assert_eq!((next.session, next.user), (admin.session, admin.user));
    assert_ne!(next.refresh, admin.refresh);
    assert_eq!((&given["token_type"], &given["expires_in"]), (&json!("Bearer"), &json!(1800)));
    assert_eq!(given["refresh_expires_in"], 7 * 24 * 3600);
    assert_eq!(given["user"]["roles"], json!(["admin"]));
    for tokens in [&admin, &next] {
        portal.get("/api/whoami").by(tokens).send().await.gives();
    }
    let third = Tokens::of(&portal.refresh(&next.refresh).await);
    assert_ne!(third.refresh, next.refresh);
}

#[tokio::test]
async fn a_retry_within_the_grace_gets_the_same_successor() {
    let portal = Portal::start(&["--refresh-grace", "1h"]);
    let admin = portal.admin().await;
    let first = Tokens::of(&portal.refresh(&admin.refresh).await);
    let again = Tokens::of(&portal.refresh(&admin.refresh).await);
    assert_eq!((&first.refresh, first.session), (&again.refresh, again.session));
    portal.get("/api/whoami").by(&again).send().await.gives();
    let reasons = portal.audit(&first, "event=token.refresh").await;
    assert_eq!(reasons[0]["reason"], "retry");
    assert_eq!(reasons.len(), 2);
}

#[tokio::test]
async fn without_a_grace_a_second_use_is_reuse() {
    let portal = Portal::start(&["--refresh-grace", "0s"]);
    let admin = portal.admin().await;
    let next = Tokens::of(&portal.refresh(&admin.refresh).await);
    portal.refresh(&admin.refresh).await.refuses(401, "refresh_reused");
    portal.refresh(&next.refresh).await.refuses(401, "refresh_invalid");
    portal.get("/api/whoami").by(&next).send().await.refuses(401, "session_expired");
}

#[tokio::test]
async fn reuse_after_the_grace_ends_the_family_and_its_session() {
    let portal = Portal::start(&["--refresh-grace", "1s"]);
    let admin = portal.admin().await;
    let (victim, bystander) = (portal.user(&admin, "alice").await, portal.enter("alice").await);
    let next = Tokens::of(&portal.refresh(&victim.refresh).await);
    let refused = until(async || {
        let answer = portal.refresh(&victim.refresh).await;
        if answer.status != 200 {
            return Some(answer);
        }
        assert_eq!(Tokens::of(&answer).refresh, next.refresh);
        None
    });
    refused.await.refuses(401, "refresh_reused");
    for token in [&next.refresh, &victim.refresh] {
        let answer = portal.refresh(token).await;
        answer.refuses(401, "refresh_invalid");
    }
    for tokens in [&next, &victim] {
        portal.get("/api/whoami").by(tokens).send().await.refuses(401, "session_expired");
    }
    // Other sessions of the same user are other families.
    portal.get("/api/whoami").by(&bystander).send().await.gives();
    Tokens::of(&portal.refresh(&bystander.refresh).await);

    let [reuse] = &portal.audit(&admin, "event=token.reuse").await[..] else { panic!("not one") };
    assert_eq!((&reuse["user"], &reuse["outcome"]), (&json!("alice"), &json!("failure")));
    assert_eq!(reuse["session"], victim.session);
    let ended = portal.audit(&admin, "event=session.ended&user=alice").await;
    assert_eq!((&ended[0]["reason"], &ended[0]["session"]), (&json!("reuse"), &reuse["session"]));
}

#[tokio::test]
async fn a_hundred_at_once_get_one_successor() {
    let portal = Portal::start(&["--refresh-grace", "1h"]);
    let mut tokens = portal.admin().await;
    for _ in 0..3 {
        let calls = (0..100).map(|_| {
            let call = portal.post("/api/auth/refresh");
            tokio::spawn(call.json(&json!({"refresh_token": tokens.refresh})).send())
        });
        let mut successors = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            successors.push(Tokens::of(&call.await.unwrap()));
        }
        let first = successors[0].clone();
        let are_one = successors.iter().all(|next| next.refresh == first.refresh);
        assert!(are_one && successors.len() == 100);
        assert_ne!(first.refresh, tokens.refresh);
        tokens = first;
    }
    portal.get("/api/whoami").by(&tokens).send().await.gives();
    let refreshes = portal.audit(&tokens, "event=token.refresh&limit=1000").await;
    let first_uses = refreshes.iter().filter(|record| record["reason"].is_null());
    assert_eq!(first_uses.count(), 3);
}

#[tokio::test]
async fn a_session_that_lapsed_is_followed_by_another_one() {
    let portal = Portal::start(&["--session-ttl", "1s", "--access-ttl", "1s"]);
    let admin = portal.admin().await;
    let refused = until(async || {
        let answer = portal.get("/api/whoami").by(&admin).send().await;
        (answer.status != 200).then_some(answer)
    });
    refused.await.refuses(401, "token_expired");
    let next = portal.post("/api/auth/refresh").header("user-agent", "another/2");
    let next = next.json(&json!({"refresh_token": admin.refresh})).send().await;
    let next = Tokens::of(&next);
    assert_ne!(next.session, admin.session);
    let (_, _, place) = portal.stop_by("-TERM");

    let portal = place.start(&[]);
    let again = portal.admin().await;
    let created = portal.audit(&again, "event=session.created").await;
    let followed = created.iter().find(|record| record["session"] == next.session).unwrap();
    assert_eq!(followed["reason"], "session-expired");
    assert_eq!(followed["user_agent"], "another/2");
}

#[tokio::test]
async fn what_is_no_refresh_token_is_invalid() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let mut altered = admin.refresh.clone().into_bytes();
    altered[0] = if altered[0] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    for token in ["", "x", &altered, &admin.access, &format!("{} ", admin.refresh)] {
        portal.refresh(token).await.refuses(401, "refresh_invalid");
    }
    Tokens::of(&portal.refresh(&admin.refresh).await);
}
