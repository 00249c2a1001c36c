//! Reuse of a refresh token, which revokes its family.

use std::sync::Arc;
use std::time::Duration;

use super::concurrent::concurrently;
use super::fixture::{SESSION, StoreFixture, at, time};
use super::refresh::{GRACE, rotation};
use crate::audit::EventKind;
use crate::session::{EndReason, Rotation, RotationOutcome, SessionEnd};

pub(super) async fn reuse_revokes_token_family(fixture: &StoreFixture) {
    let (alice, bob) = (fixture.account("alice").await, fixture.account("bob").await);
    let stolen = fixture.login(&alice, 1).await;
    let phone = fixture.login(&alice, 10).await;
    let other = fixture.login(&bob, 20).await;
    fixture.refresh(&alice, 1, 2, 0).await;
    fixture.assert_reused(&alice, 1, stolen.id, &[stolen.id], 60).await;

    let ended = fixture.session(&stolen).await;
    assert_eq!(ended.end, Some(SessionEnd { at: time(60), reason: EndReason::RefreshTokenReuse }));
    for second in [60, 61, 60 + GRACE, 2 * SESSION] {
        fixture.assert_invalid(&alice, &[1, 2], second).await;
    }
    assert_eq!(fixture.active(alice.id, 60).await, [phone.id], "the other family stays valid");
    fixture.refresh(&alice, 10, 11, 61).await;
    assert_eq!(fixture.session(&other).await, other);
    fixture.refresh(&bob, 20, 21, 61).await;
}

pub(super) async fn detects_reuse_of_any_ancestor(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    for (first, used, second) in [(10, 10, 25), (20, 21, 25), (30, 30, 5 * SESSION)] {
        let session = fixture.login(&alice, first).await;
        for (step, second) in [(0, 1), (1, 2), (2, 3)] {
            fixture.refresh(&alice, first + step, first + step + 1, second).await;
        }
        let ends = if second < SESSION { vec![session.id] } else { vec![] };
        fixture.assert_reused(&alice, used, session.id, &ends, second).await;
        fixture.assert_invalid(&alice, &[first + 3], second).await;
    }
}

pub(super) async fn reuse_ends_the_current_session(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let expired = fixture.login(&alice, 1).await;
    let replacing = fixture.refresh_expired(&alice, rotation(1, 2, SESSION), &at(SESSION)).await;
    fixture.assert_reused(&alice, 1, expired.id, &[replacing.id], SESSION + GRACE).await;
    assert!(fixture.active(alice.id, SESSION + GRACE).await.is_empty());
    fixture.assert_invalid(&alice, &[2], SESSION + GRACE).await;
}

pub(super) async fn second_use_without_grace_period_is_reuse(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let session = fixture.login(&alice, 1).await;
    fixture.refresh(&alice, 1, 2, 5).await;
    let rotation = Rotation { grace: Duration::ZERO, ..rotation(1, 3, 5) };
    let done = fixture.store.rotate_refresh_token(&rotation, &at(5)).await.expect("a result");
    assert!(matches!(done.value, RotationOutcome::Reused(_)), "{:?}", done.value);
    assert_eq!(fixture.new_kinds().await, [EventKind::TokenReuse, EventKind::SessionEnded]);
    let end = fixture.session(&session).await.end.map(|end| end.reason);
    assert_eq!(end, Some(EndReason::RefreshTokenReuse));
    fixture.assert_invalid(&alice, &[2], 5).await;
}

pub(super) async fn concurrent_uses_without_grace_period_rotate_once(fixture: &StoreFixture) {
    const TASKS: u32 = 100;
    let alice = fixture.account("alice").await;
    for round in 1..=5 {
        let session = fixture.login(&alice, round).await;
        let rotated = concurrently(TASKS, |task| {
            let store = Arc::clone(&fixture.store);
            let successor = round * 1000 + task;
            let rotation = Rotation { grace: Duration::ZERO, ..rotation(round, successor, 1) };
            async move { store.rotate_refresh_token(&rotation, &at(1)).await.expect("a result").value }
        });
        let (mut first, mut reused, mut invalid) = (0, 0, 0);
        for rotated in rotated.await {
            match rotated {
                RotationOutcome::Rotated { .. } => first += 1,
                RotationOutcome::Reused(_) => reused += 1,
                RotationOutcome::Invalid => invalid += 1,
                other => panic!("round {round}: {other:?}"),
            }
        }
        assert_eq!((first, reused, invalid), (1, 1, TASKS - 2), "round {round}");
        // The first use, and those after the reuse.
        let mut expected = vec![EventKind::TokenRefresh; TASKS as usize - 1];
        expected.extend([EventKind::TokenReuse, EventKind::SessionEnded]);
        assert_eq!(fixture.new_kinds().await, expected, "round {round}");
        let end = fixture.session(&session).await.end.map(|end| end.reason);
        assert_eq!(end, Some(EndReason::RefreshTokenReuse));
    }
    assert!(fixture.active(alice.id, 1).await.is_empty());
}
