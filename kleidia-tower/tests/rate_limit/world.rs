//! A clock that tests hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kleidia_tower::rate_limit::RateLimiter;

/// A clock that stands still until it is told to go on.
#[derive(Clone, Default)]
pub(crate) struct Hand(Arc<AtomicU64>);

impl Hand {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }

    /// A limiter that goes by this clock.
    pub(crate) fn limiter(&self, limit: &str) -> RateLimiter {
        let clock = self.clone();
        RateLimiter::new(limit.parse().unwrap()).with_clock(move || clock.now())
    }
}
