//! Sessions end, and what refreshed them does no longer.

use std::panic::Location;
use std::sync::Arc;

use super::expected::{all_ended, success};
use super::many::at_once;
use super::refresh::rotation;
use super::scene::{SESSION, Scene, at, by, time, unknown_session, unknown_user};
use crate::SessionId;
use crate::account::Account;
use crate::audit::EventKind;
use crate::session::{EndReason, Ending, SessionEnd, SessionKey};
use crate::store::Change;

impl Scene {
    /// Ends sessions, which must be these; it is told which they were.
    #[track_caller]
    pub(super) fn ends(
        &self,
        user: &Account,
        which: Ending,
        reason: EndReason,
        sessions: &[SessionId],
        change: &Change,
    ) -> impl Future<Output = Vec<SessionId>> + Send {
        let here = Location::caller();
        async move {
            let done = self.store.end(which, reason, change).await.expect("an answer");
            let mut events = all_ended(sessions, reason);
            if reason == EndReason::Logout {
                let logout = |id: &SessionId| success(EventKind::Logout).of(*id);
                events.extend(sessions.iter().map(logout));
            }
            let agreed = self.agrees(done, change, Some(user), &events).await;
            let mut ended = agreed.unwrap_or_else(|difference| panic!("{here}: {difference}"));
            ended.sort_unstable();
            assert_eq!(ended, sessions, "{here}: those that ended");
            ended
        }
    }
}

pub(super) async fn one_session_ends(scene: &Scene) {
    let alice = scene.account("alice").await;
    let (session, other) = (scene.login(&alice, 1).await, scene.login(&alice, 2).await);
    let one = Ending::One { user: alice.id, session: session.id };
    scene.ends(&alice, one, EndReason::Logout, &[session.id], &at(5)).await;

    let ended = scene.session(&session).await;
    assert_eq!(ended.end, Some(SessionEnd { at: time(5), reason: EndReason::Logout }));
    assert!(!ended.is_active(time(5)));
    assert_eq!(scene.active(alice.id, 5).await, [other.id]);
    scene.is_invalid(&alice, 1, 5).await;
    assert_eq!(scene.session(&other).await, other);
    scene.refreshes(&alice, 2, 3, 5).await;

    scene.ends(&alice, one, EndReason::Logout, &[], &at(6)).await;
    scene.ends(&alice, one, EndReason::RevokedByAdmin, &[], &at(7)).await;
    assert_eq!(scene.session(&session).await, ended, "it ended once");
}

pub(super) async fn sessions_of_others_do_not_end(scene: &Scene) {
    let (alice, bob) = (scene.account("alice").await, scene.account("bob").await);
    let (hers, his) = (scene.login(&alice, 1).await, scene.login(&bob, 2).await);
    for (user, session) in [
        (&alice, his.id),
        (&bob, hers.id),
        (&alice, unknown_session(&his)),
        (&alice, SessionId::new(-1)),
        (&alice, SessionId::new(0)),
    ] {
        let one = Ending::One { user: user.id, session };
        scene.ends(user, one, EndReason::Revoked, &[], &at(1)).await;
    }
    let nobody = unknown_user(&bob);
    for which in [Ending::All { user: nobody }, Ending::One { user: nobody, session: hers.id }] {
        scene.ends(&alice, which, EndReason::Revoked, &[], &at(1)).await;
    }
    assert_eq!((scene.session(&hers).await, scene.session(&his).await), (hers, his));
    scene.refreshes(&alice, 1, 3, 1).await;
    scene.refreshes(&bob, 2, 4, 1).await;
}

pub(super) async fn all_sessions_end(scene: &Scene) {
    let (root, alice) = (scene.account("root").await, scene.account("alice").await);
    let kept = scene.login(&root, 100).await;
    let mut sessions = Vec::new();
    for token in 1..=5 {
        sessions.push(scene.login(&alice, token).await);
    }
    let ids: Vec<_> = sessions.iter().map(|session| session.id).collect();
    let all = Ending::All { user: alice.id };
    scene.ends(&alice, all, EndReason::RevokedByAdmin, &ids, &by(&root, &at(9))).await;
    assert!(scene.active(alice.id, 9).await.is_empty());
    for (session, token) in sessions.iter().zip(1..) {
        let end = scene.session(session).await.end;
        assert_eq!(end, Some(SessionEnd { at: time(9), reason: EndReason::RevokedByAdmin }));
        scene.is_invalid(&alice, token, 9).await;
    }
    scene.ends(&alice, all, EndReason::RevokedByAdmin, &[], &by(&root, &at(10))).await;
    assert_eq!(scene.session(&kept).await, kept);
    scene.refreshes(&root, 100, 101, 10).await;

    let anew = scene.login_at(&alice, 6, 11).await;
    assert_eq!(scene.active(alice.id, 11).await, [anew.id], "a login starts anew");
    scene.refreshes(&alice, 6, 7, 12).await;
}

pub(super) async fn each_reason_is_kept(scene: &Scene) {
    let alice = scene.account("alice").await;
    let reasons = [
        EndReason::Logout,
        EndReason::Revoked,
        EndReason::RevokedByAdmin,
        EndReason::Disabled,
        EndReason::PasswordChanged,
        EndReason::Reuse,
    ];
    for (token, reason) in (1..).zip(reasons) {
        let session = scene.login(&alice, token).await;
        let one = Ending::One { user: alice.id, session: session.id };
        scene.ends(&alice, one, reason, &[session.id], &at(1)).await;
        let end = scene.session(&session).await.end;
        assert_eq!(end, Some(SessionEnd { at: time(1), reason }));
    }
}

pub(super) async fn a_lapsed_session_is_not_refreshed_after_its_end(scene: &Scene) {
    let alice = scene.account("alice").await;
    let lapsed = scene.login(&alice, 1).await;
    let other = scene.login_at(&alice, 10, 60).await;
    let one = Ending::One { user: alice.id, session: lapsed.id };
    // It is over already, so that it does not end; but nothing follows it.
    scene.ends(&alice, one, EndReason::Revoked, &[], &at(SESSION)).await;
    scene.is_invalid(&alice, 1, SESSION).await;
    assert_eq!(scene.active(alice.id, SESSION).await, [other.id]);

    scene.login_at(&alice, 20, 30).await;
    scene.refreshes(&alice, 20, 21, 31).await;
    let all = Ending::All { user: alice.id };
    scene.ends(&alice, all, EndReason::Logout, &[], &at(2 * SESSION)).await;
    for token in [10, 20, 21] {
        scene.is_invalid(&alice, token, 2 * SESSION).await;
    }
    // Of a family with two sessions, all end with the family.
    let first = scene.login_at(&alice, 30, 3 * SESSION).await;
    let second = rotation(30, 31, 4 * SESSION);
    let second = scene.reopens(&alice, second, &at(4 * SESSION)).await;
    assert_eq!(first.family, second.family);
    let one = Ending::One { user: alice.id, session: second.id };
    scene.ends(&alice, one, EndReason::Logout, &[second.id], &at(4 * SESSION)).await;
    scene.is_invalid(&alice, 31, 4 * SESSION).await;
    assert!(scene.active(alice.id, 4 * SESSION).await.is_empty());
}

pub(super) async fn a_session_ends_once_whoever_asks_at_once(scene: &Scene) {
    let alice = scene.account("alice").await;
    let session = scene.login(&alice, 1).await;
    let ended = at_once(50, |task| {
        let store = Arc::clone(&scene.store);
        let (user, session) = (alice.id, session.id);
        let which =
            if task % 2 == 0 { Ending::All { user } } else { Ending::One { user, session } };
        async move { store.end(which, EndReason::Revoked, &at(1)).await.expect("an answer").value }
    });
    let ended: Vec<_> = ended.await.into_iter().flatten().collect();
    assert_eq!(ended, [session.id]);
    let news = scene.news().await;
    assert_eq!(news.len(), 1, "{news:?}");
    let view = scene.store.session(SessionKey::Id(session.id)).await.expect("an answer");
    assert!(view.is_some_and(|view| view.session.end.is_some()), "an ended session is kept");
}
