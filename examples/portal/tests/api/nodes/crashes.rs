//! PostgreSQL is killed and started again: the portals reject requests meanwhile, and continue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use test_servers::PostgresServer;

use super::two_portals;
use crate::portal::{ADMIN, PASSWORD, Portal};
use crate::response::ApiResponse;
use crate::tokens::{Tokens, wait_for};

/// How long after the start of PostgreSQL both portals do everything again.
const RECOVERY: Duration = Duration::from_secs(2);
/// Longer than the interval at which the clock of the database is read.
const OUTAGE: Duration = Duration::from_secs(11);

#[tokio::test]
async fn portals_recover_from_a_crash_of_postgres() {
    let server = PostgresServer::start(&["fsync=off"]);
    let (_cluster, portals) = two_portals(
        &server,
        &["--api-limit", "100000/1", "--login-limit", "1000/1", "--refresh-limit", "100000/1"],
    );
    let mut tokens = portals[0].log_in_admin().await;
    let mut recoveries = Vec::new();
    // The machine may be busy with other tests.
    let is_soon = |recovery: &Duration| *recovery < RECOVERY;
    while recoveries.len() < 2 || recoveries.len() < 6 && !recoveries.iter().any(is_soon) {
        let has_recovered = AtomicBool::new(false);
        let crash = async {
            server.kill();
            for portal in &portals {
                assert_rejects_all(portal, &tokens).await;
            }
            tokio::time::sleep(OUTAGE).await;
            server.restart();
            let started_at = Instant::now();
            for portal in &portals {
                wait_for(async || is_well(portal, &tokens).await.then_some(())).await;
            }
            recoveries.push(started_at.elapsed());
            has_recovered.store(true, Ordering::Relaxed);
        };
        let watch = |portal| watch_session(portal, &tokens, &has_recovered);
        tokio::join!(crash, watch(&portals[0]), watch(&portals[1]));
        // No rejected request has changed anything.
        for portal in &portals {
            tokens = Tokens::from_response(&portal.refresh(&tokens.refresh).await);
        }
    }
    assert!(recoveries.iter().any(is_soon), "{recoveries:?}");
}

/// Asserts that each kind of request is rejected as unavailable.
async fn assert_rejects_all(portal: &Portal, tokens: &Tokens) {
    for request in [
        portal.get("/api/whoami").auth(tokens),
        portal.post("/api/auth/logout").auth(tokens),
        portal
            .post("/api/auth/refresh")
            .json(&serde_json::json!({"refresh_token": tokens.refresh})),
        portal.login_request(ADMIN, PASSWORD),
        portal.login_request("nobody", PASSWORD),
    ] {
        assert_unavailable(&request.send().await);
    }
}

fn assert_unavailable(response: &ApiResponse) {
    response.expect_problem(503, "unavailable");
    let seconds = response.header("retry-after").expect("Retry-After is missing");
    assert!((1..=60).contains(&seconds.parse::<u64>().unwrap()), "{response:?}");
}

/// Sends requests of a valid session until the portals have recovered: none is rejected as invalid.
async fn watch_session(portal: &Portal, tokens: &Tokens, has_recovered: &AtomicBool) {
    while !has_recovered.load(Ordering::Relaxed) {
        let response = portal.get("/api/whoami").auth(tokens).send().await;
        if response.status != 200 {
            assert_unavailable(&response);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns whether the portal reports no fault, and sessions and logins work.
async fn is_well(portal: &Portal, tokens: &Tokens) -> bool {
    let session = portal.get("/api/whoami").auth(tokens).send().await;
    if health(portal).await != "ok\n" || session.status != 200 {
        return false;
    }
    let login = portal.login_request(ADMIN, PASSWORD).send().await;
    if login.status != 200 {
        assert_unavailable(&login);
    }
    login.status == 200
}

async fn health(portal: &Portal) -> String {
    portal.get("/api/health").send().await.body
}
