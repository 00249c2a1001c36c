//! What no refresh survives: logout, revocation, disablement, another password.

use serde_json::json;

use crate::portal::{PASSWORD, Portal};
use crate::tokens::Tokens;

#[tokio::test]
async fn no_refresh_survives_a_logout() {
    let portal = Portal::start(&[]);
    let (left, kept) = (portal.admin().await, portal.admin().await);
    let next = Tokens::of(&portal.refresh(&left.refresh).await);
    portal.post("/api/auth/logout").by(&next).send().await.is_done();
    // Within the grace the spent one is no way back either.
    for token in [&next.refresh, &left.refresh] {
        portal.refresh(token).await.refuses(401, "refresh_invalid");
    }
    Tokens::of(&portal.refresh(&kept.refresh).await);
}

#[tokio::test]
async fn no_refresh_survives_a_logout_everywhere() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let (alice, other) = (portal.user(&admin, "alice").await, portal.enter("alice").await);
    portal.post("/api/auth/logout-all").by(&alice).send().await.is_done();
    for tokens in [&alice, &other] {
        portal.refresh(&tokens.refresh).await.refuses(401, "refresh_invalid");
        portal.get("/api/session").by(tokens).send().await.refuses(401, "session_expired");
    }
    Tokens::of(&portal.refresh(&admin.refresh).await);
}

#[tokio::test]
async fn no_refresh_survives_another_password() {
    let portal = Portal::start(&[]);
    let (changes, other) = (portal.admin().await, portal.admin().await);
    let body = json!({"current_password": PASSWORD, "new_password": "staple battery horse"});
    portal.post("/api/auth/password").by(&changes).json(&body).send().await.is_done();
    portal.refresh(&other.refresh).await.refuses(401, "refresh_invalid");
    portal.get("/api/session").by(&other).send().await.refuses(401, "session_expired");
}

#[tokio::test]
async fn no_refresh_survives_the_end_of_its_session() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let (one, two) = (portal.user(&admin, "alice").await, portal.enter("alice").await);
    let path = format!("/api/session/{}", two.session);
    portal.delete(&path).by(&one).send().await.is_done();
    portal.refresh(&two.refresh).await.refuses(401, "refresh_invalid");
    let path = format!("/api/admin/users/{}/sessions", one.user);
    portal.delete(&path).by(&admin).send().await.is_done();
    portal.refresh(&one.refresh).await.refuses(401, "refresh_invalid");
}

#[tokio::test]
async fn no_refresh_survives_disablement() {
    let portal = Portal::start(&[]);
    let admin = portal.admin().await;
    let alice = portal.user(&admin, "alice").await;
    let path = format!("/api/admin/users/{}", alice.user);
    portal.patch(&path).by(&admin).json(&json!({"disabled": true})).send().await.gives();
    portal.refresh(&alice.refresh).await.refuses(401, "account_disabled");
    portal.patch(&path).by(&admin).json(&json!({"disabled": false})).send().await.gives();
    portal.refresh(&alice.refresh).await.refuses(401, "refresh_invalid");
}

#[tokio::test]
async fn no_refresh_survives_its_own_time() {
    let portal = Portal::start(&["--refresh-ttl", "1s"]);
    let admin = portal.admin().await;
    let refused = crate::tokens::until(async || {
        let expires_at = admin.part(1)["iat"].as_i64().unwrap() + 1;
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        if now.cast_signed() < expires_at {
            return None;
        }
        Some(portal.refresh(&admin.refresh).await)
    });
    refused.await.refuses(401, "refresh_invalid");
}
