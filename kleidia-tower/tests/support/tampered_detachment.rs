//! Changes by a writer to the database to what says which records are detached.

use std::sync::Arc;

use kleidia_tower::audit::{self, AuditStore as _, CheckpointError, LogFault};
use kleidia_tower::store::StoreError;

use crate::detaching::{append, detach, exported, verified_leaves};
use crate::numbered::{audit_key, create};
use crate::tampering::{TamperedDatabase, TamperedLog};

/// A log of 5 records of which 2 and then 3 are detached, and the note of the first detachment.
async fn detached_log<D: TamperedDatabase>() -> (TamperedLog<D>, String) {
    let log = TamperedLog::<D>::new().await;
    let export = exported(&*log.store).await;
    detach(&*log.store, &export, 2).await.unwrap();
    let note = log.store.detachment().await.unwrap().unwrap().note().to_owned();
    detach(&*log.store, &export, 3).await.unwrap();
    (log, note)
}

fn origin_mismatch() -> CheckpointError {
    let (expected, found) = ("tests/detached".to_owned(), "tests".to_owned());
    CheckpointError::OriginMismatch { expected, found }
}

/// Only the holder of the key detaches.
pub(crate) async fn altered_detachment_is_a_fault<D: TamperedDatabase>() {
    let hashes = LogFault::DetachedHashes { size: 3 };
    let size = |size, signed| LogFault::DetachedSize { size, signed };
    let missing = |leaf_index| LogFault::MissingLeaf { leaf_index };
    for (statements, expected) in [
        ("UPDATE audit_detached SET size = 4", vec![size(4, 3)]),
        ("UPDATE audit_detached SET size = 2", vec![size(2, 3)]),
        ("DELETE FROM audit_detached", vec![missing(0), missing(1), missing(2)]),
        ("UPDATE audit_detached SET note = NULL", vec![size(3, 0), missing(0)]),
        ("UPDATE audit_detached SET note = '{earlier}'", vec![size(3, 2), missing(2)]),
        ("UPDATE audit_detached SET size = 2, note = '{earlier}'", vec![missing(2)]),
        (
            "UPDATE audit_detached SET note = (SELECT max(note) FROM audit_checkpoints)",
            vec![LogFault::Detachment(origin_mismatch()), size(3, 0), missing(0)],
        ),
        (
            "UPDATE audit_detached SET note = replace(note, '\ndetached 3', '\ndetached 1')",
            vec![LogFault::Detachment(CheckpointError::InvalidSignature), size(3, 0), missing(0)],
        ),
        (
            "UPDATE audit_detached SET note = replace(note, '/detached', '/attached')",
            vec![LogFault::Detachment(CheckpointError::InvalidSignature), size(3, 0), missing(0)],
        ),
        // As by the command, but without the signature.
        (
            "UPDATE audit_detached SET size = 4; DELETE FROM audit WHERE sequence = 4; \
             DELETE FROM audit_leaves WHERE leaf = 3",
            vec![size(4, 3), missing(3)],
        ),
        (
            "UPDATE audit_hashes SET hash = (SELECT hash FROM audit_hashes WHERE position = 3) \
          WHERE position = 2",
            vec![hashes.clone()],
        ),
        ("DELETE FROM audit_hashes WHERE position = 2", vec![hashes.clone()]),
        (
            "INSERT INTO audit SELECT 9, at, kind, outcome, user_id, user_name, actor_id, \
             actor_name, session, ip, user_agent, method, route, reason, mac FROM audit \
             WHERE sequence = 5; INSERT INTO audit_leaves VALUES (1, 9)",
            vec![LogFault::Inserted { record: 9 }, LogFault::SurplusLeaf { leaf_index: 1 }],
        ),
    ] {
        let (log, earlier) = detached_log::<D>().await;
        assert_eq!(verified_leaves(&*log.store).await, (3, 5));
        log.database.tamper(&statements.replace("{earlier}", &earlier)).await;
        let keys = [audit_key().into(), audit_key().verifier_key().clone().into()];
        for key in keys {
            let store: Arc<D::Store> = log.database.open(key).await;
            let found = store.verify(None).await.unwrap();
            for fault in &expected {
                assert!(found.faults().contains(fault), "{statements}: {:?}", found.faults());
            }
        }
    }
}

/// The first `detached` records are in the table `copy`, and then detached. One of them is inserted
/// again.
async fn insert_again<D: TamperedDatabase>(log: &TamperedLog<D>, detached: u64, record: u64) {
    log.database.tamper("CREATE TABLE copy AS SELECT * FROM audit").await;
    let export = exported(&*log.store).await;
    assert_eq!(detach(&*log.store, &export, detached).await.unwrap(), detached);
    let insert = format!(
        "INSERT INTO audit SELECT * FROM copy WHERE sequence = {record}; \
         INSERT INTO audit_unsealed VALUES ({record})"
    );
    log.database.tamper(&insert).await;
}

/// Their leaves are gone, but the key has signed their largest number. Other records are sealed.
pub(crate) async fn detached_record_is_not_sealed_again<D: TamperedDatabase>() {
    let log = TamperedLog::<D>::new().await;
    insert_again(&log, 5, 2).await;
    create(&*log.store, "dave").await;
    for _ in 0..2 {
        let sealed = log.store.seal().await;
        assert!(matches!(sealed, Err(StoreError::Corrupt("audit record"))), "{sealed:?}");
        let verification = log.store.verify(None).await.unwrap();
        assert_eq!(verification.faults(), [LogFault::SealedTwice { record: 2 }]);
        assert_eq!(verification.checkpoint().map(audit::Checkpoint::size), Some(6));
    }
    log.database.tamper("DELETE FROM audit_unsealed").await;
    let verification = log.store.verify(None).await.unwrap();
    assert_eq!(verification.faults(), [LogFault::Inserted { record: 2 }]);
}

/// The owner of the tables puts an earlier detachment in the place of the last one, of which the key
/// has signed both, so that the number of a detached record seems to be a new one.
pub(crate) async fn earlier_detachment_is_not_accepted<D: TamperedDatabase>() {
    let log = TamperedLog::<D>::new().await;
    let export = exported(&*log.store).await;
    assert_eq!(detach(&*log.store, &export, 2).await.unwrap(), 2);
    let earlier = log.store.detachment().await.unwrap().unwrap();
    assert_eq!((earlier.size(), earlier.last_record()), (2, 2));
    insert_again(&log, 4, 3).await;
    let later = log.store.detachment().await.unwrap().unwrap();
    // The first checkpoint after it has the number, too.
    log.database.tamper("DELETE FROM audit_unsealed").await;
    append(&*log.store, 1).await;
    let forged = later.note().replace("\ndetached 4", "\ndetached 2");
    for (note, last_record) in [
        (format!("size = 2, note = '{}'", earlier.note()), 2),
        (format!("size = 4, note = '{forged}'"), 0),
        ("size = 0, note = NULL".to_owned(), 0),
    ] {
        let replace = format!("UPDATE audit_detached SET {note}");
        log.database.tamper(&format!("{replace}; INSERT INTO audit_unsealed VALUES (3)")).await;
        let node = log.database.open(audit_key().into()).await;
        let sealed = node.seal().await;
        assert!(matches!(sealed, Err(StoreError::Corrupt(_))), "{note}: {sealed:?}");
        let found = node.verify(None).await.unwrap();
        let fault = LogFault::EarlierDetachment { last_record, expected: 4 };
        assert!(found.faults().contains(&fault), "{note}: {:?}", found.faults());
        assert_eq!(found.checkpoint().map(audit::Checkpoint::size), Some(6));
        log.database.tamper("DELETE FROM audit_unsealed").await;
    }
}
