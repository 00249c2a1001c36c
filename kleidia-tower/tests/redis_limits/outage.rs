//! Servers that forget, end, hang and return, and clients that disconnect.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::poll;
use http::StatusCode;
use kleidia_tower::rate_limit::{LimitFallback, RateLimitLayer, SharedLimits};
use test_servers::RedisServer;

use crate::fixture::{SECRET, by_address, limits, remaining, send, status, store, wait_until};
use crate::server::Commands as _;

/// Limits of which each of two nodes enforces its half during an outage.
fn limits_with_share(server: &RedisServer) -> SharedLimits {
    let nodes = NonZeroU32::new(2).unwrap();
    let limits = SharedLimits::new(store(server), &SECRET.to_vec().into()).unwrap();
    let limits = limits.with_fallback(LimitFallback::Share { nodes });
    limits.with_retry_interval(Duration::from_millis(200)).unwrap()
}

async fn wait_for_health(limits: &SharedLimits) {
    let health = limits.health_check();
    wait_until("the limits are available", async || health().is_ok()).await;
}

/// Sends requests until one is rejected, and returns how many were not.
async fn exhaust(layer: &RateLimitLayer, address: &str) -> usize {
    let mut passed = 0;
    while status(layer, address).await == StatusCode::OK {
        passed += 1;
        assert!(passed < 100);
    }
    passed
}

#[tokio::test]
async fn loads_the_script_again() {
    let server = RedisServer::start();
    let limits = limits(store(&server));
    let layer = by_address(&limits);
    for left in [9, 8, 7] {
        assert_eq!(status(&layer, "192.0.2.1").await, StatusCode::OK);
        assert_eq!(remaining(&layer, "192.0.2.1", "").await, [left]);
        server.command::<()>("SCRIPT FLUSH");
    }
    assert!(limits.health_check()().is_ok());
}

#[tokio::test]
async fn flushed_keys_have_full_budgets() {
    let server = RedisServer::start();
    let limits = limits(store(&server));
    let layer = by_address(&limits);
    for _ in 0..2 {
        assert_eq!(exhaust(&layer, "192.0.2.1").await, 10);
        server.command::<()>("FLUSHALL");
    }
    assert!(limits.health_check()().is_ok());
}

#[tokio::test]
async fn closed_connections_are_no_outage() {
    let server = RedisServer::start();
    let limits = limits(store(&server));
    let layer = by_address(&limits);
    for left in [9, 8, 7] {
        assert_eq!(status(&layer, "192.0.2.1").await, StatusCode::OK);
        assert_eq!(remaining(&layer, "192.0.2.1", "").await, [left]);
        server.command::<()>("CLIENT KILL TYPE normal");
        // Also before the client has noticed it.
        let requests = (0..20).map(|number| {
            let layer = layer.clone();
            tokio::spawn(async move { status(&layer, &format!("192.0.2.{}", 10 + number)).await })
        });
        for request in requests.collect::<Vec<_>>() {
            assert_eq!(request.await.unwrap(), StatusCode::OK);
        }
    }
    assert!(limits.health_check()().is_ok());
}

#[tokio::test]
async fn survives_the_restart_of_redis() {
    let mut server = RedisServer::start();
    let limits = limits_with_share(&server);
    limits.check_store().await.unwrap();
    let layer = by_address(&limits);
    for round in 0..3 {
        wait_for_health(&limits).await;
        let address = format!("192.0.2.{round}");
        server.kill();
        // The first of these requests finds out.
        assert_eq!(exhaust(&layer, &address).await, 5, "the share of one of two nodes");
        assert!(limits.health_check()().is_err());
        server.restart();
        wait_for_health(&limits).await;
        assert_eq!(exhaust(&layer, &address).await, 10, "Redis knows nothing of the outage");
    }
}

#[tokio::test]
async fn redis_may_start_after_its_clients() {
    let mut server = RedisServer::start();
    server.kill();
    let limits = limits_with_share(&server);
    assert!(limits.check_store().await.is_err());
    let layer = by_address(&limits);
    assert_eq!(exhaust(&layer, "192.0.2.1").await, 5);
    server.restart();
    wait_for_health(&limits).await;
    assert_eq!(exhaust(&layer, "192.0.2.1").await, 10);
    limits.check_store().await.unwrap();
}

#[tokio::test]
async fn redis_that_hangs_is_waited_for_once() {
    let server = RedisServer::start();
    let limits = limits_with_share(&server);
    limits.check_store().await.unwrap();
    let layer = by_address(&limits);
    for round in 0..2 {
        wait_for_health(&limits).await;
        server.signal("STOP");
        assert_eq!(exhaust(&layer, &format!("192.0.2.{round}")).await, 5);
        let failure = limits.health_check()().unwrap_err().to_string();
        assert!(failure.starts_with("no response within"), "{failure}");
        server.signal("CONT");
        wait_for_health(&limits).await;
    }
    // What Redis had received when it hung is charged at most once.
    let left = remaining(&layer, "192.0.2.0", "").await;
    assert!(left == [9] || left == [10], "{left:?}");
}

#[tokio::test]
async fn rejects_with_503_during_an_outage_if_so_configured() {
    let mut server = RedisServer::start();
    let limits = limits_with_share(&server).with_fallback(LimitFallback::Reject);
    limits.check_store().await.unwrap();
    let layer = by_address(&limits);
    assert_eq!(status(&layer, "192.0.2.1").await, StatusCode::OK);
    server.kill();
    for _ in 0..5 {
        assert_eq!(status(&layer, "192.0.2.1").await, StatusCode::SERVICE_UNAVAILABLE);
    }
    server.restart();
    wait_for_health(&limits).await;
    assert_eq!(status(&layer, "192.0.2.1").await, StatusCode::OK);
}

/// A replica and a full server accept no writes, so they do not count as available.
#[tokio::test]
async fn redis_that_only_reads_is_unavailable() {
    let server = RedisServer::start();
    let limits = limits_with_share(&server);
    server.command::<()>("CONFIG SET maxmemory 1");
    assert!(limits.check_store().await.is_err());
    let layer = by_address(&limits);
    assert_eq!(exhaust(&layer, "192.0.2.1").await, 5);
    server.command::<()>("CONFIG SET maxmemory 0");
    wait_for_health(&limits).await;
}

#[tokio::test]
async fn callers_may_disconnect_at_any_point() {
    let server = RedisServer::start();
    let limits = limits(store(&server));
    let layer = by_address(&limits);
    for polls in 0..50 {
        let mut request = Box::pin(send(&layer, "192.0.2.1", ""));
        for _ in 0..polls % 5 {
            if poll!(&mut request).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    assert!(limits.health_check()().is_ok());
    // Responses are not mixed up: another address has its whole budget.
    assert_eq!(exhaust(&layer, "192.0.2.2").await, 10);
    assert_eq!(remaining(&layer, "192.0.2.2", "").await, [0]);
}
