//! Detached records of the audit log, and the roles that may detach them.

use kleidia_tower::audit::{AuditStore as _, ExportError};
use kleidia_tower::store::{PostgresStore, StoreError};
use test_servers::PostgresServer;
use tokio_postgres::error::SqlState;

use crate::detaching::{detach, detaching_tests, exported};
use crate::numbered::{audit_key, create, verified_size};
use crate::tampered_log::TempDatabase;

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

/// The owner apart from the service's role, which may do no more than docs/deployment.md grants, or
/// everything that is not the owner's.
#[tokio::test]
async fn only_the_owner_detaches() {
    let server = PostgresServer::shared();
    server
        .execute("postgres", "CREATE ROLE archive_owner LOGIN; CREATE ROLE archive_service LOGIN;");
    server.execute("postgres", "CREATE DATABASE archive OWNER archive_owner");
    let url = |role: &str| server.url("archive").replace("postgres@", role);
    let owner = PostgresStore::open(&url("archive_owner@"), audit_key()).await.unwrap();
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/deployment.md");
    let document = std::fs::read_to_string(document).unwrap();
    let grants: String = document.lines().filter(|line| line.starts_with("GRANT ")).collect();
    server.execute("archive", &grants.replace("TO portal;", "TO archive_service;"));
    let service = PostgresStore::open(&url("archive_service@"), audit_key()).await.unwrap();
    for name in ["alice", "bob", "carol"] {
        create(&service, name).await;
    }
    assert_eq!(verified_size(&service).await, 3);
    let export = exported(&service).await;
    assert_rejects(&service, &export, "permission denied").await;
    server.execute("archive", "GRANT ALL ON ALL TABLES IN SCHEMA public TO archive_service;");
    assert_rejects(&service, &export, "only the owner of the tables").await;

    assert_eq!(detach(&owner, &export, 2).await.unwrap(), 2);
    let (client, connection) =
        tokio_postgres::connect(&url("archive_service@"), tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    for statement in [
        "DELETE FROM audit WHERE sequence = 3",
        "DELETE FROM audit_leaves",
        "DELETE FROM audit_hashes WHERE position = 2",
        "TRUNCATE audit_detached",
        "DELETE FROM audit_detached",
        "UPDATE audit_detached SET size = 3, next_position = 9",
        "UPDATE audit_detached SET note = ''",
        "INSERT INTO audit_detached VALUES (1, 3, 9, '')",
        "INSERT INTO audit_leaves VALUES (1, 99)",
        "INSERT INTO audit_hashes VALUES (0, decode(repeat('00', 32), 'hex'))",
    ] {
        let error = client.batch_execute(statement).await.unwrap_err();
        let expected = &SqlState::INTEGRITY_CONSTRAINT_VIOLATION;
        assert_eq!(error.code(), Some(expected), "{statement}");
    }
    drop(client);
    connection.await.unwrap().unwrap();
    // The owner deletes nothing but what is detached, unless without the triggers.
    for statement in [
        "DELETE FROM audit WHERE sequence = 3",
        "DELETE FROM audit_leaves WHERE leaf = 2",
        "DELETE FROM audit_hashes WHERE position > 2",
        "UPDATE audit_detached SET size = 1",
    ] {
        let block = format!(
            "SET ROLE archive_owner; DO $$ BEGIN {statement}; \
             RAISE EXCEPTION 'allowed' USING ERRCODE = 'P0042'; \
             EXCEPTION WHEN integrity_constraint_violation THEN NULL; END $$"
        );
        server.execute("archive", &block);
    }
    create(&service, "dave").await;
    assert_eq!(verified_size(&service).await, 4);
    assert_eq!(service.verify(None).await.unwrap().first_leaf(), 2);
}

/// Temporary tables of a role are looked up by the functions of triggers last.
#[tokio::test]
async fn temporary_tables_deceive_no_trigger() {
    let server = PostgresServer::shared();
    let url = server.create_database();
    let store = PostgresStore::open(&url, audit_key()).await.unwrap();
    for name in ["alice", "bob", "carol"] {
        create(&store, name).await;
    }
    assert_eq!(verified_size(&store).await, 3);
    let name = url.rsplit('/').next().unwrap();
    server.execute(
        name,
        &format!(
            "CREATE ROLE deceiver LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO deceiver; \
             GRANT TEMPORARY ON DATABASE {name} TO deceiver; \
             INSERT INTO audit_unsealed VALUES (1000)"
        ),
    );
    let url = url.replace("postgres@", "deceiver@");
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let tables = "CREATE TEMPORARY TABLE pg_class AS SELECT found.oid, pg_roles.oid AS relowner \
            FROM pg_catalog.pg_class AS found, pg_roles WHERE rolname = current_user; \
        CREATE TEMPORARY TABLE audit_detached AS \
            SELECT 1 AS id, 9::bigint AS size, 99::bigint AS next_position, ''::text AS note; \
        CREATE TEMPORARY TABLE audit_leaves AS \
            SELECT 0::bigint AS leaf, record FROM generate_series(1, 1000) AS record; \
        CREATE TEMPORARY TABLE audit_keys AS SELECT 1::bigint AS first_leaf; \
        CREATE TEMPORARY TABLE audit_checkpoints (hour bigint, size bigint)";
    for statement in [
        "DELETE FROM public.audit_unsealed",
        "DELETE FROM public.audit",
        "DELETE FROM public.audit_leaves",
        "DELETE FROM public.audit_hashes",
        "UPDATE public.audit_checkpoints SET size = 0",
        "UPDATE public.audit_detached SET note = ''",
    ] {
        let error = client.batch_execute(&format!("{tables}; {statement}")).await.unwrap_err();
        let expected = &SqlState::INTEGRITY_CONSTRAINT_VIOLATION;
        assert_eq!(error.code(), Some(expected), "{statement}: {error:?}");
    }
    drop(client);
    connection.await.unwrap().unwrap();
}

async fn assert_rejects(store: &PostgresStore, export: &[u8], expected: &str) {
    let rejected = detach(store, export, 2).await.unwrap_err();
    let ExportError::Store(StoreError::Unavailable(cause)) = &rejected else {
        panic!("{rejected:?}");
    };
    assert!(cause.to_string().contains(expected), "{cause}");
    assert!(store.verify(None).await.unwrap().is_intact());
}
