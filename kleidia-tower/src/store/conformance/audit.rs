//! The audit log: storage, filters, paging and the hash chain.

use std::sync::Arc;
use std::time::Duration;

use super::concurrent::concurrently;
use super::fixture::{StoreFixture, at, elsewhere, new_account, new_session, operator, time};
use crate::audit::{
    AuditEvent, AuditIdentity, AuditQuery, AuditRecord, AuditedRequest, ChainCheck, ChainHead,
    EventKind, Outcome, OverrideReason, Reason,
};
use crate::{ClientInfo, SessionId, Timestamp, UserId};

fn event(kind: EventKind, second: i64) -> AuditEvent {
    at(second).event(kind, Outcome::Success, None)
}

fn identity(id: i64, name: &str) -> AuditIdentity {
    AuditIdentity { id: Some(UserId::new(id)), name: name.to_owned() }
}

impl StoreFixture {
    async fn append(&self, events: Vec<AuditEvent>) -> Vec<AuditRecord> {
        let records = self.store.append(events).await.expect("a result");
        assert_eq!(records, self.new_records().await, "returned as logged");
        records
    }

    async fn find(&self, query: AuditQuery) -> Vec<u64> {
        let records = self.store.records(&query).await.expect("a result");
        records.iter().map(|record| record.sequence).collect()
    }
}

fn all() -> AuditQuery {
    AuditQuery { limit: usize::MAX, ..AuditQuery::default() }
}

pub(super) async fn stores_events_unchanged(fixture: &StoreFixture) {
    assert!(fixture.append(vec![]).await.is_empty());
    let reason = OverrideReason::new("'; DROP TABLE audit; -- \u{1f512}").expect("a reason");
    let workload = Some(AuditIdentity { id: None, name: "workload@example.com".to_owned() });
    let mut events = vec![
        AuditEvent {
            user: Some(identity(7, "stra\u{df}e \u{1f600}")),
            actor: workload.clone(),
            session: Some(SessionId::new(i64::MAX)),
            reason: Some(Reason::Override(reason)),
            outcome: Outcome::Failure,
            ..event(EventKind::PolicyOverride, 0)
        },
        AuditEvent {
            client: ClientInfo::default(),
            request: Some(AuditedRequest::new("GET", None)),
            ..event(EventKind::PolicyViolation, -5)
        },
        AuditEvent {
            user: workload,
            reason: Some(Reason::Policy("needs users:read".to_owned())),
            request: Some(AuditedRequest::new("PATCH", Some("/users/{id}"))),
            ..elsewhere(&at(3)).event(EventKind::PermissionDenied, Outcome::Failure, None)
        },
        AuditEvent {
            at: Timestamp::UNIX_EPOCH,
            user: Some(identity(-1, "x")),
            session: Some(SessionId::new(0)),
            ..event(EventKind::Logout, 0)
        },
    ];
    events.extend(EventKind::ALL.map(|kind| event(kind, 9)));
    let mut head = fixture.head();
    let records = fixture.append(events.clone()).await;
    assert_eq!(records.first().map(|record| record.sequence), Some(1), "the first is 1");
    let expected = events.into_iter().map(|event| {
        let record = AuditRecord::append_to(&head, event);
        head = record.head();
        record
    });
    let expected: Vec<_> = expected.collect();
    assert_eq!(records, expected);
    let mut found = fixture.store.records(&all()).await.expect("a result");
    found.reverse();
    assert_eq!(found, expected);
}

/// Less than a second. Records have whole seconds.
const FRACTION: Duration = Duration::from_millis(1);

pub(super) async fn filters_records(fixture: &StoreFixture) {
    let login = |second| event(EventKind::LoginSuccess, second);
    let denied = |second| at(second).event(EventKind::PermissionDenied, Outcome::Failure, None);
    fixture
        .append(vec![
            AuditEvent { user: Some(identity(1, "alice")), ..login(0) },
            AuditEvent {
                user: Some(identity(2, "bob")),
                actor: Some(identity(1, "alice")),
                ..login(10)
            },
            AuditEvent { user: Some(identity(2, "bob")), ..denied(20) },
            AuditEvent { actor: Some(identity(1, "alice")), ..denied(15) },
            login(30),
            AuditEvent { user: Some(identity(3, "alice2")), ..event(EventKind::Logout, 20) },
        ])
        .await;
    let alice = Some("alice".to_owned());
    let (kind, outcome) = (Some(EventKind::LoginSuccess), Some(Outcome::Failure));
    for (query, expected) in [
        (all(), &[6, 5, 4, 3, 2, 1][..]),
        (AuditQuery { kind, ..all() }, &[5, 2, 1]),
        (AuditQuery { kind: Some(EventKind::UserCreated), ..all() }, &[]),
        (AuditQuery { user: alice.clone(), ..all() }, &[4, 2, 1]),
        (AuditQuery { user: Some("bob".to_owned()), ..all() }, &[3, 2]),
        (AuditQuery { user: Some("ali%".to_owned()), ..all() }, &[]),
        (AuditQuery { user: Some("ALICE".to_owned()), ..all() }, &[4, 2, 1]),
        (AuditQuery { user: Some("alice2@example.com".to_owned()), ..all() }, &[]),
        (AuditQuery { user: Some("2".to_owned()), ..all() }, &[]),
        (AuditQuery { user_id: Some(UserId::new(1)), ..all() }, &[4, 2, 1]),
        (AuditQuery { user_id: Some(UserId::new(2)), ..all() }, &[3, 2]),
        (AuditQuery { user_id: Some(UserId::new(4)), ..all() }, &[]),
        (AuditQuery { user: alice.clone(), user_id: Some(UserId::new(2)), ..all() }, &[2]),
        (AuditQuery { outcome, ..all() }, &[4, 3]),
        (AuditQuery { outcome: Some(Outcome::Success), ..all() }, &[6, 5, 2, 1]),
        (AuditQuery { from: Some(time(20)), ..all() }, &[6, 5, 3]),
        (AuditQuery { until: Some(time(20)), ..all() }, &[4, 2, 1]),
        (AuditQuery { until: Some(time(20) + FRACTION), ..all() }, &[6, 4, 3, 2, 1]),
        (AuditQuery { from: Some(time(20) + FRACTION), ..all() }, &[5]),
        (AuditQuery { from: Some(time(15)), until: Some(time(30)), ..all() }, &[6, 4, 3]),
        (
            AuditQuery { from: Some(Timestamp::MIN), until: Some(Timestamp::MAX), ..all() },
            &[6, 5, 4, 3, 2, 1],
        ),
        (AuditQuery { kind, user: alice.clone(), ..all() }, &[2, 1]),
        (AuditQuery { outcome, user: alice, until: Some(time(16)), ..all() }, &[4]),
        (AuditQuery { before: Some(4), outcome, ..all() }, &[3]),
        (AuditQuery { kind, limit: 1, before: Some(5), ..all() }, &[2]),
    ] {
        assert_eq!(fixture.find(query.clone()).await, expected, "{query:?}");
    }
}

pub(super) async fn pages_records(fixture: &StoreFixture) {
    for second in 0..25 {
        fixture.append(vec![event(EventKind::LoginSuccess, second); 2]).await;
    }
    let (mut seen, mut before) = (Vec::new(), None);
    for _ in 0..=50_usize.div_ceil(7) {
        let page = fixture.find(AuditQuery { limit: 7, before, ..AuditQuery::default() }).await;
        let Some(last) = page.last() else { break };
        assert!(page.len() == 7 || *last == 1, "only the last page is short: {page:?}");
        before = Some(*last);
        seen.extend(page);
    }
    assert_eq!(seen, (1..=50).rev().collect::<Vec<_>>(), "the newest first, each once");
    assert!(fixture.find(AuditQuery { limit: 0, ..all() }).await.is_empty());
    assert!(fixture.find(AuditQuery { before: Some(0), ..all() }).await.is_empty());
    assert_eq!(fixture.find(AuditQuery { before: Some(u64::MAX), ..all() }).await.len(), 50);
}

pub(super) async fn verifies_chain_from_any_head(fixture: &StoreFixture) {
    let check = fixture.store.verify_chain(ChainHead::default()).await.expect("a check");
    assert_eq!(check, ChainCheck::Intact(ChainHead::default()), "empty log");
    let mut heads = vec![ChainHead::default()];
    for second in 0..5 {
        let records = fixture.append(vec![event(EventKind::Logout, second)]).await;
        heads.extend(records.iter().map(AuditRecord::head));
    }
    let end = fixture.head();
    for head in &heads {
        let check = fixture.store.verify_chain(*head).await.expect("a check");
        assert_eq!(check, ChainCheck::Intact(end), "since {}", head.sequence);
    }
    let mut others: Vec<_> =
        heads.iter().map(|head| ChainHead { digest: [7; 32], ..*head }).collect();
    others.push(ChainHead { sequence: 6, ..end });
    others.push(ChainHead { sequence: u64::MAX, ..end });
    others.push(ChainHead { sequence: 3, ..heads[2] });
    for other in others {
        let check = fixture.store.verify_chain(other).await.expect("a check");
        assert!(matches!(check, ChainCheck::Broken { .. }), "{check:?} since {other:?}");
    }
}

pub(super) async fn concurrent_events_have_no_gaps(fixture: &StoreFixture) {
    let alice = fixture.account("alice").await;
    let appended = concurrently(100, |task| {
        let (store, alice) = (Arc::clone(&fixture.store), Arc::clone(&alice));
        async move {
            match task % 3 {
                0 => {
                    let kinds = [EventKind::PolicyOverride, EventKind::PolicyViolation];
                    let events = kinds.map(|kind| event(kind, i64::from(task)));
                    store.append(events.into()).await.expect("a result")
                }
                1 => {
                    let new = new_account(&format!("user{task}"));
                    store.create_account(new, &operator(), &at(0)).await.expect("a result").records
                }
                _ => {
                    let new = new_session(&alice, task, 0);
                    store.open_session(new, &at(0)).await.expect("a result").records
                }
            }
        }
    });
    let mut returned = Vec::new();
    for records in appended.await {
        let sequences: Vec<_> = records.iter().map(|record| record.sequence).collect();
        let whole: Vec<_> = (sequences[0]..).take(sequences.len()).collect();
        assert_eq!(sequences, whole, "the events of a change are contiguous");
        returned.extend(records);
    }
    returned.sort_by_key(|record| record.sequence);
    assert_eq!(returned, fixture.new_records().await, "each caller gets its own records");
    assert_eq!(returned.len(), 34 * 2 + 33 + 33 * 2);
}
