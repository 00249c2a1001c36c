//! `DatabaseClock`: the database's time on each node.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use http_guard::{HealthError, Supervisor};
use tokio::time::timeout;

use super::connections::Connections;
use super::error::store_error;
use super::store::finish;
use crate::store::StoreError;
use crate::{Clock, Timestamp};

/// The time between two comparisons with the database.
const INTERVAL: Duration = Duration::from_secs(10);
/// The time after which a comparison that failed is repeated, so that health is soon reported
/// again.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The time of the database, so that the clocks of nodes may differ.
///
/// It is read when the store is opened and every 10 seconds, or half a second after a failure; in
/// between, and while the database cannot be reached, the monotonic clock of the node counts on. It
/// differs from the database's clock by at most the duration of a round trip.
#[derive(Clone, Debug)]
pub struct DatabaseClock {
    synchronised: Arc<RwLock<(Instant, Timestamp)>>,
    supervisor: Supervisor,
}

impl DatabaseClock {
    /// Reads the time.
    pub(super) async fn synchronise(connections: &Arc<Connections>) -> Result<Self, StoreError> {
        let supervisor = Supervisor::new("database-clock").with_interval(INTERVAL);
        let synchronised = Arc::new(RwLock::new(read(connections).await?));
        Ok(Self { synchronised, supervisor })
    }

    /// Reads the time repeatedly, until the task is aborted.
    pub(super) async fn run(self, connections: Arc<Connections>) {
        let _running = self.supervisor.start();
        let mut interval = INTERVAL;
        loop {
            tokio::time::sleep(interval).await;
            let succeeded = self.supervisor.run_async_iteration(self.update(&connections)).await;
            interval = if succeeded == Some(true) { INTERVAL } else { RETRY_INTERVAL };
        }
    }

    /// Reads the time, and returns whether that succeeded.
    async fn update(&self, connections: &Arc<Connections>) -> bool {
        let started_at = Instant::now();
        let read = read(connections).await;
        self.supervisor.record(&read, started_at);
        let Ok(time) = read else { return false };
        *self.synchronised.write().unwrap_or_else(PoisonError::into_inner) = time;
        true
    }

    /// Checks that the time was read lately, for a health route.
    ///
    /// # Errors
    /// [`HealthError`] if the database cannot be reached.
    pub fn health(&self) -> Result<(), HealthError> {
        self.supervisor.health()
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Option<Timestamp> {
        let (read_at, time) = *self.synchronised.read().unwrap_or_else(PoisonError::into_inner);
        time.checked_add(read_at.elapsed()).ok()
    }
}

/// Returns the time of the database, and when it was read.
async fn read(connections: &Arc<Connections>) -> Result<(Instant, Timestamp), StoreError> {
    let lease = connections.background().await?;
    let reading = async {
        let started_at = Instant::now();
        let row = lease.client()?.query_one("SELECT clock_timestamp()", &[]).await;
        // The server read its clock somewhere within the round trip.
        let read_at = started_at + started_at.elapsed() / 2;
        let time: SystemTime = row.and_then(|row| row.try_get(0)).map_err(store_error)?;
        Ok((read_at, Timestamp::try_from(time).map_err(|_| StoreError::Corrupt("time"))?))
    };
    let outcome = timeout(connections.operation_timeout, reading).await;
    finish(lease, outcome)
}
