//! One verification per bundle for all concurrent requests that carry it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use crate::cache::BundleKey;
use crate::{Rejection, WorkloadIdentity};

pub(crate) type Decision = Result<WorkloadIdentity, Rejection>;

/// The verifications in progress.
#[derive(Default)]
pub(crate) struct SingleFlight(Mutex<HashMap<BundleKey, InFlight>>);

/// A verification, and the number of requests that wait for it.
#[derive(Default)]
struct InFlight {
    decision: Arc<OnceCell<Decision>>,
    waiters: usize,
}

/// A request that waits for a verification. Dropping the last one removes the verification.
struct Waiter<'f> {
    single_flight: &'f SingleFlight,
    key: BundleKey,
    decision: Arc<OnceCell<Decision>>,
}

impl SingleFlight {
    /// Returns the decision of the verification in progress for this key, or runs `verify`.
    ///
    /// If the request that verifies is cancelled, another waiter runs its own `verify`.
    pub(crate) async fn run<V: Future<Output = Decision>>(
        &self,
        key: BundleKey,
        verify: impl FnOnce() -> V,
    ) -> Decision {
        let waiter = self.join(key);
        waiter.decision.get_or_init(verify).await.clone()
    }

    fn join(&self, key: BundleKey) -> Waiter<'_> {
        let mut in_flight = self.lock();
        let entry = in_flight.entry(key).or_default();
        entry.waiters += 1;
        Waiter { single_flight: self, key, decision: Arc::clone(&entry.decision) }
    }

    /// No code panics while it holds the lock, so poisoning can be ignored.
    fn lock(&self) -> MutexGuard<'_, HashMap<BundleKey, InFlight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut in_flight = self.single_flight.lock();
        let Entry::Occupied(mut entry) = in_flight.entry(self.key) else { return };
        if !Arc::ptr_eq(&entry.get().decision, &self.decision) {
            return;
        }
        entry.get_mut().waiters -= 1;
        // Later requests find the decision in the cache, or start another verification.
        if entry.get().waiters == 0 || self.decision.initialized() {
            entry.remove();
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

    fn is_empty(single_flight: &SingleFlight) -> bool {
        single_flight.lock().is_empty()
    }

    #[test]
    fn last_waiter_removes_verification_in_any_order() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let single_flight = SingleFlight::default();
            let mut waiters: Vec<_> = (0..3).map(|_| Some(single_flight.join(KEY))).collect();
            for waiter in order {
                assert!(!is_empty(&single_flight));
                waiters[waiter] = None;
            }
            assert!(is_empty(&single_flight));
        }
    }

    #[test]
    fn completed_verification_is_removed() {
        let single_flight = SingleFlight::default();
        let late = single_flight.join(KEY);
        let verify = || ready(Err(Rejection::Busy));
        let mut completed = pin!(single_flight.run(KEY, verify));
        assert!(completed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        let next = single_flight.join(KEY);
        assert!(!Arc::ptr_eq(&late.decision, &next.decision));
        // A waiter of the completed verification does not remove the next one.
        drop(late);
        assert!(!is_empty(&single_flight));
        drop(next);
        assert!(is_empty(&single_flight));
    }

    #[test]
    fn concurrent_cancellations_leave_nothing() {
        const THREADS: usize = 8;
        let (single_flight, barrier) = (SingleFlight::default(), Barrier::new(THREADS));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let mut request = Box::pin(single_flight.run(KEY, pending));
                        let mut context = Context::from_waker(Waker::noop());
                        assert!(request.as_mut().poll(&mut context).is_pending());
                        barrier.wait();
                        drop(request);
                        barrier.wait();
                        assert!(is_empty(&single_flight));
                        barrier.wait();
                    }
                });
            }
        });
    }
}
