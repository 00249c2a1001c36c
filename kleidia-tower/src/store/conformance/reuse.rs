//! A refresh token that is used twice ends its family.

use std::sync::Arc;
use std::time::Duration;

use super::many::at_once;
use super::refresh::{GRACE, rotation};
use super::scene::{SESSION, Scene, at, time};
use crate::audit::EventKind;
use crate::session::{EndReason, Rotated, Rotation, SessionEnd};

pub(super) async fn a_token_used_twice_ends_its_family(scene: &Scene) {
    let (alice, bob) = (scene.account("alice").await, scene.account("bob").await);
    let stolen = scene.login(&alice, 1).await;
    let phone = scene.login(&alice, 10).await;
    let other = scene.login(&bob, 20).await;
    scene.refreshes(&alice, 1, 2, 0).await;
    scene.is_reused(&alice, 1, stolen.id, &[stolen.id], 60).await;

    let ended = scene.session(&stolen).await;
    assert_eq!(ended.end, Some(SessionEnd { at: time(60), reason: EndReason::Reuse }));
    for token in [1, 2] {
        for second in [60, 61, 60 + GRACE, 2 * SESSION] {
            scene.is_invalid(&alice, token, second).await;
        }
    }
    assert_eq!(scene.active(alice.id, 60).await, [phone.id], "the other family goes on");
    scene.refreshes(&alice, 10, 11, 61).await;
    assert_eq!(scene.session(&other).await, other);
    scene.refreshes(&bob, 20, 21, 61).await;
}

pub(super) async fn any_ancestor_is_reuse(scene: &Scene) {
    let alice = scene.account("alice").await;
    for (first, used, second) in [(10, 10, 25), (20, 21, 25), (30, 30, 5 * SESSION)] {
        let session = scene.login(&alice, first).await;
        for (step, second) in [(0, 1), (1, 2), (2, 3)] {
            scene.refreshes(&alice, first + step, first + step + 1, second).await;
        }
        let ends = if second < SESSION { vec![session.id] } else { vec![] };
        scene.is_reused(&alice, used, session.id, &ends, second).await;
        scene.is_invalid(&alice, first + 3, second).await;
    }
}

pub(super) async fn reuse_ends_the_session_that_followed(scene: &Scene) {
    let alice = scene.account("alice").await;
    let lapsed = scene.login(&alice, 1).await;
    let followed = scene.reopens(&alice, rotation(1, 2, SESSION), &at(SESSION)).await;
    scene.is_reused(&alice, 1, lapsed.id, &[followed.id], SESSION + GRACE).await;
    assert!(scene.active(alice.id, SESSION + GRACE).await.is_empty());
    scene.is_invalid(&alice, 2, SESSION + GRACE).await;
}

pub(super) async fn without_grace_the_second_use_is_reuse(scene: &Scene) {
    let alice = scene.account("alice").await;
    let session = scene.login(&alice, 1).await;
    scene.refreshes(&alice, 1, 2, 5).await;
    let rotation = Rotation { grace: Duration::ZERO, ..rotation(1, 3, 5) };
    let done = scene.store.rotate(&rotation, &at(5)).await.expect("an answer");
    assert!(matches!(done.value, Rotated::Reused(_)), "{:?}", done.value);
    let kinds: Vec<_> = scene.news().await.iter().map(|record| record.kind).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(kinds.contains(&EventKind::TokenReuse), "{kinds:?}");
    assert!(kinds.contains(&EventKind::SessionEnded), "{kinds:?}");
    assert_eq!(scene.session(&session).await.end.map(|end| end.reason), Some(EndReason::Reuse));
    scene.is_invalid(&alice, 2, 5).await;
}

pub(super) async fn one_of_many_without_grace_wins(scene: &Scene) {
    const TASKS: u32 = 100;
    let alice = scene.account("alice").await;
    for round in 1..=5 {
        let session = scene.login(&alice, round).await;
        let rotated = at_once(TASKS as usize, |task| {
            let store = Arc::clone(&scene.store);
            let successor = round * 1000 + u32::try_from(task).expect("a number");
            let rotation = Rotation { grace: Duration::ZERO, ..rotation(round, successor, 1) };
            async move { store.rotate(&rotation, &at(1)).await.expect("an answer").value }
        });
        let (mut first, mut reused, mut invalid) = (0, 0, 0);
        for rotated in rotated.await {
            match rotated {
                Rotated::First { .. } => first += 1,
                Rotated::Reused(_) => reused += 1,
                Rotated::Invalid => invalid += 1,
                other => panic!("round {round}: {other:?}"),
            }
        }
        assert_eq!((first, reused, invalid), (1, 1, TASKS - 2), "round {round}");
        let mut kinds: Vec<_> = scene.news().await.iter().map(|record| record.kind).collect();
        kinds.sort_unstable();
        let expected = [EventKind::TokenRefresh, EventKind::TokenReuse, EventKind::SessionEnded];
        assert_eq!(kinds, expected, "round {round}");
        assert_eq!(scene.session(&session).await.end.map(|end| end.reason), Some(EndReason::Reuse));
    }
    assert!(scene.active(alice.id, 1).await.is_empty());
}
