//! Changes to the audit log by a writer to the database, and the faults that they show.

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::account::AccountStore as _;
use kleidia_tower::audit::{
    AuditKey, AuditStore as _, Checkpoint, CheckpointError, LogFault, LogKey,
};
use kleidia_tower::session::{EndReason, SessionSelector, SessionStore as _};
use kleidia_tower::store::{MemoryStore, OpenError, Store, StoreError};

use crate::numbered::{at, audit_key, create, log_in, new_account, operator, verified};

/// So long that only the tests seal.
pub(crate) const SEAL_INTERVAL: Duration = Duration::from_secs(3600);

/// A database, and a connection that is not the store's.
pub(crate) trait TamperedDatabase {
    type Store: Store;

    /// The statement that lets a leaf have an index below zero.
    const WITHOUT_CHECKS: &str;

    /// The query for the columns of `audit` with their types.
    const COLUMNS: &str;

    fn new() -> Self;
    async fn try_open(&self, key: LogKey) -> Result<Arc<Self::Store>, OpenError>;
    /// Returns the values of a query for one column of text.
    async fn query(&self, query: &str) -> Vec<String>;
    /// Executes statements without any trigger.
    async fn tamper(&self, statements: &str);
    /// Executes the documented repair, up to a checkpoint.
    async fn repair(&self, checkpoint: &Checkpoint);

    async fn open(&self, key: LogKey) -> Arc<Self::Store> {
        self.try_open(key).await.unwrap()
    }
}

/// A store with five records, of which three are sealed by one checkpoint, and all by another.
pub(crate) struct TamperedLog<D: TamperedDatabase> {
    pub(crate) database: D,
    pub(crate) store: Arc<D::Store>,
    pub(crate) checkpoints: [Checkpoint; 2],
}

impl<D: TamperedDatabase> TamperedLog<D> {
    pub(crate) async fn new() -> Self {
        let database = D::new();
        let store = database.open(audit_key().into()).await;
        let alice = create(&*store, "alice").await;
        create(&*store, "bob").await;
        create(&*store, "carol").await;
        let earlier = verified(&*store).await.unwrap();
        log_in(&*store, &alice, 1).await;
        let later = verified(&*store).await.unwrap();
        assert_eq!((earlier.size(), later.size()), (3, 5));
        Self { database, store, checkpoints: [earlier, later] }
    }

    pub(crate) async fn tampered(statements: &str) -> Self {
        let log = Self::new().await;
        log.database.tamper(statements).await;
        log
    }

    /// Returns what a store finds that is opened with this key.
    async fn faults(&self, key: LogKey, since: Option<&Checkpoint>) -> Vec<LogFault> {
        let store = self.database.open(key).await;
        store.verify(since).await.unwrap().faults().to_vec()
    }
}

const fn altered(record: u64) -> LogFault {
    LogFault::Altered { record }
}

const fn altered_hash(position: u64) -> LogFault {
    LogFault::AlteredHash { position }
}

const fn surplus_hash(position: u64) -> LogFault {
    LogFault::SurplusHash { position }
}

/// A copy of a record, with another number.
const COPY: &str = "INSERT INTO audit SELECT 9, at, kind, outcome, user_id, user_name, actor_id, \
    actor_name, session, ip, user_agent, method, route, reason, mac FROM audit WHERE sequence = 5";

pub(crate) async fn verification_names_what_was_altered<D: TamperedDatabase>() {
    for (statements, expected) in [
        ("UPDATE audit SET at = at + 1 WHERE sequence = 3", vec![altered(3)]),
        ("UPDATE audit SET reason = 'another' WHERE sequence = 3", vec![altered(3)]),
        ("UPDATE audit SET user_agent = NULL WHERE sequence = 1", vec![altered(1)]),
        ("UPDATE audit SET kind = 'another' WHERE sequence = 2", vec![altered(2)]),
        ("UPDATE audit SET kind = 'logout' WHERE sequence = 2", vec![altered(2)]),
        ("UPDATE audit SET outcome = 'failure' WHERE sequence = 2", vec![altered(2)]),
        ("UPDATE audit SET user_name = 'bob' WHERE sequence = 1", vec![altered(1)]),
        ("UPDATE audit SET user_id = NULL WHERE sequence = 1", vec![altered(1)]),
        ("UPDATE audit SET actor_id = 7 WHERE sequence = 1", vec![altered(1)]),
        ("UPDATE audit SET session = 7 WHERE sequence = 5", vec![altered(5)]),
        ("UPDATE audit SET ip = '192.0.2.9' WHERE sequence = 5", vec![altered(5)]),
        ("UPDATE audit SET method = 'GET' WHERE sequence = 2", vec![altered(2)]),
        ("UPDATE audit SET method = 'GET', route = '/users' WHERE sequence = 4", vec![altered(4)]),
        (
            "UPDATE audit SET mac = (SELECT mac FROM audit WHERE sequence = 1) WHERE sequence = 5",
            vec![altered(5)],
        ),
        ("DELETE FROM audit WHERE sequence = 2", vec![LogFault::Removed { record: 2 }]),
        (
            "DELETE FROM audit WHERE sequence > 3",
            vec![LogFault::Removed { record: 4 }, LogFault::Removed { record: 5 }],
        ),
        (
            "DELETE FROM audit WHERE sequence = 2; DELETE FROM audit_leaves WHERE record = 2",
            vec![LogFault::MissingLeaf { leaf_index: 1 }],
        ),
        (
            "DELETE FROM audit WHERE sequence = 5; DELETE FROM audit_leaves WHERE record = 5; \
             DELETE FROM audit_hashes WHERE position = 7",
            vec![LogFault::MissingLeaf { leaf_index: 4 }, altered_hash(7), LogFault::RootMismatch],
        ),
        (COPY, vec![LogFault::Inserted { record: 9 }]),
        (
            &*format!("{COPY}; INSERT INTO audit_leaves VALUES (5, 9)"),
            vec![LogFault::UnsignedLeaves { leaves: 6, signed: 5 }],
        ),
        (
            "UPDATE audit_leaves SET record = 100 WHERE leaf = 1; \
             UPDATE audit_leaves SET record = 2 WHERE leaf = 2; \
             UPDATE audit_leaves SET record = 3 WHERE leaf = 1",
            vec![LogFault::Reordered { record: 3 }, LogFault::Reordered { record: 2 }],
        ),
        (
            "UPDATE audit SET sequence = 100 WHERE sequence = 2; \
             UPDATE audit SET sequence = 2 WHERE sequence = 3; \
             UPDATE audit SET sequence = 3 WHERE sequence = 100",
            vec![altered(2), altered(3)],
        ),
        ("INSERT INTO audit_unsealed VALUES (3)", vec![LogFault::SealedTwice { record: 3 }]),
        ("INSERT INTO audit_unsealed VALUES (9)", vec![LogFault::Removed { record: 9 }]),
        (
            "UPDATE audit_hashes SET hash = (SELECT hash FROM audit_hashes WHERE position = 1) \
             WHERE position = 0",
            vec![altered_hash(0)],
        ),
        ("DELETE FROM audit_hashes WHERE position = 2", vec![altered_hash(2)]),
        (
            "UPDATE audit SET reason = 'another' WHERE sequence = 3; \
             UPDATE audit_hashes SET hash = (SELECT hash FROM audit_hashes WHERE position = 0) \
             WHERE position = 3",
            vec![altered(3), altered_hash(5), altered_hash(6), LogFault::RootMismatch],
        ),
        (
            "DELETE FROM audit_checkpoints",
            vec![LogFault::UnsignedLeaves { leaves: 5, signed: 0 }, surplus_hash(7)],
        ),
        (
            "UPDATE audit_checkpoints SET size = size + 9",
            vec![LogFault::CheckpointSize { size: 14, signed: 5 }],
        ),
        (
            "INSERT INTO audit_hashes SELECT 8, hash FROM audit_hashes WHERE position = 0",
            vec![surplus_hash(8)],
        ),
        (
            "UPDATE audit_checkpoints SET note = 'a note'",
            vec![LogFault::Checkpoint(CheckpointError::Malformed)],
        ),
        (
            "UPDATE audit_checkpoints SET note = replace(note, 'tests', 'other')",
            vec![LogFault::Checkpoint(CheckpointError::InvalidSignature)],
        ),
    ] {
        let log = TamperedLog::<D>::tampered(statements).await;
        assert_eq!(log.faults(audit_key().into(), None).await, expected, "{statements}");
        let public = audit_key().verifier_key().clone();
        assert_eq!(log.faults(public.into(), None).await, expected, "{statements}");
    }
}

pub(crate) async fn record_of_a_leaf_before_the_first_is_inserted<D: TamperedDatabase>() {
    let statements = [D::WITHOUT_CHECKS, COPY, "INSERT INTO audit_leaves VALUES (-1, 9)"];
    let log = TamperedLog::<D>::tampered(&statements.join("; ")).await;
    let faults = [LogFault::SurplusLeaf { leaf_index: -1 }, LogFault::Inserted { record: 9 }];
    assert_eq!(log.faults(audit_key().into(), None).await, faults);
}

/// Only the secret key tells an inserted record from one that waits to be sealed.
pub(crate) async fn inserted_record_is_never_sealed<D: TamperedDatabase>() {
    let statements = format!("{COPY}; INSERT INTO audit_unsealed VALUES (9)");
    let log = TamperedLog::<D>::tampered(&statements).await;
    assert_corrupt(&log.store.seal().await);
    let inserted = LogFault::Inserted { record: 9 };
    assert_eq!(log.faults(audit_key().into(), None).await, [inserted]);
    let public = audit_key().verifier_key().clone();
    let not_sealed = LogFault::NotSealed { record: 9 };
    assert_eq!(log.faults(public.into(), None).await, [not_sealed]);
}

pub(crate) async fn checkpoint_of_another_key_is_not_accepted<D: TamperedDatabase>() {
    let other = MemoryStore::with_audit_key(AuditKey::generate("tests").unwrap());
    create(&other, "mallory").await;
    let forged = other.seal().await.unwrap().unwrap();
    let statement = format!("UPDATE audit_checkpoints SET note = '{}'", forged.note());
    let log = TamperedLog::<D>::tampered(&statement).await;
    let expected = [LogFault::Checkpoint(CheckpointError::InvalidSignature)];
    assert_eq!(log.faults(audit_key().into(), None).await, expected);
    assert_corrupt(&log.store.seal().await);
    assert_corrupt(&log.store.checkpoint().await);
    assert_corrupt(&log.store.prove(3).await);
}

/// Only a checkpoint that was retained outside the database shows that the whole log was replaced
/// by an older one.
pub(crate) async fn known_checkpoint_reveals_older_log<D: TamperedDatabase>() {
    let log = TamperedLog::<D>::new().await;
    let [earlier, later] = &log.checkpoints;
    let checkpoint =
        format!("UPDATE audit_checkpoints SET size = 3, note = '{}'; ", earlier.note());
    log.database.tamper(&checkpoint).await;
    let unsigned = LogFault::UnsignedLeaves { leaves: 5, signed: 3 };
    assert_eq!(log.faults(audit_key().into(), None).await, [unsigned, surplus_hash(7)]);
    let records = "DELETE FROM audit WHERE sequence > 3; \
        DELETE FROM audit_leaves WHERE leaf > 2; DELETE FROM audit_hashes WHERE position > 3";
    log.database.tamper(records).await;
    assert_eq!(log.faults(audit_key().into(), None).await, []);
    assert_eq!(log.faults(audit_key().into(), Some(earlier)).await, []);
    let shorter = LogFault::Truncated { size: 3, expected: 5 };
    assert_eq!(log.faults(audit_key().into(), Some(later)).await, [shorter]);
    // The store itself remembers its last checkpoint.
    assert_corrupt(&log.store.seal().await);
    assert_corrupt(&log.store.checkpoint().await);
}

/// Of two logs with the same key, such as a restored one that went on, neither continues the other.
pub(crate) async fn known_checkpoint_reveals_another_log<D: TamperedDatabase>() {
    let log = TamperedLog::<D>::new().await;
    let other = TamperedLog::<D>::new().await;
    drop(other.store.end_sessions(all_of_alice(), EndReason::Revoked, &at(1)).await.unwrap());
    let longer = verified(&*other.store).await.unwrap();
    let shorter = LogFault::Truncated { size: 5, expected: 6 };
    assert_eq!(log.faults(audit_key().into(), Some(&longer)).await, [shorter]);
    drop(log.store.end_sessions(all_of_alice(), EndReason::Logout, &at(1)).await.unwrap());
    log.store.seal().await.unwrap();
    let faults = log.faults(audit_key().into(), Some(&longer)).await;
    assert_eq!(faults, [LogFault::Inconsistent]);
}

pub(crate) const fn all_of_alice() -> SessionSelector {
    SessionSelector::All { user: kleidia_tower::UserId::new(1) }
}

/// Before a record is sealed, its code protects it; after that, the log does.
pub(crate) async fn unsealed_record_is_protected<D: TamperedDatabase>() {
    for (statement, expected) in [
        ("DELETE FROM audit_unsealed WHERE record = 6", LogFault::NotSealed { record: 6 }),
        (
            "UPDATE audit SET reason = 'another' WHERE sequence = 6",
            LogFault::Inserted { record: 6 },
        ),
        ("UPDATE audit SET kind = 'another' WHERE sequence = 6", LogFault::Inserted { record: 6 }),
        ("DELETE FROM audit WHERE sequence = 6", LogFault::Removed { record: 6 }),
    ] {
        let log = TamperedLog::<D>::new().await;
        drop(log.store.end_sessions(all_of_alice(), EndReason::Revoked, &at(1)).await.unwrap());
        log.database.tamper(statement).await;
        create(&*log.store, "dave").await;
        let sealed = log.store.seal().await;
        let is_unqueued = matches!(expected, LogFault::NotSealed { .. });
        assert_eq!(sealed.is_ok(), is_unqueued, "{statement}: {sealed:?}");
        let checkpoint = log.store.checkpoint().await.unwrap().unwrap();
        assert_eq!(checkpoint.size(), 6, "the other record is sealed: {statement}");
        assert_eq!(log.faults(audit_key().into(), None).await, [expected], "{statement}");
    }
}

/// A record that no task seals is a fault. Only the secret key tells that it is authentic.
pub(crate) async fn unsealed_record_is_a_fault_after_a_while<D: TamperedDatabase>() {
    let log = TamperedLog::<D>::new().await;
    drop(log.store.end_sessions(all_of_alice(), EndReason::Revoked, &at(1)).await.unwrap());
    let public = audit_key().verifier_key().clone();
    let faults = log.faults(public.clone().into(), None).await;
    assert_eq!(faults, [LogFault::NotSealed { record: 6 }]);
    let store = log.database.open(audit_key().into()).await;
    let waiting = store.verify(None).await.unwrap();
    assert_eq!(waiting.faults(), [LogFault::Waiting { record: 6 }]);
    assert!(waiting.is_authentic() && !waiting.is_intact());
    let (faults, sealed) = tokio::join!(log.faults(public.clone().into(), None), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        log.store.seal().await
    });
    assert_eq!((faults, sealed.unwrap().unwrap().size()), (vec![], 6));
    let verifier = log.database.open(public.into()).await;
    let rejected = verifier.create_account(new_account("erin"), &operator(), &at(1)).await;
    assert!(matches!(rejected, Err(StoreError::Unavailable(_))), "{rejected:?}");
}

/// Nothing is appended to a tree that was altered.
pub(crate) async fn altered_tree_is_not_continued<D: TamperedDatabase>() {
    let log = TamperedLog::<D>::new().await;
    drop(log.store.end_sessions(all_of_alice(), EndReason::Revoked, &at(1)).await.unwrap());
    log.database
        .tamper(
            "UPDATE audit_hashes SET hash = (SELECT hash FROM audit_hashes WHERE position = 1) \
             WHERE position = 7",
        )
        .await;
    assert_corrupt(&log.store.seal().await);
    let checkpoint = log.store.checkpoint().await.unwrap();
    assert_eq!(checkpoint.map(|checkpoint| checkpoint.size()), Some(5));
}

pub(crate) fn assert_corrupt<T: std::fmt::Debug>(outcome: &Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Corrupt(_) | StoreError::Log(_))), "{outcome:?}");
}

/// Declares a test for each case of a module.
macro_rules! tampering_tests {
    ($database:ty, $module:ident: $($case:ident)+) => {
        $(#[tokio::test]
        async fn $case() {
            crate::$module::$case::<$database>().await;
        })+
    };
}

pub(crate) use tampering_tests;
