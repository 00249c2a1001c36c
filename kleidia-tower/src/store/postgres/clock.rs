//! `DatabaseClock`: the database's time on each node.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use deadpool_postgres::Pool;
use http_guard::{HealthError, Supervisor};

use super::error::{pool_error, store_error};
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
    pub(super) async fn synchronise(pool: &Pool) -> Result<Self, StoreError> {
        let supervisor = Supervisor::new("database-clock").with_interval(INTERVAL);
        let synchronised = Arc::new(RwLock::new(read(pool).await?));
        Ok(Self { synchronised, supervisor })
    }

    /// Reads the time repeatedly, until the task is aborted.
    pub(super) async fn run(self, pool: Pool) {
        let _running = self.supervisor.start();
        let mut interval = INTERVAL;
        loop {
            tokio::time::sleep(interval).await;
            let succeeded = self.supervisor.run_async_iteration(self.update(&pool)).await;
            interval = if succeeded == Some(true) { INTERVAL } else { RETRY_INTERVAL };
        }
    }

    /// Reads the time, and returns whether that succeeded.
    async fn update(&self, pool: &Pool) -> bool {
        let started_at = Instant::now();
        let read = read(pool).await;
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
async fn read(pool: &Pool) -> Result<(Instant, Timestamp), StoreError> {
    let client = pool.get().await.map_err(pool_error)?;
    let started_at = Instant::now();
    let row = client.query_one("SELECT clock_timestamp()", &[]).await.map_err(store_error)?;
    let time: SystemTime = row.try_get(0).map_err(store_error)?;
    let time = Timestamp::try_from(time).map_err(|_| StoreError::Corrupt("time"))?;
    // The server read its clock somewhere within the round trip.
    Ok((started_at + started_at.elapsed() / 2, time))
}
