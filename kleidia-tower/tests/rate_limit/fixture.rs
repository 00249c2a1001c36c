//! A clock that tests set.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kleidia_tower::rate_limit::{Limit, RateLimiter};

/// A clock that advances only by [`Self::advance`].
#[derive(Clone, Default)]
pub(crate) struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }

    /// Creates a limiter with this clock.
    pub(crate) fn limiter(&self, limit: &str) -> RateLimiter {
        self.limiter_with(limit.parse().unwrap())
    }

    pub(crate) fn limiter_with(&self, limit: Limit) -> RateLimiter {
        let clock = self.clone();
        RateLimiter::new(limit).with_clock(move || clock.now())
    }
}
