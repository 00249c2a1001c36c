//! Attempts are reserved before passwords are evaluated, so that none is evaluated too often.

use std::sync::Arc;

use super::expected::{failure, success};
use super::lockout::attempt_from;
use super::many::at_once;
use super::scene::{NOW, Scene, at, hash, new_session};
use crate::audit::{EventKind, Reason};
use crate::lockout::{LockoutPolicy, Reservation};
use crate::session::{NewSession, Opened};

pub(super) async fn what_is_pending_gives_no_extra_tries(scene: &Scene) {
    let alice = scene.account("alice").await;
    let attempt = attempt_from("alice", 1);
    for pending in 1..=5 {
        assert_eq!(scene.asks(&attempt, 0).await, Reservation::Granted, "{pending}");
    }
    for _ in 0..3 {
        assert_eq!(scene.asks(&attempt, 0).await, Reservation::Busy);
    }
    for _ in 0..3 {
        scene.store.release(&attempt).await.expect("an answer");
        assert_eq!(scene.asks(&attempt, 0).await, Reservation::Granted, "one was given back");
        assert_eq!(scene.asks(&attempt, 0).await, Reservation::Busy);
    }
    let (policy, change) = (LockoutPolicy::default(), at(0));
    for settled in 1..=5 {
        let done = scene.store.fail(&attempt, &policy, &change).await;
        let wrong = failure(EventKind::LoginFailure).because(Reason::WrongPassword);
        let mut events = vec![wrong];
        if settled == 5 {
            events.push(failure(EventKind::LoginLocked).because(Reason::LockBegins));
        } else {
            assert_eq!(scene.asks(&attempt, 0).await, Reservation::Busy, "failures count");
        }
        scene.expect(done, &change, &alice, &events).await;
    }
    scene.is_locked(&attempt, 60, 59).await;
    scene.guesses(Some(&alice), &attempt, 60, true).await;
}

pub(super) async fn what_is_settled_is_no_longer_pending(scene: &Scene) {
    let alice = scene.account("alice").await;
    let attempt = attempt_from("alice", 1);
    for token in 1..=20 {
        scene.gets_in(&alice, &attempt, token, 0).await;
    }
    for _ in 0..20 {
        assert_eq!(scene.asks(&attempt, 0).await, Reservation::Granted);
        scene.store.release(&attempt).await.expect("an answer");
    }
    // Giving back what was not taken gives nothing.
    for _ in 0..3 {
        scene.store.release(&attempt).await.expect("an answer");
    }
    for _ in 0..5 {
        assert_eq!(scene.asks(&attempt, 0).await, Reservation::Granted);
    }
    assert_eq!(scene.asks(&attempt, 0).await, Reservation::Busy);
    // A success settles one of them, and forgets none of the others.
    let new = NewSession { attempt: attempt.clone(), ..new_session(&alice, 21, 0) };
    scene.open(new, &alice, &at(0)).await;
    assert_eq!(scene.asks(&attempt, 0).await, Reservation::Granted);
    assert_eq!(scene.asks(&attempt, 0).await, Reservation::Busy);
}

pub(super) async fn a_refused_login_is_no_failure(scene: &Scene) {
    let alice = scene.account("alice").await;
    let attempt = attempt_from("alice", 1);
    for _ in 0..4 {
        scene.guesses(Some(&alice), &attempt, 0, false).await;
    }
    let changed = NewSession {
        attempt: attempt.clone(),
        expected_hash: hash(2),
        ..new_session(&alice, 1, 0)
    };
    let refused = failure(EventKind::LoginFailure).because(Reason::PasswordChanged);
    for _ in 0..10 {
        assert_eq!(scene.asks(&attempt, 0).await, Reservation::Granted);
        let done = scene.store.open(changed.clone(), &at(0)).await;
        let opened = scene.expect(done, &at(0), &alice, std::slice::from_ref(&refused)).await;
        assert!(matches!(opened, Opened::Changed), "{opened:?}");
    }
    let done = scene.disable(&alice, true, &at(0)).await;
    scene.expect(done, &at(0), &alice, &[success(EventKind::UserDisabled)]).await;
    let refused = failure(EventKind::LoginFailure).because(Reason::AccountDisabled);
    let disabled = NewSession { attempt: attempt.clone(), ..new_session(&alice, 1, 0) };
    for _ in 0..10 {
        assert_eq!(scene.asks(&attempt, 0).await, Reservation::Granted);
        let done = scene.store.open(disabled.clone(), &at(0)).await;
        let opened = scene.expect(done, &at(0), &alice, std::slice::from_ref(&refused)).await;
        assert!(matches!(opened, Opened::Disabled), "{opened:?}");
    }
    // Neither do they forget the failures that there were.
    scene.guesses(Some(&alice), &attempt, 0, true).await;
}

pub(super) async fn who_never_comes_back_blocks_nobody(scene: &Scene) {
    scene.account("alice").await;
    let attempt = attempt_from("alice", 1);
    for _ in 0..5 {
        assert_eq!(scene.asks(&attempt, 0).await, Reservation::Granted);
    }
    for second in [0, 30] {
        assert_eq!(scene.asks(&attempt, second).await, Reservation::Busy, "at {second}");
    }
    // A node was killed while it evaluated them.
    for _ in 0..5 {
        assert_eq!(scene.asks(&attempt, 3600).await, Reservation::Granted);
    }
    assert_eq!(scene.asks(&attempt, 3600).await, Reservation::Busy);
}

pub(super) async fn the_threshold_bounds_what_runs_at_once(scene: &Scene) {
    scene.account("alice").await;
    for name in ["alice", "mallory"] {
        let attempt = attempt_from(name, 1);
        let asked = at_once(1000, |_| {
            let (store, attempt) = (Arc::clone(&scene.store), attempt.clone());
            async move {
                store.reserve(&attempt, &LockoutPolicy::default(), NOW).await.expect("an answer")
            }
        });
        let asked = asked.await;
        let granted = asked.iter().filter(|asked| **asked == Reservation::Granted).count();
        let busy = asked.iter().filter(|asked| **asked == Reservation::Busy).count();
        assert_eq!((granted, busy), (5, 995), "{name}");
    }
}

pub(super) async fn the_threshold_bounds_what_fails_at_once(scene: &Scene) {
    scene.account("alice").await;
    let attempt = attempt_from("alice", 1);
    let asked = at_once(1000, |_| {
        let (store, attempt) = (Arc::clone(&scene.store), attempt.clone());
        async move {
            let policy = LockoutPolicy::default();
            let asked = store.reserve(&attempt, &policy, NOW).await.expect("an answer");
            if asked == Reservation::Granted {
                drop(store.fail(&attempt, &policy, &at(0)).await.expect("an answer"));
            }
            asked
        }
    });
    let asked = asked.await;
    let granted = asked.iter().filter(|asked| **asked == Reservation::Granted).count();
    assert_eq!(granted, 5, "passwords were evaluated");
    let mut kinds: Vec<_> = scene.news().await.iter().map(|record| record.kind).collect();
    kinds.sort_unstable();
    let mut expected = vec![EventKind::LoginFailure; 5];
    expected.push(EventKind::LoginLocked);
    assert_eq!(kinds, expected);
    scene.is_locked(&attempt, 60, 0).await;
}

pub(super) async fn strangers_at_once_are_bounded(scene: &Scene) {
    scene.account("alice").await;
    let asked = at_once(1000, |task| {
        let store = Arc::clone(&scene.store);
        let attempt = attempt_from("alice", u32::try_from(task).expect("a number"));
        async move { store.reserve(&attempt, &LockoutPolicy::default(), NOW).await.expect("an answer") }
    });
    let asked = asked.await;
    let granted = asked.iter().filter(|asked| **asked == Reservation::Granted).count();
    assert_eq!(granted, LockoutPolicy::MOST_FAILURES_OF_STRANGERS as usize);
}
