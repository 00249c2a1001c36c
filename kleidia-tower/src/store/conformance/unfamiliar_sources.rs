//! The account as a whole: unfamiliar sources are throttled and bounded, familiar ones are not.

use super::expected::failure;
use super::fixture::{StoreFixture, at, by, second, time};
use super::lockout::attempt_from;
use crate::account::Account;
use crate::audit::{EventKind, Reason};
use crate::lockout::{LockoutPolicy, LoginAttempt, Reservation};
use crate::store::Retention;

/// A number of failures from all sources that throttles no source yet.
const UNTHROTTLED_FAILURES: u32 = 15;

impl StoreFixture {
    /// Guesses from these sources, each as soon as it is allowed. Returns how many passwords were
    /// evaluated, and the time at the end.
    async fn guess_when_allowed(
        &self,
        user: &Account,
        sources: impl Iterator<Item = u32>,
        mut second: i64,
    ) -> (u32, i64) {
        let policy = LockoutPolicy::default();
        let mut evaluated = 0;
        for source in sources {
            let attempt = attempt_from("alice", source);
            match self.reserve_at(&attempt, second).await {
                Reservation::Granted => {
                    let done = self.store.record_failure(&attempt, &policy, &at(second)).await;
                    drop(done.expect("a result"));
                    evaluated += 1;
                }
                Reservation::Locked { until } | Reservation::Throttled { until } => {
                    second = super::fixture::second(until).min(second + 3600);
                }
                Reservation::Busy => panic!("no attempt at {} is pending", user.name),
            }
        }
        self.new_records().await;
        (evaluated, second)
    }

    async fn assert_throttled_forever(&self, attempt: &LoginAttempt, second: i64) {
        for second in [second, second + 365 * 24 * 3600] {
            let reservation = self.reserve_at(attempt, second).await;
            assert!(
                matches!(reservation, Reservation::Throttled { until } if until > time(second)),
                "{reservation:?} at {second}"
            );
        }
    }
}

pub(super) async fn throttles_unfamiliar_sources(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let home = attempt_from("alice", 1);
    fixture.log_in_from(&alice, &home, 1, 0).await;
    for source in 0..UNTHROTTLED_FAILURES {
        fixture.fail_login(Some(&alice), &attempt_from("alice", 100 + source), 1, false).await;
    }
    let (mut source, mut is_throttled) = (200, false);
    for _ in UNTHROTTLED_FAILURES..40 {
        source += 1;
        match fixture.reserve_at(&attempt_from("alice", source), 1).await {
            Reservation::Granted => {
                let attempt = attempt_from("alice", source);
                let done =
                    fixture.store.record_failure(&attempt, &LockoutPolicy::default(), &at(1)).await;
                drop(done.expect("a result"));
                fixture.new_records().await;
            }
            Reservation::Locked { until } | Reservation::Throttled { until } => {
                let wait = second(until) - 1;
                assert!((1..=60).contains(&wait), "throttled for {wait} seconds");
                is_throttled = true;
                break;
            }
            Reservation::Busy => panic!("no attempt is pending"),
        }
    }
    assert!(is_throttled, "40 failures, each from another source");
    fixture.log_in_from(&alice, &home, 2, 1).await;
    fixture.fail_login(Some(&alice), &attempt_from("alice", 300), 1, false).await;
}

pub(super) async fn evaluates_unfamiliar_attempts_one_at_a_time(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let home = attempt_from("alice", 1);
    fixture.log_in_from(&alice, &home, 1, 0).await;
    let (evaluated, second) = fixture.guess_when_allowed(&alice, 1000..1060, 1).await;
    assert!(evaluated > 20, "{evaluated} guesses");
    // The maximum throttle.
    let second = second + 60;
    fixture.assert_granted(&attempt_from("alice", 5000), second).await;
    for source in 5001..5010 {
        let reservation = fixture.reserve_at(&attempt_from("alice", source), second).await;
        let is_throttled =
            matches!(reservation, Reservation::Throttled { until } if until > time(second));
        assert!(is_throttled, "{reservation:?} from source {source} while another one is pending");
    }
    fixture.log_in_from(&alice, &home, 2, second).await;
}

pub(super) async fn familiar_source_stays_familiar(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    let home = attempt_from("alice", 1);
    fixture.log_in_from(&alice, &home, 1, 0).await;
    fixture.fail_login(Some(&alice), &home, 1, false).await;
    fixture.unlock(&alice, &by(&root, &at(2))).await;
    let month = 30 * 24 * 3600;
    fixture.purge_batch(month, &Retention::default(), 100).await;
    let (_, second) = fixture.guess_when_allowed(&alice, 1000..1400, month).await;
    fixture.assert_throttled_forever(&attempt_from("alice", 9999), second).await;
    fixture.log_in_from(&alice, &home, 2, second).await;
}

pub(super) async fn unfamiliar_sources_cannot_lock_out_the_owner(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    let (home, unfamiliar) = (attempt_from("alice", 1), attempt_from("alice", 9999));
    fixture.log_in_from(&alice, &home, 1, 0).await;
    let (evaluated, second) = fixture.guess_when_allowed(&alice, 1000..1400, 1).await;
    assert_eq!(evaluated, LockoutPolicy::MAX_UNFAMILIAR_FAILURES);
    fixture.assert_throttled_forever(&unfamiliar, second).await;
    fixture.log_in_from(&alice, &home, 2, second).await;
    // The owner's login resets the failures.
    fixture.assert_granted(&unfamiliar, second).await;
    fixture.store.release_attempt(&unfamiliar).await.expect("a result");

    let (evaluated, second) = fixture.guess_when_allowed(&alice, 2000..2400, second).await;
    assert_eq!(evaluated, LockoutPolicy::MAX_UNFAMILIAR_FAILURES);
    fixture.unlock(&alice, &by(&root, &at(second))).await;
    fixture.fail_login(Some(&alice), &unfamiliar, second, false).await;
}

pub(super) async fn throttled_attempt_counts_for_its_source_only(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let home = attempt_from("alice", 1);
    fixture.log_in_from(&alice, &home, 1, 0).await;
    let (_, second) = fixture.guess_when_allowed(&alice, 1000..1400, 1).await;
    let (unfamiliar, policy) = (attempt_from("alice", 9999), LockoutPolicy::default());
    // As many pending attempts as for any other name.
    for _ in 0..policy.threshold() {
        let reservation = fixture.reserve_at(&unfamiliar, second).await;
        assert!(matches!(reservation, Reservation::Throttled { .. }), "{reservation:?}");
    }
    assert_eq!(fixture.reserve_at(&unfamiliar, second).await, Reservation::Busy);
    let rejected = failure(EventKind::LoginLocked).with_reason(Reason::Locked);
    let lock_started = failure(EventKind::LoginLocked).with_reason(Reason::LockStarted);
    for settled in 1..=policy.threshold() {
        let done = fixture.store.record_throttled(&unfamiliar, &policy, &at(second)).await;
        let events = [rejected.clone(), lock_started.clone()];
        let count = if settled == policy.threshold() { 2 } else { 1 };
        fixture.expect(done, &at(second), &alice, &events[..count]).await;
    }
    fixture
        .assert_locked(&unfamiliar, second + policy.base_duration().as_secs().cast_signed(), second)
        .await;
    fixture.log_in_from(&alice, &home, 2, second).await;
}

pub(super) async fn stops_after_100_consecutive_failures(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    let home = attempt_from("alice", 1);
    fixture.log_in_from(&alice, &home, 1, 0).await;
    let (unfamiliar, second) = fixture.guess_when_allowed(&alice, 1000..1400, 1).await;
    let at_home = std::iter::repeat_n(1, 200);
    let (owner, second) = fixture.guess_when_allowed(&alice, at_home, second).await;
    assert_eq!(unfamiliar + owner, LockoutPolicy::MAX_CONSECUTIVE_FAILURES);
    fixture.assert_throttled_forever(&home, second).await;
    fixture.disable_account(&alice, &[], &at(second)).await;
    fixture.enable_account(&alice, &at(second)).await;
    fixture.assert_throttled_forever(&home, second).await;

    fixture.unlock(&alice, &by(&root, &at(second))).await;
    fixture.log_in_from(&alice, &home, 2, second).await;
}

pub(super) async fn consecutive_failures_never_expire(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (_, second) = fixture.guess_when_allowed(&alice, 1000..1400, 0).await;
    let second = second + 300 * 24 * 3600;
    for _ in 0..10 {
        fixture.purge_batch(second, &Retention::default(), 100).await;
    }
    fixture.assert_throttled_forever(&attempt_from("alice", 9999), second).await;
    // Sources that failed before are throttled too, after their own locks have expired.
    let known = attempt_from("alice", 1000);
    fixture.assert_throttled_forever(&known, second).await;
}
