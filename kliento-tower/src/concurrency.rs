//! Limits concurrent verifications and the queue of requests that wait for one.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Rejection;

/// Limits the verifications of a layer and of all layers configured from it.
pub(crate) struct VerificationLimiter {
    concurrency_limit: usize,
    queue_limit: usize,
    permits: Semaphore,
    queued: AtomicUsize,
}

impl VerificationLimiter {
    const DEFAULT_QUEUE_LIMIT: usize = 1024;

    pub(crate) fn new(concurrency_limit: usize, queue_limit: usize) -> Self {
        let concurrency_limit = concurrency_limit.clamp(1, Semaphore::MAX_PERMITS);
        let permits = Semaphore::new(concurrency_limit);
        Self { concurrency_limit, queue_limit, permits, queued: AtomicUsize::new(0) }
    }

    pub(crate) fn with_concurrency_limit(&self, concurrency_limit: usize) -> Self {
        Self::new(concurrency_limit, self.queue_limit)
    }

    pub(crate) fn with_queue_limit(&self, queue_limit: usize) -> Self {
        Self::new(self.concurrency_limit, queue_limit)
    }

    /// Waits for a permit, or fails if the queue is full.
    pub(crate) async fn acquire(&self) -> Result<SemaphorePermit<'_>, Rejection> {
        if let Ok(permit) = self.permits.try_acquire() {
            return Ok(permit);
        }
        let _slot = QueueSlot::reserve(self).ok_or(Rejection::Busy)?;
        self.permits.acquire().await.map_err(|_| Rejection::Busy)
    }
}

/// Half of the processors, so that the other half stays free for other requests.
impl Default for VerificationLimiter {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Self::new(processors / 2, Self::DEFAULT_QUEUE_LIMIT)
    }
}

/// A position in the queue, released when the request is cancelled, too.
struct QueueSlot<'l>(&'l VerificationLimiter);

impl<'l> QueueSlot<'l> {
    fn reserve(limiter: &'l VerificationLimiter) -> Option<Self> {
        let slot = Self(limiter);
        let before = limiter.queued.fetch_add(1, Ordering::Relaxed);
        (before < limiter.queue_limit).then_some(slot)
    }
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        self.0.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn rejects_when_the_queue_is_full() {
        let limiter = VerificationLimiter::new(1, 1);
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(limiter.acquire());
        let Poll::Ready(Ok(permit)) = first.as_mut().poll(&mut context) else { panic!("free") };
        {
            let mut queued = pin!(limiter.acquire());
            assert!(queued.as_mut().poll(&mut context).is_pending());
            let rejected = pin!(limiter.acquire()).poll(&mut context);
            assert!(matches!(rejected, Poll::Ready(Err(Rejection::Busy))));
        }
        // The queued request was dropped, so its slot is free again.
        let mut queued = pin!(limiter.acquire());
        assert!(queued.as_mut().poll(&mut context).is_pending());
        drop(permit);
        assert!(matches!(queued.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
    }
}
