//! The account as a whole: unfamiliar clients are throttled, familiar addresses and devices are
//! not.

use std::time::Duration;

use super::expected::failure;
use super::fixture::{StoreFixture, at, by, device_token, new_session, time};
use super::lockout::attempt_from;
use crate::account::Account;
use crate::audit::{EventKind, Reason};
use crate::lockout::{AttemptRecord, Evidence, LockoutPolicy, LoginAttempt, Reservation};
use crate::session::{NewSession, OpenOutcome};
use crate::store::Retention;
use crate::{SessionId, TokenDigest};

const DAY: i64 = 24 * 3600;

/// Returns an attempt with a device token.
fn with_device(attempt: LoginAttempt, token: TokenDigest) -> LoginAttempt {
    LoginAttempt { evidence: Evidence::Device(token), ..attempt }
}

impl StoreFixture {
    /// Guesses from new sources, each as soon as it is allowed, until a number of passwords were
    /// evaluated. Returns the time at the end.
    async fn guess_when_allowed(&self, sources: u32, count: u32, mut second: i64) -> i64 {
        let (policy, mut evaluated) = (LockoutPolicy::default(), 0);
        for source in sources.. {
            if evaluated == count {
                break;
            }
            let attempt = attempt_from("alice", source);
            match self.reserve_at(&attempt, second).await {
                Reservation::Granted => {
                    let done = self
                        .store
                        .record_failure(&attempt, &policy, &at(second), AttemptRecord::Recorded)
                        .await;
                    drop(done.expect("a result"));
                    evaluated += 1;
                }
                Reservation::Locked { until } | Reservation::Throttled { until } => {
                    let next = super::fixture::second(until);
                    assert!(next > second && next <= second + DAY, "{next} after {second}");
                    second = next;
                }
                Reservation::Busy => panic!("no attempt is pending"),
            }
        }
        self.new_records().await;
        second
    }

    async fn assert_throttled(&self, attempt: &LoginAttempt, second: i64) {
        let reservation = self.reserve_at(attempt, second).await;
        assert!(
            matches!(reservation, Reservation::Throttled { until } if until > time(second)),
            "{reservation:?} at {second}"
        );
    }

    /// Logs in with an attempt, and returns whether the device with this number is new.
    async fn log_in_with(
        &self,
        user: &Account,
        attempt: &LoginAttempt,
        token: u32,
        second: i64,
    ) -> bool {
        self.assert_granted(attempt, second).await;
        let new = NewSession { attempt: attempt.clone(), ..new_session(user, token, second) };
        let opened = self.store.open_session(new, &at(second)).await.expect("a result").value;
        self.new_records().await;
        let OpenOutcome::Opened { is_new_device, .. } = opened else { panic!("{opened:?}") };
        is_new_device
    }
}

pub(super) async fn throttles_unfamiliar_clients(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let home = attempt_from("alice", 1);
    fixture.log_in_from(&alice, &home, 1, 0).await;
    for source in 0..20 {
        fixture.fail_login(Some(&alice), &attempt_from("alice", 100 + source), 1, false).await;
    }
    let unfamiliar = attempt_from("alice", 200);
    let until = Reservation::Throttled { until: time(2) };
    assert_eq!(fixture.reserve_at(&unfamiliar, 1).await, until);
    fixture.fail_login(Some(&alice), &attempt_from("alice", 201), 2, false).await;
    let until = Reservation::Throttled { until: time(4) };
    assert_eq!(fixture.reserve_at(&attempt_from("alice", 202), 2).await, until, "it doubles");
    fixture.log_in_from(&alice, &home, 2, 2).await;
    fixture.fail_login(Some(&alice), &attempt_from("alice", 300), 2, false).await;
}

pub(super) async fn evaluates_throttled_attempts_one_at_a_time(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let home = attempt_from("alice", 1);
    fixture.log_in_from(&alice, &home, 1, 0).await;
    // The maximum throttle later, with more failures than the threshold left.
    let second = fixture.guess_when_allowed(1000, 25, 1).await + 3600;
    fixture.assert_granted(&attempt_from("alice", 5000), second).await;
    for source in 5001..5010 {
        fixture.assert_throttled(&attempt_from("alice", source), second).await;
    }
    fixture.log_in_from(&alice, &home, 2, second).await;
}

pub(super) async fn familiar_source_stays_familiar(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    let home = attempt_from("alice", 1);
    fixture.log_in_from(&alice, &home, 1, 0).await;
    fixture.fail_login(Some(&alice), &home, 1, false).await;
    fixture.unlock(&alice, &by(&root, &at(2))).await;
    fixture.purge_batch(30 * DAY, &Retention::default(), 100).await;
    let second = fixture.guess_when_allowed(1000, 30, 30 * DAY).await;
    fixture.assert_throttled(&attempt_from("alice", 9999), second).await;
    fixture.log_in_from(&alice, &home, 2, second).await;
}

pub(super) async fn unfamiliar_clients_cannot_lock_out_the_owner(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    let (home, unfamiliar) = (attempt_from("alice", 1), attempt_from("alice", 9999));
    fixture.log_in_from(&alice, &home, 1, 0).await;
    let second = fixture.guess_when_allowed(1000, 120, 1).await;
    fixture.assert_throttled(&unfamiliar, second).await;
    fixture.log_in_from(&alice, &home, 2, second).await;
    // The owner's login resets the failures.
    fixture.assert_granted(&unfamiliar, second).await;
    fixture.store.release_attempt(&unfamiliar).await.expect("a result");

    let second = fixture.guess_when_allowed(5000, 120, second).await;
    fixture.assert_throttled(&unfamiliar, second).await;
    fixture.unlock(&alice, &by(&root, &at(second))).await;
    fixture.fail_login(Some(&alice), &unfamiliar, second, false).await;
}

pub(super) async fn throttle_ends_with_time(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let second = fixture.guess_when_allowed(1000, 120, 0).await;
    for _ in 0..10 {
        fixture.purge_batch(second, &Retention::default(), 100).await;
    }
    // A hundred failures in a row: at most one more per decay.
    let decay = LockoutPolicy::default().failure_decay().as_secs().cast_signed();
    fixture.assert_throttled(&attempt_from("alice", 9999), second + 1).await;
    // The owner logs in at a new place as soon as the guesses stop for that long.
    let away = attempt_from("alice", 8888);
    fixture.log_in_from(&alice, &away, 1, second + decay).await;
    fixture.fail_login(Some(&alice), &attempt_from("alice", 7777), second + decay, false).await;
}

pub(super) async fn throttles_unknown_names_alike(fixture: &StoreFixture) {
    fixture.account("alice").await;
    let policy = LockoutPolicy::default();
    for name in ["alice", "mallory"] {
        for source in 0..20 {
            let attempt = attempt_from(name, source);
            fixture.assert_granted(&attempt, 0).await;
            let done = fixture
                .store
                .record_failure(&attempt, &policy, &at(0), AttemptRecord::Recorded)
                .await;
            drop(done.expect("a result"));
        }
    }
    fixture.new_records().await;
    for second in [1, 3600] {
        fixture.purge_batch(second, &Retention::default(), 1000).await;
        let both = [attempt_from("alice", 99), attempt_from("mallory", 99)];
        for attempt in &both {
            fixture.assert_granted(attempt, second).await;
        }
        for name in ["alice", "mallory"] {
            fixture.assert_throttled(&attempt_from(name, 98), second).await;
        }
        for attempt in &both {
            fixture.store.release_attempt(attempt).await.expect("a result");
        }
    }
}

pub(super) async fn throttled_attempt_counts_for_its_source_only(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let home = attempt_from("alice", 1);
    fixture.log_in_from(&alice, &home, 1, 0).await;
    let second = fixture.guess_when_allowed(1000, 30, 1).await;
    let rejected = failure(EventKind::LoginLocked).with_reason(Reason::Locked);
    let lock_started = failure(EventKind::LoginLocked).with_reason(Reason::LockStarted);
    let omitted = (9998, AttemptRecord::Omitted, vec![]);
    for (source, record, mut events) in [(9999, AttemptRecord::Recorded, vec![rejected]), omitted] {
        let (unfamiliar, policy) = (attempt_from("alice", source), LockoutPolicy::default());
        // As many pending attempts as for any other name.
        for _ in 0..policy.threshold() {
            fixture.assert_throttled(&unfamiliar, second).await;
        }
        assert_eq!(fixture.reserve_at(&unfamiliar, second).await, Reservation::Busy);
        for settled in 1..=policy.threshold() {
            let (store, change) = (&fixture.store, at(second));
            let done = store.record_throttled(&unfamiliar, &policy, &change, record).await;
            if settled == policy.threshold() {
                events.push(lock_started.clone());
            }
            fixture.expect(done, &change, &alice, &events).await;
        }
        let until = second + policy.base_duration().as_secs().cast_signed();
        fixture.assert_locked(&unfamiliar, until, second).await;
    }
    fixture.log_in_from(&alice, &home, 2, second).await;
}

pub(super) async fn familiar_source_with_many_failures_is_unfamiliar(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (home, policy) = (attempt_from("alice", 1), LockoutPolicy::default());
    fixture.log_in_from(&alice, &home, 1, 0).await;
    let (mut evaluated, mut second) = (0, 0);
    while second < 30 * DAY {
        match fixture.reserve_at(&home, second).await {
            Reservation::Granted => {
                let done = fixture
                    .store
                    .record_failure(&home, &policy, &at(second), AttemptRecord::Recorded)
                    .await;
                drop(done.expect("a result"));
                evaluated += 1;
            }
            Reservation::Locked { until } | Reservation::Throttled { until } => {
                second = super::fixture::second(until);
            }
            Reservation::Busy => panic!("no attempt is pending"),
        }
    }
    fixture.new_records().await;
    assert!((100..=250).contains(&evaluated), "{evaluated} guesses in 30 days");
}

pub(super) async fn device_is_familiar_at_every_address(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let home = attempt_from("alice", 1);
    assert!(fixture.log_in_with(&alice, &home, 1, 0).await, "the first login stores the device");
    let second = fixture.guess_when_allowed(1000, 120, 1).await;
    // At the address of a guesser that is locked there.
    let policy = LockoutPolicy::default();
    let shared = attempt_from("alice", 9999);
    for _ in 0..policy.threshold() {
        fixture.assert_throttled(&shared, second).await;
        drop(
            fixture
                .store
                .record_throttled(&shared, &policy, &at(second), AttemptRecord::Recorded)
                .await
                .expect("a result"),
        );
    }
    fixture.new_records().await;
    assert!(matches!(fixture.reserve_at(&shared, second).await, Reservation::Locked { .. }));
    let device = with_device(shared.clone(), device_token(1));
    assert!(!fixture.log_in_with(&alice, &device, 2, second).await, "the device is known");
    // The guesser stays locked, and has no such device; nor does the device know other accounts.
    assert!(matches!(fixture.reserve_at(&shared, second).await, Reservation::Locked { .. }));
    let unknown = with_device(shared, device_token(77));
    assert!(matches!(fixture.reserve_at(&unknown, second).await, Reservation::Locked { .. }));
    let other = LoginAttempt { name: bob.name.clone(), ..device };
    assert!(fixture.log_in_with(&bob, &other, 3, second).await, "a device of another account");
}

pub(super) async fn added_device_is_familiar(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let second = fixture.guess_when_allowed(1000, 120, 1).await;
    let (policy, device) = (LockoutPolicy::default(), device_token(1));
    let attempt = with_device(attempt_from("alice", 9999), device);
    fixture.assert_throttled(&attempt, second).await;
    drop(
        fixture
            .store
            .record_throttled(&attempt, &policy, &at(second), AttemptRecord::Recorded)
            .await
            .expect("a result"),
    );
    let added = fixture.store.add_device(&alice.name, device, &policy, time(second)).await;
    added.expect("a result");
    fixture.new_records().await;
    assert!(!fixture.log_in_with(&alice, &attempt, 2, second).await, "the device is known");
}

pub(super) async fn device_has_failures_of_its_own(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let home = attempt_from("alice", 1);
    fixture.log_in_with(&alice, &home, 1, 0).await;
    let device = with_device(home.clone(), device_token(1));
    for failure in 1..=5 {
        fixture.fail_login(Some(&alice), &device, 1, failure == 5).await;
    }
    fixture.assert_locked(&with_device(attempt_from("alice", 2), device_token(1)), 61, 1).await;
    fixture.assert_granted(&home, 1).await;
}

pub(super) async fn bounds_devices(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    for token in 1..=11 {
        let attempt = attempt_from("alice", token);
        assert!(fixture.log_in_with(&alice, &attempt, token, i64::from(token)).await);
        if token == 10 {
            // The first device logs in again, so that the second one is the oldest.
            let first = with_device(attempt, device_token(1));
            assert!(!fixture.log_in_with(&alice, &first, 100, 10).await);
        }
    }
    let is_known = async |number| {
        let attempt = with_device(attempt_from("alice", 1000 + number), device_token(number));
        !fixture.log_in_with(&alice, &attempt, 200 + number, 12).await
    };
    for number in [1, 3, 10, 11] {
        assert!(is_known(number).await, "device {number}");
    }
    assert!(!is_known(2).await, "the eleventh device replaces the oldest");
}

pub(super) async fn devices_are_forgotten(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    fixture.log_in_with(&alice, &attempt_from("alice", 1), 1, 0).await;
    let device = with_device(attempt_from("alice", 2), device_token(1));
    for second in [0, 89 * DAY] {
        fixture.purge_batch(second, &Retention::default(), 100).await;
    }
    assert!(!fixture.log_in_with(&alice, &device, 2, 89 * DAY).await, "within 90 days");
    let later = (89 + 90) * DAY;
    let retention = Retention::default().with_sessions(Duration::MAX);
    fixture.purge_batch(later, &retention, 100).await;
    assert!(fixture.log_in_with(&alice, &device, 3, later).await, "90 days after the last login");
}

pub(super) async fn session_is_evidence(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let second = fixture.guess_when_allowed(1000, 120, 0).await;
    let unfamiliar = attempt_from("alice", 9999);
    fixture.assert_throttled(&unfamiliar, second).await;
    let evidence = Evidence::Session(SessionId::new(7));
    let in_session = LoginAttempt { evidence, ..unfamiliar };
    for failure in 1..=5 {
        fixture.fail_login(Some(&alice), &in_session, second, failure == 5).await;
    }
    fixture.assert_locked(&in_session, second + 60, second).await;
}
