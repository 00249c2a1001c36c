//! The rules of the lockout, over the rows of one name: no clock, no store.

use std::time::Duration;

use super::{LockoutPolicy, Reservation};
use crate::store::rows::FailureRow;
use crate::{Timestamp, time};

/// After how long an attempt that nobody settled is taken for given up.
const ABANDONED: Duration = Duration::from_secs(60);
/// The unit in which times are counted.
const SECOND: Duration = Duration::from_secs(1);
/// From how many failures in a row on strangers are slowed down.
const SOFT_THRESHOLD: u32 = 20;
/// How long strangers wait at most.
const LONGEST_THROTTLE: Duration = Duration::from_secs(60);

/// The rows of one name: of the source that asks, and of all sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) source: FailureRow,
    pub(crate) account: FailureRow,
}

impl Counters {
    /// Asks to evaluate a password; what is granted or refused is noted as pending.
    ///
    /// The source alone decides about locked and busy: time forgets it, and the account as a whole
    /// only where there is none, so that other answers would tell which names have one.
    pub(crate) fn reserve(&mut self, policy: &LockoutPolicy, now: Timestamp) -> Reservation {
        for row in [&mut self.source, &mut self.account] {
            row.forget_past(policy, now);
        }
        if now < self.source.locked_until {
            return Reservation::Locked { until: self.source.locked_until };
        }
        // What is pending may fail, and then there must not have been too many.
        if self.source.run(policy) + self.source.pending >= policy.threshold.max(1) {
            return Reservation::Busy;
        }
        self.source.begin(now);
        if let Some(until) = self.refused_until(now) {
            return Reservation::Refused { until };
        }
        self.account.begin(now);
        Reservation::Granted
    }

    /// Until when the account as a whole takes nobody from that source, if it does not.
    fn refused_until(&self, now: Timestamp) -> Option<Timestamp> {
        let Self { source, account } = self;
        let (most, is_throttled) = if source.is_familiar(now) {
            (LockoutPolicy::MOST_FAILURES, false)
        } else {
            (LockoutPolicy::MOST_FAILURES_OF_STRANGERS, account.is_throttled())
        };
        if account.consecutive >= most {
            return Some(Timestamp::MAX);
        }
        if is_throttled && now < account.locked_until {
            return Some(account.locked_until);
        }
        let is_full = account.consecutive + account.pending >= most;
        (is_full || (is_throttled && account.pending > 0)).then(|| time::add(now, SECOND))
    }

    /// Counts a failure; tells whether it begins a lock.
    pub(crate) fn fail(&mut self, policy: &LockoutPolicy, now: Timestamp) -> bool {
        self.account.end();
        self.account.count(now);
        if self.account.is_throttled() && !self.source.is_familiar(now) {
            let beyond = self.account.consecutive - SOFT_THRESHOLD;
            let wait = doubled(SECOND, beyond, LONGEST_THROTTLE);
            self.account.locked_until = time::add(now, wait);
        }
        self.refuse(policy, now)
    }

    /// Counts an attempt that the account as a whole refused: for its source, as any failure, and
    /// for nobody else. Tells whether it begins a lock.
    pub(crate) fn refuse(&mut self, policy: &LockoutPolicy, now: Timestamp) -> bool {
        self.source.end();
        self.source.count(now);
        let Some(beyond) = self.source.failures.checked_sub(policy.threshold.max(1)) else {
            return false;
        };
        let wait = doubled(policy.base, beyond, policy.longest);
        self.source.locked_until = time::add(now, wait);
        true
    }

    /// Takes back what was granted.
    pub(crate) fn release(&mut self) {
        self.source.end();
        self.account.end();
    }

    /// Forgets the failures after a success, and remembers the source.
    pub(crate) fn succeed(&mut self, now: Timestamp) {
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
    /// Lifts all locks. That somebody signed in from there is not forgotten.
    pub(crate) fn unlock(&mut self) {
        *self = Self { succeeded_at: self.succeeded_at, ..Self::default() };
    }

    /// Notes an attempt as pending.
    const fn begin(&mut self, now: Timestamp) {
        self.pending = self.pending.saturating_add(1);
        self.pending_at = now;
    }

    /// One attempt is no longer pending.
    const fn end(&mut self) {
        self.pending = self.pending.saturating_sub(1);
    }

    fn count(&mut self, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.consecutive = self.consecutive.saturating_add(1);
        self.last_failure_at = now;
    }

    /// Forgets what lies too far back, or, after the clock was set back, ahead.
    fn forget_past(&mut self, policy: &LockoutPolicy, now: Timestamp) {
        if distance(self.pending_at, now) >= ABANDONED {
            self.pending = 0;
        }
        if distance(self.last_failure_at, now) >= policy.quiet {
            self.failures = 0;
        }
        let longest = policy.longest.max(policy.base).max(LONGEST_THROTTLE);
        self.locked_until = self.locked_until.min(time::add(now, longest));
    }

    fn is_familiar(&self, now: Timestamp) -> bool {
        self.succeeded_at.is_some_and(|at| now < time::add(at, Self::FAMILIAR))
    }

    const fn is_throttled(&self) -> bool {
        self.consecutive >= SOFT_THRESHOLD
    }

    /// How many failures count towards the next lock: once a lock is over, one more locks again.
    fn run(&self, policy: &LockoutPolicy) -> u32 {
        self.failures.min(policy.threshold.max(1) - 1)
    }
}

/// `base`, doubled so many times, but `longest` at most.
fn doubled(base: Duration, times: u32, longest: Duration) -> Duration {
    base.saturating_mul(1 << times.min(31)).min(longest.max(base))
}

/// The time between two times, in whichever order they are.
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

    fn fails(counters: &mut Counters, policy: &LockoutPolicy, now: Timestamp) -> bool {
        assert_eq!(counters.reserve(policy, now), Reservation::Granted, "at {now}");
        counters.fail(policy, now)
    }

    #[test]
    fn locks_grow_and_end() {
        let (mut counters, policy) = (Counters::default(), LockoutPolicy::default());
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
        // Quiet for long enough: locks are short again.
        now += policy.quiet;
        for failure in 1..=5 {
            assert_eq!(fails(&mut counters, &policy, now), failure == 5);
        }
        assert_eq!(counters.source.locked_until, later(now, 60));
    }

    #[test]
    fn what_is_pending_gives_no_extra_tries() {
        let (mut counters, policy) = (Counters::default(), LockoutPolicy::default());
        for _ in 0..5 {
            assert_eq!(counters.reserve(&policy, NOW), Reservation::Granted);
        }
        assert_eq!(counters.reserve(&policy, NOW), Reservation::Busy);
        counters.release();
        assert_eq!(counters.reserve(&policy, NOW), Reservation::Granted);
        // Whoever was killed before it was settled is forgotten.
        assert_eq!(counters.reserve(&policy, later(NOW, 60)), Reservation::Granted);
        for _ in 0..5 {
            counters.fail(&policy, later(NOW, 61));
        }
        assert!(matches!(counters.reserve(&policy, later(NOW, 61)), Reservation::Locked { .. }));
    }

    #[test]
    fn strangers_can_not_keep_the_owner_out() {
        let policy = LockoutPolicy::default();
        let owner = FailureRow { succeeded_at: Some(later(NOW, -1000)), ..FailureRow::default() };
        let (mut account, mut evaluated, mut now) = (FailureRow::default(), 0, NOW);
        // Each from another source, and as patient as can be.
        for _ in 0..1000 {
            let mut stranger = Counters { account, ..Counters::default() };
            match stranger.reserve(&policy, now) {
                Reservation::Granted => {
                    stranger.fail(&policy, now);
                    evaluated += 1;
                }
                Reservation::Locked { until } | Reservation::Refused { until } => {
                    now = until.min(later(now, 3600));
                }
                Reservation::Busy => panic!("nothing is pending"),
            }
            account = stranger.account;
        }
        assert_eq!(evaluated, 50);
        let mut counters = Counters { source: owner, account };
        assert_eq!(counters.reserve(&policy, now), Reservation::Granted);
        counters.succeed(now);
        let mut stranger = Counters { account: counters.account, ..Counters::default() };
        assert_eq!(stranger.reserve(&policy, now), Reservation::Granted);
    }

    #[test]
    fn no_more_than_a_hundred_are_ever_evaluated_in_a_row() {
        let policy = LockoutPolicy::default();
        let mut counters = Counters::default();
        counters.source.succeeded_at = Some(NOW);
        let (mut evaluated, mut now) = (0, NOW);
        for _ in 0..1000 {
            match counters.reserve(&policy, now) {
                Reservation::Granted => {
                    counters.fail(&policy, now);
                    evaluated += 1;
                }
                Reservation::Locked { until } | Reservation::Refused { until } => {
                    now = until.min(later(now, 3600));
                }
                Reservation::Busy => panic!("nothing is pending"),
            }
        }
        assert_eq!(evaluated, 100);
        counters.source.unlock();
        counters.account.unlock();
        assert_eq!(counters.reserve(&policy, now), Reservation::Granted);
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_for_long() {
        let (mut counters, policy) = (Counters::default(), LockoutPolicy::default());
        for _ in 0..5 {
            fails(&mut counters, &policy, later(NOW, 1_000_000));
        }
        assert_eq!(counters.reserve(&policy, NOW), Reservation::Locked { until: later(NOW, 900) });
        assert_eq!(counters.reserve(&policy, later(NOW, 900)), Reservation::Granted);
    }

    #[test]
    fn throttled_strangers_come_one_at_a_time() {
        let policy = LockoutPolicy::default();
        let account = FailureRow { consecutive: 20, ..FailureRow::default() };
        let mut first = Counters { account, ..Counters::default() };
        assert_eq!(first.reserve(&policy, NOW), Reservation::Granted);
        let mut second = Counters { account: first.account, ..Counters::default() };
        let refused = Reservation::Refused { until: later(NOW, 1) };
        assert_eq!(second.reserve(&policy, NOW), refused);
        let source = FailureRow { succeeded_at: Some(later(NOW, -1000)), ..FailureRow::default() };
        let mut owner = Counters { source, account: first.account };
        assert_eq!(owner.reserve(&policy, NOW), Reservation::Granted);
    }

    #[test]
    fn what_is_remembered_of_an_account_is_not_seen() {
        let policy = LockoutPolicy::default();
        let mut random = fastrand::Rng::with_seed(7);
        for consecutive in [19, 20, 49, 50, 100] {
            let account = FailureRow { consecutive, ..FailureRow::default() };
            let mut known = Counters { account, ..Counters::default() };
            let (mut unknown, mut now, mut running) = (Counters::default(), NOW, Vec::new());
            for _ in 0..2000 {
                if running.is_empty() {
                    now = later(now, random.i64(0..100));
                }
                if random.bool() {
                    let asked = [known.reserve(&policy, now), unknown.reserve(&policy, now)];
                    if let [Reservation::Granted | Reservation::Refused { .. }, unknown] = asked {
                        assert_eq!(unknown, Reservation::Granted);
                        running.push(asked[0]);
                    } else {
                        assert_eq!(asked[0], asked[1]);
                    }
                } else if let Some(asked) = running.pop() {
                    let locks = match asked {
                        Reservation::Granted => known.fail(&policy, now),
                        _ => known.refuse(&policy, now),
                    };
                    assert_eq!(locks, unknown.fail(&policy, now));
                }
                assert_eq!(known.source.locked_until, unknown.source.locked_until);
                // The name without an account was forgotten, and begins anew.
                unknown.account = FailureRow::default();
            }
            assert!(known.account.consecutive <= consecutive.max(50));
        }
    }
}
