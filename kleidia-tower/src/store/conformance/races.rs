//! What lets somebody in, and what keeps them out, at the same time: whichever comes first,
//! nobody is in afterwards.

use std::sync::Arc;

use super::concurrent::concurrently;
use super::fixture::{StoreFixture, at, hash, new_session};
use super::refresh::rotation;
use crate::account::{Account, AccountUpdate, PasswordChange};
use crate::session::{EndReason, NewSession, RotationOutcome, SessionSelector};
use crate::store::Store;

const ROUNDS: u32 = 20;
/// How many logins or refreshes meet what keeps their user out.
const TASKS: u32 = 8;

/// What keeps somebody out.
#[derive(Clone, Copy)]
enum Exclusion {
    Logout,
    Disabling,
    Password,
}

impl Exclusion {
    async fn happens(self, store: &dyn Store, user: &Account, round: u32) {
        match self {
            Self::Logout => {
                let all = SessionSelector::All { user: user.id };
                drop(store.end_sessions(all, EndReason::Logout, &at(1)).await.expect("an answer"));
            }
            Self::Disabling => {
                let update = AccountUpdate { is_disabled: Some(true), roles: None };
                drop(store.update_account(user.id, update, &at(1)).await.expect("an answer"));
            }
            Self::Password => {
                let (expected_hash, new) = (hash(round), hash(round + 1));
                let new = PasswordChange {
                    user: user.id,
                    expected_hash,
                    new,
                    history: 0,
                    kept_session: None,
                };
                let done = store.change_password(new, &at(1)).await.expect("an answer");
                assert!(done.value, "round {round}: the password was the expected one");
            }
        }
    }

    /// Lets the user in again.
    async fn is_over(self, fixture: &StoreFixture, user: &Account) {
        if let Self::Disabling = self {
            drop(fixture.disable(user, false, &at(1)).await.expect("an answer"));
        }
    }
}

pub(super) async fn login_never_outlives_disabling(fixture: &StoreFixture) {
    logins_meet(fixture, Exclusion::Disabling).await;
}

pub(super) async fn login_never_outlives_password_change(fixture: &StoreFixture) {
    logins_meet(fixture, Exclusion::Password).await;
}

pub(super) async fn refresh_never_outlives_logout(fixture: &StoreFixture) {
    refreshes_meet(fixture, Exclusion::Logout).await;
}

pub(super) async fn refresh_never_outlives_disabling(fixture: &StoreFixture) {
    refreshes_meet(fixture, Exclusion::Disabling).await;
}

pub(super) async fn refresh_never_outlives_password_change(fixture: &StoreFixture) {
    refreshes_meet(fixture, Exclusion::Password).await;
}

async fn logins_meet(fixture: &StoreFixture, exclusion: Exclusion) {
    let alice = fixture.account("alice").await;
    for round in 1..=ROUNDS {
        let password = if let Exclusion::Password = exclusion { round } else { 1 };
        concurrently(TASKS + 1, |task| {
            let (store, alice) = (Arc::clone(&fixture.store), Arc::clone(&alice));
            let token = round * 1000 + task;
            let new = NewSession { expected_hash: hash(password), ..new_session(&alice, token, 1) };
            async move {
                if task == TASKS / 2 {
                    exclusion.happens(&*store, &alice, round).await;
                } else {
                    drop(store.open_session(new, &at(1)).await.expect("an answer"));
                }
            }
        })
        .await;
        assert_nobody_in(fixture, &alice, exclusion, round).await;
    }
}

async fn refreshes_meet(fixture: &StoreFixture, exclusion: Exclusion) {
    let alice = fixture.account("alice").await;
    for round in 1..=ROUNDS {
        let password = if let Exclusion::Password = exclusion { round } else { 1 };
        let token = round * 1000;
        let new = NewSession { expected_hash: hash(password), ..new_session(&alice, token, 0) };
        fixture.open(new, &alice, &at(0)).await;
        let rotated = concurrently(TASKS + 1, |task| {
            let (store, alice) = (Arc::clone(&fixture.store), Arc::clone(&alice));
            let rotation = rotation(token, token + 1 + task, 1);
            async move {
                if task == TASKS / 2 {
                    exclusion.happens(&*store, &alice, round).await;
                    return None;
                }
                Some(store.rotate_refresh_token(&rotation, &at(1)).await.expect("an answer").value)
            }
        });
        let rotated = rotated.await;
        let firsts = rotated
            .iter()
            .filter(|rotated| matches!(rotated, Some(RotationOutcome::Rotated { .. })));
        assert!(firsts.count() <= 1, "round {round}: {rotated:?}");
        assert_nobody_in(fixture, &alice, exclusion, round).await;
    }
}

/// Asserts that no session is active, and that no token of the round refreshes one afterwards.
async fn assert_nobody_in(
    fixture: &StoreFixture,
    user: &Account,
    exclusion: Exclusion,
    round: u32,
) {
    assert!(fixture.active(user.id, 1).await.is_empty(), "round {round}: somebody is in");
    exclusion.is_over(fixture, user).await;
    for token in (0..=TASKS + 1).map(|task| round * 1000 + task) {
        let rotation = rotation(token, token + 500, 1);
        let rotated = fixture.store.rotate_refresh_token(&rotation, &at(1)).await;
        let rotated = rotated.expect("an answer").value;
        assert!(matches!(rotated, RotationOutcome::Invalid), "round {round}: {rotated:?}");
    }
    fixture.new_records().await;
}
