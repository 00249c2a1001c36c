//! `portal audit`: verifies the log, keeps checkpoints and proves records.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use kleidia_tower::audit::{AuditKey, AuditStore as _};
use kleidia_tower::store::{SqliteOptions, SqliteStore};
use serde_json::Value;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::api::audit_archive::old_event;
use crate::api::command_line::assert_fails;
use crate::portal::{ADMIN, PASSWORD, Portal, TempDatabase, command};

pub(crate) fn audit(database: &TempDatabase, arguments: &[&str]) -> Output {
    let arguments = [&["audit"], arguments].concat();
    command(&database.path(), &arguments).output().unwrap()
}

#[track_caller]
pub(crate) fn stdout(output: Output) -> String {
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
    // The checkpoint beside the key is one that was kept elsewhere, too.
    let key = stdout(audit(&database, &["verifier-key"]));
    let since = ["verify", "--since", checkpoint.to_str().unwrap()];
    for arguments in [&["verify"][..], &since, &["verify", "--verifier-key", key.trim()]] {
        let output = audit(&database, arguments);
        let shorter = "the log has 0 records, expected at least 2\n";
        assert_eq!(String::from_utf8(output.stdout).unwrap(), shorter);
    }
    let other = ["no checkpoint, which does not continue a checkpoint of 2 records"];
    assert_fails(&audit(&database, &["checkpoint"]), &other);
    assert_fails(&audit(&database, &["accept", "--size", "2"]), &["has 0 records, expected 2"]);
    let accepted = stdout(audit(&database, &["accept", "--size", "0"]));
    assert_eq!(accepted, "accepted: 0 records\n");
    assert_fails(&audit(&database, &["checkpoint"]), &["the audit log is empty"]);
    assert!(database.file("portal.db.audit-key.checkpoint.2").exists());
    assert!(database.create_admin("bob", PASSWORD).status.success());
    assert_eq!(stdout(audit(&database, &["verify"])), "intact: 1 record\n");
}

/// A backup of a running portal has records that are not sealed yet, and nothing seals them.
#[tokio::test]
async fn backup_with_unsealed_records_is_accepted() {
    let database = TempDatabase::with_admin();
    let key = AuditKey::open(database.file("portal.db.audit-key")).unwrap();
    let options = SqliteOptions::default().with_seal_interval(Duration::from_hours(1)).unwrap();
    let store = SqliteStore::open_with(database.path(), key, options).await.unwrap();
    store.append(vec![old_event()]).await.unwrap();
    let output = audit(&database, &["verify"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "record 2 waits to be sealed\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "error: the audit log has 1 fault\n");
    let accepted = stdout(audit(&database, &["accept", "--size", "1"]));
    assert_eq!(accepted, "accepted: 1 record\n");
    drop(store);
    assert!(database.create_admin("alice", PASSWORD).status.success());
    assert_eq!(stdout(audit(&database, &["verify"])), "intact: 3 records\n");
}

/// Who writes to the database removes a record, and lets the portal seal all others again.
#[tokio::test]
async fn portal_does_not_seal_an_emptied_log() {
    let portal = Portal::start(&[]);
    portal.log_in_admin().await;
    let (_, _, mut database) = portal.stop_with("-TERM");
    tamper(
        &database.path(),
        "DROP TRIGGER audit_is_not_deleted; DROP TRIGGER audit_checkpoints_are_not_deleted; \
         DROP TRIGGER audit_leaves_are_not_deleted; DROP TRIGGER audit_hashes_are_not_deleted; \
         DELETE FROM audit_leaves; DELETE FROM audit_hashes; DELETE FROM audit_checkpoints; \
         DELETE FROM audit WHERE sequence = 2; \
         INSERT INTO audit_unsealed SELECT sequence FROM audit",
    )
    .await;
    for _ in 0..2 {
        // No command seals it, and none hides it.
        let verified = audit(&database, &["verify"]);
        let shorter = "the log has 0 records, expected at least 3\nrecord 1 waits to be sealed\n";
        let faults = String::from_utf8(verified.stdout).unwrap();
        assert!(faults.starts_with(shorter), "{faults}");
        let portal = database.start(&[]);
        portal.log_in_admin().await;
        wait_for_health(&portal, "degraded: audit-log\n").await;
        (_, _, database) = portal.stop_with("-TERM");
        let log = fs::read_to_string(database.file("log")).unwrap();
        let alarm = "the audit log has no checkpoint, which does not continue a checkpoint of 3 ";
        assert!(log.contains(alarm), "{log}");
    }
}

pub(crate) async fn wait_for_health(portal: &Portal, expected: &str) {
    while portal.get("/api/health").send().await.body != expected {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn another_key_is_rejected() {
    let database = TempDatabase::with_admin();
    let other = TempDatabase::with_admin();
    let key = other.file("portal.db.audit-key");
    let key = ["--audit-key", key.to_str().unwrap()];
    for arguments in [&["unlock", ADMIN][..], &["--listen", "127.0.0.1:0"]] {
        let output = command(&database.path(), arguments).args(key).output().unwrap();
        assert_fails(&output, &["the audit log has the key kleidia-audit-", "and not the key"]);
    }
    let output = audit(&database, &[&["verify"], &key[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let faults = String::from_utf8(output.stdout).unwrap();
    assert!(
        faults.contains("the log has the key") && faults.contains("no valid signature"),
        "{faults}"
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
    let missing = ["portal.db.audit-key", "No such file", "with --verifier-key VKEY"];
    assert_fails(&audit(&database, &["verify"]), &missing);
    // The log has its key: no command creates another.
    let unlock = command(&database.path(), &["unlock", ADMIN]).output().unwrap();
    assert_fails(&unlock, &["portal.db.audit-key", "without which its log cannot be continued"]);
    assert!(!database.file("portal.db.audit-key").exists());
    let created = stdout(audit(&database, &["create-key"]));
    assert!(created.starts_with("kleidia-audit-"), "{created}");
    assert_fails(&audit(&database, &["create-key"]), &["portal.db.audit-key", "the file exists"]);
}

#[tokio::test]
async fn key_is_replaced() {
    let database = TempDatabase::with_admin();
    let old = stdout(audit(&database, &["verifier-key"]));
    let kept = database.file("kept");
    fs::write(&kept, stdout(audit(&database, &["checkpoint"]))).unwrap();
    let new = database.file("new-key");
    let new = ["--audit-key", new.to_str().unwrap()];
    let ended = stdout(audit(&database, &["replace-key", new[1]]));
    assert_eq!(ended.lines().nth(1), Some("2"), "{ended}");
    assert_eq!(ended.lines().filter(|line| line.starts_with('\u{2014}')).count(), 2, "{ended}");
    assert_eq!(fs::read_to_string(database.file("new-key.checkpoint")).unwrap(), ended);
    let unlock = command(&database.path(), &["unlock", ADMIN]).output().unwrap();
    assert_fails(&unlock, &["the audit log has the key", old.trim()]);
    let unlock = command(&database.path(), &["unlock", ADMIN]).args(new).output().unwrap();
    assert!(unlock.status.success(), "{unlock:?}");
    let since = ["verify", "--since", kept.to_str().unwrap()];
    let since_old = [&since[..], &["--since-key", old.trim()], &new].concat();
    assert_eq!(stdout(audit(&database, &since_old)), "intact: 3 records\n");
    let since_new = [&since[..], &new].concat();
    assert_fails(&audit(&database, &since_new), &["kept", "no valid signature"]);
}
