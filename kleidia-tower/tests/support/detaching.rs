//! Export of sealed records, and their deletion from a store by detaching them.

use std::fs;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::time::Duration;

use kleidia_tower::Timestamp;
use kleidia_tower::audit::{
    self, AuditEvent, AuditKey, AuditKeyFiles, AuditQuery, AuditStore as _, Detachment, EventKind,
    ExportError, InclusionProof, LogFault, Outcome,
};
use kleidia_tower::store::{Store, StoreError};

use crate::numbered::{NOW, at, audit_key, create, verified, verified_size};
use crate::tampering::{TamperedDatabase, TamperedLog};

/// When the records of the tests are old enough.
fn later() -> Timestamp {
    NOW + Detachment::MIN_AGE
}

/// Appends records, and seals them.
pub(crate) async fn append(store: &(impl Store + ?Sized), count: usize) {
    append_unsealed(store, count).await;
    store.seal().await.unwrap();
}

async fn append_unsealed(store: &(impl Store + ?Sized), count: usize) {
    let event = AuditEvent {
        at: NOW,
        kind: EventKind::Logout,
        outcome: Outcome::Success,
        user: None,
        actor: None,
        session: None,
        client: kleidia_tower::ClientInfo::default(),
        request: None,
        reason: None,
    };
    store.append(vec![event; count]).await.unwrap();
}

/// Exports all records that are in the store.
pub(crate) async fn exported(store: &(impl Store + ?Sized)) -> Vec<u8> {
    let mut output = Vec::new();
    audit::export(store, None, None, &mut output).await.unwrap();
    output
}

pub(crate) async fn detach(
    store: &(impl Store + ?Sized),
    export: &[u8],
    to: u64,
) -> Result<u64, ExportError> {
    detach_at(store, export, to, later()).await
}

async fn detach_at(
    store: &(impl Store + ?Sized),
    export: &[u8],
    to: u64,
    now: Timestamp,
) -> Result<u64, ExportError> {
    audit::detach(store, Cursor::new(export), audit_key().verifier_key(), Some(to), now).await
}

/// Verifies the log. Returns the first leaf, and the size.
pub(crate) async fn verified_leaves(store: &(impl Store + ?Sized)) -> (u64, u64) {
    let verification = store.verify(None).await.unwrap();
    assert!(verification.is_intact(), "{:?}", verification.faults());
    (verification.first_leaf(), verification.checkpoint().map_or(0, audit::Checkpoint::size))
}

async fn sequences(store: &(impl Store + ?Sized)) -> Vec<u64> {
    let records = store.records(&AuditQuery::default()).await.unwrap();
    records.into_iter().map(|record| record.sequence).rev().collect()
}

/// At each size: the tree over what is left is the same, and proofs of what is left lead to it.
pub(crate) async fn log_goes_on_after_detaching<D: TamperedDatabase>() {
    let TamperedLog { database, store, checkpoints: [earlier, later] } =
        TamperedLog::<D>::new().await;
    append(&*store, 8).await;
    let export = exported(&*store).await;
    for detached in 1..=13 {
        assert_eq!(detach(&*store, &export, detached).await.unwrap(), detached);
        append(&*store, 1).await;
        let size = 13 + detached;
        assert_eq!(verified_leaves(&*store).await, (detached, size));
        let another = database.open(audit_key().into()).await;
        assert_eq!(verified_leaves(&*another).await, (detached, size));
        assert_eq!(sequences(&*store).await, (detached + 1..=size).collect::<Vec<_>>());
        for record in 1..=size {
            let proof = store.prove(record).await.unwrap();
            assert_eq!(proof.is_some(), record > detached, "{record}");
            let checked = proof.as_ref().map(|proof| proof.check(audit_key().verifier_key()));
            assert!(checked.is_none_or(|checked| checked.is_ok()), "{record}");
        }
    }
    // Checkpoints of before are compared with the export.
    let since = store.verify(Some(&later)).await.unwrap();
    assert_eq!(since.faults(), [LogFault::SinceDetached { size: 5, detached: 13 }]);
    for since in [earlier, later] {
        let reader = audit::ExportReader::new(&export[..], audit_key().verifier_key()).unwrap();
        reader.verify(&[since.signed_root()]).unwrap();
    }
    // All of it, and on from there.
    let rest = exported(&*store).await;
    assert_eq!(detach(&*store, &rest, 26).await.unwrap(), 26);
    assert_eq!(verified_leaves(&*store).await, (26, 26));
    assert!(sequences(&*store).await.is_empty());
    create(&*store, "dave").await;
    let checkpoint = verified(&*store).await.unwrap();
    assert_eq!(store.verify(Some(&checkpoint)).await.unwrap().first_leaf(), 26);
    assert_eq!(sequences(&*store).await, [27]);
}

/// A file that cannot be read any more after so many octets.
struct FailingFile<'a>(Cursor<&'a [u8]>, usize);

impl Read for FailingFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.1);
        if length == 0 {
            return Err(io::Error::other("injected error"));
        }
        self.1 -= length;
        self.0.read(&mut buffer[..length])
    }
}

impl Seek for FailingFile<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.0.seek(position)
    }
}

/// In batches of 1,000; the second call continues where the first one failed.
pub(crate) async fn interrupted_detaching_is_resumed<D: TamperedDatabase>() {
    let database = D::new();
    let store = database.open(audit_key().into()).await;
    append(&*store, 3500).await;
    let export = exported(&*store).await;
    // The export is read once before anything is deleted, and fails in the second of 4 batches.
    let file = FailingFile(Cursor::new(&export[..]), export.len() + export.len() * 2 / 5);
    let key = audit_key();
    let interrupted =
        audit::detach(&*store, BufReader::new(file), key.verifier_key(), Some(3300), later()).await;
    assert!(matches!(interrupted, Err(ExportError::Io(_))), "{interrupted:?}");
    assert_eq!(verified_leaves(&*store).await, (1000, 3500));
    assert_eq!(detach(&*store, &export, 3300).await.unwrap(), 3300);
    assert_eq!(detach(&*store, &export, 3300).await.unwrap(), 3300);
    assert_eq!(verified_leaves(&*store).await, (3300, 3500));
}

/// Verification that runs meanwhile does not take detached leaves for removed ones.
pub(crate) async fn verification_while_detaching<D: TamperedDatabase>() {
    let database = D::new();
    let store = database.open(audit_key().into()).await;
    append(&*store, 4200).await;
    let export = exported(&*store).await;
    let (detached, (_, size)) =
        tokio::join!(detach(&*store, &export, 4100), verified_leaves(&*store));
    assert_eq!((detached.unwrap(), size), (4100, 4200));
    assert_eq!(verified_leaves(&*store).await, (4100, 4200));
}

/// Nothing is deleted that the export does not have, exactly as it is in the store.
pub(crate) async fn detaching_needs_an_export_of_this_log<D: TamperedDatabase>() {
    let log = TamperedLog::<D>::new().await;
    let export = exported(&*log.store).await;
    let mut altered = export.clone();
    *altered.last_mut().unwrap() = b' ';
    let rejected = detach(&*log.store, &altered, 1).await.unwrap_err();
    assert!(matches!(rejected, ExportError::Malformed { line: 6 }), "{rejected:?}");
    let rejected = detach(&*log.store, &export, 6).await.unwrap_err();
    assert!(matches!(rejected, ExportError::OutOfRange { to: 6, end: 5, .. }), "{rejected:?}");
    let mut part = Vec::new();
    audit::export(&*log.store, Some(2), None, &mut part).await.unwrap();
    let rejected = detach(&*log.store, &part, 5).await.unwrap_err();
    assert!(matches!(rejected, ExportError::OutOfRange { from: 0, first: 2, .. }), "{rejected:?}");
    // Of two logs with the same key, one is not an export of the other.
    let other = TamperedLog::<D>::new().await;
    create(&*other.store, "erin").await;
    verified(&*other.store).await;
    let longer = exported(&*other.store).await;
    let rejected = detach(&*log.store, &longer, 3).await.unwrap_err();
    assert!(matches!(rejected, ExportError::Store(StoreError::Corrupt(_))), "{rejected:?}");
    create(&*log.store, "dave").await;
    verified(&*log.store).await;
    let rejected = detach(&*log.store, &longer, 3).await.unwrap_err();
    assert!(matches!(rejected, ExportError::Store(StoreError::Corrupt(_))), "{rejected:?}");
    let rejected = log.store.detach(&[], later()).await.unwrap_err();
    assert!(matches!(rejected, ExportError::Incomplete { .. }), "{rejected:?}");
    let proof = log.store.prove(2).await.unwrap().unwrap();
    let rejected = log.store.detach(&[proof], later()).await.unwrap_err();
    assert!(matches!(rejected, ExportError::Order { expected: 0, found: 1 }), "{rejected:?}");
    let forged = log.store.prove(1).await.unwrap().unwrap().to_json().replace("alice", "mallory");
    let forged = InclusionProof::from_json(&forged).unwrap();
    let rejected = log.store.detach(&[forged], later()).await.unwrap_err();
    assert!(matches!(rejected, ExportError::Proof { leaf_index: 0, .. }), "{rejected:?}");
    let public = log.database.open(audit_key().verifier_key().clone().into()).await;
    let rejected = detach(&*public, &export, 3).await.unwrap_err();
    assert!(matches!(rejected, ExportError::Store(StoreError::Unavailable(_))), "{rejected:?}");
    assert_eq!(verified_size(&*log.store).await, 6);
    log.database.tamper("UPDATE audit SET reason = 'another' WHERE sequence = 2").await;
    let rejected = detach(&*log.store, &export, 3).await.unwrap_err();
    assert!(matches!(rejected, ExportError::OtherRecord { leaf_index: 1 }), "{rejected:?}");
    assert_eq!(log.store.verify(None).await.unwrap().faults(), [LogFault::Altered { record: 2 }]);
}

/// A transaction that took a smaller number may still commit, and nodes have to compare their
/// checkpoints.
pub(crate) async fn recent_records_are_not_detached<D: TamperedDatabase>() {
    let log = TamperedLog::<D>::new().await;
    let export = exported(&*log.store).await;
    let until = NOW - Duration::from_secs(1);
    let rejected = detach_at(&*log.store, &export, 2, until + Detachment::MIN_AGE).await;
    let is_expected = |error: &ExportError| {
        let ExportError::TooRecent { leaf_index, at, until: found } = error else { return false };
        (*leaf_index, *at, *found) == (0, NOW, until)
    };
    assert!(rejected.as_ref().is_err_and(is_expected), "{rejected:?}");
    let proof = log.store.prove(1).await.unwrap().unwrap();
    let rejected = log.store.detach(&[proof], until + Detachment::MIN_AGE).await;
    assert!(rejected.as_ref().is_err_and(is_expected), "{rejected:?}");
    assert_eq!(verified_leaves(&*log.store).await, (0, 5));
    assert_eq!(detach_at(&*log.store, &export, 2, NOW + Detachment::MIN_AGE).await.unwrap(), 2);
}

/// Otherwise it could never be sealed.
pub(crate) async fn unsealed_record_is_not_passed_over<D: TamperedDatabase>() {
    let database = D::new();
    let store = database.open(audit_key().into()).await;
    append_unsealed(&*store, 5).await;
    database.tamper("DELETE FROM audit_unsealed WHERE record = 2").await;
    store.seal().await.unwrap();
    database.tamper("INSERT INTO audit_unsealed VALUES (2)").await;
    let export = exported(&*store).await;
    assert_eq!(detach(&*store, &export, 1).await.unwrap(), 1);
    let rejected = detach(&*store, &export, 2).await;
    let is_unavailable = matches!(rejected, Err(ExportError::Store(StoreError::Unavailable(_))));
    assert!(is_unavailable, "{rejected:?}");
    assert_eq!(verified(&*store).await.unwrap().size(), 5);
    assert_eq!(detach(&*store, &export, 4).await.unwrap(), 4);
    assert_eq!(verified_leaves(&*store).await, (4, 5));
}

/// Before it deletes anything: a later start could not compare an older checkpoint with the log.
pub(crate) async fn detaching_process_remembers_the_checkpoint<D: TamperedDatabase>() {
    let (database, folder) = (D::new(), tempfile::tempdir().unwrap());
    let [path, copy] = ["node", "owner"].map(|name| folder.path().join(name).join("key"));
    for path in [&path, &copy] {
        fs::create_dir(path.parent().unwrap()).unwrap();
    }
    let key = AuditKey::create(&path).unwrap();
    let [file, copied] =
        [&path, &copy].map(|path| AuditKeyFiles::new(path).checkpoint().to_owned());
    fs::copy(&path, &copy).unwrap();
    fs::copy(file, &copied).unwrap();
    let store = database.open(key.clone().into()).await;
    append(&*store, 3).await;
    let export = exported(&*store).await;
    let checkpoint = store.checkpoint().await.unwrap().unwrap();
    let owner = database.open(AuditKey::open(&copy).unwrap().into()).await;
    let hidden = folder.path().join("hidden");
    fs::rename(copy.parent().unwrap(), &hidden).unwrap();
    let detach = || audit::detach(&*owner, Cursor::new(&export), key.verifier_key(), None, later());
    let rejected = detach().await;
    assert!(matches!(rejected, Err(ExportError::Store(_))), "{rejected:?}");
    assert_eq!(verified_leaves(&*store).await, (0, 3));
    fs::rename(hidden, copy.parent().unwrap()).unwrap();
    assert_eq!(detach().await.unwrap(), 3);
    assert_eq!(fs::read_to_string(copied).unwrap(), checkpoint.note());
}

/// A new key of the log signs what is detached, too.
pub(crate) async fn replaced_key_signs_what_is_detached<D: TamperedDatabase>() {
    let log = TamperedLog::<D>::new().await;
    assert_eq!(detach(&*log.store, &exported(&*log.store).await, 3).await.unwrap(), 3);
    let new = AuditKey::generate(audit_key().verifier_key().name()).unwrap();
    let last = log.store.replace_key(&new, &at(1)).await.unwrap();
    assert_eq!(last.size(), 6);
    let store = log.database.open(new.into()).await;
    append(&*store, 1).await;
    assert_eq!(verified_leaves(&*store).await, (3, 7));
    let detachment = store.detachment().await.unwrap().unwrap();
    assert_eq!((detachment.size(), detachment.last_record()), (3, 3));
    assert!(store.verify(Some(&last)).await.unwrap().is_intact());
}

/// Declares a test for each case of a module.
macro_rules! detaching_tests {
    ($database:ty, $module:ident: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            crate::$module::$case::<$database>().await;
        })+
    };
}

pub(crate) use detaching_tests;
