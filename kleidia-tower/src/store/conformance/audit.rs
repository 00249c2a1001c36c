//! The audit log: storage, filters, paging, sealing and proofs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::concurrent::concurrently;
use super::fixture::{StoreFixture, at, elsewhere, new_account, new_session, operator, time};
use crate::audit::{
    AuditEvent, AuditIdentity, AuditKey, AuditQuery, AuditRecord, AuditedRequest, Checkpoint,
    EventKind, InclusionProof, LogConflict, Outcome, OverrideReason, Reason,
};
use crate::store::StoreError;
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

    async fn find(&self, query: &AuditQuery) -> Vec<u64> {
        let records = self.store.records(query).await.expect("a result");
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
    let records = fixture.append(events.clone()).await;
    // The suite does not know the store's key.
    let key = AuditKey::generate("suite").expect("a key");
    let expected = records.iter().zip(events).map(|(record, event)| AuditRecord {
        mac: record.mac,
        ..AuditRecord::new(record.sequence, event, &key)
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
    let records = fixture
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
    // The cases count from 1.
    let sequence = |number: usize| records[number - 1].sequence;
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
        (AuditQuery { before: Some(sequence(4)), outcome, ..all() }, &[3]),
        (AuditQuery { kind, limit: 1, before: Some(sequence(5)), ..all() }, &[2]),
    ] {
        let expected: Vec<_> = expected.iter().map(|number| sequence(*number)).collect();
        assert_eq!(fixture.find(&query).await, expected, "{query:?}");
    }
}

/// Each set of conditions, on records that are not in the order of time.
pub(super) async fn filters_records_by_several_conditions(fixture: &StoreFixture) {
    let kinds = [EventKind::LoginSuccess, EventKind::TokenRefresh, EventKind::Logout];
    let outcomes = [Outcome::Success, Outcome::Failure];
    let names = ["alice", "bob", "Carol"];
    let events = (0..60).map(|number: i64| {
        let choose = |choices: usize| usize::try_from(number).map_or(0, |it| it % choices);
        let person = |index: usize| identity(index.try_into().unwrap_or(0), names[index]);
        AuditEvent {
            user: (number % 4 > 0).then(|| person(choose(3))),
            actor: (number % 5 > 2).then(|| person(choose(2))),
            ..at(number * 37 % 61).event(kinds[choose(3)], outcomes[choose(7) % 2], None)
        }
    });
    let records = fixture.append(events.collect()).await;
    let user = |name: &str| (Some(name.to_owned()), None);
    let mut queries = Vec::new();
    for (user, user_id) in
        [(None, None), (None, Some(UserId::new(1))), user("alice"), user("ALICE"), user("Carol")]
    {
        for kind in [None, Some(kinds[1]), Some(EventKind::KeyReplaced)] {
            for outcome in [None, Some(outcomes[0]), Some(outcomes[1])] {
                for (from, until) in [
                    (None, None),
                    (None, Some(30)),
                    (Some(30), None),
                    (Some(20), Some(40)),
                    (Some(40), Some(20)),
                ] {
                    let (user, [from, until]) =
                        (user.clone(), [from, until].map(|it| it.map(time)));
                    let query = AuditQuery { kind, user, user_id, outcome, from, until, ..all() };
                    queries.push(query);
                }
            }
        }
    }
    for mut query in queries {
        for (before, limit) in [(None, usize::MAX), (None, 3), (Some(records[35].sequence), 5)] {
            (query.before, query.limit) = (before, limit);
            let matching = records.iter().rev().filter(|record| query.matches(record));
            let expected: Vec<_> = matching.map(|record| record.sequence).take(limit).collect();
            assert_eq!(fixture.find(&query).await, expected, "{query:?}");
        }
    }
}

pub(super) async fn pages_records(fixture: &StoreFixture) {
    let mut sequences = Vec::new();
    for second in 0..25 {
        let records = fixture.append(vec![event(EventKind::LoginSuccess, second); 2]).await;
        sequences.extend(records.iter().map(|record| record.sequence));
    }
    let (mut seen, mut before) = (Vec::new(), None);
    for _ in 0..=50_usize.div_ceil(7) {
        let page = fixture.find(&AuditQuery { limit: 7, before, ..AuditQuery::default() }).await;
        let Some(last) = page.last() else { break };
        assert!(page.len() == 7 || *last == sequences[0], "only the last page is short: {page:?}");
        before = Some(*last);
        seen.extend(page);
    }
    seen.reverse();
    assert_eq!(seen, sequences, "the newest first, each once");
    assert!(fixture.find(&AuditQuery { limit: 0, ..all() }).await.is_empty());
    assert!(fixture.find(&AuditQuery { before: Some(0), ..all() }).await.is_empty());
    assert_eq!(fixture.find(&AuditQuery { before: Some(u64::MAX), ..all() }).await.len(), 50);
}

pub(super) async fn seals_records(fixture: &StoreFixture) {
    assert_eq!(fixture.sealed().await, None, "empty log");
    let mut earlier = Vec::new();
    for second in 0..5 {
        fixture.append(vec![event(EventKind::Logout, second); 3]).await;
        let sealed = fixture.sealed().await.expect("a checkpoint");
        assert_eq!(fixture.store.seal().await.expect("a result").as_ref(), Some(&sealed));
        let latest = fixture.store.checkpoint().await.expect("a result");
        assert_eq!(latest.as_ref(), Some(&sealed));
        earlier.push(sealed);
    }
    let sizes: Vec<_> = earlier.iter().map(Checkpoint::size).collect();
    assert_eq!(sizes, [3, 6, 9, 12, 15]);
    for checkpoint in &earlier {
        let verification = fixture.store.verify(Some(checkpoint)).await.expect("a result");
        assert!(verification.is_intact(), "since {checkpoint:?}: {:?}", verification.faults());
    }
    assert!(fixture.store.log_health().is_ok());
}

pub(super) async fn seals_more_than_a_batch(fixture: &StoreFixture) {
    for second in 0..11 {
        fixture.append(vec![event(EventKind::Logout, second); 250]).await;
    }
    fixture.sealed().await;
}

pub(super) async fn proves_each_record(fixture: &StoreFixture) {
    for count in 1..=9 {
        let records = fixture.append(vec![event(EventKind::Logout, count); 3]).await;
        let sealed = fixture.sealed().await.expect("a checkpoint");
        for record in records {
            let proof = fixture.store.prove(record.sequence).await.expect("a result");
            let proof = proof.expect("a proof");
            assert_eq!(proof.record(), &record);
            assert!(proof.leaf_index() < sealed.size());
            assert_eq!(InclusionProof::from_json(&proof.to_json()).as_ref(), Ok(&proof));
        }
    }
    for unknown in [0, u64::MAX] {
        assert_eq!(fixture.store.prove(unknown).await.expect("a result"), None);
    }
}

/// A sealer that runs beside operations and other sealers skips no record, and seals none twice.
pub(super) async fn concurrent_sealers_seal_each_record_once(fixture: &StoreFixture) {
    let appended = concurrently(60, |task| {
        let store = Arc::clone(&fixture.store);
        async move {
            if task % 3 == 0 {
                store.seal().await.expect("a checkpoint");
                return 0;
            }
            store.append(vec![event(EventKind::Logout, 0); 2]).await.expect("a result").len()
        }
    });
    let appended: usize = appended.await.into_iter().sum();
    assert_eq!(fixture.new_records().await.len(), appended);
    fixture.sealed().await;
}

/// Both keys end the log of the old one. Repeating it returns the same checkpoint.
pub(super) async fn replaced_key_ends_its_log(fixture: &StoreFixture) {
    let store = &fixture.store;
    fixture.append(vec![event(EventKind::Logout, 0); 3]).await;
    let sealed = fixture.sealed().await.expect("a checkpoint");
    // The suite does not know the store's key.
    let name = sealed.note().lines().next().expect("the name of the log");
    let new = AuditKey::generate(name).expect("a key");
    fixture.append(vec![event(EventKind::Logout, 1); 2]).await;
    let ended = match store.replace_key(&new, &at(2)).await {
        // A store may not have it.
        Err(StoreError::Unavailable(_)) => return drop(fixture.sealed().await),
        ended => ended.expect("a checkpoint"),
    };
    fixture.is_key_replaced.store(true, Ordering::Relaxed);
    assert_eq!(fixture.new_kinds().await, [EventKind::KeyReplaced]);
    assert_eq!(ended.size(), 6, "all records, and that of the replacement");
    assert_eq!(Checkpoint::verify(ended.note(), new.verifier_key()).as_ref(), Ok(&ended));
    let signatures = ended.note().lines().filter(|line| line.starts_with('\u{2014}')).count();
    assert_eq!(signatures, 2);
    let sealed = store.seal().await;
    let is_other = matches!(sealed, Err(StoreError::Log(LogConflict::OtherKey { .. })));
    assert!(is_other, "{sealed:?}");
    for _ in 0..2 {
        let repeated = store.replace_key(&new, &at(3)).await.expect("a checkpoint");
        assert_eq!(repeated, ended);
    }
    assert_eq!(fixture.new_kinds().await, []);
    let third = AuditKey::generate(name).expect("a key");
    let replaced = store.replace_key(&third, &at(3)).await;
    let is_other = matches!(replaced, Err(StoreError::Log(LogConflict::OtherKey { .. })));
    assert!(is_other, "{replaced:?}");
}

pub(super) async fn concurrent_events_are_recorded(fixture: &StoreFixture) {
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
        let is_ascending = records.is_sorted_by(|one, next| one.sequence < next.sequence);
        assert!(is_ascending, "the events of a change are in order");
        returned.extend(records);
    }
    returned.sort_by_key(|record| record.sequence);
    assert_eq!(returned, fixture.new_records().await, "each caller gets its own records");
    assert_eq!(returned.len(), 34 * 2 + 33 + 33 * 2);
}
