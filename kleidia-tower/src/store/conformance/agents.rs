//! Keys of agents are bound to sessions.

use super::expected::success;
use super::scene::{SESSION, Scene, at, by, unknown_session, unknown_user};
use crate::account::Account;
use crate::audit::EventKind;
use crate::session::{EndReason, Ending, Session};
use crate::store::Change;
use crate::{SessionId, UserId};

impl Scene {
    async fn binds(
        &self,
        user: &Account,
        session: SessionId,
        owner: UserId,
        key: &str,
        change: &Change,
        is_bound: bool,
    ) {
        let done = self.store.register_agent(session, owner, key.to_owned(), change).await;
        let event = success(EventKind::AgentRegistered).of(session);
        let events = if is_bound { vec![event] } else { vec![] };
        let bound = self.expect(done, change, user, &events).await;
        assert_eq!(bound, is_bound, "{key} to session {session} of user {owner}");
    }
}

pub(super) async fn an_agent_is_bound_to_an_active_session_of_its_own(scene: &Scene) {
    let (alice, bob) = (scene.account("alice").await, scene.account("bob").await);
    let (session, other) = (scene.login(&alice, 1).await, scene.login(&alice, 2).await);
    let his = scene.login(&bob, 3).await;
    for key in ["-----BEGIN PUBLIC KEY-----\nA\n", "of the agent that was started again"] {
        scene.binds(&alice, session.id, alice.id, key, &at(1), true).await;
        let expected = Session { agent_key: Some(key.to_owned()), ..(*session).clone() };
        assert_eq!(*scene.session(&session).await, expected);
    }
    for (id, owner) in [
        (session.id, bob.id),
        (his.id, alice.id),
        (unknown_session(&his), alice.id),
        (session.id, unknown_user(&bob)),
    ] {
        scene.binds(&alice, id, owner, "another", &by(&bob, &at(1)), false).await;
    }
    assert_eq!(scene.session(&other).await, other, "the other session has none");
    assert_eq!(scene.session(&his).await, his);
    scene.binds(&alice, other.id, alice.id, "last", &at(SESSION - 1), true).await;
    scene.binds(&alice, session.id, alice.id, "late", &at(SESSION), false).await;
}

pub(super) async fn an_agent_dies_with_its_session(scene: &Scene) {
    let alice = scene.account("alice").await;
    let session = scene.login(&alice, 1).await;
    scene.binds(&alice, session.id, alice.id, "key", &at(1), true).await;
    scene.refreshes(&alice, 1, 2, 2).await;
    let key = scene.session(&session).await.agent_key.clone();
    assert_eq!(key.as_deref(), Some("key"), "a refresh keeps it");
    let one = Ending::One { user: alice.id, session: session.id };
    scene.ends(&alice, one, EndReason::Logout, &[session.id], &at(3)).await;
    assert_eq!(scene.session(&session).await.agent_key, None);
    scene.binds(&alice, session.id, alice.id, "late", &at(3), false).await;
    assert_eq!(scene.session(&session).await.agent_key, None);
}
