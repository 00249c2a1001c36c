//! One verification per bundle, however many requests carry it at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::cache::BundleKey;
use crate::{Rejection, WorkloadIdentity};

pub(crate) type Verdict = Result<WorkloadIdentity, Rejection>;

/// The verifications that are under way.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<BundleKey, Flight>>);

/// A verification, and how many requests take part in it.
#[derive(Default)]
struct Flight {
    verdict: Arc<OnceCell<Verdict>>,
    seats: usize,
}

/// A request's part in a verification; the last one to leave ends it.
struct Seat<'f> {
    flights: &'f Flights,
    key: BundleKey,
    verdict: Arc<OnceCell<Verdict>>,
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
        seat.verdict.get_or_init(verify).await.clone()
    }

    fn seat(&self, key: BundleKey) -> Seat<'_> {
        let mut flights = self.lock();
        let flight = flights.entry(key).or_default();
        flight.seats += 1;
        Seat { flights: self, key, verdict: Arc::clone(&flight.verdict) }
    }

    /// Nothing can panic while the lock is held.
    fn lock(&self) -> MutexGuard<'_, HashMap<BundleKey, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        let Entry::Occupied(mut listed) = flights.entry(self.key) else { return };
        if !Arc::ptr_eq(&listed.get().verdict, &self.verdict) {
            return;
        }
        listed.get_mut().seats -= 1;
        // Who comes after the verdict finds it in the cache, or asks anew.
        if listed.get().seats == 0 || self.verdict.initialized() {
            listed.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::sync::Barrier;
    use std::task::{Context, Waker};
    use std::thread;

    use super::*;

    const KEY: BundleKey = [0; 32];

    fn is_empty(flights: &Flights) -> bool {
        flights.lock().is_empty()
    }

    #[test]
    fn nothing_is_left_of_a_flight_in_whichever_order_its_seats_are_left() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let flights = Flights::default();
            let mut seats: Vec<_> = (0..3).map(|_| Some(flights.seat(KEY))).collect();
            for seat in order {
                assert!(!is_empty(&flights));
                seats[seat] = None;
            }
            assert!(is_empty(&flights));
        }
    }

    #[test]
    fn a_flight_that_is_over_makes_room_for_the_next() {
        let flights = Flights::default();
        let late = flights.seat(KEY);
        let verify = || ready(Err(Rejection::Busy));
        let mut over = pin!(flights.join(KEY, verify));
        assert!(over.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        let next = flights.seat(KEY);
        assert!(!Arc::ptr_eq(&late.verdict, &next.verdict));
        // Who was in the one before does not end the next.
        drop(late);
        assert!(!is_empty(&flights));
        drop(next);
        assert!(is_empty(&flights));
    }

    #[test]
    fn requests_that_are_given_up_at_the_same_time_leave_nothing() {
        const THREADS: usize = 8;
        let (flights, together) = (Flights::default(), Barrier::new(THREADS));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let mut request = Box::pin(flights.join(KEY, pending));
                        let mut context = Context::from_waker(Waker::noop());
                        assert!(request.as_mut().poll(&mut context).is_pending());
                        together.wait();
                        drop(request);
                        together.wait();
                        assert!(is_empty(&flights));
                        together.wait();
                    }
                });
            }
        });
    }
}
