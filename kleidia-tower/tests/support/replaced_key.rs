//! Audit logs whose key is replaced.

use kleidia_tower::audit::{
    AuditKey, AuditKeyError, AuditQuery, AuditStore as _, Checkpoint, EventKind, LogConflict,
    LogFault, LogKey,
};
use kleidia_tower::store::{OpenError, StoreError};

use crate::numbered::{at, create, verified};
use crate::tampering::TamperedDatabase;

pub(crate) async fn replaced_key_ends_its_log<D: TamperedDatabase>() {
    let (database, folder) = (D::new(), tempfile::tempdir().unwrap());
    let [old_path, new_path] = ["old", "new"].map(|name| folder.path().join(name));
    let old = AuditKey::create(old_path).unwrap();
    let store = database.open(old.clone().into()).await;
    create(&*store, "alice").await;
    let earlier = verified(&*store).await.unwrap();
    create(&*store, "bob").await;
    let new = AuditKey::open_or_create_successor(&new_path, old.verifier_key()).unwrap();
    assert_ne!(new.verifier_key(), old.verifier_key());
    let last = store.replace_key(&new, &at(1)).await.unwrap();
    assert_eq!(last.size(), 3, "of two accounts, and of the replacement");
    for key in [&old, &new] {
        assert_eq!(Checkpoint::verify(last.note(), key.verifier_key()).unwrap(), last);
    }
    // A node that still runs with the old key signs nothing.
    let rejected = store.seal().await;
    let is_other = matches!(rejected, Err(StoreError::Log(LogConflict::OtherKey { .. })));
    assert!(is_other, "{rejected:?}");
    let opened = database.try_open(old.clone().into()).await;
    assert!(matches!(opened, Err(OpenError::Log(LogConflict::OtherKey { .. }))));

    new.accept(Some(&last)).unwrap();
    let store = database.open(AuditKey::open(&new_path).unwrap().into()).await;
    create(&*store, "carol").await;
    assert_eq!(verified(&*store).await.unwrap().size(), 4);
    for since in [&earlier, &last] {
        assert!(store.verify(Some(since)).await.unwrap().is_intact());
    }
    let kind = Some(EventKind::KeyReplaced);
    let records = store.records(&AuditQuery { kind, ..AuditQuery::default() }).await.unwrap();
    assert_eq!(records.iter().map(|record| record.sequence).collect::<Vec<_>>(), [3]);
    // The new key cannot authenticate the records of the old one, and names the altered ones alone.
    for record in [1, 4] {
        let alter = format!("UPDATE audit SET reason = 'another' WHERE sequence = {record}");
        database.tamper(&alter).await;
        let inspected = database.open(LogKey::Inspect(new.clone())).await;
        let faults = inspected.verify(None).await.unwrap();
        assert!(faults.faults().contains(&LogFault::Altered { record }), "{faults:?}");
        assert_eq!(faults.fault_count(), if record == 1 { 1 } else { 2 }, "{faults:?}");
    }
}

pub(crate) async fn lost_key_is_replaced<D: TamperedDatabase>() {
    let (database, folder) = (D::new(), tempfile::tempdir().unwrap());
    let old = AuditKey::generate("lost").unwrap();
    let store = database.open(old.clone().into()).await;
    create(&*store, "alice").await;
    verified(&*store).await;
    create(&*store, "bob").await;
    drop(store);
    let old = old.verifier_key();
    let other = folder.path().join("other");
    AuditKey::create(&other).unwrap();
    let other = AuditKey::open_or_create_successor(other, old);
    assert!(matches!(other, Err(AuditKeyError::OtherName { .. })), "{other:?}");
    let path = folder.path().join("new");
    let new = AuditKey::open_or_create_successor(&path, old).unwrap();
    let store = database.open(LogKey::Verify(old.clone())).await;
    let last = store.replace_key(&new, &at(1)).await.unwrap();
    assert_eq!(last.size(), 3, "also the record that was not sealed");
    assert!(Checkpoint::verify(last.note(), old).is_err());
    new.accept(Some(&last)).unwrap();
    let store = database.open(AuditKey::open(&path).unwrap().into()).await;
    create(&*store, "carol").await;
    assert_eq!(verified(&*store).await.unwrap().size(), 4);
}
