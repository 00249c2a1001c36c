//! Detached records of the audit log.

use kleidia_tower::audit::AuditStore as _;

use crate::detaching::{detach, detaching_tests, exported};
use crate::fixture::{TempDatabase, create, verified_size};

detaching_tests! {
    TempDatabase, detaching:
    log_goes_on_after_detaching
    interrupted_detaching_is_resumed
    verification_while_detaching
    detaching_needs_an_export_of_this_log
    recent_records_are_not_detached
    unsealed_record_is_not_passed_over
    detaching_process_remembers_the_checkpoint
    replaced_key_signs_what_is_detached
}

detaching_tests! {
    TempDatabase, tampered_detachment:
    altered_detachment_is_a_fault
    detached_record_is_not_sealed_again
    earlier_detachment_is_not_accepted
}

/// A process with the file can write to it, but only in the way of the command.
#[tokio::test]
async fn triggers_protect_what_is_not_detached() {
    let database = TempDatabase::new();
    let store = database.open().await;
    for name in ["alice", "bob", "carol"] {
        create(&store, name).await;
    }
    assert_eq!(verified_size(&store).await, 3);
    assert_eq!(detach(&store, &exported(&store).await, 2).await.unwrap(), 2);
    let mut connection = database.connect().await;
    for statement in [
        "DELETE FROM audit",
        "DELETE FROM audit_leaves",
        "DELETE FROM audit_hashes WHERE position > 2",
        "DELETE FROM audit_detached",
        "UPDATE audit_detached SET size = 1",
        "UPDATE audit_detached SET size = 3",
        "UPDATE audit_detached SET size = 3, next_position = 9, note = NULL",
        "UPDATE OR REPLACE audit_detached SET size = 2",
        "REPLACE INTO audit_detached VALUES (1, 3, 9, 'a note')",
        "INSERT INTO audit_detached VALUES (2, 3, 9, 'a note')",
        "INSERT INTO audit_leaves VALUES (1, 99)",
        "INSERT INTO audit_hashes VALUES (0, zeroblob(32))",
    ] {
        let result = sqlx::query(statement).execute(&mut connection).await;
        assert!(result.is_err(), "{statement}");
    }
    assert_eq!(store.verify(None).await.unwrap().first_leaf(), 2);
    assert_eq!(verified_size(&store).await, 3);
}
