//! Failures lock a name for a source, for a time that grows.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::Location;
use std::time::Duration;

use super::expected::{failure, success};
use super::scene::{NOW, Scene, at, by, new_account, new_session, second, time};
use crate::account::Account;
use crate::audit::{EventKind, Reason};
use crate::lockout::{Attempt, LockoutPolicy, Reservation, Source};
use crate::session::NewSession;
use crate::store::{Change, Retention};

/// Somebody at one of many addresses.
pub(super) fn attempt_from(name: &str, source: u32) -> Attempt {
    let address = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + source));
    Attempt { name: name.parse().expect("a name"), source: Source::new(Some(address)) }
}

impl Scene {
    pub(super) async fn asks(&self, attempt: &Attempt, second: i64) -> Reservation {
        let policy = LockoutPolicy::default();
        self.store.reserve(attempt, &policy, time(second)).await.expect("an answer")
    }

    /// It is locked, up to that second.
    #[track_caller]
    pub(super) fn is_locked(
        &self,
        attempt: &Attempt,
        until: i64,
        second: i64,
    ) -> impl Future<Output = ()> + Send {
        let here = Location::caller();
        async move {
            let until = Reservation::Locked { until: time(until) };
            assert_eq!(self.asks(attempt, second).await, until, "{here}: at {second}");
        }
    }

    /// A password is evaluated, and wrong.
    #[track_caller]
    pub(super) fn guesses(
        &self,
        user: Option<&Account>,
        attempt: &Attempt,
        second: i64,
        locks: bool,
    ) -> impl Future<Output = ()> + Send {
        let here = Location::caller();
        async move {
            let granted = self.asks(attempt, second).await;
            assert_eq!(granted, Reservation::Granted, "{here}: at {second}");
            let (policy, change) = (LockoutPolicy::default(), at(second));
            let done = self.store.fail(attempt, &policy, &change).await.expect("an answer");
            let reason = user.map_or(Reason::UnknownUser, |_| Reason::WrongPassword);
            let mut events = vec![failure(EventKind::LoginFailure).because(reason)];
            if locks {
                events.push(failure(EventKind::LoginLocked).because(Reason::LockBegins));
            }
            let agreed = self.agrees(done, &change, user, &events).await;
            agreed.unwrap_or_else(|difference| panic!("{here}: {difference}"));
        }
    }

    /// The password is right.
    pub(super) async fn gets_in(&self, user: &Account, attempt: &Attempt, token: u32, second: i64) {
        assert_eq!(self.asks(attempt, second).await, Reservation::Granted, "at {second}");
        let new = NewSession { attempt: attempt.clone(), ..new_session(user, token, second) };
        self.open(new, user, &at(second)).await;
    }

    /// Lifts all locks of an account.
    pub(super) async fn unlocks(&self, user: &Account, change: &Change) {
        let done = self.store.unlock(&user.name, change).await;
        self.expect(done, change, user, &[success(EventKind::LoginUnlocked)]).await;
    }
}

pub(super) async fn failures_lock(scene: &Scene) {
    let alice = scene.account("alice").await;
    let attempt = attempt_from("alice", 1);
    for second in 0..5 {
        scene.guesses(Some(&alice), &attempt, second, second == 4).await;
    }
    for second in [4, 5, 63] {
        // Asking neither counts nor makes it longer.
        scene.is_locked(&attempt, 64, second).await;
    }
    assert_eq!(scene.asks(&attempt, 64).await, Reservation::Granted, "it ends at its second");
}

pub(super) async fn locks_grow(scene: &Scene) {
    let alice = scene.account("alice").await;
    let attempt = attempt_from("alice", 1);
    for failure in 1..=5 {
        scene.guesses(Some(&alice), &attempt, 0, failure == 5).await;
    }
    let mut second = 0;
    for lock in [60, 120, 240, 480, 900, 900, 900] {
        scene.is_locked(&attempt, second + lock, second + lock - 1).await;
        second += lock;
        scene.guesses(Some(&alice), &attempt, second, true).await;
    }
}

pub(super) async fn a_quiet_time_makes_locks_short(scene: &Scene) {
    let alice = scene.account("alice").await;
    let quiet = LockoutPolicy::default().quiet.as_secs().cast_signed();
    for (source, pause, locks) in [(1, quiet - 1, true), (2, quiet, false)] {
        let attempt = attempt_from("alice", source);
        for failure in 1..=5 {
            scene.guesses(Some(&alice), &attempt, 0, failure == 5).await;
        }
        scene.guesses(Some(&alice), &attempt, pause, locks).await;
        if locks {
            scene.is_locked(&attempt, pause + 120, pause).await;
        }
    }
    let attempt = attempt_from("alice", 2);
    for failure in 2..=5 {
        scene.guesses(Some(&alice), &attempt, quiet, failure == 5).await;
    }
    scene.is_locked(&attempt, quiet + 60, quiet).await;
}

pub(super) async fn a_success_forgets_failures(scene: &Scene) {
    let alice = scene.account("alice").await;
    let (attempt, other) = (attempt_from("alice", 1), attempt_from("alice", 2));
    for round in 0..3 {
        for _ in 0..4 {
            scene.guesses(Some(&alice), &attempt, round, false).await;
        }
        scene.gets_in(&alice, &attempt, 1 + u32::try_from(round).expect("a number"), round).await;
    }
    for failure in 1..=5 {
        scene.guesses(Some(&alice), &other, 3, failure == 5).await;
    }
    scene.gets_in(&alice, &attempt, 10, 4).await;
    scene.is_locked(&other, 63, 4).await;
}

pub(super) async fn names_and_sources_are_counted_apart(scene: &Scene) {
    let (alice, bob) = (scene.account("alice").await, scene.account("bob").await);
    let network = |address: &str| {
        let source = Source::new(address.parse().ok());
        Attempt { name: alice.name.clone(), source }
    };
    let nobody_knows = Attempt { name: alice.name.clone(), source: Source::new(None) };
    let locked = network("2001:db8:0:1::1");
    for failure in 1..=5 {
        scene.guesses(Some(&alice), &locked, 0, failure == 5).await;
    }
    scene.is_locked(&network("2001:db8:0:1:ffff::2"), 60, 0).await;
    for other in [network("2001:db8:0:2::1"), network("192.0.2.1"), nobody_knows] {
        scene.guesses(Some(&alice), &other, 0, false).await;
    }
    let other = Attempt { name: bob.name.clone(), ..locked };
    scene.guesses(Some(&bob), &other, 0, false).await;
}

pub(super) async fn unknown_names_are_locked_alike(scene: &Scene) {
    scene.account("alice").await;
    let attempt = attempt_from("mallory", 1);
    for failure in 1..=5 {
        scene.guesses(None, &attempt, 0, failure == 5).await;
    }
    scene.is_locked(&attempt, 60, 59).await;
    scene.guesses(None, &attempt, 60, true).await;
    scene.is_locked(&attempt, 180, 60).await;
    let done = scene.store.unlock(&attempt.name, &at(61)).await.expect("an answer");
    let event = success(EventKind::LoginUnlocked);
    scene.agrees(done, &at(61), None, &[event]).await.expect("what was expected");
    // Whoever takes that name later has nothing to do with it.
    scene.guesses(None, &attempt, 61, false).await;
    let new = new_account("mallory");
    let done = scene.store.create_account(new, &at(62)).await.expect("an answer");
    let mallory = done.value.expect("the name is free");
    assert_eq!(scene.news().await.len(), 1);
    scene.guesses(Some(&mallory), &attempt, 63, false).await;
}

pub(super) async fn an_admin_lifts_locks(scene: &Scene) {
    let (root, alice) = (scene.account("root").await, scene.account("alice").await);
    let bob = scene.account("bob").await;
    for (user, name, source) in [(&alice, "alice", 1), (&alice, "alice", 2), (&bob, "bob", 1)] {
        for failure in 1..=5 {
            scene.guesses(Some(user), &attempt_from(name, source), 0, failure == 5).await;
        }
    }
    scene.unlocks(&alice, &by(&root, &at(1))).await;
    for source in [1, 2] {
        for failure in 1..=5 {
            scene.guesses(Some(&alice), &attempt_from("alice", source), 2, failure == 5).await;
        }
        scene.is_locked(&attempt_from("alice", source), 62, 2).await;
    }
    scene.is_locked(&attempt_from("bob", 1), 60, 2).await;
}

pub(super) async fn the_least_threshold_is_one(scene: &Scene) {
    scene.account("alice").await;
    for threshold in [0, 1] {
        let policy =
            LockoutPolicy { threshold, base: Duration::from_secs(7), ..LockoutPolicy::default() };
        let attempt = attempt_from("alice", threshold);
        let asks = async |now| scene.store.reserve(&attempt, &policy, now).await.expect("granted");
        assert_eq!(asks(NOW).await, Reservation::Granted, "threshold {threshold}");
        drop(scene.store.fail(&attempt, &policy, &at(0)).await.expect("an answer"));
        assert_eq!(scene.news().await.len(), 2, "a failure, and a lock");
        assert_eq!(asks(time(6)).await, Reservation::Locked { until: time(7) });
        assert_eq!(asks(time(7)).await, Reservation::Granted);
    }
}

pub(super) async fn a_clock_that_is_set_back_locks_nobody_for_long(scene: &Scene) {
    let alice = scene.account("alice").await;
    let attempt = attempt_from("alice", 1);
    let ahead = 1_000_000;
    for failure in 1..=5 {
        scene.guesses(Some(&alice), &attempt, ahead, failure == 5).await;
    }
    // No lock is longer than the longest.
    let longest = LockoutPolicy::default().longest.as_secs().cast_signed();
    let Reservation::Locked { until } = scene.asks(&attempt, 0).await else { return };
    assert!(until <= time(longest), "for {} seconds", second(until));
    assert_eq!(scene.asks(&attempt, second(until)).await, Reservation::Granted, "as it was told");
}

pub(super) async fn locks_outlive_purges(scene: &Scene) {
    let alice = scene.account("alice").await;
    let (attempt, unknown) = (attempt_from("alice", 1), attempt_from("mallory", 1));
    for failure in 1..=5 {
        scene.guesses(Some(&alice), &attempt, 0, failure == 5).await;
        scene.guesses(None, &unknown, 0, failure == 5).await;
    }
    let retention = Retention { sessions: Duration::ZERO, failures: Duration::from_secs(100) };
    let purge = async |second| scene.store.purge(time(second), &retention, 100).await;
    purge(59).await.expect("an answer");
    for attempt in [&attempt, &unknown] {
        scene.is_locked(attempt, 60, 59).await;
    }
    purge(99).await.expect("an answer");
    scene.guesses(Some(&alice), &attempt, 99, true).await;
    scene.is_locked(&attempt, 99 + 120, 99).await;
    assert!(purge(100).await.expect("an answer") >= 1, "failures of a name that nobody has");
    scene.guesses(None, &unknown, 100, false).await;
    scene.is_locked(&attempt, 99 + 120, 100).await;
    // While a lock holds it is kept, however short the retention.
    let retention = Retention { sessions: Duration::ZERO, failures: Duration::ZERO };
    let purged = scene.store.purge(time(99 + 119), &retention, 100).await;
    purged.expect("an answer");
    scene.is_locked(&attempt, 99 + 120, 99 + 119).await;
}
