//! Factors: their enrolment, use and removal, and ceremonies.

use super::concurrent::concurrently;
use super::expected::{failure, success};
use super::fixture::{SESSION, StoreFixture, at, by, time, unknown_user};
use crate::account::{
    Account, CodePurpose, Factor, FactorChangeError, FactorKind, FactorOutcome, FactorRemoval,
    FactorUse, NewFactor, OneTimeCode,
};
use crate::audit::{EventKind, Reason};
use crate::lockout::{
    AttemptRecord, Evidence, LockoutPolicy, LoginAttempt, LoginSource, Reservation,
};
use crate::session::{AuthMethod, AuthMethods, Session};
use crate::{FactorId, SessionId, TokenDigest, UserId};

fn second_factor() -> AuthMethods {
    AuthMethods::none().with(AuthMethod::OneTimePassword).with(AuthMethod::MultipleFactors)
}

fn new_factor(session: &Session, kind: FactorKind, data: &str) -> NewFactor {
    NewFactor {
        user: session.user,
        session: session.id,
        kind,
        credential: None,
        label: "Phone".parse().expect("a label"),
        data: data.to_owned(),
        presented: (kind != FactorKind::RecoveryCodes).then(second_factor),
        ceremony: None,
        max_factors: 3,
    }
}

fn ceremony(user: Option<UserId>, number: u8) -> OneTimeCode {
    OneTimeCode {
        digest: TokenDigest([number; 32]),
        user,
        purpose: CodePurpose::TotpEnrolment,
        data: "a secret".to_owned(),
        created_at: time(0),
        expires_at: time(300),
    }
}

fn attempt(account: &Account, session: SessionId, second: i64) -> LoginAttempt {
    let source = LoginSource::new(at(second).client.address);
    LoginAttempt { name: account.name.clone(), source, evidence: Evidence::SecondFactor(session) }
}

impl StoreFixture {
    async fn add_factor(&self, user: &Account, new: &NewFactor, second: i64) -> Factor {
        let done = self.store.add_factor(new, &at(second)).await;
        let event = success(EventKind::FactorAdded)
            .with_session(new.session)
            .with_reason(Reason::Factor(new.kind));
        self.expect(done, &at(second), user, &[event]).await.expect("a factor")
    }

    async fn reject_factor(
        &self,
        user: &Account,
        new: &NewFactor,
        second: i64,
    ) -> FactorChangeError {
        let done = self.store.add_factor(new, &at(second)).await;
        self.expect(done, &at(second), user, &[]).await.expect_err("a rejection")
    }

    async fn remove_one(
        &self,
        user: &Account,
        session: SessionId,
        factor: FactorId,
        removed: &[FactorKind],
    ) -> Result<usize, FactorChangeError> {
        let removal = FactorRemoval::One { user: user.id, session, factor };
        let done = self.store.remove_factors(&removal, &at(9)).await;
        let event = |kind: &FactorKind| {
            let event = success(EventKind::FactorRemoved).with_session(session);
            event.with_reason(Reason::Factor(*kind))
        };
        let events: Vec<_> = removed.iter().map(event).collect();
        self.expect(done, &at(9), user, &events).await
    }

    async fn kinds(&self, user: UserId) -> Vec<FactorKind> {
        let factors = self.store.factors(user).await.expect("the factors");
        factors.iter().map(|factor| factor.kind).collect()
    }
}

fn used(session: &Session, factor: &Factor, from: &str, to: &str) -> FactorUse {
    FactorUse {
        user: session.user,
        session: session.id,
        factor: factor.id,
        expected_data: from.to_owned(),
        data: to.to_owned(),
        methods: second_factor(),
        attempt: None,
    }
}

pub(super) async fn enrolled_factor_is_stored_and_steps_up(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (session, other) = (fixture.login(&alice, 1).await, fixture.login(&alice, 2).await);
    let new = new_factor(&session, FactorKind::Totp, "data");
    let factor = fixture.add_factor(&alice, &new, 5).await;
    let stored = fixture.store.factors(alice.id).await.expect("factors");
    assert_eq!(stored, std::slice::from_ref(&factor));
    let expected = Factor { created_at: time(5), last_used_at: None, ..factor.clone() };
    assert_eq!((factor.data.as_str(), factor.label.as_str()), ("data", "Phone"));
    assert_eq!(factor, expected);
    let stepped_up = fixture.session(&session).await;
    let methods = AuthMethods::password().union(second_factor());
    assert_eq!((stepped_up.methods, stepped_up.authenticated_at), (methods, time(0)));
    assert_eq!(fixture.session(&other).await, other, "the other session has the password alone");
    // A refresh keeps what was presented.
    fixture.refresh(&alice, 1, 3, 6).await;
    assert_eq!(fixture.session(&session).await.methods, methods);
}

pub(super) async fn further_factors_need_a_second_factor(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (owner, thief) = (fixture.login(&alice, 1).await, fixture.login(&alice, 2).await);
    let needed = FactorChangeError::SecondFactorRequired;
    let codes = new_factor(&owner, FactorKind::RecoveryCodes, "codes");
    assert_eq!(fixture.reject_factor(&alice, &codes, 1).await, needed, "of recovery codes always");
    let totp = fixture.add_factor(&alice, &new_factor(&owner, FactorKind::Totp, "t"), 1).await;
    for kind in [FactorKind::Totp, FactorKind::Passkey, FactorKind::RecoveryCodes] {
        let new = new_factor(&thief, kind, "of the thief");
        assert_eq!(fixture.reject_factor(&alice, &new, 2).await, needed, "{kind:?}");
    }
    assert_eq!(fixture.remove_one(&alice, thief.id, totp.id, &[]).await, Err(needed));
    fixture.add_factor(&alice, &codes, 3).await;
    let replaced = NewFactor { data: "others".to_owned(), ..codes.clone() };
    let replaced = fixture.add_factor(&alice, &replaced, 4).await;
    let factors = fixture.store.factors(alice.id).await.expect("factors");
    assert_eq!(factors, [totp.clone(), replaced], "recovery codes are replaced as a set");
    fixture.add_factor(&alice, &new_factor(&owner, FactorKind::Totp, "third"), 5).await;
    let fourth = new_factor(&owner, FactorKind::Totp, "fourth");
    assert_eq!(fixture.reject_factor(&alice, &fourth, 6).await, FactorChangeError::TooMany);
}

pub(super) async fn credentials_are_unique(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let (hers, his) = (fixture.login(&alice, 1).await, fixture.login(&bob, 2).await);
    let passkey = |session| NewFactor {
        credential: Some(vec![7; 64]),
        ..new_factor(session, FactorKind::Passkey, "key")
    };
    let factor = fixture.add_factor(&alice, &passkey(&hers), 1).await;
    assert_eq!(fixture.reject_factor(&bob, &passkey(&his), 2).await, FactorChangeError::Exists);
    let found = async |credential: &[u8]| {
        fixture.store.factor_by_credential(credential).await.expect("a result")
    };
    assert_eq!(found(&[7; 64]).await, Some(factor));
    assert_eq!(found(&[7; 63]).await, None);
    assert_eq!(fixture.session(&his).await, his, "a rejected factor does not step up");
}

pub(super) async fn ended_session_enrols_nothing(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let (session, his) = (fixture.login(&alice, 1).await, fixture.login(&bob, 2).await);
    let new = new_factor(&session, FactorKind::Totp, "data");
    let ended = FactorChangeError::SessionEnded;
    assert_eq!(fixture.reject_factor(&alice, &new, SESSION).await, ended, "expired");
    for (user, session) in [(unknown_user(&bob), session.id), (alice.id, his.id)] {
        let new = NewFactor { user, session, ..new.clone() };
        assert_eq!(fixture.reject_factor(&alice, &new, 1).await, ended);
    }
    assert!(fixture.kinds(alice.id).await.is_empty());
}

pub(super) async fn of_concurrent_uses_one_succeeds(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    let factor = fixture.add_factor(&alice, &new_factor(&session, FactorKind::Totp, "0"), 1).await;
    let (fixed, used) = (fixture.store.clone(), used(&session, &factor, "0", "1"));
    let outcomes = concurrently(8, |_| {
        let (store, used) = (fixed.clone(), used.clone());
        async move { store.use_factor(&used, &at(7)).await.expect("a result").value }
    })
    .await;
    let is_used = |outcome: &&FactorOutcome| matches!(outcome, FactorOutcome::Used(_));
    assert_eq!(outcomes.iter().filter(is_used).count(), 1, "{outcomes:?}");
    let changed = outcomes.iter().filter(|outcome| **outcome == FactorOutcome::Changed).count();
    assert_eq!(changed, 7);
    assert_eq!(fixture.new_kinds().await, [EventKind::FactorUsed]);
    let stored = fixture.store.factors(alice.id).await.expect("factors");
    assert_eq!((stored[0].data.as_str(), stored[0].last_used_at), ("1", Some(time(7))));
    assert_eq!(fixture.session(&session).await.authenticated_at, time(7));
}

pub(super) async fn unusable_factor_changes_nothing(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let (session, his) = (fixture.login(&alice, 1).await, fixture.login(&bob, 2).await);
    let factor = fixture.add_factor(&alice, &new_factor(&session, FactorKind::Totp, "0"), 1).await;
    let before = (fixture.session(&session).await, fixture.session(&his).await);
    let good = used(&session, &factor, "0", "1");
    let ended = fixture.store.use_factor(&good, &at(SESSION)).await;
    let ended = fixture.expect(ended, &at(SESSION), &alice, &[]).await;
    assert_eq!(ended, FactorOutcome::SessionEnded);
    for (used, expected) in [
        (used(&session, &factor, "other data", "1"), FactorOutcome::Changed),
        (used(&his, &factor, "0", "1"), FactorOutcome::Changed),
        (FactorUse { session: his.id, ..good.clone() }, FactorOutcome::SessionEnded),
        (FactorUse { user: unknown_user(&bob), ..good }, FactorOutcome::SessionEnded),
    ] {
        let done = fixture.store.use_factor(&used, &at(2)).await;
        assert_eq!(fixture.expect(done, &at(2), &alice, &[]).await, expected, "{used:?}");
    }
    assert_eq!((fixture.session(&session).await, fixture.session(&his).await), before);
}

pub(super) async fn removes_recovery_codes_with_the_last_factor(fixture: &StoreFixture) {
    let (alice, root) = (fixture.account("alice").await, fixture.admin("root").await);
    let session = fixture.login(&alice, 1).await;
    let totp = new_factor(&session, FactorKind::Totp, "t");
    let (first, second) =
        (fixture.add_factor(&alice, &totp, 1).await, fixture.add_factor(&alice, &totp, 2).await);
    let codes = new_factor(&session, FactorKind::RecoveryCodes, "codes");
    fixture.add_factor(&alice, &codes, 3).await;
    let kinds = [FactorKind::Totp];
    assert_eq!(fixture.remove_one(&alice, session.id, first.id, &kinds).await, Ok(1));
    let missing = fixture.remove_one(&alice, session.id, first.id, &[]).await;
    assert_eq!(missing, Err(FactorChangeError::NotFound));
    let kinds = [FactorKind::Totp, FactorKind::RecoveryCodes];
    assert_eq!(fixture.remove_one(&alice, session.id, second.id, &kinds).await, Ok(2));

    // An admin removes all, also what is being enrolled.
    fixture.add_factor(&alice, &totp, 4).await;
    let begun = fixture.store.begin_ceremony(&ceremony(Some(alice.id), 9)).await;
    begun.expect("a ceremony");
    let change = by(&root, &at(5));
    let removal = FactorRemoval::All { user: alice.id };
    let done = fixture.store.remove_factors(&removal, &change).await;
    let event = success(EventKind::FactorRemoved).with_reason(Reason::Factor(FactorKind::Totp));
    assert_eq!(fixture.expect(done, &change, &alice, &[event]).await, Ok(1));
    assert!(fixture.kinds(alice.id).await.is_empty());
    let left = fixture.store.ceremony(&TokenDigest([9; 32]), CodePurpose::TotpEnrolment).await;
    assert_eq!(left.expect("a result"), None);
}

pub(super) async fn ceremony_ends_once(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let begin = async |ceremony: OneTimeCode| {
        fixture.store.begin_ceremony(&ceremony).await.expect("a ceremony");
    };
    let purpose = CodePurpose::TotpEnrolment;
    let find = async |number: u8| {
        let found = fixture.store.ceremony(&TokenDigest([number; 32]), purpose).await;
        found.expect("a result")
    };
    begin(ceremony(Some(alice.id), 1)).await;
    begin(ceremony(Some(bob.id), 2)).await;
    begin(ceremony(None, 3)).await;
    begin(ceremony(Some(alice.id), 4)).await;
    assert_eq!(find(1).await, None, "replaced by the next one of the user");
    assert_eq!(find(2).await, Some(ceremony(Some(bob.id), 2)));
    for number in [3, 4] {
        let store = fixture.store.clone();
        let taken = concurrently(8, |_| {
            let store = store.clone();
            async move {
                let digest = TokenDigest([number; 32]);
                store.take_ceremony(&digest, purpose).await.expect("a result").is_some()
            }
        })
        .await;
        assert_eq!(taken.iter().filter(|is_taken| **is_taken).count(), 1);
        assert_eq!(find(number).await, None);
    }
    // An enrolment of another user, or an expired one, adds nothing.
    let session = fixture.login(&alice, 1).await;
    let with = |number| NewFactor {
        ceremony: Some((TokenDigest([number; 32]), purpose)),
        ..new_factor(&session, FactorKind::Totp, "t")
    };
    let expired = FactorChangeError::CeremonyExpired;
    assert_eq!(fixture.reject_factor(&alice, &with(2), 1).await, expired);
    assert!(find(2).await.is_some(), "that of the other user stays");
    begin(ceremony(Some(alice.id), 5)).await;
    assert_eq!(fixture.reject_factor(&alice, &with(5), 300).await, expired);
    begin(ceremony(Some(alice.id), 6)).await;
    fixture.add_factor(&alice, &with(6), 299).await;
    let again = with(6);
    let stepped_up = fixture.reject_factor(&alice, &again, 299).await;
    assert_eq!(stepped_up, expired, "an enrolment is confirmed once");
}

pub(super) async fn failures_count_in_all_sessions(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let first = fixture.login(&alice, 1).await;
    let factor = fixture.add_factor(&alice, &new_factor(&first, FactorKind::Totp, "0"), 0).await;
    let policy = LockoutPolicy::default();
    let reserve = async |session: SessionId, second: i64| {
        let attempt = attempt(&alice, session, second);
        fixture.store.reserve_attempt(&attempt, &policy, time(second)).await.expect("a result")
    };
    // A client that knows the password opens a session for each guess.
    for number in 0..policy.threshold() {
        let second = i64::from(number) + 1;
        let session = fixture.login_at(&alice, number + 2, second).await;
        assert_eq!(reserve(session.id, second).await, Reservation::Granted);
        let attempt = attempt(&alice, session.id, second);
        let record = AttemptRecord::Recorded;
        let done = fixture.store.record_failure(&attempt, &policy, &at(second), record).await;
        let failed = failure(EventKind::FactorFailed)
            .with_session(session.id)
            .with_reason(Reason::WrongCode);
        let locked = failure(EventKind::LoginLocked)
            .with_session(session.id)
            .with_reason(Reason::LockStarted);
        let is_last = number + 1 == policy.threshold();
        let events = if is_last { vec![failed, locked] } else { vec![failed] };
        fixture.expect(done, &at(second), &alice, &events).await;
    }
    assert!(matches!(reserve(first.id, 9).await, Reservation::Locked { .. }));
    // The password still opens sessions, and the owner steps up after the lock.
    fixture.login_at(&alice, 90, 9).await;
    assert_eq!(reserve(first.id, 200).await, Reservation::Granted);
    let attempt = Some((attempt(&alice, first.id, 200), policy));
    let used = FactorUse { attempt, ..used(&first, &factor, "0", "1") };
    let done = fixture.store.use_factor(&used, &at(200)).await;
    let event = success(EventKind::FactorUsed)
        .with_session(first.id)
        .with_reason(Reason::Factor(FactorKind::Totp));
    let outcome = fixture.expect(done, &at(200), &alice, &[event]).await;
    assert!(matches!(outcome, FactorOutcome::Used(_)), "{outcome:?}");
    for _ in 0..policy.threshold() - 1 {
        assert_eq!(reserve(first.id, 201).await, Reservation::Granted, "the failures are reset");
    }
}
