//! The rules of the lockout: pure functions over the counters of one user name.

use std::time::Duration;

use super::{LockoutPolicy, Reservation};
use crate::store::rows::FailureRow;
use crate::{Timestamp, time};

/// A pending attempt that is not settled within this time no longer counts.
const PENDING_TIMEOUT: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// The failure counters of one user name: those of one source, and those of the whole account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FailureCounters {
    pub(crate) source: FailureRow,
    pub(crate) account: FailureRow,
}

impl FailureCounters {
    /// Reserves an attempt; a granted or throttled one becomes pending.
    ///
    /// Only the source decides on locked and busy. The counters of an account expire with time only
    /// if there is no such account, so responses based on them would reveal which accounts exist.
    pub(crate) fn reserve(&mut self, policy: &LockoutPolicy, now: Timestamp) -> Reservation {
        for row in [&mut self.source, &mut self.account] {
            row.expire(policy, now);
        }
        if now < self.source.locked_until {
            return Reservation::Locked { until: self.source.locked_until };
        }
        // All pending attempts may fail, and must not exceed the threshold.
        let failures = self.source.failures_towards_lock(policy) + self.source.pending;
        if failures >= policy.threshold() {
            return Reservation::Busy;
        }
        self.source.add_pending(now);
        if let Some(until) = self.throttled_until(policy, now) {
            return Reservation::Throttled { until };
        }
        self.account.add_pending(now);
        Reservation::Granted
    }

    /// Returns the end of the account's throttle for this source, if it is throttled.
    fn throttled_until(&self, policy: &LockoutPolicy, now: Timestamp) -> Option<Timestamp> {
        let Self { source, account } = self;
        let (max, is_throttled) = if source.is_familiar(policy, now) {
            (policy.max_consecutive_failures(), false)
        } else {
            (policy.max_unfamiliar_failures(), account.is_throttled(policy))
        };
        if account.consecutive >= max {
            return Some(Timestamp::MAX);
        }
        if is_throttled && now < account.locked_until {
            return Some(account.locked_until);
        }
        let is_full = account.consecutive + account.pending >= max;
        (is_full || (is_throttled && account.pending > 0)).then(|| time::add(now, SECOND))
    }

    /// Counts a failure. Returns whether a lock starts with it.
    pub(crate) fn record_failure(&mut self, policy: &LockoutPolicy, now: Timestamp) -> bool {
        self.account.remove_pending();
        self.account.add_failure(now);
        if self.account.is_throttled(policy) && !self.source.is_familiar(policy, now) {
            let doublings = self.account.consecutive - policy.throttle_threshold();
            let wait = exponential(SECOND, doublings, policy.max_throttle());
            self.account.locked_until = time::add(now, wait);
        }
        self.record_throttled(policy, now)
    }

    /// Counts a throttled attempt as a failure of its source only. Returns whether a lock starts
    /// with it.
    pub(crate) fn record_throttled(&mut self, policy: &LockoutPolicy, now: Timestamp) -> bool {
        self.source.remove_pending();
        self.source.add_failure(now);
        let Some(doublings) = self.source.failures.checked_sub(policy.threshold()) else {
            return false;
        };
        let wait = exponential(policy.base_duration(), doublings, policy.max_duration());
        self.source.locked_until = time::add(now, wait);
        true
    }

    /// Settles a granted attempt without counting it.
    pub(crate) fn release(&mut self) {
        self.source.remove_pending();
        self.account.remove_pending();
    }

    /// Resets the counters after a success, and marks the source as familiar.
    pub(crate) fn record_success(&mut self, now: Timestamp) {
        self.release();
        self.source = FailureRow {
            succeeded_at: Some(now),
            pending: self.source.pending,
            pending_at: self.source.pending_at,
            ..FailureRow::default()
        };
        self.account = FailureRow {
            pending: self.account.pending,
            pending_at: self.account.pending_at,
            ..FailureRow::default()
        };
    }
}

impl FailureRow {
    /// Removes all locks. A familiar source stays familiar.
    pub(crate) fn unlock(&mut self) {
        *self = Self { succeeded_at: self.succeeded_at, ..Self::default() };
    }

    const fn add_pending(&mut self, now: Timestamp) {
        self.pending = self.pending.saturating_add(1);
        self.pending_at = now;
    }

    const fn remove_pending(&mut self) {
        self.pending = self.pending.saturating_sub(1);
    }

    fn add_failure(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.consecutive = self.consecutive.saturating_add(1);
        self.last_failure_at = now;
    }

    /// Resets what is too far in the past, or in the future after the clock was set back.
    fn expire(&mut self, policy: &LockoutPolicy, now: Timestamp) {
        if distance(self.pending_at, now) >= PENDING_TIMEOUT {
            self.pending = 0;
        }
        if distance(self.last_failure_at, now) >= policy.reset_after() {
            self.failures = 0;
        }
        let max = policy.max_duration().max(policy.max_throttle());
        self.locked_until = self.locked_until.min(time::add(now, max));
    }

    fn is_familiar(&self, policy: &LockoutPolicy, now: Timestamp) -> bool {
        self.succeeded_at.is_some_and(|at| now < time::add(at, policy.familiar_ttl()))
    }

    const fn is_throttled(&self, policy: &LockoutPolicy) -> bool {
        self.consecutive >= policy.throttle_threshold()
    }

    /// Returns how many failures count towards the next lock. After a lock has ended, one more
    /// failure locks again.
    fn failures_towards_lock(&self, policy: &LockoutPolicy) -> u32 {
        self.failures.min(policy.threshold() - 1)
    }
}

/// Returns `base` doubled so many times, at most `max`.
fn exponential(base: Duration, doublings: u32, max: Duration) -> Duration {
    base.saturating_mul(1 << doublings.min(31)).min(max)
}

/// Returns the time between two timestamps, in either order.
fn distance(one: Timestamp, other: Timestamp) -> Duration {
    one.duration_since(other).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_795_370_580, 0);

    /// So many seconds later.
    fn later(time: Timestamp, seconds: i64) -> Timestamp {
        time + SignedDuration::from_secs(seconds)
    }

    fn fails(counters: &mut FailureCounters, policy: &LockoutPolicy, now: Timestamp) -> bool {
        assert_eq!(counters.reserve(policy, now), Reservation::Granted, "at {now}");
        counters.record_failure(policy, now)
    }

    #[test]
    fn locks_grow_and_expire() {
        let (mut counters, policy) = (FailureCounters::default(), LockoutPolicy::default());
        for failure in 1..=5 {
            assert_eq!(fails(&mut counters, &policy, NOW), failure == 5);
        }
        let mut now = NOW;
        for lock in [60, 120, 240, 480, 900, 900] {
            let until = later(now, lock);
            assert_eq!(counters.reserve(&policy, later(until, -1)), Reservation::Locked { until });
            now = until;
            assert!(fails(&mut counters, &policy, now));
        }
        // Long enough without failures: the next lock is short again.
        now += policy.reset_after();
        for failure in 1..=5 {
            assert_eq!(fails(&mut counters, &policy, now), failure == 5);
        }
        assert_eq!(counters.source.locked_until, later(now, 60));
    }

    #[test]
    fn pending_attempts_give_no_extra_tries() {
        let (mut counters, policy) = (FailureCounters::default(), LockoutPolicy::default());
        for _ in 0..5 {
            assert_eq!(counters.reserve(&policy, NOW), Reservation::Granted);
        }
        assert_eq!(counters.reserve(&policy, NOW), Reservation::Busy);
        counters.release();
        assert_eq!(counters.reserve(&policy, NOW), Reservation::Granted);
        // An attempt that was never settled expires.
        assert_eq!(counters.reserve(&policy, later(NOW, 60)), Reservation::Granted);
        for _ in 0..5 {
            counters.record_failure(&policy, later(NOW, 61));
        }
        assert!(matches!(counters.reserve(&policy, later(NOW, 61)), Reservation::Locked { .. }));
    }

    /// Makes an attempt with a wrong password, or waits as long as required. Returns how many
    /// passwords were evaluated.
    fn guess(counters: &mut FailureCounters, policy: &LockoutPolicy, now: &mut Timestamp) -> u32 {
        match counters.reserve(policy, *now) {
            Reservation::Granted => {
                counters.record_failure(policy, *now);
                return 1;
            }
            Reservation::Locked { until } | Reservation::Throttled { until } => {
                *now = until.min(later(*now, 3600));
            }
            Reservation::Busy => panic!("no attempt is pending"),
        }
        0
    }

    #[test]
    fn unfamiliar_sources_cannot_lock_out_the_owner() {
        let policy = LockoutPolicy::default();
        let owner = FailureRow { succeeded_at: Some(later(NOW, -1000)), ..FailureRow::default() };
        let (mut account, mut evaluated, mut now) = (FailureRow::default(), 0, NOW);
        // Each attempt comes from another source and waits as long as required.
        for _ in 0..1000 {
            let mut unfamiliar = FailureCounters { account, ..FailureCounters::default() };
            evaluated += guess(&mut unfamiliar, &policy, &mut now);
            account = unfamiliar.account;
        }
        assert_eq!(evaluated, 50);
        let mut counters = FailureCounters { source: owner, account };
        assert_eq!(counters.reserve(&policy, now), Reservation::Granted);
        counters.record_success(now);
        let mut unfamiliar =
            FailureCounters { account: counters.account, ..FailureCounters::default() };
        assert_eq!(unfamiliar.reserve(&policy, now), Reservation::Granted);
    }

    #[test]
    fn evaluates_at_most_100_consecutive_failures() {
        let policy = LockoutPolicy::default();
        let mut counters = FailureCounters::default();
        counters.source.succeeded_at = Some(NOW);
        let (mut evaluated, mut now) = (0, NOW);
        for _ in 0..1000 {
            evaluated += guess(&mut counters, &policy, &mut now);
        }
        assert_eq!(evaluated, 100);
        counters.source.unlock();
        counters.account.unlock();
        assert_eq!(counters.reserve(&policy, now), Reservation::Granted);
    }

    #[test]
    fn clock_set_back_does_not_extend_locks() {
        let (mut counters, policy) = (FailureCounters::default(), LockoutPolicy::default());
        for _ in 0..5 {
            fails(&mut counters, &policy, later(NOW, 1_000_000));
        }
        assert_eq!(counters.reserve(&policy, NOW), Reservation::Locked { until: later(NOW, 900) });
        assert_eq!(counters.reserve(&policy, later(NOW, 900)), Reservation::Granted);
    }

    #[test]
    fn throttled_sources_are_evaluated_one_at_a_time() {
        let policy = LockoutPolicy::default();
        let account = FailureRow { consecutive: 20, ..FailureRow::default() };
        let mut first = FailureCounters { account, ..FailureCounters::default() };
        assert_eq!(first.reserve(&policy, NOW), Reservation::Granted);
        let mut second = FailureCounters { account: first.account, ..FailureCounters::default() };
        let throttled = Reservation::Throttled { until: later(NOW, 1) };
        assert_eq!(second.reserve(&policy, NOW), throttled);
        let source = FailureRow { succeeded_at: Some(later(NOW, -1000)), ..FailureRow::default() };
        let mut owner = FailureCounters { source, account: first.account };
        assert_eq!(owner.reserve(&policy, NOW), Reservation::Granted);
    }

    #[test]
    fn does_not_reveal_account_existence() {
        let policy = LockoutPolicy::default();
        let mut random = fastrand::Rng::with_seed(7);
        for consecutive in [19, 20, 49, 50, 100] {
            let account = FailureRow { consecutive, ..FailureRow::default() };
            let mut known = FailureCounters { account, ..FailureCounters::default() };
            let (mut unknown, mut now, mut pending) = (FailureCounters::default(), NOW, Vec::new());
            for _ in 0..2000 {
                if pending.is_empty() {
                    now = later(now, random.i64(0..100));
                }
                if random.bool() {
                    let reservations = [known.reserve(&policy, now), unknown.reserve(&policy, now)];
                    if let [Reservation::Granted | Reservation::Throttled { .. }, unknown] =
                        reservations
                    {
                        assert_eq!(unknown, Reservation::Granted);
                        pending.push(reservations[0]);
                    } else {
                        assert_eq!(reservations[0], reservations[1]);
                    }
                } else if let Some(reservation) = pending.pop() {
                    let locks = match reservation {
                        Reservation::Granted => known.record_failure(&policy, now),
                        _ => known.record_throttled(&policy, now),
                    };
                    assert_eq!(locks, unknown.record_failure(&policy, now));
                }
                assert_eq!(known.source.locked_until, unknown.source.locked_until);
                // The counters of a name without an account expire.
                unknown.account = FailureRow::default();
            }
            assert!(known.account.consecutive <= consecutive.max(50));
        }
    }
}
