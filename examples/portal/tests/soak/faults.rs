//! The faults of a run: each is injected, lasts for a while, and is healed.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::task::block_in_place;

use crate::client::Load;
use crate::cluster::Cluster;
use crate::portal::{ADMIN, PASSWORD};

/// How soon after a fault all is well again, on a machine that is idle.
const RECOVERY: Duration = Duration::from_secs(2);
/// How soon it is on a machine that is busy.
const MAX_RECOVERY: Duration = Duration::from_mins(1);

/// A fault. The number is that of a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9`, and a restart.
    PortalKilled(usize),
    /// SIGSTOP and SIGCONT.
    PortalSuspended(usize),
    /// `kill -9` of all processes of PostgreSQL, and a restart.
    DatabaseKilled,
    /// Connections to the database are closed in the middle of what they do.
    ConnectionsReset(usize),
    /// What is sent on connections to the database arrives late.
    ConnectionsStalled(usize),
    /// The database ends its connections.
    ConnectionsTerminated,
    /// Redis loses all counters.
    RedisFlushed,
    /// Redis is killed, and restarted.
    RedisKilled,
    /// Redis answers late.
    RedisStalled,
}

impl Fault {
    const ALL: [Self; 13] = [
        Self::PortalKilled(0),
        Self::PortalKilled(1),
        Self::PortalSuspended(0),
        Self::PortalSuspended(1),
        Self::DatabaseKilled,
        Self::ConnectionsReset(0),
        Self::ConnectionsReset(1),
        Self::ConnectionsStalled(0),
        Self::ConnectionsStalled(1),
        Self::ConnectionsTerminated,
        Self::RedisFlushed,
        Self::RedisKilled,
        Self::RedisStalled,
    ];

    /// Returns the faults that may happen at the same time. A portal does not start without the
    /// database.
    fn companions(self) -> Vec<Self> {
        let redis = [Self::RedisFlushed, Self::RedisKilled, Self::RedisStalled];
        match self {
            Self::RedisFlushed | Self::RedisKilled | Self::RedisStalled => Vec::new(),
            Self::PortalKilled(node) | Self::PortalSuspended(node) => {
                let other = 1 - node;
                let others = [Self::ConnectionsReset(other), Self::ConnectionsStalled(other)];
                [&redis[..], &others].concat()
            }
            _ => redis.into(),
        }
    }

    /// Injects the fault, and heals it.
    async fn happen(self, cluster: &Cluster, random: &mut Rng) {
        let duration = Duration::from_millis(random.u64(100..3000));
        match self {
            Self::PortalKilled(node) => {
                cluster.portal(node).signal("-KILL");
                tokio::time::sleep(duration).await;
                cluster.restart_portal(node);
            }
            Self::PortalSuspended(node) => {
                cluster.portal(node).signal("-STOP");
                tokio::time::sleep(duration).await;
                cluster.portal(node).signal("-CONT");
            }
            Self::DatabaseKilled => {
                block_in_place(|| cluster.database.kill());
                tokio::time::sleep(duration).await;
                block_in_place(|| cluster.database.restart());
            }
            Self::ConnectionsReset(node) => {
                for _ in 0..random.u32(1..10) {
                    cluster.proxies[node].reset();
                    tokio::time::sleep(Duration::from_millis(random.u64(1..200))).await;
                }
            }
            Self::ConnectionsStalled(node) => {
                cluster.proxies[node].set_stalled(true);
                tokio::time::sleep(duration).await;
                cluster.proxies[node].set_stalled(false);
            }
            Self::ConnectionsTerminated => cluster.terminate_connections(),
            Self::RedisStalled => {
                cluster.redis_proxy.set_stalled(true);
                tokio::time::sleep(duration).await;
                cluster.redis_proxy.set_stalled(false);
            }
            Self::RedisFlushed => cluster.flush_redis(),
            Self::RedisKilled => {
                cluster.redis.lock().unwrap().kill();
                tokio::time::sleep(duration).await;
                block_in_place(|| cluster.redis.lock().unwrap().restart());
            }
        }
    }
}

/// How long after each fault all was well again.
pub(crate) struct Recoveries(Vec<Duration>);

impl Recoveries {
    /// Asserts that one was soon: the machine may be busy with others for all but some seconds.
    pub(crate) fn assert_soon(&self) {
        assert!(self.0.iter().any(|recovery| *recovery < RECOVERY), "{:?}", self.0);
    }
}

/// Lets faults happen one after the other for this long, each at least once, in random order. All
/// is well after each.
pub(crate) async fn happen(load: &Load, random: &mut Rng, duration: Duration) -> Recoveries {
    let deadline = Instant::now() + duration;
    let mut recoveries = Vec::new();
    while recoveries.is_empty() || Instant::now() < deadline {
        let mut turn = Fault::ALL;
        random.shuffle(&mut turn);
        let has_had_each = !recoveries.is_empty();
        for fault in turn {
            if has_had_each && Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(Duration::from_millis(random.u64(..1500))).await;
            let companion = random.choice(fault.companions()).filter(|_| random.bool());
            let mut random_of_companion = random.fork();
            let other = async {
                if let Some(companion) = companion {
                    companion.happen(&load.cluster, &mut random_of_companion).await;
                }
            };
            tokio::join!(fault.happen(&load.cluster, random), other);
            // The recovery is measured without the load.
            load.is_paused.store(true, Ordering::Relaxed);
            let healed_at = Instant::now();
            for node in 0..2 {
                wait_until_healthy(&load.cluster, node, healed_at).await;
            }
            load.is_paused.store(false, Ordering::Relaxed);
            let recovery = healed_at.elapsed();
            println!("{fault:?} {companion:?}: well after {} ms", recovery.as_millis());
            recoveries.push(recovery);
        }
    }
    Recoveries(recoveries)
}

/// Waits until a portal reports no fault, and a login succeeds.
async fn wait_until_healthy(cluster: &Cluster, node: usize, healed_at: Instant) {
    loop {
        let health = cluster.portal(node).get("/api/health");
        let login = cluster.portal(node).login_request(ADMIN, PASSWORD);
        let health = health.timeout(MAX_RECOVERY).try_send().await.map(|health| health.body);
        if health.as_deref().is_ok_and(|health| health == "ok\n") {
            let login = login.timeout(MAX_RECOVERY).try_send().await;
            if login.is_ok_and(|login| login.status == 200) {
                return;
            }
        }
        assert!(healed_at.elapsed() < MAX_RECOVERY, "portal {node}: {health:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
