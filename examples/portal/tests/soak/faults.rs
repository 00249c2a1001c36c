//! The faults of a run: each is injected, lasts for a while, and is healed.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::task::block_in_place;

use crate::soak::audit_log::Checkpoints;
use crate::soak::client::Load;
use crate::soak::recovery::{Recoveries, time_until_healthy};

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
    /// What the portal receives from the others is later than its cache may be, but not so late that
    /// it closes the connection.
    FeedDelayed(usize),
    /// Single heartbeats of the portal are lost, and the connection stays.
    HeartbeatsLost(usize),
    /// Many callers disconnect.
    CallersDisconnect,
    /// Redis loses all counters.
    RedisFlushed,
    /// Redis is killed, and restarted.
    RedisKilled,
    /// Redis answers late.
    RedisStalled,
}

/// For how long the feed is delayed at least: sessions end meanwhile.
const FEED_DELAYED: Duration = Duration::from_secs(2);

impl Fault {
    const ALL: [Self; 16] = [
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
        Self::FeedDelayed(0),
        Self::HeartbeatsLost(0),
        Self::CallersDisconnect,
        Self::RedisFlushed,
        Self::RedisKilled,
        Self::RedisStalled,
    ];

    /// Returns the faults that may happen at the same time. A portal does not start without the
    /// database.
    fn companions(self) -> Vec<Self> {
        let redis = [Self::RedisFlushed, Self::RedisKilled, Self::RedisStalled];
        match self {
            Self::RedisFlushed
            | Self::RedisKilled
            | Self::RedisStalled
            | Self::CallersDisconnect => {
                vec![Self::FeedDelayed(0), Self::HeartbeatsLost(0)]
            }
            Self::PortalKilled(node) | Self::PortalSuspended(node) => {
                let other = 1 - node;
                let others = [Self::ConnectionsReset(other), Self::ConnectionsStalled(other)];
                [&redis[..], &others].concat()
            }
            _ => redis.into(),
        }
    }

    /// Injects the fault, and heals it.
    async fn happen(self, load: &Load, random: &mut Rng) {
        let cluster = &load.cluster;
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
            Self::FeedDelayed(node) => {
                let bound = cluster.access_bounds()[node];
                let delay = bound.mul_f64(1.1 + 0.8 * random.f64());
                cluster.proxies[node].feed().set_delay(delay);
                tokio::time::sleep(duration + FEED_DELAYED).await;
                cluster.proxies[node].feed().set_delay(Duration::ZERO);
                // What is on its way arrives.
                tokio::time::sleep(delay).await;
            }
            Self::HeartbeatsLost(node) => {
                cluster.proxies[node].feed().lose_heartbeats(random.u32(1..8));
                tokio::time::sleep(duration).await;
            }
            Self::CallersDisconnect => {
                load.disconnects.set_many(true);
                tokio::time::sleep(duration).await;
                load.disconnects.set_many(false);
            }
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

/// Lets faults happen one after the other for this long, each at least once, in random order. All is
/// well after each, and a checkpoint of the audit log is taken.
pub(crate) async fn happen(
    load: &Load,
    random: &mut Rng,
    duration: Duration,
    checkpoints: &mut Checkpoints,
) -> Recoveries {
    let deadline = Instant::now() + duration;
    let mut recoveries = Recoveries::default();
    let mut has_had_each = false;
    while !has_had_each || Instant::now() < deadline {
        let mut turn = Fault::ALL;
        random.shuffle(&mut turn);
        for fault in turn {
            if has_had_each && Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(Duration::from_millis(random.u64(..1500))).await;
            let companion = random.choice(fault.companions()).filter(|_| random.bool());
            let mut random_of_companion = random.fork();
            let other = async {
                if let Some(companion) = companion {
                    companion.happen(load, &mut random_of_companion).await;
                }
            };
            tokio::join!(fault.happen(load, random), other);
            // The recovery is measured without the load.
            load.is_paused.store(true, Ordering::Relaxed);
            let recovery = time_until_healthy(&load.cluster).await;
            // What the same takes now without a fault: the machine may be busy with others.
            let usual = time_until_healthy(&load.cluster).await;
            load.is_paused.store(false, Ordering::Relaxed);
            checkpoints.take(&load.cluster);
            recoveries.add(format!("{fault:?} {companion:?}"), recovery, usual);
        }
        has_had_each = true;
    }
    recoveries
}
