//! Limits that two portals share in Redis.

use std::time::{Duration, Instant};

use test_servers::RedisServer;

use crate::portal::{ADMIN, PASSWORD, Portal, TempDatabase, command};

/// Starts a portal with its own database, and a limit of four logins.
fn start(redis: &RedisServer, arguments: &[&str]) -> Portal {
    let database = TempDatabase::with_admin();
    let secret = database.file("limit.secret");
    std::fs::write(&secret, "correct horse battery staple, twice\n").unwrap();
    let url = redis.url();
    let shared = ["--redis", &url, "--limit-secret", secret.to_str().unwrap()];
    // A loaded machine may need more than the default timeout.
    let limits = ["--login-limit", "4/3600", "--limit-timeout", "1s"];
    database.start(&[&shared[..], &limits, arguments].concat())
}

async fn log_in(portal: &Portal) -> u16 {
    portal.login_request(ADMIN, PASSWORD).send().await.status.as_u16()
}

async fn health(portal: &Portal) -> String {
    portal.get("/api/health").send().await.body
}

async fn wait_for_health(portal: &Portal, expected: &str) {
    let deadline = Instant::now() + Duration::from_secs(50);
    while health(portal).await != expected {
        assert!(Instant::now() < deadline, "{}", health(portal).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn portals_share_limits_and_survive_an_outage() {
    let mut redis = RedisServer::start();
    let portals = [start(&redis, &[]), start(&redis, &["--limit-nodes", "4"])];
    for portal in [&portals[0], &portals[1], &portals[0], &portals[1]] {
        assert_eq!(log_in(portal).await, 200);
    }
    for portal in &portals {
        assert_eq!(log_in(portal).await, 429);
        assert_eq!(health(portal).await, "ok\n");
    }
    redis.kill();
    // One of two portals, and one of four.
    for (portal, share) in portals.iter().zip([2, 1]) {
        for _ in 0..share {
            assert_eq!(log_in(portal).await, 200);
        }
        assert_eq!(log_in(portal).await, 429);
        assert_eq!(health(portal).await, "degraded: shared-limits\n");
        assert!(portal.log().contains("shared rate limits unavailable"), "{}", portal.log());
    }
    redis.restart();
    for portal in &portals {
        wait_for_health(portal, "ok\n").await;
        assert!(portal.log().contains("shared rate limits available"), "{}", portal.log());
    }
    for expected in [200, 200, 200, 200, 429] {
        assert_eq!(log_in(&portals[0]).await, expected);
    }
}

#[tokio::test]
async fn portal_starts_without_redis() {
    let mut redis = RedisServer::start();
    redis.kill();
    let portal = start(&redis, &["--limit-fallback", "reject"]);
    assert_eq!(log_in(&portal).await, 503);
    // Each request is limited, also this one.
    assert_eq!(portal.get("/api/health").send().await.status, 503);
    redis.restart();
    wait_for_health(&portal, "ok\n").await;
    assert_eq!(log_in(&portal).await, 200);
}

#[test]
fn rejects_contradicting_and_invalid_settings() {
    let database = TempDatabase::new();
    let [short, secret] = ["short", "secret"].map(|name| database.file(name));
    std::fs::write(&short, "too short").unwrap();
    std::fs::write(&secret, [7; 32]).unwrap();
    let [short, secret] = [&short, &secret].map(|path| path.to_str().unwrap());
    let redis = ["--redis", "redis://limits:correct-horse@127.0.0.1:1"];
    for (arguments, text) in [
        (vec!["--limit-nodes", "3"], "need --redis"),
        (vec!["--limit-secret", secret], "need --redis"),
        (redis.to_vec(), "--limit-secret"),
        ([&redis[..], &["--limit-secret", "/missing"]].concat(), "/missing"),
        ([&redis[..], &["--limit-secret", short]].concat(), "octets"),
        (vec!["--redis", "http://correct-horse", "--limit-secret", secret], "--redis"),
        ([&redis[..], &["--limit-secret", secret, "--limit-timeout", "3s"]].concat(), "timeout"),
        (
            [
                &redis[..],
                &["--limit-secret", secret, "--limit-fallback", "reject", "--limit-nodes", "2"],
            ]
            .concat(),
            "--limit-fallback share",
        ),
    ] {
        let output = command(&database.path(), &arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(text) && !stderr.contains("correct-horse"), "{stderr}");
    }
    let mut from_variable = command(&database.path(), &[]);
    let output = from_variable.env("REDIS_URL", "redis://127.0.0.1:1").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("--limit-secret"), "{output:?}");
}
