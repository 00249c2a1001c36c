//! How many verifications run at once, and how many may wait for their turn.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Rejection;

/// Bounds the verifications of a layer.
pub(crate) struct Gate {
    concurrency: usize,
    queue: usize,
    permits: Semaphore,
    waiting: AtomicUsize,
}

impl Gate {
    pub(crate) const DEFAULT_QUEUE: usize = 1024;

    pub(crate) fn new(concurrency: usize, queue: usize) -> Self {
        let permits = Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS));
        Self { concurrency, queue, permits, waiting: AtomicUsize::new(0) }
    }

    /// Half of the processors, so that the other half always has time for other requests.
    pub(crate) fn default_concurrency() -> usize {
        (available_parallelism().map_or(1, NonZero::get) / 2).max(1)
    }

    pub(crate) fn with_concurrency(&self, concurrency: usize) -> Self {
        Self::new(concurrency, self.queue)
    }

    pub(crate) fn with_queue(&self, queue: usize) -> Self {
        Self::new(self.concurrency, queue)
    }

    /// Waits for a turn, unless too many do.
    pub(crate) async fn enter(&self) -> Result<SemaphorePermit<'_>, Rejection> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        let _place = Place::take(self).ok_or(Rejection::Busy)?;
        self.permits.acquire().await.map_err(|_| Rejection::Busy)
    }
}

/// A gate of the same size, at which nobody waits.
impl Clone for Gate {
    fn clone(&self) -> Self {
        Self::new(self.concurrency, self.queue)
    }
}

/// A place in the queue, which is left even if the request is given up.
struct Place<'g>(&'g Gate);

impl<'g> Place<'g> {
    fn take(gate: &'g Gate) -> Option<Self> {
        let place = Self(gate);
        let before = gate.waiting.fetch_add(1, Ordering::Relaxed);
        (before < gate.queue).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn what_does_not_fit_the_queue_is_refused() {
        let gate = Gate::new(1, 1);
        let mut context = Context::from_waker(Waker::noop());
        let mut enter = pin!(gate.enter());
        let Poll::Ready(Ok(permit)) = enter.as_mut().poll(&mut context) else { panic!("free") };
        {
            let mut waits = pin!(gate.enter());
            assert!(waits.as_mut().poll(&mut context).is_pending());
            let refused = pin!(gate.enter()).poll(&mut context);
            assert!(matches!(refused, Poll::Ready(Err(Rejection::Busy))));
        }
        // Whoever waited has gone, so there is a place again.
        let mut waits = pin!(gate.enter());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        drop(permit);
        assert!(matches!(waits.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
    }
}
