//! The rules of the lockout: pure functions over the counters of one user name.

use std::time::Duration;

use super::{LockoutPolicy, Reservation};
use crate::store::rows::FailureRow;
use crate::{Timestamp, time};

/// A pending attempt that is not settled within this time no longer counts.
pub(crate) const PENDING_TIMEOUT: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// The failure counters of one user name for one attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FailureCounters {
    /// Those of the source, or of the device or session that the client presents.
    pub(crate) client: FailureRow,
    /// Those of the whole account.
    pub(crate) account: FailureRow,
    /// Whether the client presents an active session of the account.
    pub(crate) has_session: bool,
    /// Whether the attempt is one of a second factor. It counts for itself: the failures of the
    /// account are those of passwords, which a login with the password resets.
    pub(crate) is_second_factor: bool,
}

impl FailureCounters {
    /// Reserves an attempt; a granted or throttled one becomes pending.
    ///
    /// Only the client's counters decide on locked and busy, so that the responses to one client do
    /// not depend on the attempts of others.
    pub(crate) fn reserve(&mut self, policy: &LockoutPolicy, now: Timestamp) -> Reservation {
        self.client.expire(policy, policy.max_duration(), now);
        self.account.expire(policy, policy.max_throttle(), now);
        if now < self.client.locked_until {
            return Reservation::Locked { until: self.client.locked_until };
        }
        let (consecutive, max) =
            (self.client.consecutive(policy, now), policy.max_consecutive_failures());
        if self.is_second_factor && consecutive >= max {
            return Reservation::Locked { until: forgets_one(&self.client, policy) };
        }
        // All pending attempts may fail, and must not exceed the threshold.
        let failures = self.client.failures_towards_lock(policy) + self.client.pending;
        if failures >= policy.threshold() {
            return Reservation::Busy;
        }
        self.client.add_pending(policy, now);
        if self.is_second_factor {
            return Reservation::Granted;
        }
        if let Some(until) = self.throttled_until(policy, now) {
            return Reservation::Throttled { until };
        }
        self.account.add_pending(policy, now);
        Reservation::Granted
    }

    /// Returns the end of the account's throttle for this client, if it is throttled.
    fn throttled_until(&self, policy: &LockoutPolicy, now: Timestamp) -> Option<Timestamp> {
        if self.is_familiar(policy, now) {
            return None;
        }
        let account = &self.account;
        let (consecutive, max) =
            (account.consecutive(policy, now), policy.max_consecutive_failures());
        if consecutive >= max {
            return Some(forgets_one(account, policy));
        }
        if now < account.locked_until {
            return Some(account.locked_until);
        }
        // All pending attempts may fail. Throttled clients are evaluated one at a time.
        let is_busy =
            account.pending > 0 && consecutive + account.pending >= policy.throttle_threshold();
        is_busy.then(|| time::add(now, SECOND))
    }

    /// Returns whether the client is familiar. With many failures of its own it is not.
    fn is_familiar(&self, policy: &LockoutPolicy, now: Timestamp) -> bool {
        let familiar_until =
            self.client.succeeded_at.map(|at| time::add(at, policy.familiar_ttl()));
        let is_known = self.has_session || familiar_until.is_some_and(|until| now < until);
        is_known && self.client.consecutive(policy, now) < policy.throttle_threshold()
    }

    /// Counts a failure. Returns whether a lock starts with it.
    pub(crate) fn record_failure(&mut self, policy: &LockoutPolicy, now: Timestamp) -> bool {
        if self.is_second_factor {
            return self.record_throttled(policy, now);
        }
        let is_familiar = self.is_familiar(policy, now);
        self.account.remove_pending();
        self.account.add_failure(policy, now);
        let beyond = self.account.consecutive(policy, now).checked_sub(policy.throttle_threshold());
        if let Some(doublings) = beyond.filter(|_| !is_familiar) {
            let wait = exponential(SECOND, doublings, policy.max_throttle());
            self.account.lock_until(policy, time::add(now, wait));
        }
        self.record_throttled(policy, now)
    }

    /// Counts a throttled attempt as a failure of its client only. Returns whether a lock starts
    /// with it.
    pub(crate) fn record_throttled(&mut self, policy: &LockoutPolicy, now: Timestamp) -> bool {
        self.client.remove_pending();
        self.client.add_failure(policy, now);
        let Some(doublings) = self.client.failures.checked_sub(policy.threshold()) else {
            return false;
        };
        let wait = exponential(policy.base_duration(), doublings, policy.max_duration());
        self.client.lock_until(policy, time::add(now, wait));
        true
    }

    /// Settles a granted attempt without counting it.
    pub(crate) fn release(&mut self) {
        self.client.remove_pending();
        if !self.is_second_factor {
            self.account.remove_pending();
        }
    }

    /// Resets the counters after a correct second factor.
    pub(crate) fn record_second_factor(&mut self, policy: &LockoutPolicy) {
        self.release();
        self.client.reset(policy);
    }

    /// Resets the counters after a success, and marks the client as familiar.
    pub(crate) fn record_success(&mut self, policy: &LockoutPolicy, now: Timestamp) {
        self.release();
        self.client.reset(policy);
        self.client.record_login(policy, now);
        self.account.reset(policy);
    }
}

impl FailureRow {
    /// Marks the client as familiar.
    pub(crate) fn record_login(&mut self, policy: &LockoutPolicy, now: Timestamp) {
        self.succeeded_at = Some(now);
        self.set_expiry(policy);
    }

    /// Forgets all failures, and keeps pending attempts.
    fn reset(&mut self, policy: &LockoutPolicy) {
        let Self { pending, pending_at, succeeded_at, .. } = *self;
        *self = Self { pending, pending_at, succeeded_at, ..Self::default() };
        self.set_expiry(policy);
    }

    fn add_pending(&mut self, policy: &LockoutPolicy, now: Timestamp) {
        self.pending = self.pending.saturating_add(1);
        self.pending_at = now;
        self.set_expiry(policy);
    }

    const fn remove_pending(&mut self) {
        self.pending = self.pending.saturating_sub(1);
    }

    fn add_failure(&mut self, policy: &LockoutPolicy, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.last_failure_at = now;
        let forgotten_at = time::add(self.forgotten_at.max(now), policy.failure_decay());
        self.forgotten_at = forgotten_at.min(latest_forgotten_at(policy, now));
        self.set_expiry(policy);
    }

    fn lock_until(&mut self, policy: &LockoutPolicy, until: Timestamp) {
        self.locked_until = until;
        self.set_expiry(policy);
    }

    /// Sets the time after which the row changes no decision, so that deleting it is safe.
    fn set_expiry(&mut self, policy: &LockoutPolicy) {
        let ends = [
            time::add(self.pending_at, PENDING_TIMEOUT),
            time::add(self.last_failure_at, policy.reset_after()),
            self.locked_until,
            self.forgotten_at,
            self.succeeded_at
                .map_or_else(Timestamp::default, |at| time::add(at, policy.familiar_ttl())),
        ];
        self.expires_at = ends.into_iter().max().unwrap_or_default();
    }

    /// Resets what is too far in the past, or in the future after the clock was set back.
    fn expire(&mut self, policy: &LockoutPolicy, max_lock: Duration, now: Timestamp) {
        if abs_difference(self.pending_at, now) >= PENDING_TIMEOUT {
            self.pending = 0;
        }
        if abs_difference(self.last_failure_at, now) >= policy.reset_after() {
            self.failures = 0;
        }
        self.locked_until = self.locked_until.min(time::add(now, max_lock));
        self.forgotten_at = self.forgotten_at.min(latest_forgotten_at(policy, now));
    }

    /// Returns the failures since the last success that are not yet forgotten.
    fn consecutive(&self, policy: &LockoutPolicy, now: Timestamp) -> u32 {
        let remaining = time::elapsed(now, self.forgotten_at).as_secs();
        let consecutive = remaining.div_ceil(policy.failure_decay().as_secs().max(1));
        u32::try_from(consecutive).unwrap_or(u32::MAX)
    }

    /// Returns how many failures count towards the next lock. After a lock has ended, one more
    /// failure locks again.
    fn failures_towards_lock(&self, policy: &LockoutPolicy) -> u32 {
        self.failures.min(policy.threshold() - 1)
    }
}

/// Returns when one failure less than the maximum remains.
fn forgets_one(row: &FailureRow, policy: &LockoutPolicy) -> Timestamp {
    let kept = policy.failure_decay().saturating_mul(policy.max_consecutive_failures() - 1);
    time::sub(row.forgotten_at, kept)
}

fn latest_forgotten_at(policy: &LockoutPolicy, now: Timestamp) -> Timestamp {
    let max = policy.failure_decay().saturating_mul(policy.max_consecutive_failures());
    time::add(now, max)
}

/// Returns `base` doubled so many times, at most `max`.
fn exponential(base: Duration, doublings: u32, max: Duration) -> Duration {
    base.saturating_mul(1 << doublings.min(31)).min(max)
}

/// Returns the time between two timestamps, in either order.
fn abs_difference(one: Timestamp, other: Timestamp) -> Duration {
    one.duration_since(other).unsigned_abs()
}

#[cfg(test)]
mod tests;
