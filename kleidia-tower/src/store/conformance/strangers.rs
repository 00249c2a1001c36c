//! The account as a whole: strangers are slowed down and bounded, its owner is not kept out.

use super::expected::{failure, success};
use super::lockout::attempt_from;
use super::scene::{Scene, at, by, second, time};
use crate::account::Account;
use crate::audit::{EventKind, Reason};
use crate::lockout::{Attempt, LockoutPolicy, Reservation};
use crate::store::Retention;

/// How many failures from all sources slow nobody down yet, at least.
const UNHURRIED: u32 = 15;

impl Scene {
    /// Guesses from these sources, each as soon as it may, until none may any more.
    async fn guesses_patiently(
        &self,
        user: &Account,
        sources: impl Iterator<Item = u32>,
        mut second: i64,
    ) -> (u32, i64) {
        let policy = LockoutPolicy::default();
        let mut evaluated = 0;
        for source in sources {
            let attempt = attempt_from("alice", source);
            match self.asks(&attempt, second).await {
                Reservation::Granted => {
                    let done = self.store.fail(&attempt, &policy, &at(second)).await;
                    drop(done.expect("an answer"));
                    evaluated += 1;
                }
                Reservation::Locked { until } | Reservation::Refused { until } => {
                    second = super::scene::second(until).min(second + 3600);
                }
                Reservation::Busy => panic!("nothing is pending of {}", user.name),
            }
        }
        self.news().await;
        (evaluated, second)
    }

    async fn is_for_good(&self, attempt: &Attempt, second: i64) {
        for second in [second, second + 365 * 24 * 3600] {
            let asked = self.asks(attempt, second).await;
            assert!(
                matches!(asked, Reservation::Refused { until } if until > time(second)),
                "{asked:?} at {second}"
            );
        }
    }
}

pub(super) async fn strangers_are_slowed_down(scene: &Scene) {
    let alice = scene.account("alice").await;
    let home = attempt_from("alice", 1);
    scene.gets_in(&alice, &home, 1, 0).await;
    for source in 0..UNHURRIED {
        scene.guesses(Some(&alice), &attempt_from("alice", 100 + source), 1, false).await;
    }
    let (mut source, mut slowed) = (200, false);
    for _ in UNHURRIED..40 {
        source += 1;
        match scene.asks(&attempt_from("alice", source), 1).await {
            Reservation::Granted => {
                let attempt = attempt_from("alice", source);
                let done = scene.store.fail(&attempt, &LockoutPolicy::default(), &at(1)).await;
                drop(done.expect("an answer"));
                scene.news().await;
            }
            Reservation::Locked { until } | Reservation::Refused { until } => {
                let wait = second(until) - 1;
                assert!((1..=60).contains(&wait), "a soft throttle, not {wait} seconds");
                slowed = true;
                break;
            }
            Reservation::Busy => panic!("nothing is pending"),
        }
    }
    assert!(slowed, "40 failures at once, each from elsewhere");
    scene.gets_in(&alice, &home, 2, 1).await;
    scene.guesses(Some(&alice), &attempt_from("alice", 300), 1, false).await;
}

pub(super) async fn strangers_are_evaluated_one_by_one(scene: &Scene) {
    let alice = scene.account("alice").await;
    let home = attempt_from("alice", 1);
    scene.gets_in(&alice, &home, 1, 0).await;
    let (evaluated, second) = scene.guesses_patiently(&alice, 1000..1060, 1).await;
    assert!(evaluated > 20, "{evaluated} guesses");
    // No throttle lasts longer than that.
    let second = second + 60;
    assert_eq!(scene.asks(&attempt_from("alice", 5000), second).await, Reservation::Granted);
    for source in 5001..5010 {
        let asked = scene.asks(&attempt_from("alice", source), second).await;
        let is_refused = matches!(asked, Reservation::Refused { until } if until > time(second));
        assert!(is_refused, "{asked:?} from source {source}, while another one is evaluated");
    }
    scene.gets_in(&alice, &home, 2, second).await;
}

pub(super) async fn the_owner_stays_known(scene: &Scene) {
    let (root, alice) = (scene.account("root").await, scene.account("alice").await);
    let home = attempt_from("alice", 1);
    scene.gets_in(&alice, &home, 1, 0).await;
    scene.guesses(Some(&alice), &home, 1, false).await;
    scene.unlocks(&alice, &by(&root, &at(2))).await;
    let month = 30 * 24 * 3600;
    let purged = scene.store.purge(time(month), &Retention::default(), 100).await;
    purged.expect("an answer");
    let (_, second) = scene.guesses_patiently(&alice, 1000..1400, month).await;
    scene.is_for_good(&attempt_from("alice", 9999), second).await;
    scene.gets_in(&alice, &home, 2, second).await;
}

pub(super) async fn strangers_do_not_keep_the_owner_out(scene: &Scene) {
    let (root, alice) = (scene.account("root").await, scene.account("alice").await);
    let (home, stranger) = (attempt_from("alice", 1), attempt_from("alice", 9999));
    scene.gets_in(&alice, &home, 1, 0).await;
    let (evaluated, second) = scene.guesses_patiently(&alice, 1000..1400, 1).await;
    assert_eq!(evaluated, LockoutPolicy::MOST_FAILURES_OF_STRANGERS);
    scene.is_for_good(&stranger, second).await;
    scene.gets_in(&alice, &home, 2, second).await;
    assert_eq!(scene.asks(&stranger, second).await, Reservation::Granted, "it begins anew");
    scene.store.release(&stranger).await.expect("an answer");

    let (evaluated, second) = scene.guesses_patiently(&alice, 2000..2400, second).await;
    assert_eq!(evaluated, LockoutPolicy::MOST_FAILURES_OF_STRANGERS);
    scene.unlocks(&alice, &by(&root, &at(second))).await;
    scene.guesses(Some(&alice), &stranger, second, false).await;
}

pub(super) async fn who_is_refused_counts_for_the_source_alone(scene: &Scene) {
    let alice = scene.account("alice").await;
    let home = attempt_from("alice", 1);
    scene.gets_in(&alice, &home, 1, 0).await;
    let (_, second) = scene.guesses_patiently(&alice, 1000..1400, 1).await;
    let (stranger, policy) = (attempt_from("alice", 9999), LockoutPolicy::default());
    // As many at once as of any other name.
    for _ in 0..policy.threshold {
        let asked = scene.asks(&stranger, second).await;
        assert!(matches!(asked, Reservation::Refused { .. }), "{asked:?}");
    }
    assert_eq!(scene.asks(&stranger, second).await, Reservation::Busy);
    let refused = failure(EventKind::LoginLocked).because(Reason::Locked);
    let locks = failure(EventKind::LoginLocked).because(Reason::LockBegins);
    for settled in 1..=policy.threshold {
        let done = scene.store.refuse(&stranger, &policy, &at(second)).await;
        let events = [refused.clone(), locks.clone()];
        let many = if settled == policy.threshold { 2 } else { 1 };
        scene.expect(done, &at(second), &alice, &events[..many]).await;
    }
    scene.is_locked(&stranger, second + policy.base.as_secs().cast_signed(), second).await;
    scene.gets_in(&alice, &home, 2, second).await;
}

pub(super) async fn a_hundred_failures_in_a_row_are_the_end(scene: &Scene) {
    let (root, alice) = (scene.account("root").await, scene.account("alice").await);
    let home = attempt_from("alice", 1);
    scene.gets_in(&alice, &home, 1, 0).await;
    let (strangers, second) = scene.guesses_patiently(&alice, 1000..1400, 1).await;
    let at_home = std::iter::repeat_n(1, 200);
    let (owner, second) = scene.guesses_patiently(&alice, at_home, second).await;
    assert_eq!(strangers + owner, LockoutPolicy::MOST_FAILURES);
    scene.is_for_good(&home, second).await;
    let done = scene.disable(&alice, true, &at(second)).await;
    scene.expect(done, &at(second), &alice, &[success(EventKind::UserDisabled)]).await;
    let done = scene.disable(&alice, false, &at(second)).await;
    scene.expect(done, &at(second), &alice, &[success(EventKind::UserEnabled)]).await;
    scene.is_for_good(&home, second).await;

    scene.unlocks(&alice, &by(&root, &at(second))).await;
    scene.gets_in(&alice, &home, 2, second).await;
}

pub(super) async fn guesses_are_never_forgotten_by_time_alone(scene: &Scene) {
    let alice = scene.account("alice").await;
    let (_, second) = scene.guesses_patiently(&alice, 1000..1400, 0).await;
    let second = second + 300 * 24 * 3600;
    for _ in 0..10 {
        let purged = scene.store.purge(time(second), &Retention::default(), 100).await;
        purged.expect("an answer");
    }
    scene.is_for_good(&attempt_from("alice", 9999), second).await;
    // The lock was not one of the account alone, which time lifts.
    let known = attempt_from("alice", 1000);
    scene.is_for_good(&known, second).await;
}
