//! What lets somebody in, and what keeps them out, at the same time: whichever comes first,
//! nobody is in afterwards.

use std::sync::Arc;

use super::many::at_once;
use super::refresh::rotation;
use super::scene::{Scene, at, hash, new_session};
use crate::account::{Account, AccountUpdate, PasswordChange};
use crate::session::{EndReason, Ending, NewSession, Rotated};
use crate::store::Store;

const ROUNDS: u32 = 20;
/// How many logins or refreshes meet what keeps their user out.
const TASKS: usize = 8;

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
                let all = Ending::All { user: user.id };
                drop(store.end(all, EndReason::Logout, &at(1)).await.expect("an answer"));
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
    async fn is_over(self, scene: &Scene, user: &Account) {
        if let Self::Disabling = self {
            drop(scene.disable(user, false, &at(1)).await.expect("an answer"));
        }
    }
}

pub(super) async fn a_login_never_outlives_disabling(scene: &Scene) {
    logins_meet(scene, Exclusion::Disabling).await;
}

pub(super) async fn a_login_never_outlives_a_change_of_password(scene: &Scene) {
    logins_meet(scene, Exclusion::Password).await;
}

pub(super) async fn a_refresh_never_outlives_logout(scene: &Scene) {
    refreshes_meet(scene, Exclusion::Logout).await;
}

pub(super) async fn a_refresh_never_outlives_disabling(scene: &Scene) {
    refreshes_meet(scene, Exclusion::Disabling).await;
}

pub(super) async fn a_refresh_never_outlives_a_change_of_password(scene: &Scene) {
    refreshes_meet(scene, Exclusion::Password).await;
}

async fn logins_meet(scene: &Scene, exclusion: Exclusion) {
    let alice = scene.account("alice").await;
    for round in 1..=ROUNDS {
        let password = if let Exclusion::Password = exclusion { round } else { 1 };
        at_once(TASKS + 1, |task| {
            let (store, alice) = (Arc::clone(&scene.store), Arc::clone(&alice));
            let token = round * 1000 + u32::try_from(task).expect("a number");
            let new = NewSession { expected_hash: hash(password), ..new_session(&alice, token, 1) };
            async move {
                if task == TASKS / 2 {
                    exclusion.happens(&*store, &alice, round).await;
                } else {
                    drop(store.open(new, &at(1)).await.expect("an answer"));
                }
            }
        })
        .await;
        assert!(scene.active(alice.id, 1).await.is_empty(), "round {round}: somebody is in");
        exclusion.is_over(scene, &alice).await;
        for task in 0..=TASKS {
            let token = round * 1000 + u32::try_from(task).expect("a number");
            let rotated = scene.store.rotate(&rotation(token, token + 500, 1), &at(1)).await;
            let rotated = rotated.expect("an answer").value;
            assert!(matches!(rotated, Rotated::Invalid), "round {round}: {rotated:?}");
        }
        scene.news().await;
    }
}

async fn refreshes_meet(scene: &Scene, exclusion: Exclusion) {
    let alice = scene.account("alice").await;
    for round in 1..=ROUNDS {
        let password = if let Exclusion::Password = exclusion { round } else { 1 };
        let token = round * 1000;
        let new = NewSession { expected_hash: hash(password), ..new_session(&alice, token, 0) };
        scene.open(new, &alice, &at(0)).await;
        let rotated = at_once(TASKS + 1, |task| {
            let (store, alice) = (Arc::clone(&scene.store), Arc::clone(&alice));
            let rotation = rotation(token, token + 1 + u32::try_from(task).expect("a number"), 1);
            async move {
                if task == TASKS / 2 {
                    exclusion.happens(&*store, &alice, round).await;
                    return None;
                }
                Some(store.rotate(&rotation, &at(1)).await.expect("an answer").value)
            }
        });
        let rotated = rotated.await;
        let firsts =
            rotated.iter().filter(|rotated| matches!(rotated, Some(Rotated::First { .. })));
        assert!(firsts.count() <= 1, "round {round}: {rotated:?}");
        assert!(scene.active(alice.id, 1).await.is_empty(), "round {round}: somebody is in");
        exclusion.is_over(scene, &alice).await;
        for token in (0..=u32::try_from(TASKS).expect("a number") + 1).map(|task| token + task) {
            let rotated = scene.store.rotate(&rotation(token, token + 500, 1), &at(1)).await;
            let rotated = rotated.expect("an answer").value;
            assert!(matches!(rotated, Rotated::Invalid), "round {round}: {rotated:?}");
        }
        scene.news().await;
    }
}
