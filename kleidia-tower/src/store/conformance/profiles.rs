//! Profiles, renaming and erasure.

use std::sync::Arc;

use super::expected::{failure, success};
use super::fixture::{
    StoreFixture, at, attempt, by, device_token, hash, new_account, new_session, operator,
    unknown_user,
};
use crate::UserName;
use crate::account::{
    Account, AccountChangeError, AccountLookup, Profile, ProfileEmail, StoredPassword,
};
use crate::audit::{EventKind, Reason};
use crate::session::{NewSession, OpenOutcome};

fn profile(address: &str, is_verified: bool) -> Profile {
    let address = address.parse().expect("an address");
    Profile {
        display_name: "Alice".parse().ok(),
        email: Some(ProfileEmail { address, is_verified }),
        attributes: r#"{"locale":"en"}"#.parse().expect("an object"),
    }
}

impl StoreFixture {
    async fn set_profile(&self, user: &Account, profile: &Profile, second: i64) {
        let done = self.store.replace_profile(user.id, profile.clone(), &at(second)).await;
        let event = success(EventKind::ProfileChanged);
        self.expect(done, &at(second), user, &[event]).await.expect("a change");
    }

    async fn profile(&self, user: &Account) -> Profile {
        let found = self.store.profiles(&[user.id]).await.expect("a result");
        found.into_iter().next().map(|(_, profile)| profile).unwrap_or_default()
    }

    async fn rename(&self, user: &Account, to: &str) -> Arc<Account> {
        let name: UserName = to.parse().expect("a name");
        let done = self.store.rename(user.id, name.clone(), &at(1)).await;
        let event = success(EventKind::UserRenamed).with_reason(Reason::Renamed(name));
        self.expect(done, &at(1), user, &[event]).await.expect("a change")
    }

    async fn reject_name(&self, user: &Account, to: &str) -> AccountChangeError {
        let done = self.store.rename(user.id, to.parse().expect("a name"), &at(1)).await;
        self.expect(done, &at(1), user, &[]).await.expect_err("a rejection")
    }
}

pub(super) async fn replaces_profile(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let (verified, other) = (profile("a@example.com", true), profile("b@example.com", false));
    fixture.set_profile(&alice, &verified, 1).await;
    fixture.set_profile(&bob, &other, 1).await;
    let unchanged = fixture.store.replace_profile(alice.id, verified.clone(), &at(2)).await;
    fixture.expect(unchanged, &at(2), &alice, &[]).await.expect("no change");
    assert_eq!((fixture.profile(&alice).await, fixture.profile(&bob).await), (verified, other));
    for (address, users) in [("a@example.com", vec![alice.id]), ("b@example.com", vec![])] {
        let address = address.parse().expect("an address");
        assert_eq!(fixture.store.users_by_email(&address, 9).await.expect("a result"), users);
    }
    fixture.issue(&alice, 1, 0).await;
    fixture.set_profile(&alice, &profile("c@example.com", true), 3).await;
    assert!(!fixture.has_code(1).await, "it was sent to the previous address");
    fixture.set_profile(&alice, &Profile::default(), 4).await;
    assert_eq!(fixture.store.profiles(&[alice.id]).await.expect("a result"), []);
    let done = fixture.store.replace_profile(unknown_user(&bob), Profile::default(), &at(5)).await;
    let rejected = fixture.expect(done, &at(5), &bob, &[]).await;
    assert_eq!(rejected, Err(AccountChangeError::UserNotFound));
}

pub(super) async fn renames_account(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let session = fixture.login(&alice, 1).await;
    let carol = fixture.rename(&alice, "carol").await;
    assert_eq!(*carol, Account { name: carol.name.clone(), ..(*alice).clone() });
    assert_eq!(fixture.active(alice.id, 1).await, [session.id]);
    let found = fixture.store.account_with_password(AccountLookup::Name(&alice.name)).await;
    assert_eq!(found.expect("a result"), None);
    assert_eq!(fixture.stored(&alice).await.0, carol);
    for name in ["bob", "alice"] {
        let taken = if name == "bob" { &carol } else { &bob };
        assert_eq!(fixture.reject_name(taken, name).await, AccountChangeError::UserNameTaken);
    }
    let created = fixture.store.create_account(new_account("alice"), &operator(), &at(2)).await;
    let created = fixture.expect(created, &at(2), &carol, &[]).await;
    assert_eq!(created, Err(AccountChangeError::UserNameTaken), "a former name");
    let pending = fixture.store.open_session(new_session(&alice, 3, 2), &at(2)).await;
    let event = failure(EventKind::LoginFailure).with_reason(Reason::Renamed(carol.name.clone()));
    let opened = fixture.expect(pending, &at(2), &carol, &[event]).await;
    assert!(matches!(opened, OpenOutcome::PasswordChanged), "by the former name: {opened:?}");
    // The device stays familiar under the new name.
    let (again, change) = (new_session(&carol, 2, 3), at(3));
    let known = crate::lockout::Evidence::Device(device_token(1));
    let again = NewSession {
        attempt: crate::lockout::LoginAttempt { evidence: known, ..attempt(&carol, &change) },
        ..again
    };
    fixture.open(again, &carol, &change).await;
    let alice = fixture.rename(&carol, "alice").await;
    assert_eq!(alice.id, carol.id, "a former name of its own");
}

pub(super) async fn erases_disabled_account(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    fixture.set_profile(&alice, &profile("a@example.com", true), 1).await;
    let change = by(&root, &at(2));
    let done = fixture.store.erase(alice.id, hash(9), &change).await;
    let rejected = fixture.expect(done, &change, &alice, &[]).await;
    assert_eq!(rejected, Err(AccountChangeError::UserEnabled));
    let done = fixture.set_disabled(&alice, true, &at(2)).await;
    let event = success(EventKind::UserDisabled);
    fixture.expect(done, &at(2), &alice, &[event]).await.expect("a change");

    let done = fixture.store.erase(alice.id, hash(9), &change).await;
    let erased = done.as_ref().expect("a result").value.clone().expect("an erasure");
    let event = success(EventKind::UserErased);
    fixture.expect(done, &change, &erased, &[event]).await.expect("an erasure");
    assert!(erased.is_erased && erased.is_disabled);
    assert!(erased.name.as_str().starts_with("erased-"), "{}", erased.name);
    let password = StoredPassword { current: hash(9), previous: vec![] };
    assert_eq!(fixture.stored(&alice).await, (Arc::clone(&erased), password));
    assert_eq!(fixture.profile(&alice).await, Profile::default());
    let done = fixture.store.erase(alice.id, hash(9), &change).await;
    assert_eq!(fixture.expect(done, &change, &erased, &[]).await, Ok(Arc::clone(&erased)));

    let done = fixture.set_disabled(&alice, false, &at(3)).await;
    let rejected = fixture.expect(done, &at(3), &erased, &[]).await;
    assert_eq!(rejected, Err(AccountChangeError::UserErased));
    assert_eq!(fixture.reject_name(&erased, "alice").await, AccountChangeError::UserErased);
    let created = fixture.store.create_account(new_account("alice"), &operator(), &at(4)).await;
    let created = fixture.expect(created, &at(4), &erased, &[]).await;
    assert_eq!(created, Err(AccountChangeError::UserNameTaken), "the log names it");
}
