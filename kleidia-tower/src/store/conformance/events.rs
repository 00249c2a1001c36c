//! The events that a store publishes: each one that others have to learn, after its commit.
//!
//! A store without events passes.

use std::sync::Arc;

use super::fixture::{StoreFixture, at, new_session, operator, roles};
use super::refresh::rotation;
use crate::account::{AccountUpdate, PasswordChange, StoredPassword};
use crate::rbac::RoleName;
use crate::session::{
    AccountChange, EndReason, NewSession, SessionEvent, SessionEventReceiver, SessionLookup,
    SessionSelector,
};
use crate::{SessionId, UserId};

/// The events that a store published.
struct Published {
    receiver: SessionEventReceiver,
    /// A feed delivers the events of its own node again.
    seen: Vec<SessionEvent>,
}

impl Published {
    fn new(fixture: &StoreFixture) -> Option<Self> {
        let receiver = fixture.store.session_events()?.subscribe();
        Some(Self { receiver, seen: Vec::new() })
    }

    /// Returns what was published since the last call, and takes the records of the changes.
    async fn since(&mut self, fixture: &StoreFixture) -> Vec<SessionEvent> {
        let mut published = Vec::new();
        while let Some(event) = self.receiver.try_next() {
            let is_feed = matches!(event, SessionEvent::Missed | SessionEvent::UpToDate { .. });
            if !is_feed && !self.seen.contains(&event) {
                self.seen.push(event);
                published.push(event);
            }
        }
        fixture.new_records().await;
        published
    }
}

fn ended(user: UserId, sessions: &[SessionId], reason: EndReason) -> Vec<SessionEvent> {
    let event =
        |session: &SessionId| SessionEvent::SessionEnded { session: *session, user, reason };
    sessions.iter().map(event).collect()
}

const fn changed(user: UserId, change: AccountChange) -> SessionEvent {
    SessionEvent::AccountChanged { user, change }
}

pub(super) async fn ended_sessions_are_published(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let mut logins = Vec::new();
    for token in 1..=3 {
        logins.push(fixture.login(&alice, token).await.id);
    }
    let Some(mut published) = Published::new(fixture) else { return };
    let end = async |which, reason| {
        drop(fixture.store.end_sessions(which, reason, &at(1)).await.expect("a result"));
    };
    let one = SessionSelector::One { user: alice.id, session: logins[0] };
    end(one, EndReason::Logout).await;
    let expected = ended(alice.id, &logins[..1], EndReason::Logout);
    assert_eq!(published.since(fixture).await, expected);
    // It has ended, so nothing changes.
    end(one, EndReason::RevokedByAdmin).await;
    end(SessionSelector::One { user: bob.id, session: logins[1] }, EndReason::Revoked).await;
    assert_eq!(published.since(fixture).await, []);
    end(SessionSelector::All { user: alice.id }, EndReason::Revoked).await;
    let expected = ended(alice.id, &logins[1..], EndReason::Revoked);
    assert_eq!(published.since(fixture).await, expected);

    // The third login exceeds a maximum of two.
    let first = fixture.login_at(&alice, 4, 2).await;
    fixture.login_at(&alice, 5, 3).await;
    let new = NewSession { max_sessions: 2, ..new_session(&alice, 6, 4) };
    drop(fixture.store.open_session(new, &at(4)).await.expect("a result"));
    let expected = ended(alice.id, &[first.id], EndReason::SessionLimit);
    assert_eq!(published.since(fixture).await, expected);
}

/// A subscriber that learns that a session has ended finds it ended in the store.
pub(super) async fn events_follow_their_commit(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let Some(events) = fixture.store.session_events() else { return };
    let (mut receiver, store) = (events.subscribe(), Arc::clone(&fixture.store));
    let last = fixture.login(&alice, 0).await.id;
    #[expect(clippy::disallowed_methods, reason = "a panic of it is one of the test")]
    let reading = tokio::spawn(async move {
        while let Some(event) = receiver.next().await {
            let SessionEvent::SessionEnded { session, .. } = event else { continue };
            let view = store.session(SessionLookup::Id(session)).await;
            let view = view.expect("a result").expect("a session");
            assert!(view.session.end.is_some(), "published before the commit");
            if session == last {
                return;
            }
        }
    });
    for token in 1..=20 {
        let session = fixture.login(&alice, token).await.id;
        let one = SessionSelector::One { user: alice.id, session };
        drop(fixture.store.end_sessions(one, EndReason::Logout, &at(1)).await.expect("a result"));
        fixture.new_records().await;
    }
    let one = SessionSelector::One { user: alice.id, session: last };
    drop(fixture.store.end_sessions(one, EndReason::Logout, &at(1)).await.expect("a result"));
    fixture.new_records().await;
    reading.await.expect("no panic");
}

pub(super) async fn end_of_many_sessions_is_one_event(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    for token in 1..=17 {
        fixture.login(&alice, token).await;
    }
    let Some(mut published) = Published::new(fixture) else { return };
    let all = SessionSelector::All { user: alice.id };
    drop(fixture.store.end_sessions(all, EndReason::Logout, &at(1)).await.expect("a result"));
    let expected = [changed(alice.id, AccountChange::SessionsEnded)];
    assert_eq!(published.since(fixture).await, expected);
}

pub(super) async fn reuse_is_published(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await.id;
    fixture.refresh(&alice, 1, 2, 0).await;
    let Some(mut published) = Published::new(fixture) else { return };
    fixture.assert_reused(&alice, 1, session, &[session], 60).await;
    let expected = ended(alice.id, &[session], EndReason::RefreshTokenReuse);
    assert_eq!(published.since(fixture).await, expected);
}

pub(super) async fn account_changes_are_published(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (kept, other) = (fixture.login(&alice, 1).await.id, fixture.login(&alice, 2).await.id);
    let Some(mut published) = Published::new(fixture) else { return };

    let (_, StoredPassword { current, .. }) = fixture.stored(&alice).await;
    let change = PasswordChange {
        user: alice.id,
        expected_hash: current.clone(),
        new: current,
        history: 0,
        kept_session: Some(kept),
    };
    assert!(fixture.store.change_password(change, &at(1)).await.expect("a result").value);
    let mut expected = vec![changed(alice.id, AccountChange::Password)];
    expected.extend(ended(alice.id, &[other], EndReason::PasswordChanged));
    assert_eq!(published.since(fixture).await, expected);

    let assigned = roles(&[RoleName::user(), RoleName::admin()]);
    for (update, expected) in [
        (
            AccountUpdate { is_disabled: Some(true), roles: Some(assigned) },
            [
                vec![changed(alice.id, AccountChange::Roles)],
                vec![changed(alice.id, AccountChange::Disabled)],
                ended(alice.id, &[kept], EndReason::Disabled),
            ]
            .concat(),
        ),
        // Nothing is changed.
        (AccountUpdate { is_disabled: Some(true), roles: None }, vec![]),
        (
            AccountUpdate { is_disabled: Some(false), roles: None },
            vec![changed(alice.id, AccountChange::Enabled)],
        ),
    ] {
        let updated = fixture.store.update_account(alice.id, update, &operator(), &at(2)).await;
        updated.expect("a result").value.expect("an account");
        assert_eq!(published.since(fixture).await, expected);
    }
}

pub(super) async fn logins_and_refreshes_are_not_published(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let Some(mut published) = Published::new(fixture) else { return };
    let session = fixture.login(&alice, 1).await;
    fixture.refresh(&alice, 1, 2, 1).await;
    fixture.refresh_expired(&alice, rotation(2, 3, 4000), &at(4000)).await;
    fixture.store.touch(&[(session.id, at(2).at)]).await.expect("a result");
    assert_eq!(published.since(fixture).await, []);
    let session = fixture.login(&alice, 4).await.id;
    let bound = fixture.store.register_agent(session, alice.id, "key".to_owned(), &at(1)).await;
    assert!(bound.expect("a result").value);
    let registered = SessionEvent::AgentRegistered { session, user: alice.id };
    assert_eq!(published.since(fixture).await, [registered]);
}
