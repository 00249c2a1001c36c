//! Callers that drop an operation at each of its awaits: it is done as a whole or not at all, and
//! blocks no other.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::concurrent::concurrently;
use super::fixture::{
    StoreFixture, at, hash, new_account, new_session, operator, refresh_token, session_token,
};
use super::refresh::rotation;
use crate::account::{AccountChangeError, PasswordChange};
use crate::audit::{AuditRecord, EventKind};
use crate::session::{RotationOutcome, SessionLookup};

/// No operation is polled more often.
const MAX_POLLS: usize = 1000;

/// The time between two looks at what is stored.
const PAUSE: Duration = Duration::from_millis(20);

/// Where a caller drops an operation.
#[derive(Clone, Copy, Debug)]
struct DropPoint {
    polls: usize,
    /// Whether the caller waits until the operation could be polled again, or drops it at once.
    waits: bool,
}

/// Returns all points, the earliest first. The last one is one at which an operation is complete.
fn drop_points() -> impl Iterator<Item = (u32, DropPoint)> {
    let points = (0..MAX_POLLS).flat_map(|polls| [(polls, false), (polls, true)]);
    (0..).zip(points.map(|(polls, waits)| DropPoint { polls, waits }))
}

impl DropPoint {
    /// Polls an operation, and drops it at this point. Returns `None` if it was dropped.
    async fn apply<T>(self, operation: impl Future<Output = T>) -> Option<T> {
        let (mut operation, mut polled) = (pin!(operation), 0);
        poll_fn(|context| {
            if polled == self.polls {
                return Poll::Ready(None);
            }
            polled += 1;
            match operation.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if polled == self.polls && !self.waits => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

fn count(records: &[AuditRecord], kind: EventKind) -> usize {
    records.iter().filter(|record| record.kind == kind).count()
}

pub(super) async fn dropped_creation_is_atomic(fixture: &StoreFixture) {
    for (round, point) in drop_points() {
        let name = format!("user{round}");
        let (rules, change) = (operator(), at(0));
        let first = fixture.store.create_account(new_account(&name), &rules, &change);
        let first = point.apply(first).await;
        // The same name, so that this waits for a commit in progress.
        let second = fixture.store.create_account(new_account(&name), &rules, &change).await;
        let second = second.expect("a result").value;
        let records = fixture.new_records().await;
        assert_eq!(count(&records, EventKind::UserCreated), 1, "{point:?}: {records:#?}");
        if let Some(first) = first {
            assert!(first.expect("a result").value.is_ok(), "{point:?}");
            assert_eq!(second, Err(AccountChangeError::UserNameTaken), "an acknowledged account");
            return;
        }
    }
    panic!("never complete");
}

pub(super) async fn dropped_login_is_atomic(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let (mut tokens, mut records, mut whole) = (0, Vec::new(), 0);
    for (round, point) in drop_points() {
        let (new, change) = (new_session(&alice, round, 0), at(0));
        tokens = round + 1;
        if point.apply(fixture.store.open_session(new, &change)).await.is_some() {
            break;
        }
    }
    // A store may complete a dropped operation later, in a task of its own.
    for attempt in 0.. {
        tokio::time::sleep(PAUSE).await;
        records.extend(fixture.new_records().await);
        let sessions = stored(fixture, tokens).await;
        let active = fixture.active(alice.id, 0).await.len();
        let counts = [EventKind::LoginSuccess, EventKind::SessionCreated]
            .map(|kind| count(&records, kind))
            .map(|recorded| recorded == sessions && recorded == active);
        whole = if counts == [true; 2] { whole + 1 } else { 0 };
        assert!(attempt < 1000, "{sessions} stored, {active} active: {records:#?}");
        if whole == 2 {
            assert!(sessions >= 1, "an acknowledged login");
            return;
        }
    }
}

/// Returns how many sessions with these tokens are stored.
async fn stored(fixture: &StoreFixture, tokens: u32) -> usize {
    let mut stored = 0;
    for token in 0..tokens {
        let key = SessionLookup::Token(session_token(token));
        stored += usize::from(fixture.store.session(key).await.expect("a result").is_some());
    }
    stored
}

pub(super) async fn dropped_refresh_is_atomic(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    fixture.login(&alice, 1).await;
    let mut current = 1;
    for (round, point) in drop_points() {
        let (one, other) = (round * 2 + 2, round * 2 + 3);
        let (proposal, change) = (rotation(current, one, 0), at(0));
        let first = fixture.store.rotate_refresh_token(&proposal, &change);
        let first = point.apply(first).await;
        // Within the grace period.
        let proposal = rotation(current, other, 0);
        let second = fixture.store.rotate_refresh_token(&proposal, &change).await;
        let second = second.expect("a result").value;
        let mut records = fixture.new_records().await;
        records.retain(|record| record.reason.is_none());
        assert_eq!(count(&records, EventKind::TokenRefresh), 1, "{point:?}: {records:#?}");
        current = match second {
            RotationOutcome::Retried { successor, .. } => {
                assert_eq!(successor, refresh_token(one), "{point:?}");
                one
            }
            RotationOutcome::Rotated { .. } => {
                assert!(first.is_none(), "{point:?}: an acknowledged refresh");
                other
            }
            second => panic!("{point:?}: {second:?}"),
        };
        if first.is_some() {
            return;
        }
    }
    panic!("never complete");
}

pub(super) async fn dropped_password_change_is_atomic(fixture: &StoreFixture) {
    for (round, point) in drop_points() {
        let user = fixture.account(&format!("user{round}")).await;
        let session = fixture.login(&user, round).await;
        let change = at(1);
        let to = |new| PasswordChange {
            user: user.id,
            expected_hash: hash(1),
            new: hash(new),
            history: 1,
            kept_session: None,
        };
        let first = point.apply(fixture.store.change_password(to(2), &change)).await;
        let second = fixture.store.change_password(to(3), &change).await.expect("a result").value;
        // One of them has changed the password and ended the session.
        let records = fixture.new_records().await;
        for kind in [EventKind::PasswordChanged, EventKind::SessionEnded] {
            assert_eq!(count(&records, kind), 1, "{point:?}: {records:#?}");
        }
        let stored = fixture.stored(&user).await.1;
        assert_eq!(stored.current, hash(if second { 3 } else { 2 }), "{point:?}");
        assert_eq!(stored.previous, [hash(1)], "{point:?}");
        assert!(fixture.session(&session).await.end.is_some(), "{point:?}");
        let rotation = rotation(round, 1_000_000 + round, 1);
        let rotated = fixture.store.rotate_refresh_token(&rotation, &change).await;
        let rotated = rotated.expect("a result").value;
        assert!(matches!(rotated, RotationOutcome::Invalid), "{point:?}: {rotated:?}");
        fixture.new_records().await;
        if let Some(first) = first {
            assert!(first.expect("a result").value && !second, "an acknowledged change");
            return;
        }
    }
    panic!("never complete");
}

pub(super) async fn dropped_operations_block_no_others(fixture: &StoreFixture) {
    const TASKS: u32 = 50;
    for polls in 1..10 {
        let name = move |task| new_account(&format!("user{polls}-{task}"));
        concurrently(TASKS, |task| {
            let store = Arc::clone(&fixture.store);
            let point = DropPoint { polls, waits: task % 2 == 0 };
            async move {
                let (rules, change) = (operator(), at(0));
                drop(point.apply(store.create_account(name(task), &rules, &change)).await);
            }
        })
        .await;
        for task in 0..TASKS {
            let created = fixture.store.create_account(name(task), &operator(), &at(0)).await;
            drop(created.expect("a result"));
        }
        let records = fixture.new_records().await;
        assert_eq!(count(&records, EventKind::UserCreated), TASKS as usize, "{records:#?}");
    }
}
