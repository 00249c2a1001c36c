//! Limits concurrent verifications and the requests that wait.

use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::Rejection;

/// Limits the verifications of a layer and of all layers configured from it.
pub(crate) struct VerificationLimiter {
    concurrency_limit: usize,
    queue_limit: usize,
    /// One for each verification.
    permits: Semaphore,
    /// One for each request without a decision: it verifies, or it waits.
    slots: Semaphore,
}

impl VerificationLimiter {
    const DEFAULT_QUEUE_LIMIT: usize = 1024;

    pub(crate) fn new(concurrency_limit: usize, queue_limit: usize) -> Self {
        let concurrency_limit = concurrency_limit.clamp(1, Semaphore::MAX_PERMITS);
        let slots = concurrency_limit.saturating_add(queue_limit).min(Semaphore::MAX_PERMITS);
        Self {
            concurrency_limit,
            queue_limit,
            permits: Semaphore::new(concurrency_limit),
            slots: Semaphore::new(slots),
        }
    }

    pub(crate) fn with_concurrency_limit(&self, concurrency_limit: usize) -> Self {
        Self::new(concurrency_limit, self.queue_limit)
    }

    pub(crate) fn with_queue_limit(&self, queue_limit: usize) -> Self {
        Self::new(self.concurrency_limit, queue_limit)
    }

    /// Returns a slot for a request, which keeps it until its decision, or fails if all are taken.
    ///
    /// Every request needs one, also if it waits for another request's verification or for trust
    /// anchors: each holds memory and a ready service.
    pub(crate) fn enter(&self) -> Result<SemaphorePermit<'_>, Rejection> {
        self.slots.try_acquire().map_err(|_| Rejection::Busy)
    }

    /// Waits for a permit to verify. Call it with a slot.
    pub(crate) async fn acquire(&self) -> Result<SemaphorePermit<'_>, Rejection> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_when_all_slots_are_taken() {
        let limiter = VerificationLimiter::new(1, 1);
        let verifying = limiter.enter().unwrap();
        let waiting = limiter.enter().unwrap();
        assert!(matches!(limiter.enter(), Err(Rejection::Busy)));
        drop(waiting);
        assert!(limiter.enter().is_ok());
        drop(verifying);
        // The largest queue does not overflow.
        assert!(VerificationLimiter::new(2, usize::MAX).enter().is_ok());
    }
}
