//! How slowly a client may send or accept octets.

use std::time::Duration;

use tokio::time::Instant;

/// The least time for a wait that begins, so that a client which was slow before can accept a short
/// response.
const MIN_LEFT: Duration = Duration::from_secs(1);

/// A time without octets, to which octets add.
#[derive(Clone, Copy, Debug)]
pub(super) struct RateTimeout {
    pub(super) timeout: Duration,
    /// Zero if any octet restarts the timeout.
    pub(super) min_octets_per_second: u32,
}

impl RateTimeout {
    /// Returns the time that is left after a wait, and after octets that were transferred.
    pub(super) fn left_after(&self, left: Duration, waited: Duration, octets: usize) -> Duration {
        left.saturating_sub(waited).saturating_add(self.gained(octets)).min(self.timeout)
    }

    /// Returns the time that octets add.
    fn gained(&self, octets: usize) -> Duration {
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        match (octets, self.min_octets_per_second) {
            (0, _) => Duration::ZERO,
            (_, 0) => self.timeout,
            (octets, rate) => Duration::from_secs(u64::from(octets)) / rate,
        }
    }
}

/// The time that a client has to accept the octets that wait for it.
#[derive(Debug)]
pub(super) struct SendBudget {
    limit: RateTimeout,
    left: Duration,
    waiting_since: Option<Instant>,
}

impl SendBudget {
    pub(super) const fn new(limit: RateTimeout) -> Self {
        Self { limit, left: limit.timeout, waiting_since: None }
    }

    /// Records that octets wait.
    pub(super) fn start(&mut self) {
        if self.waiting_since.is_none() {
            self.left = self.left.max(MIN_LEFT.min(self.limit.timeout));
            self.waiting_since = Some(Instant::now());
        }
    }

    /// Records octets that the client has accepted, and whether others wait.
    pub(super) fn record(&mut self, octets: usize, is_waiting: bool) {
        let now = Instant::now();
        let waited = self.waiting_since.map_or(Duration::ZERO, |since| now - since);
        self.left = self.limit.left_after(self.left, waited, octets);
        self.waiting_since = is_waiting.then_some(now);
    }

    pub(super) const fn is_waiting(&self) -> bool {
        self.waiting_since.is_some()
    }

    /// Returns when the client has been too slow.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn limit(min_octets_per_second: u32) -> RateTimeout {
        RateTimeout { timeout: Duration::from_secs(30), min_octets_per_second }
    }

    #[test]
    fn octets_add_their_time_up_to_the_timeout() {
        let (limit, mut left) = (limit(100), Duration::ZERO);
        for (octets, expected) in
            [(0, 0), (250, 2_500), (1, 2_510), (2_700, 29_510), (200, 30_000), (usize::MAX, 30_000)]
        {
            left = limit.left_after(left, Duration::ZERO, octets);
            assert_eq!(left, Duration::from_millis(expected));
        }
        let left = limit.left_after(Duration::from_secs(5), Duration::from_secs(9), 100);
        assert_eq!(left, Duration::from_secs(1));
    }

    #[test]
    fn any_octet_restarts_the_timeout_without_a_rate() {
        let limit = limit(0);
        assert_eq!(limit.left_after(Duration::ZERO, Duration::ZERO, 0), Duration::ZERO);
        assert_eq!(limit.left_after(Duration::ZERO, Duration::ZERO, 1), limit.timeout);
    }

    #[test]
    fn short_response_has_time_after_a_slow_one() {
        let mut budget = SendBudget { left: Duration::ZERO, ..SendBudget::new(limit(100)) };
        let now = Instant::now();
        budget.start();
        assert!(budget.deadline().is_some_and(|deadline| deadline >= now + MIN_LEFT));
        budget.record(0, false);
        assert!(!budget.is_waiting() && budget.left <= MIN_LEFT);
    }
}
