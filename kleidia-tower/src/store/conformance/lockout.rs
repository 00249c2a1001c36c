//! Failures lock a user name for a source, with growing durations.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::Location;
use std::time::Duration;

use super::expected::{failure, success};
use super::fixture::{StoreFixture, at, by, new_account, new_session, operator, second, time};
use crate::account::Account;
use crate::audit::{EventKind, Reason};
use crate::lockout::{
    AttemptRecord, Evidence, LockoutPolicy, LoginAttempt, LoginSource, Reservation,
};
use crate::session::NewSession;
use crate::store::{ChangeContext, Retention};

/// Returns an attempt from one of many addresses.
pub(super) fn attempt_from(name: &str, source: u32) -> LoginAttempt {
    let address = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + source));
    let (name, source) = (name.parse().expect("a name"), LoginSource::new(Some(address)));
    LoginAttempt { name, source, evidence: Evidence::None }
}

impl StoreFixture {
    pub(super) async fn reserve_at(&self, attempt: &LoginAttempt, second: i64) -> Reservation {
        let policy = LockoutPolicy::default();
        self.store.reserve_attempt(attempt, &policy, time(second)).await.expect("a result")
    }

    pub(super) async fn assert_granted(&self, attempt: &LoginAttempt, second: i64) {
        assert_eq!(self.reserve_at(attempt, second).await, Reservation::Granted, "at {second}");
    }

    /// Checks that the user name is locked until that second.
    #[track_caller]
    pub(super) fn assert_locked(
        &self,
        attempt: &LoginAttempt,
        until: i64,
        second: i64,
    ) -> impl Future<Output = ()> + Send {
        let here = Location::caller();
        async move {
            let until = Reservation::Locked { until: time(until) };
            assert_eq!(self.reserve_at(attempt, second).await, until, "{here}: at {second}");
        }
    }

    /// Makes an attempt with a wrong password, and checks whether a lock starts.
    #[track_caller]
    pub(super) fn fail_login(
        &self,
        user: Option<&Account>,
        attempt: &LoginAttempt,
        second: i64,
        starts_lock: bool,
    ) -> impl Future<Output = ()> + Send {
        let here = Location::caller();
        async move {
            let granted = self.reserve_at(attempt, second).await;
            assert_eq!(granted, Reservation::Granted, "{here}: at {second}");
            let (policy, change) = (LockoutPolicy::default(), at(second));
            let done = self
                .store
                .record_failure(attempt, &policy, &change, AttemptRecord::Recorded)
                .await
                .expect("a result");
            let reason = user.map_or(Reason::UnknownUser, |_| Reason::WrongPassword);
            let mut events = vec![failure(EventKind::LoginFailure).with_reason(reason)];
            if starts_lock {
                events.push(failure(EventKind::LoginLocked).with_reason(Reason::LockStarted));
            }
            self.expect_at(here, done, &change, user, &events).await;
        }
    }

    /// Fails until the user name is locked for this source.
    async fn lock(&self, user: Option<&Account>, attempt: &LoginAttempt, second: i64) {
        for failure in 1..=5 {
            self.fail_login(user, attempt, second, failure == 5).await;
        }
    }

    /// Logs in with the correct password.
    pub(super) async fn log_in_from(
        &self,
        user: &Account,
        attempt: &LoginAttempt,
        token: u32,
        second: i64,
    ) {
        self.assert_granted(attempt, second).await;
        let new = NewSession { attempt: attempt.clone(), ..new_session(user, token, second) };
        self.open(new, user, &at(second)).await;
    }

    /// Removes all locks of an account.
    pub(super) async fn unlock(&self, user: &Account, change: &ChangeContext) {
        let done = self.store.unlock(&user.name, change).await;
        self.expect(done, change, user, &[success(EventKind::LoginUnlocked)]).await;
    }
}

pub(super) async fn failures_lock(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let attempt = attempt_from("alice", 1);
    for second in 0..5 {
        fixture.fail_login(Some(&alice), &attempt, second, second == 4).await;
    }
    for second in [4, 5, 63] {
        // A locked attempt is not counted, and does not extend the lock.
        fixture.assert_locked(&attempt, 64, second).await;
    }
    // The lock ends at this second.
    fixture.assert_granted(&attempt, 64).await;
}

pub(super) async fn locks_grow(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let attempt = attempt_from("alice", 1);
    fixture.lock(Some(&alice), &attempt, 0).await;
    let mut second = 0;
    for lock in [60, 120, 240, 480, 900, 900, 900] {
        fixture.assert_locked(&attempt, second + lock, second + lock - 1).await;
        second += lock;
        fixture.fail_login(Some(&alice), &attempt, second, true).await;
    }
}

pub(super) async fn locks_are_short_after_reset_time(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let reset_after = LockoutPolicy::default().reset_after().as_secs().cast_signed();
    for (source, pause, locks) in [(1, reset_after - 1, true), (2, reset_after, false)] {
        let attempt = attempt_from("alice", source);
        fixture.lock(Some(&alice), &attempt, 0).await;
        fixture.fail_login(Some(&alice), &attempt, pause, locks).await;
        if locks {
            fixture.assert_locked(&attempt, pause + 120, pause).await;
        }
    }
    let attempt = attempt_from("alice", 2);
    for failure in 2..=5 {
        fixture.fail_login(Some(&alice), &attempt, reset_after, failure == 5).await;
    }
    fixture.assert_locked(&attempt, reset_after + 60, reset_after).await;
}

pub(super) async fn success_resets_failures(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (attempt, other) = (attempt_from("alice", 1), attempt_from("alice", 2));
    for round in 0..3 {
        for _ in 0..4 {
            fixture.fail_login(Some(&alice), &attempt, round, false).await;
        }
        fixture
            .log_in_from(&alice, &attempt, 1 + u32::try_from(round).expect("a number"), round)
            .await;
    }
    fixture.lock(Some(&alice), &other, 3).await;
    fixture.log_in_from(&alice, &attempt, 10, 4).await;
    fixture.assert_locked(&other, 63, 4).await;
}

pub(super) async fn counts_names_and_sources_separately(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let network = |address: &str| {
        let source = LoginSource::new(address.parse().ok());
        LoginAttempt { name: alice.name.clone(), source, evidence: Evidence::None }
    };
    let unknown = LoginAttempt { source: LoginSource::new(None), ..network("192.0.2.1") };
    let locked = network("2001:db8:0:1::1");
    fixture.lock(Some(&alice), &locked, 0).await;
    fixture.assert_locked(&network("2001:db8:0:1:ffff::2"), 60, 0).await;
    for other in [network("2001:db8:0:2::1"), network("192.0.2.1"), unknown] {
        fixture.fail_login(Some(&alice), &other, 0, false).await;
    }
    let other = LoginAttempt { name: bob.name.clone(), ..locked };
    fixture.fail_login(Some(&bob), &other, 0, false).await;
}

pub(super) async fn locks_unknown_names_alike(fixture: &StoreFixture) {
    fixture.account("alice").await;
    let attempt = attempt_from("mallory", 1);
    fixture.lock(None, &attempt, 0).await;
    fixture.assert_locked(&attempt, 60, 59).await;
    fixture.fail_login(None, &attempt, 60, true).await;
    fixture.assert_locked(&attempt, 180, 60).await;
    let done = fixture.store.unlock(&attempt.name, &at(61)).await.expect("a result");
    let event = success(EventKind::LoginUnlocked);
    fixture.expect_at(Location::caller(), done, &at(61), None, &[event]).await;
    // A new account with this name starts with an unlocked login.
    fixture.fail_login(None, &attempt, 61, false).await;
    let new = new_account("mallory");
    let done = fixture.store.create_account(new, &operator(), &at(62)).await.expect("a result");
    let mallory = done.value.expect("the name is free");
    assert_eq!(fixture.new_records().await.len(), 1);
    fixture.fail_login(Some(&mallory), &attempt, 63, false).await;
}

pub(super) async fn admin_unlocks(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    let bob = fixture.account("bob").await;
    for (user, name, source) in [(&alice, "alice", 1), (&alice, "alice", 2), (&bob, "bob", 1)] {
        fixture.lock(Some(user), &attempt_from(name, source), 0).await;
    }
    fixture.unlock(&alice, &by(&root, &at(1))).await;
    for source in [1, 2] {
        fixture.lock(Some(&alice), &attempt_from("alice", source), 2).await;
        fixture.assert_locked(&attempt_from("alice", source), 62, 2).await;
    }
    fixture.assert_locked(&attempt_from("bob", 1), 60, 2).await;
}

/// Failures of names without an account count, also if they have no record.
pub(super) async fn omits_records_of_unknown_names(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let policy = LockoutPolicy::default();
    for (name, user) in [("nobody", None), ("alice", Some(&alice))] {
        let attempt = attempt_from(name, 1);
        for _ in 0..policy.threshold() {
            fixture.assert_granted(&attempt, 0).await;
            let (change, record) = (at(0), AttemptRecord::Omitted);
            let done = fixture.store.record_failure(&attempt, &policy, &change, record).await;
            let records = done.expect("a result").records;
            assert_eq!(records, fixture.new_records().await);
            assert_eq!(records.is_empty(), user.is_none(), "{name}: {records:?}");
        }
        fixture.assert_locked(&attempt, 60, 0).await;
    }
}

pub(super) async fn threshold_of_one_locks_immediately(fixture: &StoreFixture) {
    fixture.account("alice").await;
    let policy = LockoutPolicy::default().with_threshold(1);
    let policy = policy.and_then(|policy| policy.with_base_duration(Duration::from_secs(7)));
    let policy = policy.expect("values within bounds");
    let attempt = attempt_from("alice", 1);
    let reserve = async |second| {
        let reserved = fixture.store.reserve_attempt(&attempt, &policy, time(second)).await;
        reserved.expect("a reservation")
    };
    assert_eq!(reserve(0).await, Reservation::Granted);
    drop(
        fixture
            .store
            .record_failure(&attempt, &policy, &at(0), AttemptRecord::Recorded)
            .await
            .expect("a result"),
    );
    assert_eq!(fixture.new_records().await.len(), 2, "a failure and a lock");
    assert_eq!(reserve(6).await, Reservation::Locked { until: time(7) });
    assert_eq!(reserve(7).await, Reservation::Granted);
}

pub(super) async fn clock_set_back_does_not_extend_locks(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let attempt = attempt_from("alice", 1);
    let ahead = 1_000_000;
    fixture.lock(Some(&alice), &attempt, ahead).await;
    let max_duration = LockoutPolicy::default().max_duration().as_secs().cast_signed();
    let Reservation::Locked { until } = fixture.reserve_at(&attempt, 0).await else { return };
    assert!(until <= time(max_duration), "locked for {} seconds", second(until));
    fixture.assert_granted(&attempt, second(until)).await;
}

pub(super) async fn purge_keeps_failures(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (attempt, unknown) = (attempt_from("alice", 1), attempt_from("mallory", 1));
    fixture.lock(Some(&alice), &attempt, 0).await;
    fixture.lock(None, &unknown, 0).await;
    let reset_after = LockoutPolicy::default().reset_after().as_secs().cast_signed();
    // No retention of sessions affects the failures.
    let retention = Retention::default().with_sessions(Duration::ZERO);
    for second in [59, reset_after - 1] {
        fixture.purge_batch(second, &retention, 100).await;
    }
    for attempt in [&attempt, &unknown] {
        fixture.assert_locked(attempt, 60, 59).await;
    }
    let second = reset_after - 1;
    fixture.fail_login(Some(&alice), &attempt, second, true).await;
    fixture.assert_locked(&attempt, second + 120, second).await;
    fixture.purge_batch(second + 119, &retention, 100).await;
    fixture.assert_locked(&attempt, second + 120, second + 119).await;
    // The failures of the source are forgotten first, and then those of the account.
    let day = 24 * 3600;
    let mut purged = fixture.purge_batch(second + reset_after, &retention, 100).await;
    purged += fixture.purge_batch(100 * day, &retention, 100).await;
    assert_eq!(purged, 4, "a source and an account for each of two names");
    fixture.fail_login(None, &unknown, 100 * day, false).await;
}
