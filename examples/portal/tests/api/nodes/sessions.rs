//! What one portal has changed is valid at once on the other.

use serde_json::json;
use test_servers::PostgresServer;

use super::two_portals;
use crate::portal::{ADMIN, PASSWORD};
use crate::tokens::Tokens;

/// More than the five wrong passwords that lock a login by default.
const GUESSES: usize = 24;

#[tokio::test]
async fn login_and_logout_are_valid_on_the_other_portal() {
    let (_cluster, [here, there]) = two_portals(PostgresServer::shared(), &[]);
    let tokens = here.log_in_admin().await;
    there.get("/api/whoami").auth(&tokens).send().await.expect_json();
    here.post("/api/auth/logout").auth(&tokens).send().await.expect_no_content();
    there.get("/api/whoami").auth(&tokens).send().await.expect_problem(401, "session_expired");
    there.refresh(&tokens.refresh).await.expect_problem(401, "refresh_invalid");
}

#[tokio::test]
async fn concurrent_refreshes_on_two_portals_get_one_successor() {
    let (_cluster, [here, there]) =
        two_portals(PostgresServer::shared(), &["--refresh-grace", "1h"]);
    let mut tokens = here.log_in_admin().await;
    for _ in 0..3 {
        let requests = (0..40).map(|number| {
            let portal = if number % 2 == 0 { &here } else { &there };
            let request = portal.post("/api/auth/refresh");
            tokio::spawn(request.json(&json!({"refresh_token": tokens.refresh})).send())
        });
        let mut successors = Vec::new();
        for request in requests.collect::<Vec<_>>() {
            successors.push(Tokens::from_response(&request.await.unwrap()));
        }
        let first = successors[0].clone();
        assert!(successors.iter().all(|next| next.refresh == first.refresh));
        assert_ne!(first.refresh, tokens.refresh);
        tokens = first;
    }
    let refreshes = there.audit(&tokens, "event=token.refresh&limit=1000").await;
    let first_uses = refreshes.iter().filter(|record| record["reason"].is_null());
    assert_eq!((refreshes.len(), first_uses.count()), (120, 3));
}

#[tokio::test]
async fn guesses_on_two_portals_lock_at_one_threshold() {
    let (_cluster, portals) = two_portals(PostgresServer::shared(), &["--lockout-base", "10m"]);
    let admin = portals[0].log_in_admin().await;
    portals[1].create_user(&admin, "alice").await;
    let guesses = (0..GUESSES).map(|number| {
        tokio::spawn(portals[number % 2].login_request("alice", &format!("guess {number}")).send())
    });
    for guess in guesses.collect::<Vec<_>>() {
        let response = guess.await.unwrap();
        match response.status.as_u16() {
            401 => drop(response.expect_problem(401, "invalid_credentials")),
            // Others are compared at this time.
            status => assert_eq!(status, 503, "{response:?}"),
        }
    }
    for portal in &portals {
        let locked = portal.login_request("alice", PASSWORD).send().await;
        locked.expect_problem(401, "invalid_credentials");
        portal.login_request(ADMIN, PASSWORD).send().await.expect_json();
    }
    let compared = portals[0].audit(&admin, "event=login.failure&user=alice").await;
    assert_eq!(compared.len(), 5, "{compared:?}");
}
