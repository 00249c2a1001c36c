//! Reservation of attempts before passwords are evaluated, which bounds concurrent guesses.

use std::sync::Arc;

use super::concurrent::concurrently;
use super::expected::failure;
use super::fixture::{NOW, StoreFixture, at, hash, new_session};
use super::lockout::attempt_from;
use crate::audit::{EventKind, Reason};
use crate::lockout::{AttemptRecord, LockoutPolicy, LoginAttempt, Reservation};
use crate::session::NewSession;

pub(super) async fn pending_attempts_give_no_extra_tries(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let attempt = attempt_from("alice", 1);
    for _ in 0..5 {
        fixture.assert_granted(&attempt, 0).await;
    }
    for _ in 0..3 {
        assert_eq!(fixture.reserve_at(&attempt, 0).await, Reservation::Busy);
    }
    for _ in 0..3 {
        fixture.store.release_attempt(&attempt).await.expect("a result");
        fixture.assert_granted(&attempt, 0).await;
        assert_eq!(fixture.reserve_at(&attempt, 0).await, Reservation::Busy);
    }
    let (policy, change) = (LockoutPolicy::default(), at(0));
    for settled in 1..=5 {
        let done =
            fixture.store.record_failure(&attempt, &policy, &change, AttemptRecord::Recorded).await;
        let wrong = failure(EventKind::LoginFailure).with_reason(Reason::WrongPassword);
        let mut events = vec![wrong];
        if settled == 5 {
            events.push(failure(EventKind::LoginLocked).with_reason(Reason::LockStarted));
        } else {
            assert_eq!(fixture.reserve_at(&attempt, 0).await, Reservation::Busy, "failures count");
        }
        fixture.expect(done, &change, &alice, &events).await;
    }
    fixture.assert_locked(&attempt, 60, 59).await;
    fixture.fail_login(Some(&alice), &attempt, 60, true).await;
}

pub(super) async fn settled_attempt_is_not_pending(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let attempt = attempt_from("alice", 1);
    for token in 1..=20 {
        fixture.log_in_from(&alice, &attempt, token, 0).await;
    }
    for _ in 0..20 {
        fixture.assert_granted(&attempt, 0).await;
        fixture.store.release_attempt(&attempt).await.expect("a result");
    }
    // Releasing attempts that were not reserved has no effect.
    for _ in 0..3 {
        fixture.store.release_attempt(&attempt).await.expect("a result");
    }
    for _ in 0..5 {
        fixture.assert_granted(&attempt, 0).await;
    }
    assert_eq!(fixture.reserve_at(&attempt, 0).await, Reservation::Busy);
    // A success settles one attempt, and leaves the others pending.
    let new = NewSession { attempt: attempt.clone(), ..new_session(&alice, 21, 0) };
    fixture.open(new, &alice, &at(0)).await;
    fixture.assert_granted(&attempt, 0).await;
    assert_eq!(fixture.reserve_at(&attempt, 0).await, Reservation::Busy);
}

pub(super) async fn rejected_login_is_not_a_failure(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let attempt = attempt_from("alice", 1);
    for _ in 0..4 {
        fixture.fail_login(Some(&alice), &attempt, 0, false).await;
    }
    let changed = NewSession {
        attempt: attempt.clone(),
        expected_hash: hash(2),
        ..new_session(&alice, 1, 0)
    };
    for _ in 0..10 {
        fixture.assert_granted(&attempt, 0).await;
        fixture.reject_login(changed.clone(), &alice, &at(0), Reason::PasswordChanged).await;
    }
    fixture.disable_account(&alice, &[], &at(0)).await;
    let disabled = NewSession { attempt: attempt.clone(), ..new_session(&alice, 1, 0) };
    for _ in 0..10 {
        fixture.assert_granted(&attempt, 0).await;
        fixture.reject_login(disabled.clone(), &alice, &at(0), Reason::AccountDisabled).await;
    }
    // Rejected logins do not reset the failures either.
    fixture.fail_login(Some(&alice), &attempt, 0, true).await;
}

pub(super) async fn abandoned_attempt_does_not_block_others(fixture: &StoreFixture) {
    fixture.account("alice").await;
    let attempt = attempt_from("alice", 1);
    for _ in 0..5 {
        fixture.assert_granted(&attempt, 0).await;
    }
    for second in [0, 30] {
        assert_eq!(fixture.reserve_at(&attempt, second).await, Reservation::Busy, "at {second}");
    }
    // As if the process was killed during the evaluations.
    for _ in 0..5 {
        fixture.assert_granted(&attempt, 3600).await;
    }
    assert_eq!(fixture.reserve_at(&attempt, 3600).await, Reservation::Busy);
}

/// Reserves 1,000 attempts concurrently, and returns how many of them are granted and busy.
async fn reserve_concurrently(
    fixture: &StoreFixture,
    attempt: impl Fn(u32) -> LoginAttempt,
) -> (usize, usize) {
    let reservations = concurrently(1000, |task| {
        let (store, attempt) = (Arc::clone(&fixture.store), attempt(task));
        async move { store.reserve_attempt(&attempt, &LockoutPolicy::default(), NOW).await }
    });
    let reservations: Result<Vec<_>, _> = reservations.await.into_iter().collect();
    let reservations = reservations.expect("reservations");
    let count = |kind| reservations.iter().filter(|reservation| **reservation == kind).count();
    (count(Reservation::Granted), count(Reservation::Busy))
}

pub(super) async fn threshold_bounds_concurrent_attempts(fixture: &StoreFixture) {
    fixture.account("alice").await;
    for name in ["alice", "mallory"] {
        let counts = reserve_concurrently(fixture, |_| attempt_from(name, 1)).await;
        assert_eq!(counts, (5, 995), "{name}");
    }
}

pub(super) async fn threshold_bounds_concurrent_failures(fixture: &StoreFixture) {
    fixture.account("alice").await;
    let attempt = attempt_from("alice", 1);
    let reservations = concurrently(1000, |_| {
        let (store, attempt) = (Arc::clone(&fixture.store), attempt.clone());
        async move {
            let policy = LockoutPolicy::default();
            let reservation = store.reserve_attempt(&attempt, &policy, NOW).await;
            let reservation = reservation.expect("a result");
            if reservation == Reservation::Granted {
                drop(
                    store
                        .record_failure(&attempt, &policy, &at(0), AttemptRecord::Recorded)
                        .await
                        .expect("a result"),
                );
            }
            reservation
        }
    });
    let reservations = reservations.await;
    let granted = reservations.iter().filter(|found| **found == Reservation::Granted).count();
    assert_eq!(granted, 5, "evaluated passwords");
    let mut expected = vec![EventKind::LoginFailure; 5];
    expected.push(EventKind::LoginLocked);
    assert_eq!(fixture.new_kinds().await, expected);
    fixture.assert_locked(&attempt, 60, 0).await;
}

pub(super) async fn bounds_concurrent_unfamiliar_attempts(fixture: &StoreFixture) {
    fixture.account("alice").await;
    let (granted, _) = reserve_concurrently(fixture, |task| attempt_from("alice", task)).await;
    assert_eq!(granted, LockoutPolicy::default().throttle_threshold() as usize);
}
