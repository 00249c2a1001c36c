//! Schema versions, starting nodes and triggers.

use std::time::Duration;

use futures_util::future::join_all;
use kleidia_tower::account::{AccountStore as _, AccountUpdate};
use kleidia_tower::audit::AuditStore as _;
use kleidia_tower::session::{
    EndReason, NewSession, OpenOutcome, SessionSelector, SessionStore as _,
};
use kleidia_tower::store::{OpenError, PostgresStore, PurgeStore as _, Retention};
use test_servers::PostgresServer;
use tokio_postgres::error::SqlState;

use crate::numbered::{
    NOW, at, audit_key, create, hash, log_in, new_session, operator, rotation, verified,
    verified_size,
};

fn new_database() -> (&'static PostgresServer, String, String) {
    let server = PostgresServer::shared();
    let url = server.create_database();
    let name = url.rsplit('/').next().unwrap().to_owned();
    (server, name, url)
}

#[tokio::test]
async fn starting_nodes_migrate_once() {
    let (_, _, url) = new_database();
    let stores = join_all((0..6).map(|_| PostgresStore::open(&url, audit_key()))).await;
    let stores: Vec<_> = stores.into_iter().map(Result::unwrap).collect();
    let alice = create(&stores[0], "alice").await;
    for store in &stores {
        assert_eq!(store.account(alice.id).await.unwrap(), Some(alice.clone()));
    }
}

#[tokio::test]
async fn rejects_newer_schema_unless_it_is_compatible() {
    let (server, name, url) = new_database();
    let store = PostgresStore::open(&url, audit_key()).await.unwrap();
    let alice = create(&store, "alice").await;
    server.execute(&name, "UPDATE kleidia_schema SET version = 10, compatible_with = 9");
    let opened = PostgresStore::open(&url, audit_key()).await;
    assert!(
        matches!(opened, Err(OpenError::NewerVersion { version: 10, latest: 8 })),
        "{opened:?}"
    );
    server.execute(&name, "UPDATE kleidia_schema SET version = 9, compatible_with = 8");
    let opened = PostgresStore::open(&url, audit_key()).await.unwrap();
    assert_eq!(opened.account(alice.id).await.unwrap(), Some(alice));
}

/// The operator may create the indexes before, while nodes write.
#[tokio::test]
async fn migrates_schema_of_the_first_version() {
    const FIRST: &str = include_str!("../../migrations/postgres/1_initial.sql");
    const PREPARED: &str = "CREATE INDEX CONCURRENTLY audit_of_kind_and_outcome \
        ON audit (kind, outcome, sequence)";
    for prepared in [None, Some(PREPARED)] {
        let (server, name, url) = new_database();
        server.execute(&name, FIRST);
        if let Some(prepared) = prepared {
            server.execute(&name, prepared);
        }
        let store = PostgresStore::open(&url, audit_key()).await.unwrap();
        create(&store, "alice").await;
        assert_eq!(verified_size(&store).await, 1);
        let schema = "SELECT version || ' ' || compatible_with FROM kleidia_schema";
        assert_eq!(server.execute(&name, schema), "8 2");
        let indexes = "SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes \
            WHERE tablename = 'audit'";
        assert_eq!(
            server.execute(&name, indexes),
            "audit_of_actor audit_of_actor_id audit_of_kind_and_outcome audit_of_user \
             audit_of_user_id audit_pkey audit_time"
        );
    }
}

/// As a backup does, another session reads the log meanwhile. An index that was not finished is an error.
#[tokio::test]
async fn migrates_without_a_wait_for_readers_of_the_log() {
    const FIRST: &str = include_str!("../../migrations/postgres/1_initial.sql");
    let (server, name, url) = new_database();
    server.execute(&name, FIRST);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute("BEGIN; LOCK TABLE audit IN ACCESS SHARE MODE").await.unwrap();
    let store = PostgresStore::open(&url, audit_key()).await.unwrap();
    create(&store, "alice").await;
    let left = "SELECT count(*) FROM pg_indexes WHERE indexname IN ('audit_of_kind', 'audit_at')";
    assert_eq!(server.execute(&name, left), "2");
    drop(client);
    connection.await.unwrap().unwrap();

    let (server, name, url) = new_database();
    server.execute(&name, FIRST);
    server.execute(&name, "CREATE INDEX audit_time ON audit USING brin (at, (sequence + 0))");
    server.execute(
        &name,
        "UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'audit_time'::regclass",
    );
    let opened = PostgresStore::open(&url, audit_key()).await;
    assert!(opened.is_err(), "{opened:?}");
    assert_eq!(server.execute(&name, "SELECT version FROM kleidia_schema"), "1");
}

/// A newer node adds a column while an older one has prepared its statements.
#[tokio::test]
async fn older_node_continues_when_columns_are_added() {
    let (server, name, url) = new_database();
    let store = PostgresStore::open(&url, audit_key()).await.unwrap();
    let alice = create(&store, "alice").await;
    log_in(&store, &alice, 1).await;
    drop(store.rotate_refresh_token(&rotation(1, 2), &at(0)).await.unwrap());
    for table in ["accounts", "families", "sessions", "refresh_tokens", "failures", "audit"] {
        server.execute(&name, &format!("ALTER TABLE {table} ADD COLUMN added TEXT"));
    }
    log_in(&store, &alice, 3).await;
    drop(store.rotate_refresh_token(&rotation(2, 4), &at(0)).await.unwrap());
}

#[tokio::test]
async fn rejects_malformed_url_without_repeating_it() {
    let opened =
        PostgresStore::open("postgres://portal:secret@localhost:port/portal", audit_key()).await;
    let error = opened.unwrap_err();
    assert!(matches!(error, OpenError::MalformedUrl), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

/// The statements in `docs/deployment.md` are enough for the service, and no more than it needs.
#[tokio::test]
async fn service_has_the_documented_privileges() {
    let (server, name, url) = new_database();
    drop(PostgresStore::open(&url, audit_key()).await.unwrap());
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deployment.md");
    let document = std::fs::read_to_string(document).unwrap();
    let is_statement =
        |line: &&str| line.starts_with("GRANT ") || line.starts_with("REVOKE CREATE ON SCHEMA ");
    let grants: Vec<_> = document.lines().filter(is_statement).collect();
    assert!(grants.len() >= 6, "{grants:?}");
    server.execute(&name, &format!("CREATE ROLE portal LOGIN; {}", grants.join("")));
    let url = url.replace("postgres@", "portal@");
    let store = PostgresStore::open(&url, audit_key()).await.unwrap();
    let alice = create(&store, "alice").await;
    log_in(&store, &alice, 1).await;
    drop(store.rotate_refresh_token(&rotation(1, 2), &at(0)).await.unwrap());
    let update = AccountUpdate { is_disabled: Some(true), roles: None };
    drop(store.update_account(alice.id, update, &operator(), &at(1)).await.unwrap());
    assert_eq!(verified_size(&store).await, 6);
    let later = NOW + Duration::from_secs(365 * 24 * 3600);
    assert!(store.purge(later, &Retention::default(), 100).await.unwrap() > 0);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    for statement in [
        "DELETE FROM audit",
        "UPDATE audit SET reason = NULL",
        "TRUNCATE audit",
        "DELETE FROM audit_leaves",
        "UPDATE audit_leaves SET record = 0",
        "DELETE FROM audit_hashes",
        "DELETE FROM audit_checkpoints",
        "UPDATE audit_detached SET size = 9",
        "TRUNCATE audit_unsealed",
        "DELETE FROM accounts",
        "DROP TABLE audit",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "UPDATE kleidia_schema SET version = 9",
        "INSERT INTO audit_keys VALUES (9, 'another')",
        "INSERT INTO account_names VALUES (sha256('root'), 9)",
        "DELETE FROM account_names",
        "DELETE FROM factors; DELETE FROM accounts",
        "CREATE TEMPORARY TABLE free (id BIGINT, name TEXT, name_digest BYTEA); \
         CREATE TRIGGER take BEFORE INSERT ON free FOR EACH ROW EXECUTE FUNCTION kleidia_take_name()",
        "CREATE FUNCTION public.unnest(bigint[]) RETURNS bigint LANGUAGE SQL AS 'SELECT 1'",
    ] {
        let error = client.batch_execute(statement).await.unwrap_err();
        let code = error.code().unwrap();
        assert_eq!(*code, SqlState::INSUFFICIENT_PRIVILEGE, "{statement}");
    }
    drop(client);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn error_names_why_the_server_is_not_reached() {
    let opened =
        PostgresStore::open("postgres://portal:secret@127.0.0.1:1/portal", audit_key()).await;
    let error = opened.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test]
async fn triggers_protect_accounts_sessions_and_log() {
    let (server, name, url) = new_database();
    let store = PostgresStore::open(&url, audit_key()).await.unwrap();
    let alice = create(&store, "alice").await;
    log_in(&store, &alice, 1).await;
    drop(store.rotate_refresh_token(&rotation(1, 2), &at(0)).await.unwrap());
    let all = SessionSelector::All { user: alice.id };
    drop(store.end_sessions(all, EndReason::Revoked, &at(1)).await.unwrap());
    verified(&store).await;
    for statement in [
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit SET reason = 'another'",
        "DELETE FROM audit_leaves",
        "TRUNCATE audit_leaves",
        "UPDATE audit_leaves SET record = record + 100",
        "DELETE FROM audit_hashes",
        "TRUNCATE audit_hashes",
        "UPDATE audit_hashes SET hash = decode(repeat('00', 32), 'hex')",
        "DELETE FROM audit_checkpoints",
        "TRUNCATE audit_checkpoints",
        "UPDATE audit_checkpoints SET note = ''",
        "UPDATE audit_checkpoints SET size = size + 1, hour = hour + 1",
        "INSERT INTO audit_checkpoints SELECT hour + 1, size, note FROM audit_checkpoints",
        "INSERT INTO audit_checkpoints SELECT hour - 1, size + 1, note FROM audit_checkpoints",
        "DELETE FROM audit_keys",
        "TRUNCATE audit_keys",
        "UPDATE audit_keys SET verifier_key = 'another'",
        "INSERT INTO audit_unsealed VALUES (1000); DELETE FROM audit_unsealed",
        "INSERT INTO audit_unsealed VALUES (1000); UPDATE audit_unsealed SET record = 1001",
        "TRUNCATE audit_unsealed",
        "DELETE FROM accounts",
        "TRUNCATE accounts CASCADE",
        "UPDATE accounts SET name = 'carol'",
        "UPDATE accounts SET id = DEFAULT",
        "UPDATE accounts SET name_digest = sha256('carol')",
        "UPDATE account_names SET \"user\" = 9",
        "DELETE FROM account_names",
        "TRUNCATE account_names",
        "UPDATE accounts SET is_erased = TRUE, is_disabled = FALSE",
        "UPDATE accounts SET is_erased = TRUE, is_disabled = TRUE; \
         UPDATE accounts SET is_erased = FALSE",
        "UPDATE sessions SET ended_at = NULL, end_reason = NULL",
        "UPDATE sessions SET agent_key = 'key'",
        "UPDATE families SET is_revoked = FALSE",
        "UPDATE refresh_tokens SET consumed_at = NULL, successor = NULL, wrapped = NULL",
        "UPDATE sessions SET token = 'x'",
    ] {
        let block = format!(
            "DO $$ BEGIN {statement}; RAISE EXCEPTION 'allowed' USING ERRCODE = 'P0042'; \
             EXCEPTION WHEN integrity_constraint_violation OR check_violation THEN NULL; END $$"
        );
        server.execute(&name, &block);
    }
}

/// Counts statements with triggers that each one fires once.
#[tokio::test]
async fn lowered_maximum_ends_sessions_with_one_statement_per_table() {
    const SESSIONS: u32 = 20;
    let (server, name, url) = new_database();
    let store = PostgresStore::open(&url, audit_key()).await.unwrap();
    let alice = create(&store, "alice").await;
    for token in 0..SESSIONS {
        log_in(&store, &alice, token).await;
    }
    server.execute(
        &name,
        "CREATE TABLE counted (relation TEXT); \
         CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql AS \
         $$BEGIN INSERT INTO counted VALUES (TG_TABLE_NAME); RETURN NULL; END$$; \
         CREATE TRIGGER counted AFTER UPDATE OF is_revoked ON families \
         FOR EACH STATEMENT EXECUTE FUNCTION count_statement(); \
         CREATE TRIGGER counted AFTER UPDATE ON sessions \
         FOR EACH STATEMENT EXECUTE FUNCTION count_statement();",
    );
    let new = NewSession { max_sessions: 1, ..new_session(&alice, hash(0), SESSIONS) };
    let opened = store.open_session(new, &at(1)).await.unwrap();
    let OpenOutcome::Opened { displaced, .. } = opened.value else { panic!("{opened:?}") };
    assert_eq!(displaced.len(), SESSIONS as usize);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let counted =
        client.query("SELECT relation FROM counted ORDER BY relation", &[]).await.unwrap();
    let counted: Vec<String> = counted.iter().map(|row| row.get(0)).collect();
    assert_eq!(counted, ["families", "sessions"]);
    drop(client);
    connection.await.unwrap().unwrap();
}

/// The server may expect many unsealed records, since it has just counted some.
#[tokio::test]
async fn sealing_reads_no_sealed_records() {
    let (server, name, url) = new_database();
    let store = PostgresStore::open(&url, audit_key()).await.unwrap();
    create(&store, "alice").await;
    store.seal().await.unwrap();
    let sealed = "
        INSERT INTO audit (sequence, at, kind, outcome, mac)
            SELECT 100 + id, 1, 'logout', 'success', sha256('') FROM generate_series(1, 20000) AS id;
        INSERT INTO audit_leaves SELECT 1000000 + id, 100 + id FROM generate_series(1, 20000) AS id;
        BEGIN;
        INSERT INTO audit_unsealed SELECT record FROM audit_leaves;
        ANALYZE;
        DELETE FROM audit_unsealed;
        COMMIT;
        SELECT setval('audit_sequence', 50000);";
    server.execute(&name, sealed);
    create(&store, "bob").await;
    let before = rows_read(server, &name);
    store.seal().await.unwrap();
    store.close();
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND pid <> pg_backend_pid()";
    // A connection reports what it has read when it is closed.
    while server.execute(&name, others) != "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let read = rows_read(server, &name) - before;
    assert!(read > 0 && read < 1000, "{read} rows were read");
}

/// Returns how many rows of the log were read, and entries of their indexes.
fn rows_read(server: &PostgresServer, database: &str) -> i64 {
    let read = "SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname IN \
        ('audit', 'audit_leaves')) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes \
        WHERE relname IN ('audit', 'audit_leaves'))";
    server.execute(database, read).parse().unwrap()
}
