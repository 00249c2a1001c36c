//! One verification per bundle, however many requests carry it at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::cache::BundleKey;
use crate::{Rejection, WorkloadIdentity};

pub(crate) type Verdict = Result<WorkloadIdentity, Rejection>;

/// The verifications that are under way.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<BundleKey, Arc<OnceCell<Verdict>>>>);

/// A request's part in a verification; the last one to leave ends it.
struct Seat<'f> {
    flights: &'f Flights,
    key: BundleKey,
    flight: Arc<OnceCell<Verdict>>,
}

impl Flights {
    /// Gives the verdict on the bundle of this key: of whoever is at it already, or by `verify`.
    ///
    /// Where the request that verifies is given up, another one that waits takes over.
    pub(crate) async fn join<V: Future<Output = Verdict>>(
        &self,
        key: BundleKey,
        verify: impl FnOnce() -> V,
    ) -> Verdict {
        let seat = self.seat(key);
        seat.flight.get_or_init(verify).await.clone()
    }

    fn seat(&self, key: BundleKey) -> Seat<'_> {
        let flight = Arc::clone(self.lock().entry(key).or_default());
        Seat { flights: self, key, flight }
    }

    /// Nothing can panic while the lock is held.
    fn lock(&self) -> MutexGuard<'_, HashMap<BundleKey, Arc<OnceCell<Verdict>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        // Seats are taken under the lock, so nobody joins between the count and the removal.
        let is_last = Arc::strong_count(&self.flight) == 2;
        // Who comes after the verdict finds it in the cache, or asks anew.
        if is_last || self.flight.initialized() {
            let is_listed =
                flights.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
            if is_listed {
                flights.remove(&self.key);
            }
        }
    }
}
