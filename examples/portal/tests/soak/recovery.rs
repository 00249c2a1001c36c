//! How soon all is healthy after a fault.

use std::time::{Duration, Instant};

use crate::portal::PASSWORD;
use crate::soak::cluster::Cluster;

/// A user that logs in to see that all is healthy. A user has 100 sessions, so the admin would lose
/// the one that it uses.
pub(crate) const PROBER: &str = "prober";
/// How soon after a fault all is healthy again, besides what the check of that takes. What is bounded is
/// the time until both portals have reported no fault and a login at each has succeeded, one after the
/// other, so it contains two evaluations of Argon2 and waits of 20 ms. A machine that is busier after a
/// fault than in any check without one can exceed the bound.
const RECOVERY: Duration = Duration::from_secs(2);
/// How many times what the check takes without a fault it may take after one, on a busy machine.
const TOLERANCE: u32 = 3;
/// How long a recovery is waited for.
const MAX_RECOVERY: Duration = Duration::from_mins(1);

/// How long after each fault all was healthy again, and how long the same check took without a fault.
#[derive(Default)]
pub(crate) struct Recoveries(Vec<(String, Duration, Duration)>);

impl Recoveries {
    pub(crate) fn add(&mut self, fault: String, recovery: Duration, usual: Duration) {
        let [after, without] = [recovery, usual].map(|time| time.as_millis());
        println!("{fault}: healthy after {after} ms; without a fault {without} ms");
        self.0.push((fault, recovery, usual));
    }

    /// Asserts that each was soon.
    pub(crate) fn assert_soon(&self) {
        // A check is short: the busiest time of the machine may be another one.
        let usual = self.0.iter().map(|(_, _, usual)| *usual).max().unwrap_or_default();
        let max = RECOVERY + TOLERANCE * usual;
        let late: Vec<_> = self.0.iter().filter(|(_, recovery, _)| *recovery > max).collect();
        assert!(late.is_empty(), "not healthy within {max:?}: {late:?}");
    }
}

/// Waits until both portals report no fault, and a login at each succeeds. Returns how long that takes.
pub(crate) async fn time_until_healthy(cluster: &Cluster) -> Duration {
    let healed_at = Instant::now();
    for node in 0..2 {
        wait_until_healthy(cluster, node, healed_at).await;
    }
    healed_at.elapsed()
}

/// Waits until a portal reports no fault, and a login succeeds.
async fn wait_until_healthy(cluster: &Cluster, node: usize, healed_at: Instant) {
    loop {
        let health = cluster.portal(node).get("/api/health");
        let login = cluster.portal(node).login_request(PROBER, PASSWORD);
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
