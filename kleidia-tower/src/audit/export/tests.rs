//! Exports of a store in memory.

use super::*;
use crate::audit::tree::{LogTree, leaf_hash};
use crate::audit::{
    AuditEvent, AuditIdentity, AuditKey, AuditedRequest, Checkpoint, EventKind, Outcome,
};
use crate::store::{MemoryStore, StoreError};
use crate::{ClientInfo, SessionId, Timestamp, UserAgent, UserId};

fn event(number: i64) -> AuditEvent {
    AuditEvent {
        at: Timestamp::constant(1_795_370_580, 0),
        kind: EventKind::PermissionDenied,
        outcome: Outcome::Failure,
        user: Some(AuditIdentity { id: Some(UserId::new(number)), name: "zoë \"z\"".to_owned() }),
        actor: None,
        session: Some(SessionId::new(3)),
        client: ClientInfo {
            address: "192.0.2.1".parse().ok(),
            user_agent: Some(UserAgent::new("Agent/1")),
        },
        request: Some(AuditedRequest::new("DELETE", Some("/users/{id}"))),
        reason: None,
    }
}

/// Creates a log of so many records. Returns its checkpoints of all sizes from 1 on.
async fn log(key: &AuditKey, size: i64) -> (MemoryStore, Vec<Checkpoint>) {
    let store = MemoryStore::with_audit_key(key.clone());
    let mut checkpoints = Vec::new();
    for number in 0..size {
        store.append(vec![event(number)]).await.unwrap();
        checkpoints.push(store.checkpoint().await.unwrap().unwrap());
    }
    (store, checkpoints)
}

async fn exported(store: &MemoryStore, from: u64, to: u64) -> Vec<u8> {
    let mut output = Vec::new();
    assert_eq!(export(store, Some(from), Some(to), &mut output).await.unwrap(), from..to);
    output
}

fn verify(export: &[u8], key: &AuditKey, since: Option<&Checkpoint>) -> Result<(), ExportError> {
    let since: Vec<_> = since.into_iter().map(Checkpoint::signed_root).collect();
    ExportReader::new(export, key.verifier_key())?.verify(&since).map(drop)
}

#[tokio::test]
async fn every_altered_byte_is_rejected() {
    let key = AuditKey::generate("log").unwrap();
    let (store, _) = log(&key, 5).await;
    let export = exported(&store, 1, 4).await;
    verify(&export, &key, None).unwrap();
    for position in 0..export.len() {
        for mask in [1, 0x20, 0x80] {
            let mut altered = export.clone();
            altered[position] ^= mask;
            assert!(verify(&altered, &key, None).is_err(), "octet {position}, mask {mask}");
        }
        let shorter = &export[..position];
        assert!(verify(shorter, &key, None).is_err(), "the first {position} octets");
    }
    let other = AuditKey::generate("log").unwrap();
    assert!(matches!(verify(&export, &other, None), Err(ExportError::Checkpoint(_))));
}

#[tokio::test]
async fn missing_and_reordered_records_are_rejected() {
    let key = AuditKey::generate("log").unwrap();
    let (store, _) = log(&key, 6).await;
    let export = String::from_utf8(exported(&store, 0, 6).await).unwrap();
    let lines: Vec<_> = export.split_inclusive('\n').collect();
    let error = |order: &[usize]| {
        let lines: String = order.iter().map(|line| lines[*line]).collect();
        verify(lines.as_bytes(), &key, None).unwrap_err().to_string()
    };
    let [next, end] = ["expected leaf 1 in the export, found leaf", "the export ends before leaf"];
    assert_eq!(error(&[0, 1, 3, 4, 5, 6]), format!("{next} 2"));
    assert_eq!(error(&[0, 1, 1, 2, 3, 4, 5, 6]), format!("{next} 0"));
    assert_eq!(error(&[0, 1, 2, 3, 4, 5]), format!("{end} 5"));
    assert_eq!(error(&[0]), format!("{end} 0"));
    assert_eq!(error(&[0, 1, 2, 3, 4, 5, 6, 6]), "line 8 of the export is malformed");
    assert_eq!(error(&[1]), "line 1 of the export is malformed");
    assert_eq!(error(&[]), "line 1 of the export is malformed");
    // A record of the same log at the place of another one.
    let swapped = lines[3].replace("\"leaf_index\":2", "\"leaf_index\":1");
    let swapped = [lines[0], lines[1], &swapped].concat();
    let error = verify(swapped.as_bytes(), &key, None).unwrap_err();
    assert!(matches!(error, ExportError::Proof { leaf_index: 1, .. }), "{error:?}");
    // A range that the file does not have.
    let longer = export.replacen("\"to\":6", "\"to\":7", 1);
    let error = verify(longer.as_bytes(), &key, None).unwrap_err();
    assert!(matches!(error, ExportError::OutOfRange { to: 7, end: 6, .. }), "{error:?}");
}

/// Also where the log is not a complete tree, and for each range.
#[tokio::test]
async fn export_continues_the_checkpoints_of_its_records() {
    let key = AuditKey::generate("log").unwrap();
    let (store, checkpoints) = log(&key, 21).await;
    let forged = |size| Checkpoint::sign(size, [7; 32], &[&key]).unwrap();
    for (from, to) in [(0, 21), (0, 1), (20, 21), (3, 17), (8, 16), (15, 19)] {
        let export = exported(&store, from, to).await;
        for checkpoint in &checkpoints {
            let size = checkpoint.size();
            let [verified, rejected] =
                [checkpoint, &forged(size)].map(|since| verify(&export, &key, Some(since)).err());
            if from < size && size <= to {
                assert!(verified.is_none(), "{size} in {from}..{to}: {verified:?}");
                let is_rejected = matches!(rejected, Some(ExportError::Inconsistent { .. }));
                assert!(is_rejected, "{rejected:?}");
            } else {
                assert!(matches!(verified, Some(ExportError::OutOfRange { .. })), "{verified:?}");
            }
        }
    }
}

#[tokio::test]
async fn root_at_a_leaf_is_that_of_the_log_which_ends_there() {
    let key = AuditKey::generate("log").unwrap();
    let (store, checkpoints) = log(&key, 70).await;
    let checkpoint = checkpoints.last().unwrap();
    let mut tree = LogTree::default();
    for proof in store.prove_leaves(checkpoint, 0, 70).await.unwrap() {
        assert_eq!(proof.root_before_leaf(checkpoint), tree.root(), "{}", tree.size());
        tree.push(leaf_hash(&proof.record().leaf()));
        assert_eq!(proof.root_at_leaf(checkpoint), tree.root(), "{}", tree.size());
    }
}

fn verified(export: &[u8], key: &AuditKey) -> VerifiedExport {
    ExportReader::new(export, key.verifier_key()).unwrap().verify(&[]).unwrap()
}

/// Exports of different sizes of the log, whose checkpoints differ.
#[tokio::test]
async fn exports_are_joined_without_gaps() {
    let key = AuditKey::generate("log").unwrap();
    let (store, _) = log(&key, 13).await;
    let early = exported(&store, 0, 5).await;
    for number in 13..21 {
        store.append(vec![event(number)]).await.unwrap();
    }
    let (middle, late) = (exported(&store, 5, 6).await, exported(&store, 6, 21).await);
    let [early, middle, late] = [&early, &middle, &late].map(|export| verified(export, &key));
    let joined = early.clone().join(&middle).unwrap().join(&late).unwrap();
    assert_eq!(joined.leaves(), 0..21);
    let gap = early.clone().join(&late).unwrap_err();
    assert!(matches!(gap, ExportError::Gap { expected: 5, found: 6 }), "{gap:?}");
    let overlap = early.clone().join(&early).unwrap_err();
    assert!(matches!(overlap, ExportError::Gap { expected: 5, found: 0 }), "{overlap:?}");
    // Another log of the same key, as after the restoration of a backup.
    let other = MemoryStore::with_audit_key(key.clone());
    for number in [0, 1, 2, 3, 7, 5, 6] {
        other.append(vec![event(number)]).await.unwrap();
    }
    let other = verified(&exported(&other, 5, 7).await, &key);
    let rejected = early.join(&other).unwrap_err();
    assert!(matches!(rejected, ExportError::OtherLog { leaf_index: 5 }), "{rejected:?}");
}

#[tokio::test]
async fn recent_records_are_not_detached() {
    let key = AuditKey::generate("log").unwrap();
    let (store, _) = log(&key, 3).await;
    let export = exported(&store, 0, 3).await;
    let now = event(0).at + Detachment::MIN_AGE - std::time::Duration::from_secs(1);
    let export = std::io::Cursor::new(export);
    let error = detach(&store, export, key.verifier_key(), None, now).await.unwrap_err();
    assert!(matches!(error, ExportError::TooRecent { leaf_index: 0, .. }), "{error:?}");
}

#[tokio::test]
async fn ranges_that_are_not_sealed_are_rejected() {
    let key = AuditKey::generate("log").unwrap();
    let (store, _) = log(&key, 3).await;
    for (from, to) in [(Some(3), None), (Some(1), Some(1)), (Some(2), Some(1)), (None, Some(4))] {
        let exported = export(&store, from, to, &mut Vec::new()).await;
        assert!(matches!(exported, Err(ExportError::OutOfRange { .. })), "{exported:?}");
    }
    let empty = MemoryStore::with_audit_key(key.clone());
    let exported = export(&empty, None, None, &mut Vec::new()).await;
    assert!(matches!(exported, Err(ExportError::OutOfRange { .. })), "{exported:?}");
}

/// A store of one's own need not be able to detach.
#[tokio::test]
async fn memory_store_keeps_its_records() {
    let key = AuditKey::generate("log").unwrap();
    let (store, _) = log(&key, 3).await;
    let export = std::io::Cursor::new(exported(&store, 0, 2).await);
    let now = event(0).at + Detachment::MIN_AGE;
    let error = detach(&store, export, key.verifier_key(), None, now).await.unwrap_err();
    assert!(matches!(error, ExportError::Store(StoreError::Unavailable(_))), "{error:?}");
    assert!(store.verify(None).await.unwrap().is_intact());
}
