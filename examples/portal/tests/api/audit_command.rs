//! `portal audit`: verifies the log, keeps checkpoints and proves records.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::command_line::assert_fails;
use crate::portal::{ADMIN, PASSWORD, Portal, TempDatabase, command};

fn audit(database: &TempDatabase, arguments: &[&str]) -> Output {
    let arguments = [&["audit"], arguments].concat();
    command(&database.path(), &arguments).output().unwrap()
}

#[track_caller]
fn stdout(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Executes statements on a database without its triggers.
async fn tamper(path: &Path, statements: &'static str) {
    let mut connection =
        sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn verifies_the_log_of_a_running_portal() {
    let portal = Portal::start(&[]);
    portal.log_in_admin().await;
    let database = &portal.database;
    assert!(database.create_admin("alice", PASSWORD).status.success());
    // A record that the portal has not sealed yet is waited for.
    let verified = stdout(audit(database, &["verify"]));
    assert!(verified.starts_with("intact: "), "{verified}");
    let key = stdout(audit(database, &["verifier-key"]));
    let key = key.trim();
    let with_key = |arguments: &[&str]| {
        let without = [arguments, &["--verifier-key", key]].concat();
        let missing = ["--audit-key", "/nowhere/at/all"];
        audit(database, &[&without[..], &missing].concat())
    };
    assert!(stdout(with_key(&["verify"])).starts_with("intact: "));

    let checkpoint = stdout(audit(database, &["checkpoint"]));
    let kept = database.file("checkpoint");
    fs::write(&kept, &checkpoint).unwrap();
    let since = ["verify", "--since", kept.to_str().unwrap()];
    assert!(database.create_admin("bob", PASSWORD).status.success());
    stdout(audit(database, &since));
    stdout(with_key(&since));

    let proof = stdout(audit(database, &["prove", "1"]));
    let parsed: Value = serde_json::from_str(&proof).unwrap();
    assert_eq!(parsed["record"]["event"], "user.created");
    assert_eq!(parsed["record"]["user"]["name"], ADMIN);
    let file = database.file("proof.json");
    fs::write(&file, &proof).unwrap();
    let check = ["check-proof", file.to_str().unwrap()];
    let checked = stdout(with_key(&check));
    assert!(checked.starts_with("record 1 (user.created, "), "{checked}");
    fs::write(&file, proof.replace(ADMIN, "mallory")).unwrap();
    assert_fails(&with_key(&check), &["proof.json", "not in the log"]);
    assert_fails(&audit(database, &["prove", "1000"]), &["no sealed record 1000"]);
    let health = portal.get("/api/health").send().await;
    assert_eq!(health.body, "ok\n");
}

#[tokio::test]
async fn faults_are_named_and_fail() {
    let database = TempDatabase::with_admin();
    assert!(database.create_admin("alice", PASSWORD).status.success());
    let checkpoint = database.file("checkpoint");
    fs::write(&checkpoint, stdout(audit(&database, &["checkpoint"]))).unwrap();
    tamper(
        &database.path(),
        "DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_deleted; \
         UPDATE audit SET user_name = 'bob' WHERE sequence = 1; \
         DELETE FROM audit WHERE sequence = 2",
    )
    .await;
    let output = audit(&database, &["verify"]);
    assert_eq!(output.status.code(), Some(1));
    let faults = "record 1 was altered\nrecord 2 was removed\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), faults);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("error: the audit log has 2 faults"), "{stderr}");
    tamper(
        &database.path(),
        "DROP TRIGGER audit_checkpoints_go_forward; DROP TRIGGER audit_checkpoints_are_not_deleted; \
         DROP TRIGGER audit_leaves_are_not_deleted; DROP TRIGGER audit_hashes_are_not_deleted; \
         DELETE FROM audit; DELETE FROM audit_leaves; DELETE FROM audit_hashes; \
         DELETE FROM audit_checkpoints",
    )
    .await;
    assert_eq!(stdout(audit(&database, &["verify"])), "intact: 0 records\n");
    let output = audit(&database, &["verify", "--since", checkpoint.to_str().unwrap()]);
    let shorter = "the log has 0 records, expected at least 2\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), shorter);
    assert_fails(&audit(&database, &["checkpoint"]), &["the audit log is empty"]);
}

#[test]
fn another_key_is_rejected() {
    let database = TempDatabase::with_admin();
    let other = TempDatabase::with_admin();
    let key = other.file("portal.db.audit-key");
    let key = ["--audit-key", key.to_str().unwrap()];
    for arguments in [&["unlock", ADMIN][..], &["--listen", "127.0.0.1:0"]] {
        let output = command(&database.path(), arguments).args(key).output().unwrap();
        assert_fails(&output, &["portal.db.audit-key", "checkpoint is not signed"]);
    }
    let output = audit(&database, &[&["verify"], &key[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stdout).unwrap().contains("no valid signature of the log's key")
    );
    let missing = TempDatabase::new();
    let output = audit(&missing, &[&["verify"], &key[..]].concat());
    assert_fails(&output, &["no such database"]);
    assert!(!missing.path().exists());
    fs::write(database.file("key"), "a key").unwrap();
    let invalid = database.file("key");
    let output = audit(&database, &["verify", "--audit-key", invalid.to_str().unwrap()]);
    assert_fails(&output, &["malformed audit key"]);
    fs::remove_file(database.file("portal.db.audit-key")).unwrap();
    assert_fails(&audit(&database, &["verify"]), &["portal.db.audit-key", "No such file"]);
}
