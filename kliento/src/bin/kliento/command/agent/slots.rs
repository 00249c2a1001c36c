//! How many requests are answered at a time, in all and of one caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::allow::Caller;

/// The maximum number of requests that are answered at a time.
const MAX_REQUESTS: usize = 64;
/// The maximum number of those of one user; others of the user wait, each on a connection of its own.
const MAX_REQUESTS_PER_USER: usize = 16;

/// The requests that are answered at this time. A user can occupy a quarter of the slots.
pub(super) struct RequestSlots {
    all: Arc<Semaphore>,
    /// Of the callers that have requests.
    callers: Mutex<HashMap<Caller, Weak<Semaphore>>>,
}

/// A request that is answered, until this is dropped.
pub(super) struct RequestSlot {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl RequestSlots {
    /// Waits for a slot of the caller. Returns `None` if all slots are taken then.
    pub(super) async fn take(&self, caller: Caller) -> Option<RequestSlot> {
        let own = self.semaphore(caller).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(RequestSlot { _own: own, _all: all })
    }

    fn semaphore(&self, caller: Caller) -> Arc<Semaphore> {
        // No code panics while it holds the lock.
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        // At most as many are left as there are connections.
        callers.retain(|_, semaphore| semaphore.strong_count() > 0);
        let known = callers.get(&caller).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let slots = match caller {
                Caller::User(_) => MAX_REQUESTS_PER_USER,
                // These are of all users.
                Caller::Loopback => MAX_REQUESTS,
            };
            let new = Arc::new(Semaphore::new(slots));
            callers.insert(caller, Arc::downgrade(&new));
            new
        })
    }
}

impl Default for RequestSlots {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MAX_REQUESTS)), callers: Mutex::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Polls once: a request waits for another one of its caller.
    fn poll_take(slots: &RequestSlots, uid: u32) -> Poll<Option<RequestSlot>> {
        let mut context = Context::from_waker(Waker::noop());
        pin!(slots.take(Caller::User(uid))).poll(&mut context)
    }

    fn take(slots: &RequestSlots, uid: u32) -> RequestSlot {
        match poll_take(slots, uid) {
            Poll::Ready(Some(slot)) => slot,
            _ => panic!("no slot for {uid}"),
        }
    }

    #[test]
    fn leaves_slots_for_other_users() {
        let slots = RequestSlots::default();
        let take = |uid| take(&slots, uid);
        let mut taken: Vec<_> = (0..MAX_REQUESTS_PER_USER).map(|_| take(1)).collect();
        assert!(poll_take(&slots, 1).is_pending());
        taken.push(take(2));
        taken.remove(0);
        taken.push(take(1));
        assert_eq!(slots.callers.lock().unwrap().len(), 2);
        taken.clear();
        drop(take(3));
        assert_eq!(slots.callers.lock().unwrap().len(), 1);
    }

    #[test]
    fn has_no_slot_beyond_all() {
        let slots = RequestSlots::default();
        let requests = (0..MAX_REQUESTS).map(|index| u32::try_from(index).unwrap());
        let taken: Vec<_> = requests.map(|uid| take(&slots, uid)).collect();
        assert!(matches!(poll_take(&slots, 1_000), Poll::Ready(None)));
        drop(taken);
        take(&slots, 1_000);
    }
}
