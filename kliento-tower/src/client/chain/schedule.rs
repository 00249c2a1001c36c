//! When a chain is fetched next.

use std::time::Duration;

use kliento_core::Timestamp;

/// The period in which no fetch is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    since: Timestamp,
    until: Timestamp,
}

const MIN_INTERVAL: Duration = Duration::from_secs(5);
const MAX_RETRY_INTERVAL: Duration = Duration::from_secs(300);

impl Wait {
    /// Waits for half of the remaining validity, so that there is time for retries.
    pub(super) fn after_success(now: Timestamp, end: Timestamp, max_interval: Duration) -> Self {
        let left = Duration::try_from(now.duration_until(end)).unwrap_or_default();
        Self::new(now, (left / 2).min(max_interval).max(MIN_INTERVAL.min(max_interval)))
    }

    /// Waits for twice as long after each further failure.
    pub(super) fn after_failure(now: Timestamp, failures: u32) -> Self {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
        Self::new(now, MIN_INTERVAL.saturating_mul(doubled).min(MAX_RETRY_INTERVAL))
    }

    fn new(now: Timestamp, interval: Duration) -> Self {
        let interval = interval.saturating_sub(interval.mul_f64(fastrand::f64() / 10.0));
        Self { since: now, until: now.saturating_add(interval).unwrap_or(Timestamp::MAX) }
    }

    /// Setting the clock back must not prolong the wait.
    pub(super) fn contains(self, now: Timestamp) -> bool {
        self.since <= now && now < self.until
    }

    pub(super) const fn until(self) -> Timestamp {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn seconds(wait: Wait) -> u64 {
        Duration::try_from(wait.since.duration_until(wait.until)).unwrap().as_secs()
    }

    #[test]
    fn renews_after_half_of_the_remaining_validity() {
        let now: Timestamp = "2026-11-22T18:00:00Z".parse().unwrap();
        for (left, expected) in
            [(14 * 24 * HOUR, 3600), (HOUR, 1800), (HOUR / 60, 30), (HOUR / 900, 5)]
        {
            let wait = seconds(Wait::after_success(now, now + left, HOUR));
            assert!((expected * 9 / 10..=expected).contains(&wait), "{left:?}: {wait}");
        }
        let expired = seconds(Wait::after_success(now, now - HOUR, HOUR));
        assert!((4..=5).contains(&expired), "{expired}");
        assert_eq!(seconds(Wait::after_success(now, now + HOUR, MIN_INTERVAL / 5)), 0);
    }

    #[test]
    fn doubles_the_delay_up_to_5_minutes() {
        let now: Timestamp = "2026-11-22T18:00:00Z".parse().unwrap();
        for (failures, expected) in [(1, 5), (2, 10), (3, 20), (7, 300), (u32::MAX, 300)] {
            let wait = seconds(Wait::after_failure(now, failures));
            assert!((expected * 9 / 10..=expected).contains(&wait), "{failures}: {wait}");
        }
    }

    #[test]
    fn ends_early_if_the_clock_is_set_back() {
        let now: Timestamp = "2026-11-22T18:00:00Z".parse().unwrap();
        let wait = Wait::after_failure(now, 1);
        assert!(wait.contains(now) && wait.contains(now + HOUR / 900));
        assert!(!wait.contains(now - HOUR) && !wait.contains(now + HOUR));
    }
}
