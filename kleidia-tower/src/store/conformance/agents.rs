//! Binding the keys of agents to sessions.

use super::expected::success;
use super::fixture::{SESSION, StoreFixture, at, by, unknown_session, unknown_user};
use crate::account::Account;
use crate::audit::EventKind;
use crate::session::{EndReason, Session, SessionSelector};
use crate::store::ChangeContext;
use crate::{SessionId, UserId};

impl StoreFixture {
    async fn bind_agent(
        &self,
        user: &Account,
        session: SessionId,
        owner: UserId,
        key: &str,
        change: &ChangeContext,
        is_bound: bool,
    ) {
        let done = self.store.register_agent(session, owner, key.to_owned(), change).await;
        let event = success(EventKind::AgentRegistered).with_session(session);
        let events = if is_bound { vec![event] } else { vec![] };
        let bound = self.expect(done, change, user, &events).await;
        assert_eq!(bound, is_bound, "{key} to session {session} of user {owner}");
    }
}

pub(super) async fn binds_agent_to_active_session_of_its_user(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let (session, other) = (fixture.login(&alice, 1).await, fixture.login(&alice, 2).await);
    let his = fixture.login(&bob, 3).await;
    for key in ["-----BEGIN PUBLIC KEY-----\nA\n", "key of the restarted agent"] {
        fixture.bind_agent(&alice, session.id, alice.id, key, &at(1), true).await;
        let expected = Session { agent_key: Some(key.to_owned()), ..(*session).clone() };
        assert_eq!(*fixture.session(&session).await, expected);
    }
    for (id, owner) in [
        (session.id, bob.id),
        (his.id, alice.id),
        (unknown_session(&his), alice.id),
        (session.id, unknown_user(&bob)),
    ] {
        fixture.bind_agent(&alice, id, owner, "another", &by(&bob, &at(1)), false).await;
    }
    assert_eq!(fixture.session(&other).await, other, "the other session has no key");
    assert_eq!(fixture.session(&his).await, his);
    fixture.bind_agent(&alice, other.id, alice.id, "last", &at(SESSION - 1), true).await;
    fixture.bind_agent(&alice, session.id, alice.id, "late", &at(SESSION), false).await;
}

pub(super) async fn agent_key_is_removed_with_its_session(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    fixture.bind_agent(&alice, session.id, alice.id, "key", &at(1), true).await;
    fixture.refresh(&alice, 1, 2, 2).await;
    let key = fixture.session(&session).await.agent_key.clone();
    assert_eq!(key.as_deref(), Some("key"), "a refresh keeps the key");
    let one = SessionSelector::One { user: alice.id, session: session.id };
    fixture.end(&alice, one, EndReason::Logout, &[session.id], &at(3)).await;
    assert_eq!(fixture.session(&session).await.agent_key, None);
    fixture.bind_agent(&alice, session.id, alice.id, "late", &at(3), false).await;
    assert_eq!(fixture.session(&session).await.agent_key, None);
}
