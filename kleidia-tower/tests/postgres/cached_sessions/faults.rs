//! Faults of the feed, the network and the server.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use test_servers::PostgresServer;
use tokio::time::{sleep, timeout};

use super::{BOUND, Nodes};
use crate::proxy::{FAULTS, Mode};

/// Whatever happens to the feed meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn fault_of_the_feed_does_not_extend_the_bound() {
    let nodes = Nodes::new(PostgresServer::shared()).await;
    let mut token = 0;
    for fault in FAULTS {
        for pause in [0, 100, 600] {
            let mut sessions = Vec::new();
            for _ in 0..4 {
                token += 1;
                sessions.push(nodes.log_in(token).await);
            }
            let bystander = sessions[0];
            join_all(sessions.iter().map(|session| nodes.wait_until_cached(*session))).await;
            nodes.proxy.set_feed(fault);
            sleep(Duration::from_millis(pause)).await;
            join_all(sessions[1..].iter().map(|session| async {
                let ended = nodes.log_out(*session).await;
                nodes.assert_rejected_within_bound(*session, ended).await;
            }))
            .await;
            // Without the cache, the node asks the store.
            assert!(nodes.accepts(bystander).await, "{fault:?}");
            nodes.proxy.set_feed(Mode::Forward);
            nodes.wait_until_cached(bystander).await;
        }
    }
}

/// While the node cannot ask the database, it accepts no session for longer than the bound.
#[tokio::test(flavor = "multi_thread")]
async fn disconnected_node_rejects_sessions_after_the_bound() {
    let nodes = Nodes::new(PostgresServer::shared()).await;
    let session = nodes.log_in(1).await;
    for fault in [Mode::Stall, Mode::Cut] {
        nodes.wait_until_cached(session).await;
        nodes.proxy.set_all(fault);
        let cut = Instant::now();
        while cut.elapsed() < 3 * BOUND {
            let started = cut.elapsed();
            let accepted = timeout(Duration::from_millis(20), nodes.accepts(session)).await;
            let is_accepted = accepted == Ok(true);
            assert!(!is_accepted || started <= BOUND, "{fault:?}: accepted after {started:?}");
            tokio::task::yield_now().await;
        }
        nodes.proxy.set_all(Mode::Forward);
        let recovering = async { while !nodes.accepts(session).await {} };
        timeout(Duration::from_secs(60), recovering).await.expect("the node recovers");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_of_the_server_does_not_extend_the_bound() {
    let server = PostgresServer::start(&["fsync=off"]);
    let nodes = Nodes::new(&server).await;
    let session = nodes.log_in(1).await;
    nodes.wait_until_cached(session).await;
    server.kill();
    let killed = Instant::now();
    while killed.elapsed() < 3 * BOUND {
        let started = killed.elapsed();
        let is_accepted = nodes.accepts(session).await;
        assert!(!is_accepted || started <= BOUND, "accepted {started:?} after the crash");
        tokio::task::yield_now().await;
    }
    server.restart();
    let recovering = async { while !nodes.accepts(session).await {} };
    timeout(Duration::from_secs(60), recovering).await.expect("the node recovers");
    nodes.wait_until_cached(session).await;
    let ended = nodes.log_out(session).await;
    nodes.assert_rejected_within_bound(session, ended).await;
}
