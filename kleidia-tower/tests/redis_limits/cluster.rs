//! A Redis Cluster: the keys of a call are in one slot, and those of different calls are spread.

use std::collections::BTreeSet;

use http::StatusCode;
use kleidia_tower::rate_limit::RedisLimitStore;
use test_servers::RedisServer;

use crate::acl::documented_rules;
use crate::fixture::{
    by_address, by_address_and_tenant, limits, remaining, send, status, wait_until,
};
use crate::server::Commands as _;

const CLUSTER: [&str; 2] = ["--cluster-enabled", "yes"];

/// Starts two servers that have half of the slots each.
async fn cluster() -> [RedisServer; 2] {
    let servers = [0, 1].map(|_| RedisServer::start_with(&CLUSTER));
    for (server, slots) in servers.iter().zip(["0 8191", "8192 16383"]) {
        server.command::<()>(&format!("CLUSTER ADDSLOTSRANGE {slots}"));
    }
    servers[1].command::<()>("CLUSTER SET-CONFIG-EPOCH 2");
    servers[0].command::<()>(&format!("CLUSTER MEET 127.0.0.1 {}", servers[1].port()));
    for server in &servers {
        wait_until("the cluster is complete", async || {
            let info: String = server.command("CLUSTER INFO");
            ["cluster_state:ok", "cluster_slots_assigned:16384", "cluster_known_nodes:2"]
                .iter()
                .all(|state| info.contains(state))
        })
        .await;
    }
    servers
}

fn slots(server: &RedisServer) -> BTreeSet<u16> {
    let keys: Vec<String> = server.command("KEYS *");
    keys.iter().map(|key| server.command(&format!("CLUSTER KEYSLOT {key}"))).collect()
}

#[tokio::test]
async fn limits_work_in_a_cluster() {
    let servers = cluster().await;
    for server in &servers {
        let rules = documented_rules().join(" ");
        server.command::<()>(&format!("ACL SETUSER limits {rules} +cluster|slots"));
    }
    let url = format!("redis://limits:PASSWORD@127.0.0.1:{}", servers[0].port());
    let limits = limits(RedisLimitStore::cluster([url.as_str()]).unwrap());
    limits.check_store().await.unwrap();
    // Several limits: one slot.
    let both = by_address_and_tenant(&limits);
    for number in 0..15 {
        let response = send(&both, &format!("192.0.2.{number}"), "a").await;
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(send(&both, "192.0.2.99", "a").await.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(remaining(&both, "192.0.2.1", "b").await, [9, 15]);
    let in_use = || servers.iter().flat_map(slots).collect::<BTreeSet<_>>();
    // The other one is that of the probe.
    assert!(in_use().len() <= 2, "{:?}", in_use());
    // A single limit: all slots, on both servers.
    let one = by_address(&limits);
    for number in 0..100 {
        assert_eq!(status(&one, &format!("192.0.2.{number}")).await, StatusCode::OK);
    }
    assert!(in_use().len() > 80, "{}", in_use().len());
    for server in &servers {
        assert!(slots(server).len() > 20, "{}", slots(server).len());
    }
    for _ in 0..9 {
        assert_eq!(status(&one, "192.0.2.1").await, StatusCode::OK);
    }
    assert_eq!(status(&one, "192.0.2.1").await, StatusCode::TOO_MANY_REQUESTS);
    // Scripts are loaded again on every server.
    for server in &servers {
        server.command::<()>("SCRIPT FLUSH");
    }
    for number in 0..20 {
        assert_eq!(status(&one, &format!("198.51.100.{number}")).await, StatusCode::OK);
    }
    assert!(limits.health_check()().is_ok());
}

#[test]
fn rejects_clusters_without_nodes() {
    assert!(RedisLimitStore::cluster([]).is_err());
    assert!(RedisLimitStore::cluster(["http://127.0.0.1"]).is_err());
}
