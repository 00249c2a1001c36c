//! The repair of an audit log, by the statements in `docs/deployment.md`.

use std::sync::Arc;

use kleidia_tower::audit::{AuditQuery, AuditStore as _, Checkpoint};

use crate::numbered::{audit_key, create, verified_size};
use crate::tampering::{TamperedDatabase, TamperedLog};

/// What the service's role can insert and alter: a checkpoint's size, a leaf, a hash, a record that
/// waits to be sealed, and sealed and missing ones that do.
const INSERT: &str = "UPDATE audit_checkpoints SET size = size + 9; \
    INSERT INTO audit_leaves VALUES (5, 999); \
    INSERT INTO audit_hashes SELECT 8, hash FROM audit_hashes WHERE position = 0; \
    INSERT INTO audit SELECT 9, at, kind, outcome, user_id, user_name, actor_id, actor_name, \
        session, ip, user_agent, method, route, reason, mac FROM audit WHERE sequence = 5; \
    INSERT INTO audit_unsealed VALUES (9); INSERT INTO audit_unsealed VALUES (3); \
    INSERT INTO audit_unsealed VALUES (500)";

/// Returns the documented statements from the one with this start on, for a log that has the size of
/// the checkpoint, with the records 3 and 9.
pub(crate) fn documented_repair(start: &str, checkpoint: &Checkpoint) -> String {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deployment.md");
    let document = std::fs::read_to_string(document).unwrap();
    let statements = document.split_once(start).unwrap().1;
    let statements = statements.split_once("COMMIT;").unwrap().0;
    let size = checkpoint.size();
    let position = format!("2 * {size} - {}", size.count_ones());
    let statements = statements.replace("2 * 1234 - 5", &position);
    let statements = statements.replace("1234", &size.to_string()).replace("(77, 78)", "(3, 9)");
    format!("{start}{statements}COMMIT;")
}

async fn repaired<D: TamperedDatabase>(tampering: &str, checkpoint: usize) {
    let log = TamperedLog::<D>::new().await;
    create(&*log.store, "dave").await;
    log.database.tamper(tampering).await;
    let node = log.database.open(audit_key().into()).await;
    assert!(!node.verify(None).await.unwrap().is_intact());
    log.database.repair(&log.checkpoints[checkpoint]).await;
    // Of the nodes, none has known more.
    let node: Arc<D::Store> = log.database.open(audit_key().into()).await;
    assert_eq!(verified_size(&*node).await, 6);
    let records = node.records(&AuditQuery::default()).await.unwrap();
    let records: Vec<_> = records.iter().map(|record| record.sequence).collect();
    assert_eq!(records, [6, 5, 4, 3, 2, 1]);
    create(&*node, "erin").await;
    assert_eq!(verified_size(&*node).await, 7);
}

pub(crate) async fn repair_removes_what_was_inserted<D: TamperedDatabase>() {
    let log = TamperedLog::<D>::tampered(INSERT).await;
    create(&*log.store, "dave").await;
    assert!(log.store.seal().await.is_err());
    repaired::<D>(INSERT, 1).await;
}

/// After the restoration of a backup or of an older checkpoint file, some leaves follow it.
pub(crate) async fn repair_queues_records_without_a_leaf<D: TamperedDatabase>() {
    repaired::<D>(&format!("{INSERT}; DELETE FROM audit_unsealed WHERE record = 6"), 0).await;
}
