//! Logins and refreshes concurrent with changes that end all sessions: no session is active
//! afterwards, in whichever order they run.

use std::sync::Arc;

use super::concurrent::concurrently;
use super::fixture::{StoreFixture, at, hash, new_session, operator};
use super::refresh::rotation;
use crate::account::{Account, AccountUpdate, PasswordChange};
use crate::session::{EndReason, NewSession, RotationOutcome, SessionSelector};
use crate::store::Store;

const ROUNDS: u32 = 20;
/// The number of logins or refreshes that are concurrent with a change.
const TASKS: u32 = 8;

/// A change that ends all sessions of a user.
#[derive(Clone, Copy)]
enum EndingChange {
    Logout,
    Disabling,
    PasswordChange,
}

impl EndingChange {
    async fn apply(self, store: &dyn Store, user: &Account, round: u32) {
        match self {
            Self::Logout => {
                let all = SessionSelector::All { user: user.id };
                drop(store.end_sessions(all, EndReason::Logout, &at(1)).await.expect("a result"));
            }
            Self::Disabling => {
                let update = AccountUpdate { is_disabled: Some(true), roles: None };
                let done = store.update_account(user.id, update, &operator(), &at(1)).await;
                drop(done.expect("a result"));
            }
            Self::PasswordChange => {
                let (expected_hash, new) = (hash(round), hash(round + 1));
                let new = PasswordChange {
                    user: user.id,
                    expected_hash,
                    new,
                    history: 0,
                    kept_session: None,
                };
                let done = store.change_password(new, &at(1)).await.expect("a result");
                assert!(done.value, "round {round}: the password was the expected one");
            }
        }
    }

    /// Enables the account again, if the change disabled it.
    async fn revert(self, fixture: &StoreFixture, user: &Account) {
        if let Self::Disabling = self {
            drop(fixture.set_disabled(user, false, &at(1)).await.expect("a result"));
        }
    }
}

pub(super) async fn login_never_outlives_disabling(fixture: &StoreFixture) {
    race_logins(fixture, EndingChange::Disabling).await;
}

pub(super) async fn login_never_outlives_password_change(fixture: &StoreFixture) {
    race_logins(fixture, EndingChange::PasswordChange).await;
}

pub(super) async fn refresh_never_outlives_logout(fixture: &StoreFixture) {
    race_refreshes(fixture, EndingChange::Logout).await;
}

pub(super) async fn refresh_never_outlives_disabling(fixture: &StoreFixture) {
    race_refreshes(fixture, EndingChange::Disabling).await;
}

pub(super) async fn refresh_never_outlives_password_change(fixture: &StoreFixture) {
    race_refreshes(fixture, EndingChange::PasswordChange).await;
}

async fn race_logins(fixture: &StoreFixture, ending: EndingChange) {
    let alice = fixture.account("alice").await;
    for round in 1..=ROUNDS {
        let password = if let EndingChange::PasswordChange = ending { round } else { 1 };
        concurrently(TASKS + 1, |task| {
            let (store, alice) = (Arc::clone(&fixture.store), Arc::clone(&alice));
            let token = round * 1000 + task;
            let new = NewSession { expected_hash: hash(password), ..new_session(&alice, token, 1) };
            async move {
                if task == TASKS / 2 {
                    ending.apply(&*store, &alice, round).await;
                } else {
                    drop(store.open_session(new, &at(1)).await.expect("a result"));
                }
            }
        })
        .await;
        assert_no_active_session(fixture, &alice, ending, round).await;
    }
}

async fn race_refreshes(fixture: &StoreFixture, ending: EndingChange) {
    let alice = fixture.account("alice").await;
    for round in 1..=ROUNDS {
        let password = if let EndingChange::PasswordChange = ending { round } else { 1 };
        let token = round * 1000;
        let new = NewSession { expected_hash: hash(password), ..new_session(&alice, token, 0) };
        fixture.open(new, &alice, &at(0)).await;
        let rotated = concurrently(TASKS + 1, |task| {
            let (store, alice) = (Arc::clone(&fixture.store), Arc::clone(&alice));
            let rotation = rotation(token, token + 1 + task, 1);
            async move {
                if task == TASKS / 2 {
                    ending.apply(&*store, &alice, round).await;
                    return None;
                }
                Some(store.rotate_refresh_token(&rotation, &at(1)).await.expect("a result").value)
            }
        });
        let rotated = rotated.await;
        let firsts = rotated
            .iter()
            .filter(|rotated| matches!(rotated, Some(RotationOutcome::Rotated { .. })));
        assert!(firsts.count() <= 1, "round {round}: {rotated:?}");
        assert_no_active_session(fixture, &alice, ending, round).await;
    }
}

/// Checks that no session is active, and that all refresh tokens of the round are invalid.
async fn assert_no_active_session(
    fixture: &StoreFixture,
    user: &Account,
    ending: EndingChange,
    round: u32,
) {
    assert!(fixture.active(user.id, 1).await.is_empty(), "round {round}: a session is active");
    ending.revert(fixture, user).await;
    for token in (0..=TASKS + 1).map(|task| round * 1000 + task) {
        let rotation = rotation(token, token + 500, 1);
        let rotated = fixture.store.rotate_refresh_token(&rotation, &at(1)).await;
        let rotated = rotated.expect("a result").value;
        assert!(matches!(rotated, RotationOutcome::Invalid), "round {round}: {rotated:?}");
    }
    fixture.new_records().await;
}
