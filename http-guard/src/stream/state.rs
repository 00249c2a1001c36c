//! The state of one open stream: its lease, its end, and who waits for them.

use std::mem;
use std::sync::{LazyLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::StreamEnd;
use super::sync::{AtomicBool, AtomicU64, Mutex, MutexGuard, Ordering};

/// An instant of the monotonic clock, in microseconds.
pub(super) type Micros = u64;

/// The state of one open stream.
///
/// Until `valid_until` the stream delivers. Afterwards it is suspended, until a check renews it or
/// ends it. An end is final.
pub(super) struct StreamState {
    is_ended: AtomicBool,
    valid_until: AtomicU64,
    lease_until: AtomicU64,
    waiters: Mutex<Waiters>,
}

#[derive(Default)]
struct Waiters {
    end: Option<StreamEnd>,
    /// Whether a waiter waits for a renewal.
    is_suspended: bool,
    places: Vec<Place>,
}

/// The place of a waiter.
enum Place {
    Free,
    /// Its waker was called, and it has not waited again.
    Woken,
    Waiting(Waker),
}

/// The position of a waiter, once it has waited.
#[derive(Debug, Default)]
pub(super) struct Slot(Option<usize>);

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Returns the current instant.
pub(super) fn now() -> Micros {
    micros(EPOCH.elapsed())
}

pub(super) fn micros(duration: Duration) -> Micros {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl StreamState {
    pub(super) fn new(valid_until: Micros, lease_until: Micros) -> Self {
        Self {
            is_ended: AtomicBool::new(false),
            valid_until: AtomicU64::new(valid_until),
            lease_until: AtomicU64::new(lease_until),
            waiters: Mutex::default(),
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Acquire)
    }

    pub(super) fn lease_until(&self) -> Micros {
        self.lease_until.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) -> Option<StreamEnd> {
        if self.is_ended() { self.waiters().end } else { None }
    }

    /// Renews the lease after a check.
    pub(super) fn renew(&self, valid_until: Micros, lease_until: Micros) {
        self.lease_until.store(lease_until, Ordering::Release);
        self.valid_until.store(valid_until, Ordering::Release);
        let mut waiters = self.waiters();
        // A waiter that reads the old value waits before this, under the lock.
        let wakers = if waiters.is_suspended { waiters.take() } else { Vec::new() };
        drop(waiters);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends the stream. Returns `false` if it has already ended.
    pub(super) fn set_end(&self, end: StreamEnd) -> bool {
        let mut waiters = self.waiters();
        if waiters.end.is_some() {
            return false;
        }
        waiters.end = Some(end);
        self.is_ended.store(true, Ordering::Release);
        let wakers = waiters.take();
        drop(waiters);
        wakers.into_iter().for_each(Waker::wake);
        true
    }

    /// Returns `None` if the stream may deliver, or its end. Waits while it is suspended.
    pub(super) fn poll_delivery(
        &self,
        slot: &mut Slot,
        context: &mut Context<'_>,
    ) -> Poll<Option<StreamEnd>> {
        let is_valid = || now() < self.valid_until.load(Ordering::Acquire);
        if !self.is_ended() && is_valid() {
            return Poll::Ready(None);
        }
        let mut waiters = self.waiters();
        if let Some(end) = waiters.end {
            return Poll::Ready(Some(end));
        }
        if is_valid() {
            return Poll::Ready(None);
        }
        waiters.is_suspended = true;
        let replaced = waiters.wait(slot, context.waker());
        drop(waiters);
        drop(replaced);
        Poll::Pending
    }

    /// Waits for the end.
    pub(super) fn poll_end(&self, slot: &mut Slot, context: &mut Context<'_>) -> Poll<StreamEnd> {
        let mut waiters = self.waiters();
        if let Some(end) = waiters.end {
            return Poll::Ready(end);
        }
        let replaced = waiters.wait(slot, context.waker());
        drop(waiters);
        drop(replaced);
        Poll::Pending
    }

    /// Removes a waiter.
    pub(super) fn leave(&self, slot: &mut Slot) {
        if let Some(index) = slot.0.take() {
            let mut waiters = self.waiters();
            let place = waiters.places.get_mut(index);
            let left = place.map(|place| mem::replace(place, Place::Free));
            drop(waiters);
            drop(left);
        }
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.waiters().places.len()
    }

    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiters {
    /// Returns what it replaces, which is dropped without the lock: it may be the last reference to
    /// a task.
    fn wait(&mut self, slot: &mut Slot, waker: &Waker) -> Option<Place> {
        let index = *slot.0.get_or_insert_with(|| {
            let free = self.places.iter().position(|place| matches!(place, Place::Free));
            free.unwrap_or(self.places.len())
        });
        match self.places.get_mut(index) {
            Some(Place::Waiting(known)) if known.will_wake(waker) => None,
            Some(place) => Some(mem::replace(place, Place::Waiting(waker.clone()))),
            None => {
                self.places.push(Place::Waiting(waker.clone()));
                None
            }
        }
    }

    /// Takes the wakers. Their waiters keep their places.
    fn take(&mut self) -> Vec<Waker> {
        self.is_suspended = false;
        let waiting = self.places.iter_mut().filter(|place| matches!(place, Place::Waiting(_)));
        let woken = waiting.map(|place| mem::replace(place, Place::Woken));
        woken
            .filter_map(|place| match place {
                Place::Waiting(waker) => Some(waker),
                Place::Free | Place::Woken => None,
            })
            .collect()
    }
}
