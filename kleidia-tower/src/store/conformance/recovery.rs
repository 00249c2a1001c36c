//! One-time codes that set passwords.

use std::sync::Arc;

use super::concurrent::concurrently;
use super::expected::{Expected, all_ended, failure, success};
use super::fixture::{
    StoreFixture, assigned_by, at, attempt, by, hash, new_account, new_session, operator, time,
    unknown_user,
};
use crate::account::{
    Account, AccountChangeError, CodePurpose, NewAccount, OneTimeCode, PasswordChange, Recovery,
    RecoveryOutcome, StoredPassword,
};
use crate::audit::{EventKind, Reason};
use crate::lockout::{AttemptRecord, LockoutPolicy, Reservation};
use crate::rbac::{RoleChangeError, RoleRules};
use crate::session::{EndReason, NewSession};
use crate::{TokenDigest, UserId};

/// The lifetime of a code, in seconds.
const TTL: i64 = 600;

fn digest(number: u8) -> TokenDigest {
    TokenDigest([number; 32])
}

fn code(user: UserId, number: u8, second: i64) -> OneTimeCode {
    OneTimeCode {
        digest: digest(number),
        user: Some(user),
        purpose: CodePurpose::Recovery,
        data: String::new(),
        created_at: time(second),
        expires_at: time(second + TTL),
    }
}

fn recovery(number: u8, to: u32) -> Recovery {
    Recovery { code: digest(number), user_name: None, password: hash(to), history: 5 }
}

/// The events of a recovery that ends no sessions.
fn recovered() -> Vec<Expected> {
    vec![success(EventKind::RecoveryUsed), success(EventKind::PasswordChanged)]
}

impl StoreFixture {
    pub(super) async fn issue(&self, user: &Account, number: u8, second: i64) {
        let code = code(user.id, number, second);
        let done = self.store.issue_recovery_code(code, &operator(), &at(second)).await;
        let event = success(EventKind::RecoveryIssued);
        self.expect(done, &at(second), user, &[event]).await.expect("a code");
    }

    async fn reject_issue(
        &self,
        user: &Account,
        rules: &RoleRules,
        number: u8,
    ) -> AccountChangeError {
        let code = code(user.id, number, 1);
        let done = self.store.issue_recovery_code(code, rules, &at(1)).await;
        self.expect(done, &at(1), user, &[]).await.expect_err("a rejection")
    }

    async fn assert_invalid_code(
        &self,
        user: &Account,
        recovery: Recovery,
        second: i64,
        expected: &[Expected],
    ) {
        let done = self.store.recover(recovery, &at(second)).await;
        let outcome = self.expect(done, &at(second), user, expected).await;
        assert!(matches!(outcome, RecoveryOutcome::Invalid), "{outcome:?}");
    }

    pub(super) async fn has_code(&self, number: u8) -> bool {
        let found = self.store.one_time_code(&digest(number), CodePurpose::Recovery).await;
        found.expect("a result").is_some()
    }
}

pub(super) async fn code_sets_the_password(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let (first, second) = (fixture.login(&alice, 1).await, fixture.login(&alice, 2).await);
    let his = fixture.login(&bob, 3).await;
    fixture.issue(&alice, 1, 0).await;
    let stored = fixture.store.one_time_code(&digest(1), CodePurpose::Recovery).await;
    assert_eq!(stored.expect("a result"), Some(code(alice.id, 1, 0)));
    let other = fixture.store.one_time_code(&digest(1), CodePurpose::EmailVerification).await;
    assert_eq!(other.expect("a result"), None, "the code is for another purpose");

    let named = Recovery { user_name: Some(alice.name.clone()), ..recovery(1, 2) };
    let mut events = recovered();
    events.extend(all_ended(&[first.id, second.id], EndReason::PasswordChanged));
    let done = fixture.store.recover(named, &at(9)).await;
    let outcome = fixture.expect(done, &at(9), &alice, &events).await;
    let RecoveryOutcome::Recovered(account) = outcome else { panic!("{outcome:?}") };
    let expected = Account { password_changed_at: time(9), ..(*alice).clone() };
    assert_eq!(*account, expected);
    let password = StoredPassword { current: hash(2), previous: vec![hash(1)] };
    assert_eq!(fixture.stored(&alice).await, (Arc::new(expected), password));
    fixture.assert_invalid(&alice, &[1, 2], 9).await;
    assert_eq!(fixture.active(bob.id, 9).await, [his.id]);
    fixture.assert_invalid_code(&alice, recovery(1, 3), 9, &[]).await;
    let new = NewSession { expected_hash: hash(2), ..new_session(&alice, 4, 10) };
    fixture.open(new, &alice, &at(10)).await;
}

pub(super) async fn code_removes_locks(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (policy, attempt) = (LockoutPolicy::default(), attempt(&alice, &at(1)));
    let reserve =
        async || fixture.store.reserve_attempt(&attempt, &policy, time(1)).await.expect("a result");
    while matches!(reserve().await, Reservation::Granted) {
        let record = AttemptRecord::Recorded;
        let failed = fixture.store.record_failure(&attempt, &policy, &at(1), record).await;
        drop(failed.expect("a result"));
    }
    fixture.new_records().await;
    fixture.issue(&alice, 1, 1).await;
    let done = fixture.store.recover(recovery(1, 2), &at(1)).await;
    fixture.expect(done, &at(1), &alice, &recovered()).await;
    assert!(matches!(reserve().await, Reservation::Granted));
}

pub(super) async fn new_code_replaces_the_previous_one(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    fixture.issue(&alice, 1, 0).await;
    fixture.issue(&bob, 2, 0).await;
    fixture.issue(&alice, 3, 1).await;
    fixture.assert_invalid_code(&alice, recovery(1, 2), 2, &[]).await;
    for (user, number) in [(&bob, 2), (&alice, 3)] {
        let done = fixture.store.recover(recovery(number, 2), &at(2)).await;
        let outcome = fixture.expect(done, &at(2), user, &recovered()).await;
        assert!(matches!(outcome, RecoveryOutcome::Recovered(_)), "{outcome:?}");
    }
}

pub(super) async fn rejects_codes_that_are_not_valid(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    fixture.assert_invalid_code(&alice, recovery(1, 2), 0, &[]).await;
    fixture.issue(&alice, 1, 0).await;
    let failed = |reason| [failure(EventKind::RecoveryUsed).with_reason(reason)];
    let other = Recovery { user_name: Some(bob.name.clone()), ..recovery(1, 2) };
    fixture.assert_invalid_code(&alice, other, 1, &failed(Reason::CodeOfOtherUser)).await;
    let expired = failed(Reason::CodeExpired);
    fixture.assert_invalid_code(&alice, recovery(1, 2), TTL, &expired).await;
    let (_, password) = fixture.stored(&alice).await;
    assert_eq!(password, StoredPassword { current: hash(1), previous: vec![] });
    let done = fixture.store.recover(recovery(1, 2), &at(TTL - 1)).await;
    let outcome = fixture.expect(done, &at(TTL - 1), &alice, &recovered()).await;
    assert!(matches!(outcome, RecoveryOutcome::Recovered(_)), "a rejection uses up no code");
}

pub(super) async fn disabling_ends_codes(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    fixture.issue(&alice, 1, 0).await;
    for (is_disabled, kind) in [(true, EventKind::UserDisabled), (false, EventKind::UserEnabled)] {
        let done = fixture.set_disabled(&alice, is_disabled, &at(1)).await;
        fixture.expect(done, &at(1), &alice, &[success(kind)]).await.expect("a change");
        assert!(!fixture.has_code(1).await);
        fixture.assert_invalid_code(&alice, recovery(1, 2), 2, &[]).await;
        if is_disabled {
            let rejected = fixture.reject_issue(&alice, &operator(), 2).await;
            assert_eq!(rejected, AccountChangeError::UserDisabled);
        }
    }
}

pub(super) async fn issuer_needs_the_roles_of_the_account(fixture: &StoreFixture) {
    let (root, admin) = (fixture.admin("root").await, fixture.admin("admin").await);
    let (alice, helper) = (fixture.account("alice").await, fixture.account("helper").await);
    let rejected = fixture.reject_issue(&admin, &assigned_by(&helper), 1).await;
    assert!(matches!(rejected, AccountChangeError::Roles(RoleChangeError::Denied(_))));
    let unknown = Account { id: unknown_user(&helper), ..(*alice).clone() };
    let rejected = fixture.reject_issue(&unknown, &operator(), 1).await;
    assert_eq!(rejected, AccountChangeError::UserNotFound);
    assert!(!fixture.has_code(1).await);
    for (number, user, issuer) in [(1, &alice, &helper), (2, &admin, &root)] {
        let (code, change) = (code(user.id, number, 1), by(issuer, &at(1)));
        let done = fixture.store.issue_recovery_code(code, &assigned_by(issuer), &change).await;
        let event = success(EventKind::RecoveryIssued);
        fixture.expect(done, &change, user, &[event]).await.expect("a code");
        assert!(fixture.has_code(number).await);
    }
}

pub(super) async fn concurrent_uses_of_a_code_set_one_password(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    fixture.issue(&alice, 1, 0).await;
    let outcomes = concurrently(20, |task| {
        let store = Arc::clone(&fixture.store);
        let to = 2 + task;
        async move { (to, store.recover(recovery(1, to), &at(1)).await.expect("a result").value) }
    });
    let outcomes = outcomes.await;
    let recovered = outcomes.iter().filter(|(_, it)| matches!(it, RecoveryOutcome::Recovered(_)));
    let winners: Vec<_> = recovered.map(|(to, _)| *to).collect();
    let [winner] = winners[..] else { panic!("{winners:?}") };
    let (_, password) = fixture.stored(&alice).await;
    assert_eq!(password, StoredPassword { current: hash(winner), previous: vec![hash(1)] });
    let kinds = fixture.new_kinds().await;
    assert_eq!(kinds, [EventKind::PasswordChanged, EventKind::RecoveryUsed]);
}

pub(super) async fn new_account_has_its_code(fixture: &StoreFixture) {
    let root = fixture.account("root").await;
    let code = code(root.id, 1, 0);
    let new = NewAccount { code: Some(code), must_change_password: true, ..new_account("alice") };
    let to = new.roles.iter().cloned().collect();
    let done = fixture.store.create_account(new, &operator(), &at(0)).await;
    let alice = done.as_ref().expect("a result").value.clone().expect("the name is free");
    assert!(alice.must_change_password);
    let created = success(EventKind::UserCreated).with_reason(Reason::Roles { from: vec![], to });
    let events = [created, success(EventKind::RecoveryIssued)];
    fixture.expect(done, &at(0), &alice, &events).await.expect("the name is free");
    let done = fixture.store.recover(recovery(1, 2), &at(1)).await;
    let outcome = fixture.expect(done, &at(1), &alice, &recovered()).await;
    let RecoveryOutcome::Recovered(account) = outcome else { panic!("{outcome:?}") };
    assert_eq!((account.id, account.must_change_password), (alice.id, false));
}

pub(super) async fn required_change_ends_with_a_new_password(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    let session = fixture.login(&alice, 1).await;
    let change = by(&root, &at(1));
    for events in [vec![success(EventKind::PasswordExpired)], vec![]] {
        let done = fixture.store.require_password_change(alice.id, &change).await;
        let changed = fixture.expect(done, &change, &alice, &events).await.expect("a change");
        assert!(changed.must_change_password);
        let (stored, _) = fixture.stored(&alice).await;
        assert_eq!(stored, changed);
    }
    assert_eq!(fixture.active(alice.id, 1).await, [session.id], "the session is for the change");
    let new = PasswordChange {
        user: alice.id,
        expected_hash: hash(1),
        new: hash(2),
        history: 5,
        kept_session: Some(session.id),
    };
    let done = fixture.store.change_password(new, &at(2)).await;
    let events = [success(EventKind::PasswordChanged)];
    assert!(fixture.expect(done, &at(2), &alice, &events).await);
    assert!(!fixture.stored(&alice).await.0.must_change_password);
    let done = fixture.store.require_password_change(unknown_user(&alice), &at(2)).await;
    let missing = fixture.expect(done, &at(2), &alice, &[]).await;
    assert_eq!(missing, Err(AccountChangeError::UserNotFound));
}

pub(super) async fn new_password_ends_codes(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    fixture.issue(&alice, 1, 0).await;
    fixture.issue(&bob, 2, 0).await;
    let others = [(3, CodePurpose::SecondFactor), (4, CodePurpose::TotpEnrolment)];
    for (number, purpose) in others {
        let ceremony = OneTimeCode { purpose, ..code(alice.id, number, 0) };
        fixture.store.begin_ceremony(&ceremony).await.expect("a code");
    }
    let change = |expected_hash| PasswordChange {
        user: alice.id,
        expected_hash,
        new: hash(2),
        history: 5,
        kept_session: None,
    };
    let rejected = fixture.store.change_password(change(hash(9)), &at(1)).await;
    assert!(!fixture.expect(rejected, &at(1), &alice, &[]).await);
    assert!(fixture.has_code(1).await, "the password is the same");
    let done = fixture.store.change_password(change(hash(1)), &at(2)).await;
    assert!(fixture.expect(done, &at(2), &alice, &[success(EventKind::PasswordChanged)]).await);
    assert!(!fixture.has_code(1).await);
    assert!(fixture.has_code(2).await, "the code of another user");
    for ((number, purpose), is_kept) in others.into_iter().zip([false, true]) {
        let found = fixture.store.one_time_code(&digest(number), purpose).await;
        assert_eq!(found.expect("a result").is_some(), is_kept, "{purpose:?}");
    }
    fixture.assert_invalid_code(&alice, recovery(1, 3), 3, &[]).await;
}
