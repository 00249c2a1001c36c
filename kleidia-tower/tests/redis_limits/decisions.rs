//! What layers and stores decide with Redis.

use std::time::Duration;

use http::StatusCode;
use kleidia_tower::rate_limit::{LimitStore as _, MemoryLimitStore};
use test_servers::RedisServer;

use crate::fixture::{
    by_address, by_address_and_tenant, key, limits, remaining, send, status, store, wait_until,
};
use crate::server::Commands as _;

/// The intervals of the limits are so long that the time between calls does not matter.
#[tokio::test]
async fn decides_as_the_store_in_memory() {
    let server = RedisServer::start();
    let (redis, memory) = (store(&server), MemoryLimitStore::new());
    let keys = [key(1, "7/25200"), key(2, "9/64800"), key(3, "40/144000")];
    let mut rng = fastrand::Rng::with_seed(1);
    for step in 0..100 {
        let keys = &keys[rng.usize(0..2)..rng.usize(2..=3)];
        let cost = rng.u32(0..4);
        let expected = memory.charge(keys, cost).await.unwrap();
        let found = redis.charge(keys, cost).await.unwrap();
        assert_eq!(found.retry_after().is_some(), expected.retry_after().is_some(), "step {step}");
        for (found, expected) in found.remaining().iter().zip(expected.remaining()) {
            assert_eq!(found.count(), expected.count(), "step {step}");
        }
    }
}

#[tokio::test]
async fn two_nodes_share_a_limit() {
    let server = RedisServer::start();
    let nodes = [0, 1].map(|_| by_address(&limits(store(&server))));
    let mut passed = 0;
    for number in 0..30 {
        passed += usize::from(status(&nodes[number % 2], "192.0.2.1").await.is_success());
    }
    assert_eq!(passed, 10);
    for node in &nodes {
        assert_eq!(remaining(node, "192.0.2.1", "").await, [0]);
        assert_eq!(remaining(node, "192.0.2.2", "").await, [10]);
    }
}

#[tokio::test]
async fn rejected_request_is_charged_to_no_limit() {
    let server = RedisServer::start();
    let layer = by_address_and_tenant(&limits(store(&server)));
    for _ in 0..10 {
        assert_eq!(send(&layer, "192.0.2.1", "a").await.status(), StatusCode::OK);
    }
    for _ in 0..20 {
        assert_eq!(send(&layer, "192.0.2.1", "a").await.status(), StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(remaining(&layer, "192.0.2.2", "a").await, [10, 5]);
    for _ in 0..5 {
        assert_eq!(send(&layer, "192.0.2.2", "a").await.status(), StatusCode::OK);
    }
    assert_eq!(send(&layer, "192.0.2.2", "a").await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(remaining(&layer, "192.0.2.2", "b").await, [5, 15]);
}

/// Without atomicity, several nodes would pass more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_charges_are_exact() {
    let server = RedisServer::start();
    let tasks = (0..40).map(|number| {
        let layer = by_address_and_tenant(&limits(store(&server)));
        tokio::spawn(async move {
            let mut passed = [0, 0];
            for _ in 0..10 {
                let address = number % 2;
                let response = send(&layer, &format!("192.0.2.{address}"), "a").await;
                passed[address] += usize::from(response.status().is_success());
            }
            passed
        })
    });
    let mut passed = [0, 0];
    for task in tasks.collect::<Vec<_>>() {
        let [first, second] = task.await.unwrap();
        passed = [passed[0] + first, passed[1] + second];
    }
    assert_eq!(passed[0] + passed[1], 15, "{passed:?}");
    let layer = by_address_and_tenant(&limits(store(&server)));
    for (address, passed) in passed.into_iter().enumerate() {
        let left = remaining(&layer, &format!("192.0.2.{address}"), "a").await;
        assert_eq!(left, [10 - u32::try_from(passed).unwrap(), 0]);
    }
}

#[tokio::test]
async fn keys_expire_when_their_budget_is_full() {
    let server = RedisServer::start();
    let store = store(&server);
    store.charge(&[key(1, "10/36000"), key(2, "5/1")], 2).await.unwrap();
    store.charge(&[key(3, "10/36000")], 0).await.unwrap();
    let ttl = |key: &str| server.command::<i64>(&format!("PTTL {key}"));
    // Nothing is stored for the third key, which was not charged.
    wait_until("the second key expires", async || server.command::<u64>("DBSIZE") == 1).await;
    let keys: Vec<String> = server.command("KEYS *");
    assert!((1..=7_200_000).contains(&ttl(&keys[0])), "two of ten units: {}", ttl(&keys[0]));
}

#[tokio::test]
async fn budget_refills() {
    let server = RedisServer::start();
    let store = store(&server);
    let keys = [key(1, "2/1")];
    let last = store.charge(&keys, 2).await.unwrap();
    assert_eq!(last.retry_after(), None);
    wait_until("two more units", async || {
        let decision = store.charge(&keys, 2).await.unwrap();
        decision.retry_after().is_none_or(|wait| {
            assert!(wait <= Duration::from_secs(1));
            false
        })
    })
    .await;
}

/// Keys tell nothing to those who read them.
#[tokio::test]
async fn redis_sees_digests_only() {
    let server = RedisServer::start();
    let layer = by_address_and_tenant(&limits(store(&server)));
    send(&layer, "192.0.2.1", "example-tenant").await;
    let keys: Vec<String> = server.command("KEYS *");
    assert_eq!(keys.len(), 2);
    for key in keys {
        assert!(key.starts_with("kleidia:limit:{"), "{key}");
        assert_eq!(key.len(), "kleidia:limit:{0000}".len() + 22, "{key}");
        assert!(!key.contains("192.0.2.1") && !key.contains("tenant"), "{key}");
    }
}
