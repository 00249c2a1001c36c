//! Portals that cache sessions: what one has ended, the other rejects within the bound.

use std::time::{Duration, Instant};

use serde_json::json;
use test_servers::PostgresServer;

use super::two_portals;
use crate::portal::Portal;
use crate::tokens::Tokens;

const BOUND: Duration = Duration::from_secs(1);

/// Sends requests until one is rejected. None may be accepted that starts after the bound.
async fn assert_rejected_within_bound(portal: &Portal, tokens: &Tokens, code: &str) {
    let ended = Instant::now();
    loop {
        let started = ended.elapsed();
        let response = portal.get("/api/whoami").auth(tokens).send().await;
        if response.status != 200 {
            response.expect_problem(401, code);
            return;
        }
        assert!(started <= BOUND, "accepted {started:?} after the end");
    }
}

#[tokio::test]
async fn ended_sessions_are_rejected_on_the_other_portal() {
    let arguments =
        ["--cache-sessions", "1s", "--login-limit", "1000/60", "--api-limit", "100000/60"];
    let (_cluster, [here, there]) = two_portals(PostgresServer::shared(), &arguments);
    let admin = here.log_in_admin().await;
    for round in 0..10 {
        let name = format!("user{round}");
        let first = here.create_user(&admin, &name).await;
        let second = there.log_in(&name).await;
        for tokens in [&first, &second] {
            there.get("/api/whoami").auth(tokens).send().await.expect_json();
        }
        here.post("/api/auth/logout").auth(&first).send().await.expect_no_content();
        assert_rejected_within_bound(&there, &first, "session_expired").await;
        let (path, disable) =
            (format!("/api/admin/users/{}", first.user), json!({"disabled": true}));
        here.patch(&path).auth(&admin).json(&disable).send().await.expect_json();
        assert_rejected_within_bound(&there, &second, "account_disabled").await;
    }
}

#[tokio::test]
async fn health_reports_that_the_feed_is_down() {
    // Streams need the feed without a cache, too.
    for caching in [&["--cache-sessions", "1s"][..], &[]] {
        let arguments = [caching, &["--api-limit", "100000/60"]].concat();
        let (cluster, [portal, _other]) = two_portals(PostgresServer::shared(), &arguments);
        let health = async || portal.get("/api/health").send().await.body;
        let deadline = Instant::now() + Duration::from_mins(1);
        // Each further attempt to connect comes later.
        while health().await != "degraded: session-feed\n" {
            assert!(Instant::now() < deadline, "{}", health().await);
            cluster.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'kleidia-feed'",
            );
        }
        while health().await != "ok\n" {
            assert!(Instant::now() < deadline, "{}", health().await);
        }
    }
}
