//! Detection of changes to the audit log, and of records that are committed late.

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::audit::{AuditStore as _, Checkpoint, LogFault, LogKey};
use kleidia_tower::store::{OpenError, PostgresOptions, PostgresStore};
use test_servers::PostgresServer;

use crate::numbered::{audit_key, create, verified_size};
use crate::repaired_log::documented_repair;
use crate::tampering::{SEAL_INTERVAL, TamperedDatabase, TamperedLog, tampering_tests};

pub(crate) struct TempDatabase {
    url: String,
}

impl TempDatabase {
    fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap()
    }

    fn execute(&self, statements: &str) -> String {
        PostgresServer::shared().execute(self.name(), statements)
    }
}

impl TamperedDatabase for TempDatabase {
    type Store = PostgresStore;

    const WITHOUT_CHECKS: &str = "ALTER TABLE audit_leaves DROP CONSTRAINT audit_leaves_leaf_check";

    const COLUMNS: &str = "SELECT column_name || ' ' || data_type FROM information_schema.columns \
        WHERE table_name = 'audit'";

    fn new() -> Self {
        Self { url: PostgresServer::shared().create_database() }
    }

    async fn try_open(&self, key: LogKey) -> Result<Arc<PostgresStore>, OpenError> {
        let options = PostgresOptions::default().with_seal_interval(SEAL_INTERVAL).unwrap();
        PostgresStore::open_with(&self.url, key, options).await.map(Arc::new)
    }

    async fn query(&self, query: &str) -> Vec<String> {
        self.execute(query).lines().map(str::to_owned).collect()
    }

    async fn tamper(&self, statements: &str) {
        // No trigger fires in such a session.
        self.execute(&format!("SET session_replication_role = replica; {statements};"));
    }

    async fn repair(&self, checkpoint: &Checkpoint) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), checkpoint.note()).unwrap();
        let repair = documented_repair("\\set note ", checkpoint);
        self.execute(&repair.replace("portal.audit-key.checkpoint", file.path().to_str().unwrap()));
    }
}

tampering_tests! {
    TempDatabase, tampering:
    verification_names_what_was_altered
    record_of_a_leaf_before_the_first_is_inserted
    inserted_record_is_never_sealed
    checkpoint_of_another_key_is_not_accepted
    known_checkpoint_reveals_older_log
    known_checkpoint_reveals_another_log
    unsealed_record_is_protected
    unsealed_record_is_a_fault_after_a_while
    altered_tree_is_not_continued
}

tampering_tests! {
    TempDatabase, rewritten_log:
    each_altered_column_shows
    verification_ends_with_the_leaves_that_are_there
    emptied_log_is_not_sealed_again
    running_node_remembers_its_checkpoint
    inspection_writes_nothing
    another_key_is_rejected
}

tampering_tests! {
    TempDatabase, repaired_log:
    repair_removes_what_was_inserted
    repair_queues_records_without_a_leaf
}

tampering_tests! {
    TempDatabase, replaced_key:
    replaced_key_ends_its_log
    lost_key_is_replaced
}

/// The service's role can stop the sealing, and the verification says with what.
#[tokio::test]
async fn service_that_stops_the_sealing_is_found_out() {
    let log = TamperedLog::<TempDatabase>::new().await;
    create(&*log.store, "dave").await;
    log.database.execute("UPDATE audit_checkpoints SET size = size + 9");
    assert!(log.store.seal().await.is_err());
    let faults = log.store.verify(None).await.unwrap();
    let expected =
        [LogFault::CheckpointSize { size: 14, signed: 5 }, LogFault::Waiting { record: 6 }];
    assert_eq!(faults.faults(), expected);
    log.database.execute(
        "INSERT INTO audit_checkpoints SELECT hour + 1, size + 9, note FROM audit_checkpoints; \
         INSERT INTO audit_hashes SELECT 8, hash FROM audit_hashes WHERE position = 0",
    );
    let rejected = [
        "UPDATE audit_checkpoints SET size = size + 99 WHERE size = 14",
        "INSERT INTO audit_checkpoints SELECT hour + 2, 23, note FROM audit_checkpoints LIMIT 1",
    ];
    for statement in rejected {
        let block = format!(
            "DO $$ BEGIN {statement}; RAISE EXCEPTION 'allowed' USING ERRCODE = 'P0042'; \
             EXCEPTION WHEN integrity_constraint_violation THEN NULL; END $$"
        );
        log.database.execute(&block);
    }
    let faults = log.store.verify(None).await.unwrap();
    let expected = [
        LogFault::CheckpointSize { size: 23, signed: 5 },
        LogFault::SurplusHash { position: 8 },
        LogFault::Waiting { record: 6 },
    ];
    assert_eq!(faults.faults(), expected);
}

/// The owner of the tables can drop their keys.
#[tokio::test]
async fn second_record_of_a_leaf_is_inserted() {
    let database = TempDatabase::new();
    let store = database.open(audit_key().into()).await;
    for name in ["alice", "bob"] {
        create(&*store, name).await;
    }
    assert_eq!(store.seal().await.unwrap().unwrap().size(), 2);
    database
        .tamper(
            "ALTER TABLE audit_leaves DROP CONSTRAINT audit_leaves_pkey; \
         INSERT INTO audit SELECT 9, at, kind, outcome, user_id, user_name, actor_id, actor_name, \
             session, ip, user_agent, method, route, reason, mac FROM audit WHERE sequence = 2; \
         INSERT INTO audit_leaves VALUES (1, 9)",
        )
        .await;
    assert!(!store.verify(None).await.unwrap().is_intact());
}

/// A session that holds the lock of the log, without any right to its tables.
#[tokio::test(flavor = "multi_thread")]
async fn held_lock_of_the_log_is_reported() {
    let database = TempDatabase::new();
    let options = PostgresOptions::default().with_seal_interval(Duration::from_millis(50)).unwrap();
    let key = audit_key();
    let store = PostgresStore::open_with(&database.url, key, options).await.unwrap();
    let sealing = i64::from_be_bytes(*b"\0klaudit");
    let (sender, held) = tokio::sync::oneshot::channel();
    let holder = tokio::task::spawn_blocking({
        let name = database.name().to_owned();
        move || {
            let sql = format!(
                "SELECT pg_advisory_lock({sealing}); \
                 DO $$ BEGIN FOR turn IN 1..1200 LOOP \
                     PERFORM pg_sleep(0.05); \
                     EXIT WHEN EXISTS (SELECT FROM accounts WHERE name = 'bob'); \
                 END LOOP; END $$"
            );
            sender.send(()).unwrap();
            PostgresServer::shared().execute(&name, &sql)
        }
    });
    held.await.unwrap();
    let is_held = format!(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted \
         AND classid = {} AND objid = {}",
        sealing >> 32,
        sealing & 0xffff_ffff
    );
    while database.execute(&is_held) == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    create(&store, "alice").await;
    while store.log_health().is_ok() {
        assert_eq!(store.checkpoint().await.unwrap(), None, "the task does not hold the lock");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    create(&store, "bob").await;
    holder.await.unwrap();
    while store.log_health().is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(store.checkpoint().await.unwrap().unwrap().size(), 2);
}

/// Two sealed records, the second of which was committed after a record with a larger number was
/// sealed.
#[tokio::test(flavor = "multi_thread")]
async fn record_that_is_committed_late_is_sealed_once() {
    let database = TempDatabase::new();
    let store = database.open(audit_key().into()).await;
    create(&*store, "alice").await;
    // An operation of another node, which has a number and a code, is about to commit. The number
    // is taken by no other record, and the record is authentic since it is moved there from another
    // database.
    let other = TempDatabase::new();
    let other_store = other.open(audit_key().into()).await;
    create(&*other_store, "alice").await;
    create(&*other_store, "bob").await;
    let row = other.execute("SELECT format('%L', audit) FROM audit WHERE sequence = 2");
    database.execute("SELECT nextval('audit_sequence')");
    let slow = tokio::task::spawn_blocking({
        let name = database.name().to_owned();
        move || {
            let sql = format!(
                "BEGIN; INSERT INTO audit SELECT ({row}::audit).*; \
                 INSERT INTO audit_unsealed VALUES (2); \
                 DO $$ BEGIN FOR turn IN 1..600 LOOP \
                     PERFORM pg_sleep(0.05); \
                     EXIT WHEN (SELECT max(size) FROM audit_checkpoints) >= 2; \
                 END LOOP; END $$; \
                 COMMIT;"
            );
            PostgresServer::shared().execute(&name, &sql)
        }
    });
    create(&*store, "carol").await;
    let sealed = store.seal().await.unwrap().unwrap();
    assert_eq!(sealed.size(), 2, "the slow one is not committed");
    slow.await.unwrap();
    let waiting = store.verify(None).await.unwrap();
    assert_eq!(waiting.faults(), [LogFault::Waiting { record: 2 }], "nobody seals");
    assert_eq!(verified_size(&*store).await, 3);
    let leaves =
        database.execute("SELECT string_agg(record::text, ',' ORDER BY leaf) FROM audit_leaves");
    assert_eq!(leaves, "1,3,2");
}

/// A sealer that ends within its transaction leaves the records to the next one.
#[tokio::test(flavor = "multi_thread")]
async fn sealer_that_is_killed_leaves_no_gap() {
    let database = TempDatabase::new();
    let store = database.open(audit_key().into()).await;
    for number in 0..20 {
        create(&*store, &format!("user{number}")).await;
    }
    database.execute(
        "CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         PERFORM pg_sleep(30); RETURN NULL; END $$; \
         CREATE TRIGGER stall AFTER INSERT ON audit_checkpoints EXECUTE FUNCTION stall();",
    );
    let sealing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.seal().await }
    });
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
        WHERE datname = current_database() AND query LIKE '%audit_checkpoints%' \
        AND wait_event = 'PgSleep'";
    while database.execute(kill) == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(sealing.await.unwrap().is_err());
    database.execute("DROP TRIGGER stall ON audit_checkpoints");
    assert_eq!(database.execute("SELECT count(*) FROM audit_leaves"), "0");
    assert_eq!(verified_size(&*store).await, 20);
}

/// One of two sealers waits for the other on request, or leaves it the work.
#[tokio::test(flavor = "multi_thread")]
async fn background_sealers_of_nodes_seal_each_record_once() {
    let database = TempDatabase::new();
    let interval = Duration::from_millis(10);
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let options = PostgresOptions::default().with_seal_interval(interval).unwrap();
        let store = PostgresStore::open_with(&database.url, audit_key(), options).await.unwrap();
        nodes.push(store);
    }
    for number in 0..60 {
        create(&nodes[number % 3], &format!("user{number}")).await;
    }
    // Without a call of `seal`.
    while database.execute("SELECT count(*) FROM audit_unsealed") != "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let verification = nodes[0].verify(None).await.unwrap();
    assert!(verification.is_intact(), "{:?}", verification.faults());
    assert_eq!(verification.checkpoint().map(Checkpoint::size), Some(60));
    for node in &nodes {
        node.log_health().unwrap();
    }
}
