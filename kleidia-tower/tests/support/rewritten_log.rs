//! Audit logs that a writer to the database rewrites as a whole, and each altered column of a
//! record.

use std::fs;

use kleidia_tower::account::AccountStore as _;
use kleidia_tower::audit::{
    AuditEvent, AuditIdentity, AuditKey, AuditKeyFiles, AuditStore as _, AuditedRequest,
    Checkpoint, CheckpointError, EventKind, LogConflict, LogFault, LogKey, Outcome, OverrideReason,
    Reason,
};
use kleidia_tower::store::{OpenError, StoreError};
use kleidia_tower::{ClientInfo, SessionId, UserAgent, UserId};
use tempfile::TempDir;

use crate::numbered::{NOW, at, audit_key, create, new_account, operator, verified};
use crate::tampering::{TamperedDatabase, TamperedLog, assert_corrupt};

/// Removes the Merkle log, and queues all records but one again.
const REWRITE: &str = "DELETE FROM audit_leaves; DELETE FROM audit_hashes; \
    DELETE FROM audit_checkpoints; DELETE FROM audit WHERE sequence = 2; \
    INSERT INTO audit_unsealed SELECT sequence FROM audit";

/// An event that has a value for each column, some of which readers could hide the alteration of.
fn complete_event() -> AuditEvent {
    let identity =
        |id, name: &str| AuditIdentity { id: Some(UserId::new(id)), name: name.to_owned() };
    AuditEvent {
        at: NOW,
        kind: EventKind::PolicyOverride,
        outcome: Outcome::Success,
        user: Some(identity(1, "alice?")),
        actor: Some(identity(2, "bob?")),
        session: Some(SessionId::new(3)),
        client: ClientInfo {
            address: "2001:db8::a".parse().ok(),
            user_agent: Some(UserAgent::new(&format!(
                "?{}",
                "a".repeat(UserAgent::MAX_CHARACTERS)
            ))),
        },
        request: Some(AuditedRequest::new(&format!("?{}", "G".repeat(100)), Some("/users/{id}?"))),
        reason: OverrideReason::new("why?").map(Reason::Override),
    }
}

/// Alters each column of a record in several ways, also a column that a later version adds.
pub(crate) async fn each_altered_column_shows<D: TamperedDatabase>() {
    let (database, mut tried) = (D::new(), 0);
    let store = database.open(audit_key().into()).await;
    create(&*store, "alice").await;
    let record = store.append(vec![complete_event()]).await.unwrap().remove(0);
    verified(&*store).await;
    database.tamper("CREATE TABLE kept AS SELECT * FROM audit").await;
    let columns = database.query(D::COLUMNS).await;
    assert!(columns.len() >= 15, "{columns:?}");
    for (column, kind) in columns.iter().map(|column| column.split_once(' ').unwrap()) {
        let alterations: &[&str] = match kind.to_lowercase().as_str() {
            "integer" | "bigint" => &["coalesce($, 0) + 1000", "-coalesce($, 0)"],
            "blob" | "bytea" => &["(SELECT $ FROM kept WHERE sequence = 1)"],
            "text" => &[
                "coalesce($, '') || 'x'",
                "coalesce($, '') || ' '",
                "coalesce($, '') || '\u{200b}'",
                "replace($, '?', '\u{200b}')",
                "replace($, '::', ':0::')",
                "upper($)",
                "''",
            ],
            other => panic!("no alteration of the type {other}"),
        };
        for alteration in alterations {
            let value = alteration.replace('$', column);
            let sequence = record.sequence;
            if column == "sequence" && value.starts_with('-') {
                continue;
            }
            let update = format!("UPDATE audit SET {column} = {value} WHERE sequence = {sequence}");
            database.tamper(&update).await;
            let changed =
                "SELECT 'x' FROM (SELECT * FROM audit EXCEPT SELECT * FROM kept) AS changed";
            if !database.query(changed).await.is_empty() {
                tried += 1;
                for key in [audit_key().into(), LogKey::from(audit_key().verifier_key().clone())] {
                    let verification = database.open(key).await.verify(None).await.unwrap();
                    assert!(!verification.is_intact(), "{update}");
                }
            }
            database.tamper("DELETE FROM audit; INSERT INTO audit SELECT * FROM kept").await;
        }
    }
    assert!(tried >= 35, "{tried}");
    verified(&*store).await;
}

/// A checkpoint that is not signed claims any number of leaves.
pub(crate) async fn verification_ends_with_the_leaves_that_are_there<D: TamperedDatabase>() {
    let statements = "UPDATE audit_checkpoints SET note = 'a note'; \
        UPDATE audit_leaves SET leaf = 4000000000000000000 WHERE leaf = 4";
    let log = TamperedLog::<D>::tampered(statements).await;
    let store = log.database.open(audit_key().into()).await;
    let verification = store.verify(None).await.unwrap();
    let faults = verification.faults();
    assert_eq!(faults[0], LogFault::Checkpoint(CheckpointError::Malformed));
    assert!(faults.contains(&LogFault::MissingLeaf { leaf_index: 4 }), "{faults:?}");
}

/// A key in a file, with a log of three records that it sealed. No store is open.
async fn sealed_log<D: TamperedDatabase>() -> (D, TempDir, Checkpoint) {
    let (database, folder) = (D::new(), tempfile::tempdir().unwrap());
    let key = AuditKey::create(folder.path().join("key")).unwrap();
    let store = database.open(key.into()).await;
    for name in ["alice", "bob", "carol"] {
        create(&*store, name).await;
    }
    let checkpoint = verified(&*store).await.unwrap();
    assert_eq!(checkpoint.size(), 3);
    (database, folder, checkpoint)
}

#[track_caller]
fn assert_not_continued<T: std::fmt::Debug>(
    outcome: &Result<T, StoreError>,
    expected: &Checkpoint,
) {
    let Err(StoreError::Log(LogConflict::Inconsistent { known, .. })) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(**known, *expected);
}

/// Without a checkpoint outside of the database, the new log would look as if nothing had happened.
pub(crate) async fn emptied_log_is_not_sealed_again<D: TamperedDatabase>() {
    let (database, folder, known) = sealed_log::<D>().await;
    let path = folder.path().join("key");
    database.tamper(REWRITE).await;
    let open = async || database.open(AuditKey::open(&path).unwrap().into()).await;
    let store = open().await;
    assert_not_continued(&store.seal().await, &known);
    assert_not_continued(&store.checkpoint().await, &known);
    create(&*store, "dave").await;
    assert_not_continued(&store.seal().await, &known);
    let queued = store.verify(None).await.unwrap();
    assert_eq!(queued.faults()[0], LogFault::Truncated { size: 0, expected: 3 });
    assert_eq!(queued.faults()[1..], [1, 3, 4].map(|record| LogFault::Waiting { record }));
    assert!(!queued.is_authentic());

    // A node that has the key alone does not start an empty log.
    fs::copy(&path, folder.path().join("copy")).unwrap();
    let copy = AuditKey::open(folder.path().join("copy")).unwrap();
    let sealed = database.open(copy.into()).await.seal().await;
    let is_rejected = matches!(sealed, Err(StoreError::Log(LogConflict::KeyMayBeUsed)));
    assert!(is_rejected, "{sealed:?}");

    // One without any memory does, and the others don't follow it, however large it becomes.
    let forgetful = AuditKey::open(&path).unwrap().without_checkpoint_file();
    let forgetful = database.open(forgetful.into()).await;
    for name in ["erin", "frank", "grace"] {
        create(&*forgetful, name).await;
    }
    let other = forgetful.seal().await.unwrap().unwrap();
    assert_eq!(other.size(), 6);
    for store in [&store, &open().await] {
        assert_not_continued(&store.seal().await, &known);
        let faults = store.verify(None).await.unwrap();
        assert_eq!(faults.faults(), [LogFault::Inconsistent]);
    }

    // The operator decides.
    AuditKey::open(&path).unwrap().accept(Some(&other)).unwrap();
    let accepted = open().await;
    create(&*accepted, "heidi").await;
    assert_eq!(verified(&*accepted).await.unwrap().size(), 7);
    assert_not_continued(&store.seal().await, &known);
}

/// A node with a key that has no file remembers in memory.
pub(crate) async fn running_node_remembers_its_checkpoint<D: TamperedDatabase>() {
    let log = TamperedLog::<D>::new().await;
    let known = &log.checkpoints[1];
    log.database.tamper(REWRITE).await;
    let other = log.database.open(audit_key().into()).await;
    for name in ["dave", "erin", "frank"] {
        create(&*other, name).await;
    }
    assert_eq!(other.seal().await.unwrap().unwrap().size(), 7);
    assert_not_continued(&log.store.seal().await, known);
    assert_not_continued(&log.store.checkpoint().await, known);
}

pub(crate) async fn inspection_writes_nothing<D: TamperedDatabase>() {
    let (database, folder, sealed) = sealed_log::<D>().await;
    let path = folder.path().join("key");
    let store = database.open(AuditKey::open(&path).unwrap().into()).await;
    create(&*store, "dave").await;
    drop(store);
    let files = AuditKeyFiles::new(&path);
    let file = fs::read(files.checkpoint()).unwrap();
    assert_eq!(file, sealed.note().as_bytes());
    let inspected = database.open(LogKey::Inspect(AuditKey::open(&path).unwrap())).await;
    for _ in 0..2 {
        let verification = inspected.verify(None).await.unwrap();
        assert_eq!(verification.faults(), [LogFault::Waiting { record: 4 }]);
    }
    assert_eq!(inspected.checkpoint().await.unwrap(), Some(sealed));
    assert!(inspected.prove(1).await.unwrap().is_some());
    let rejected = inspected.seal().await;
    assert!(matches!(rejected, Err(StoreError::Unavailable(_))), "{rejected:?}");
    let rejected = inspected.create_account(new_account("erin"), &operator(), &at(1)).await;
    assert!(matches!(rejected, Err(StoreError::Unavailable(_))), "{rejected:?}");
    assert_eq!(database.query("SELECT 'x' FROM audit_leaves").await.len(), 3);
    assert_eq!(fs::read(files.checkpoint()).unwrap(), file);
    let new = D::new().try_open(LogKey::Inspect(audit_key())).await;
    assert!(matches!(new, Err(OpenError::OlderVersion { version: 0, .. })));
}

/// The log of a database has one key, from the first start on.
pub(crate) async fn another_key_is_rejected<D: TamperedDatabase>() {
    let database = D::new();
    let store = database.open(audit_key().into()).await;
    let other = AuditKey::generate("other").unwrap();
    let Err(OpenError::Log(conflict)) = database.try_open(other.clone().into()).await else {
        panic!("another key was accepted")
    };
    let text = conflict.to_string();
    for key in [audit_key(), other.clone()] {
        assert!(text.contains(&key.verifier_key().to_string()), "{text}");
    }
    create(&*store, "alice").await;
    verified(&*store).await;
    let faults = database.open(LogKey::Inspect(other)).await.verify(None).await.unwrap();
    let registered = audit_key().verifier_key().to_string();
    assert_eq!(faults.faults()[0], LogFault::OtherKey { registered });
    // A writer to the database removes the key, or replaces it.
    let another = "INSERT INTO audit_keys VALUES (0, 'another', NULL)";
    for statement in ["DELETE FROM audit_keys", another] {
        database.tamper(statement).await;
        create(&*store, statement.split_once(' ').unwrap().0).await;
        assert_corrupt(&store.seal().await);
    }
}
