//! Logins open sessions, or come to nothing.

use super::expected::{failure, success};
use super::scene::{
    SESSION, Scene, at, by, hash, new_session, refresh_token, session_token, time, unknown_user,
};
use crate::account::{Account, StoredPassword};
use crate::audit::{EventKind, Reason};
use crate::session::{NewSession, Opened, Session, SessionKey, SessionView};

pub(super) async fn a_login_opens_a_session(scene: &Scene) {
    let alice = scene.account("alice").await;
    let new = NewSession {
        refresh_token: refresh_token(2),
        expires_at: time(5 + SESSION),
        ..new_session(&alice, 1, 5)
    };
    let view = scene.open(new, &alice, &at(5)).await;
    let expected = Session {
        id: view.session.id,
        user: alice.id,
        family: view.session.family,
        client: at(5).client,
        created_at: time(5),
        authenticated_at: time(5),
        last_seen_at: time(5),
        expires_at: time(5 + SESSION),
        end: None,
        agent_key: None,
    };
    assert_eq!(*view.session, expected);
    assert_eq!(view.account, alice);
    for key in [SessionKey::Id(view.session.id), SessionKey::Token(session_token(1))] {
        let found = scene.store.session(key).await.expect("an answer");
        assert_eq!(found, Some(SessionView { ..view.clone() }), "{key:?}");
    }
    for digest in [refresh_token(2), session_token(2)] {
        let found = scene.store.session(SessionKey::Token(digest)).await.expect("an answer");
        assert_eq!(found, None, "a refresh token is no session's");
    }
    scene.is_invalid(&alice, 1, 6).await;
    scene.refreshes(&alice, 2, 3, 6).await;
}

pub(super) async fn a_login_continues_no_session(scene: &Scene) {
    let alice = scene.account("alice").await;
    let first = scene.login(&alice, 1).await;
    let second = scene.login(&alice, 2).await;
    assert_ne!(first.id, second.id);
    assert_ne!(first.family, second.family);
    assert_eq!(scene.session(&first).await, first, "the one before is left alone");
    let first = scene.refreshes(&alice, 1, 3, 1).await;
    assert_eq!(scene.session(&second).await, second, "and so is the other");
    assert_ne!(first.id, second.id);
}

pub(super) async fn the_disabled_do_not_get_in(scene: &Scene) {
    let (root, alice) = (scene.account("root").await, scene.account("alice").await);
    let change = by(&root, &at(1));
    let done = scene.disable(&alice, true, &change).await;
    scene.expect(done, &change, &alice, &[success(EventKind::UserDisabled)]).await;

    let new = NewSession { rehashed: Some(hash(2)), ..new_session(&alice, 1, 2) };
    let done = scene.store.open(new, &at(2)).await;
    let refused = failure(EventKind::LoginFailure).because(Reason::AccountDisabled);
    let opened = scene.expect(done, &at(2), &alice, &[refused]).await;
    assert!(matches!(opened, Opened::Disabled), "{opened:?}");
    is_unchanged(scene, &alice).await;

    let change = by(&root, &at(3));
    let done = scene.disable(&alice, false, &change).await;
    scene.expect(done, &change, &alice, &[success(EventKind::UserEnabled)]).await;
    scene.is_invalid(&alice, 1, 4).await;
}

pub(super) async fn another_password_is_no_login(scene: &Scene) {
    let alice = scene.account("alice").await;
    let new =
        NewSession { expected_hash: hash(2), rehashed: Some(hash(3)), ..new_session(&alice, 1, 1) };
    let done = scene.store.open(new, &at(1)).await;
    let refused = failure(EventKind::LoginFailure).because(Reason::PasswordChanged);
    let opened = scene.expect(done, &at(1), &alice, &[refused]).await;
    assert!(matches!(opened, Opened::Changed), "{opened:?}");
    is_unchanged(scene, &alice).await;
    scene.is_invalid(&alice, 1, 2).await;
}

pub(super) async fn an_unknown_account_is_no_login(scene: &Scene) {
    let alice = scene.account("alice").await;
    let nobody = unknown_user(&alice);
    let new = NewSession { user: nobody, ..new_session(&alice, 1, 1) };
    let opened = scene.store.open(new, &at(1)).await.expect("an answer");
    assert!(matches!(opened.value, Opened::Changed), "{opened:?}");
    let news = scene.news().await;
    assert_eq!(opened.records, news);
    let is_refusal = |kind| kind == EventKind::LoginFailure;
    assert!(news.iter().all(|record| is_refusal(record.kind) && record.user.is_none()), "{news:?}");
    is_unchanged(scene, &alice).await;
    assert!(scene.active(nobody, 1).await.is_empty());
    scene.is_invalid(&alice, 1, 2).await;
}

/// Neither the account nor its password has changed, and nobody is in.
async fn is_unchanged(scene: &Scene, account: &Account) {
    let (stored, password) = scene.stored(account).await;
    assert_eq!(stored.password_changed_at, account.password_changed_at);
    assert_eq!(password, StoredPassword { current: hash(1), previous: vec![] });
    assert!(scene.active(account.id, 2).await.is_empty());
    let found = scene.store.session(SessionKey::Token(session_token(1))).await;
    assert_eq!(found.expect("an answer"), None);
}

pub(super) async fn a_login_rehashes(scene: &Scene) {
    let alice = scene.account("alice").await;
    let before = scene.login(&alice, 1).await;
    let new = NewSession { rehashed: Some(hash(2)), ..new_session(&alice, 2, 5) };
    let view = scene.open(new, &alice, &at(5)).await;
    assert_eq!(view.account, alice, "a rehashed password is the same password");
    let (stored, password) = scene.stored(&alice).await;
    assert_eq!(stored, alice);
    assert_eq!(password, StoredPassword { current: hash(2), previous: vec![] });
    assert_eq!(scene.active(alice.id, 5).await, [view.session.id, before.id]);

    let done = scene.store.open(new_session(&alice, 3, 6), &at(6)).await;
    let refused = failure(EventKind::LoginFailure).because(Reason::PasswordChanged);
    let opened = scene.expect(done, &at(6), &alice, &[refused]).await;
    assert!(matches!(opened, Opened::Changed), "compared with the hash of before: {opened:?}");
    let new = NewSession { expected_hash: hash(2), ..new_session(&alice, 4, 7) };
    scene.open(new, &alice, &at(7)).await;
    scene.refreshes(&alice, 1, 5, 8).await;
}
