//! Triggers that protect the audit log and accounts, and the detection of changes without them.

use std::sync::Arc;

use kleidia_tower::account::AccountStore as _;
use kleidia_tower::audit::{Checkpoint, LogKey};
use kleidia_tower::session::{EndReason, SessionSelector, SessionStore as _};
use kleidia_tower::store::{OpenError, SqliteOptions, SqliteStore};
use sqlx::Connection as _;

use crate::fixture::{TempDatabase, at, create, log_in, verified_size};
use crate::repaired_log::documented_repair;
use crate::tampering::{SEAL_INTERVAL, TamperedDatabase, tampering_tests};

/// Creates a log of 5 records: two accounts, a login with its session, and its end.
async fn database_with_log() -> TempDatabase {
    let database = TempDatabase::new();
    let store = database.open().await;
    let alice = create(&store, "alice").await;
    create(&store, "bob").await;
    log_in(&store, &alice, 1).await;
    let all = SessionSelector::All { user: alice.id };
    drop(store.end_sessions(all, EndReason::Revoked, &at(1)).await.unwrap());
    assert_eq!(verified_size(&store).await, 5);
    store.close().await;
    database
}

#[tokio::test]
async fn triggers_protect_log_and_accounts() {
    let database = database_with_log().await;
    let mut connection = database.connect().await;
    for statement in [
        "DELETE FROM audit",
        "DELETE FROM audit WHERE sequence = 5",
        "UPDATE audit SET reason = 'another'",
        "UPDATE audit SET sequence = 6 WHERE sequence = 5",
        "UPDATE OR REPLACE audit SET sequence = 1 WHERE sequence = 2",
        "UPDATE OR IGNORE audit SET reason = 'another'",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE sequence = 1",
        "REPLACE INTO audit SELECT * FROM audit WHERE sequence = 5",
        "INSERT INTO audit SELECT -1, at, kind, outcome, NULL, NULL, NULL, NULL, NULL, NULL, \
         NULL, NULL, NULL, NULL, mac FROM audit WHERE sequence = 5",
        "DELETE FROM audit_leaves",
        "UPDATE audit_leaves SET record = 9 WHERE leaf = 4",
        "UPDATE OR REPLACE audit_leaves SET record = 1 WHERE leaf = 4",
        "REPLACE INTO audit_leaves VALUES (4, 9)",
        "REPLACE INTO audit_leaves VALUES (9, 1)",
        "DELETE FROM audit_hashes",
        "UPDATE audit_hashes SET hash = zeroblob(32)",
        "REPLACE INTO audit_hashes VALUES (0, zeroblob(32))",
        "DELETE FROM audit_checkpoints",
        "UPDATE audit_checkpoints SET note = ''",
        "UPDATE audit_checkpoints SET size = size + 1, hour = hour + 1",
        "REPLACE INTO audit_checkpoints SELECT hour, size, '' FROM audit_checkpoints",
        "INSERT INTO audit_checkpoints SELECT hour + 1, size, note FROM audit_checkpoints",
        "INSERT INTO audit_checkpoints SELECT hour - 1, size + 1, note FROM audit_checkpoints",
        "DELETE FROM audit_keys",
        "UPDATE audit_keys SET verifier_key = 'another'",
        "REPLACE INTO audit_keys VALUES (0, 'another', NULL)",
        "DELETE FROM accounts",
        "REPLACE INTO accounts SELECT * FROM accounts WHERE id = 1",
        "INSERT OR REPLACE INTO accounts SELECT NULL, name, name_digest, roles, 0, 0, 0, '', '', '', 0, 0 \
         FROM accounts",
        "INSERT OR REPLACE INTO accounts SELECT NULL, 'carol', name_digest, roles, 0, 0, 0, '', '', '', 0, 0 \
         FROM accounts",
        "UPDATE accounts SET name = 'carol' WHERE id = 1",
        "UPDATE accounts SET name_digest = zeroblob(32) WHERE id = 1",
        "UPDATE OR REPLACE accounts SET name = 'bob' WHERE id = 1",
        "UPDATE OR REPLACE accounts SET name = 'bob', name_digest = (SELECT name_digest \
         FROM account_names WHERE user = 2) WHERE id = 1",
        "UPDATE account_names SET user = 2 WHERE user = 1",
        "DELETE FROM account_names",
        "REPLACE INTO account_names SELECT name_digest, 9 FROM account_names",
        "UPDATE accounts SET is_erased = 1 WHERE id = 1",
        "UPDATE OR REPLACE accounts SET id = 2 WHERE id = 1",
        "INSERT INTO sessions SELECT NULL, user, family, x'00', ip, user_agent, 0, 0, 0, 0, NULL, \
         NULL, NULL, 'pwd' FROM sessions",
        "INSERT INTO refresh_tokens VALUES (x'00', 1, 1, 0, NULL, NULL, NULL)",
    ] {
        let result = sqlx::query(statement).execute(&mut connection).await;
        assert!(result.is_err(), "{statement}");
    }
    let older = "BEGIN; INSERT INTO audit_checkpoints SELECT hour + 1, size + 1, note \
        FROM audit_checkpoints; UPDATE audit_checkpoints SET size = size + 9 WHERE size = 5";
    assert!(sqlx::raw_sql(older).execute(&mut connection).await.is_err());
    sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
    let store = database.open().await;
    assert_eq!(verified_size(&store).await, 5);
    let accounts = store.accounts(None, 10).await.unwrap();
    let names: Vec<_> = accounts.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["alice", "bob"]);
    sqlx::query("INSERT INTO audit_unsealed VALUES (9)").execute(&mut connection).await.unwrap();
    for statement in ["DELETE FROM audit_unsealed", "UPDATE audit_unsealed SET record = 10"] {
        let result = sqlx::query(statement).execute(&mut connection).await;
        assert!(result.is_err(), "{statement}");
    }
}

impl TamperedDatabase for TempDatabase {
    type Store = SqliteStore;

    const WITHOUT_CHECKS: &str = "PRAGMA ignore_check_constraints = ON";

    const COLUMNS: &str = "SELECT name || ' ' || type FROM pragma_table_info('audit')";

    fn new() -> Self {
        Self::new()
    }

    async fn try_open(&self, key: LogKey) -> Result<Arc<SqliteStore>, OpenError> {
        let options = SqliteOptions::default().with_seal_interval(SEAL_INTERVAL).unwrap();
        SqliteStore::open_with(&self.path, key, options).await.map(Arc::new)
    }

    async fn query(&self, query: &str) -> Vec<String> {
        let mut connection = self.connect().await;
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query.to_owned()));
        query.fetch_all(&mut connection).await.unwrap()
    }

    async fn tamper(&self, statements: &str) {
        let mut connection = self.connect().await;
        let triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger'";
        let triggers: Vec<String> =
            sqlx::query_scalar(triggers).fetch_all(&mut connection).await.unwrap();
        for trigger in triggers {
            let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER {trigger}"));
            sqlx::raw_sql(drop).execute(&mut connection).await.unwrap();
        }
        let statements = sqlx::AssertSqlSafe(statements.to_owned());
        sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    async fn repair(&self, checkpoint: &Checkpoint) {
        // A command of `sqlite3`, and a function that only it has.
        let repair = documented_repair(".dbconfig enable_trigger off\n", checkpoint);
        let repair = repair.trim_start_matches(".dbconfig enable_trigger off\n");
        let file = "readfile('portal.db.audit-key.checkpoint')";
        assert!(repair.contains(file), "{repair}");
        self.tamper(&repair.replace(file, &format!("'{}'", checkpoint.note()))).await;
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
