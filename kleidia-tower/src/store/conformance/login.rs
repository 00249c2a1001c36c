//! Logins that open sessions, and rejected ones.

use super::fixture::{
    SESSION, StoreFixture, at, by, hash, new_session, refresh_token, session_token, time,
    unknown_user,
};
use crate::account::{Account, StoredPassword};
use crate::audit::{EventKind, Reason};
use crate::session::{AuthMethods, NewSession, OpenOutcome, Session, SessionLookup, SessionView};

pub(super) async fn opens_session(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let new = NewSession {
        refresh_token: refresh_token(2),
        expires_at: time(5 + SESSION),
        ..new_session(&alice, 1, 5)
    };
    let view = fixture.open(new, &alice, &at(5)).await;
    let expected = Session {
        id: view.session.id,
        user: alice.id,
        family: view.session.family,
        client: at(5).client,
        created_at: time(5),
        authenticated_at: time(5),
        methods: AuthMethods::password(),
        last_seen_at: time(5),
        expires_at: time(5 + SESSION),
        end: None,
        agent_key: None,
    };
    assert_eq!(*view.session, expected);
    assert_eq!(view.account, alice);
    for key in [SessionLookup::Id(view.session.id), SessionLookup::Token(session_token(1))] {
        let found = fixture.store.session(key).await.expect("a result");
        assert_eq!(found, Some(SessionView { ..view.clone() }), "{key:?}");
    }
    for digest in [refresh_token(2), session_token(2)] {
        let found = fixture.store.session(SessionLookup::Token(digest)).await.expect("a result");
        assert_eq!(found, None, "not the digest of a session token");
    }
    fixture.assert_invalid(&alice, &[1], 6).await;
    fixture.refresh(&alice, 2, 3, 6).await;
}

pub(super) async fn login_opens_a_new_session(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let first = fixture.login(&alice, 1).await;
    let second = fixture.login(&alice, 2).await;
    assert_ne!(first.id, second.id);
    assert_ne!(first.family, second.family);
    assert_eq!(fixture.session(&first).await, first, "the earlier session is unchanged");
    let first = fixture.refresh(&alice, 1, 3, 1).await;
    assert_eq!(fixture.session(&second).await, second, "the other session is unchanged");
    assert_ne!(first.id, second.id);
}

pub(super) async fn rejects_login_of_disabled_account(fixture: &StoreFixture) {
    let (root, alice) = (fixture.account("root").await, fixture.account("alice").await);
    fixture.disable_account(&alice, &[], &by(&root, &at(1))).await;
    let new = NewSession { rehashed: Some(hash(2)), ..new_session(&alice, 1, 2) };
    fixture.reject_login(new, &alice, &at(2), Reason::AccountDisabled).await;
    assert_unchanged(fixture, &alice).await;

    fixture.enable_account(&alice, &by(&root, &at(3))).await;
    fixture.assert_invalid(&alice, &[1], 4).await;
}

pub(super) async fn rejects_login_after_password_change(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let new =
        NewSession { expected_hash: hash(2), rehashed: Some(hash(3)), ..new_session(&alice, 1, 1) };
    fixture.reject_login(new, &alice, &at(1), Reason::PasswordChanged).await;
    assert_unchanged(fixture, &alice).await;
    fixture.assert_invalid(&alice, &[1], 2).await;
}

pub(super) async fn rejects_login_of_unknown_account(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let unknown = unknown_user(&alice);
    let new = NewSession { user: unknown, ..new_session(&alice, 1, 1) };
    let opened = fixture.store.open_session(new, &at(1)).await.expect("a result");
    assert!(matches!(opened.value, OpenOutcome::PasswordChanged), "{opened:?}");
    let records = fixture.new_records().await;
    assert_eq!(opened.records, records);
    let is_failure = |kind| kind == EventKind::LoginFailure;
    assert!(
        records.iter().all(|record| is_failure(record.kind) && record.user.is_none()),
        "{records:?}"
    );
    assert_unchanged(fixture, &alice).await;
    assert!(fixture.active(unknown, 1).await.is_empty());
    fixture.assert_invalid(&alice, &[1], 2).await;
}

/// Checks that account and password are unchanged, and that no session is active.
async fn assert_unchanged(fixture: &StoreFixture, account: &Account) {
    let (stored, password) = fixture.stored(account).await;
    assert_eq!(stored.password_changed_at, account.password_changed_at);
    assert_eq!(password, StoredPassword { current: hash(1), previous: vec![] });
    assert!(fixture.active(account.id, 2).await.is_empty());
    let found = fixture.store.session(SessionLookup::Token(session_token(1))).await;
    assert_eq!(found.expect("a result"), None);
}

pub(super) async fn login_stores_new_hash(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let before = fixture.login(&alice, 1).await;
    let new = NewSession { rehashed: Some(hash(2)), ..new_session(&alice, 2, 5) };
    let view = fixture.open(new, &alice, &at(5)).await;
    assert_eq!(view.account, alice, "a rehashed password is the same password");
    let (stored, password) = fixture.stored(&alice).await;
    assert_eq!(stored, alice);
    assert_eq!(password, StoredPassword { current: hash(2), previous: vec![] });
    assert_eq!(fixture.active(alice.id, 5).await, [view.session.id, before.id]);

    // This login was verified against the previous hash.
    let outdated = new_session(&alice, 3, 6);
    fixture.reject_login(outdated, &alice, &at(6), Reason::PasswordChanged).await;
    let new = NewSession { expected_hash: hash(2), ..new_session(&alice, 4, 7) };
    fixture.open(new, &alice, &at(7)).await;
    fixture.refresh(&alice, 1, 5, 8).await;
}
