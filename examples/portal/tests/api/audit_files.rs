//! The files of the audit log's key: where they are, and who may replace them.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::process::Output;

use crate::api::audit_command::{audit, stdout, wait_for_health};
use crate::api::command_line::assert_fails;
use crate::portal::{ADMIN, PASSWORD, TempDatabase, command, output_with_input};

/// A user of the machine that has no other files.
const SERVICE: u32 = 54_321;

fn create_admin(database: &TempDatabase, arguments: &[&str]) -> Output {
    let create = ["create-admin", ADMIN, "--password-stdin"];
    output_with_input(command(&database.path(), &[&create, arguments].concat()), PASSWORD)
}

/// The folder of the key may be read-only, as that of a mounted secret is.
#[tokio::test]
async fn checkpoint_is_kept_in_another_folder() {
    let database = TempDatabase::new();
    let (secrets, state) = (database.file("secrets"), database.file("state"));
    for folder in [&secrets, &state] {
        fs::create_dir(folder).unwrap();
    }
    let (key, newest) = (secrets.join("audit-key"), state.join("newest"));
    let files = ["--audit-key", key.to_str().unwrap(), "--audit-checkpoint"];
    let files = [&files[..], &[newest.to_str().unwrap()]].concat();
    assert!(create_admin(&database, &files).status.success());
    let portal = database.start(&files);
    portal.log_in_admin().await;
    let (_, _, database) = portal.stop_with("-TERM");
    let with_files = |arguments: &[&str]| audit(&database, &[arguments, &files].concat());
    assert_eq!(stdout(with_files(&["verify"])), "intact: 3 records\n");
    let checkpoint = stdout(with_files(&["checkpoint"]));
    assert_eq!(checkpoint.lines().nth(1), Some("3"), "{checkpoint}");
    assert_eq!(fs::read_to_string(&newest).unwrap(), checkpoint);
    assert_eq!(stdout(with_files(&["accept", "--size", "3"])), "accepted: 3 records\n");
    assert_eq!(fs::read_to_string(state.join("newest.3")).unwrap(), checkpoint);
    let names: Vec<_> = fs::read_dir(&secrets).unwrap().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    // It is the checkpoint that `verify` compares, as that beside the key is by default.
    fs::write(&newest, "another").unwrap();
    assert_fails(&with_files(&["verify"]), &["newest", "malformed"]);
    let mut from_variable = command(&database.path(), &["audit", "verify"]);
    let from_variable = from_variable.args(["--audit-key", key.to_str().unwrap()]);
    let output = from_variable.env("AUDIT_CHECKPOINT_FILE", &newest).output().unwrap();
    assert_fails(&output, &["newest", "malformed"]);
}

/// A portal that was killed before it created its key starts again, and its log is sealed.
#[tokio::test]
async fn killed_first_start_is_repeated() {
    let database = TempDatabase::new();
    let other = TempDatabase::with_admin();
    let leftover = database.file("portal.db.audit-key.checkpoint");
    fs::copy(other.file("portal.db.audit-key.checkpoint"), leftover).unwrap();
    assert!(create_admin(&database, &[]).status.success());
    let portal = database.start(&[]);
    portal.log_in_admin().await;
    wait_for_health(&portal, "ok\n").await;
    assert!(portal.database.file("portal.db.audit-key.checkpoint.invalid").exists());
}

/// A key that may have signed another log starts no empty one. The error names the command.
#[tokio::test]
async fn error_names_the_command_that_accepts_an_empty_log() {
    let other = TempDatabase::with_admin();
    let database = TempDatabase::new();
    fs::copy(other.file("portal.db.audit-key"), database.file("portal.db.audit-key")).unwrap();
    let portal = database.start(&["--demo"]);
    wait_for_health(&portal, "degraded: audit-log\n").await;
    let log = portal.log();
    assert!(log.contains("portal audit accept --size 0"), "{log}");
    let (_, _, database) = portal.stop_with("-TERM");
    let accepted = stdout(audit(&database, &["accept", "--size", "0"]));
    assert_eq!(accepted, "accepted: 0 records\n");
    let portal = database.start(&[]);
    wait_for_health(&portal, "ok\n").await;
}

/// The administrator's commands leave the files to the portal, which has a user of its own.
#[tokio::test]
async fn commands_of_another_user_leave_the_checkpoint_to_the_portal() {
    let database = TempDatabase::with_admin();
    let folder = database.file("");
    if fs::metadata(&folder).unwrap().uid() != 0 {
        eprintln!("skipped: only the superuser can run commands as another user");
        return;
    }
    let checkpoint = database.file("portal.db.audit-key.checkpoint");
    chown(&folder, Some(SERVICE), Some(SERVICE)).unwrap();
    for file in fs::read_dir(&folder).unwrap() {
        chown(file.unwrap().path(), Some(SERVICE), Some(SERVICE)).unwrap();
    }
    let owner = || fs::metadata(&checkpoint).map(|found| (found.uid(), found.gid())).unwrap();
    let before = fs::read(&checkpoint).unwrap();
    let unlocked = command(&database.path(), &["unlock", ADMIN]).output().unwrap();
    assert!(unlocked.status.success(), "{unlocked:?}");
    assert_ne!(fs::read(&checkpoint).unwrap(), before, "the command has sealed its record");
    assert_eq!(owner(), (SERVICE, SERVICE));
    assert_eq!(stdout(audit(&database, &["accept", "--size", "2"])), "accepted: 2 records\n");
    assert_eq!(owner(), (SERVICE, SERVICE));
    // A user who may not keep the owner does not replace the file.
    chown(&checkpoint, Some(0), Some(0)).unwrap();
    fs::set_permissions(&checkpoint, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let mut accept = command(&database.path(), &["audit", "accept", "--size", "2"]);
    let rejected = accept.uid(SERVICE).gid(SERVICE).output().unwrap();
    assert_fails(&rejected, &["checkpoint: expected the user 0 with the group 0, found 54321 "]);
    assert_eq!(owner(), (0, 0));
}

/// A portal that was interrupted after the commit, or a lost output, costs nothing.
#[tokio::test]
async fn replacement_of_the_key_can_be_repeated() {
    let database = TempDatabase::with_admin();
    let old = stdout(audit(&database, &["verifier-key"]));
    let new = database.file("new-key");
    let replace = ["replace-key", new.to_str().unwrap()];
    let ended = stdout(audit(&database, &replace));
    // The process was killed before it wrote the file.
    let newest = database.file("new-key.checkpoint");
    fs::remove_file(&newest).unwrap();
    assert_eq!(stdout(audit(&database, &replace)), ended);
    assert_eq!(fs::read_to_string(&newest).unwrap(), ended);
    let with_new = ["--audit-key", new.to_str().unwrap()];
    let portal = database.start(&with_new);
    portal.log_in_admin().await;
    let (_, _, database) = portal.stop_with("-TERM");
    // Later checkpoints have replaced it in the database, and in the file.
    let later = fs::read_to_string(&newest).unwrap();
    assert_ne!(later, ended);
    let lost = [&replace[..], &["--lost", old.trim()]].concat();
    for replace in [&replace[..], &lost] {
        assert_eq!(stdout(audit(&database, replace)), ended);
        assert_eq!(fs::read_to_string(&newest).unwrap(), later);
    }
    let verified = stdout(audit(&database, &[&["verify"], &with_new[..]].concat()));
    assert!(verified.starts_with("intact: "), "{verified}");
    let third = database.file("third-key");
    let rejected = audit(&database, &["replace-key", third.to_str().unwrap()]);
    assert_fails(&rejected, &["the audit log has the key", "and not the key"]);
    let same = [&replace[..], &with_new].concat();
    assert_eq!(stdout(audit(&database, &same)), ended);
    let first = TempDatabase::with_admin();
    let own = first.file("portal.db.audit-key");
    let rejected = audit(&first, &["replace-key", own.to_str().unwrap()]);
    assert_fails(&rejected, &["has had this key from its start"]);
}

/// Starts the portal on a backup from before the replacement: the log is that of the old key.
#[tokio::test]
async fn backup_from_before_a_replacement_needs_the_old_key() {
    let database = TempDatabase::with_admin();
    let old = stdout(audit(&database, &["verifier-key"]));
    let backup = database.file("backup.db");
    fs::copy(database.path(), &backup).unwrap();
    let new = database.file("new-key");
    let with_new = ["--audit-key", new.to_str().unwrap()];
    stdout(audit(&database, &["replace-key", with_new[1]]));
    let unlock = |database: &TempDatabase, key: &[&str]| {
        command(&database.path(), &["unlock", ADMIN]).args(key).output().unwrap()
    };
    assert!(unlock(&database, &with_new).status.success());
    fs::copy(&backup, database.path()).unwrap();
    assert_fails(&unlock(&database, &with_new), &["the audit log has the key", old.trim()]);
    // The old secret key continues the log of the backup.
    let accepted = stdout(audit(&database, &["accept", "--size", "1"]));
    assert!(accepted.starts_with("accepted: 1 "), "{accepted}");
    assert!(unlock(&database, &[]).status.success());
    // The new one has signed what this log does not have, so a third key replaces the old one.
    let replace = |database: &TempDatabase, name: &str, lost: &[&str]| {
        let file = database.file(name);
        audit(database, &[&["replace-key", file.to_str().unwrap()], lost].concat())
    };
    stdout(replace(&database, "third-key", &[]));
    let third = database.file("third-key");
    let third = ["--audit-key", third.to_str().unwrap()];
    assert!(unlock(&database, &third).status.success());
    let portal = database.start(&third);
    portal.log_in_admin().await;
    wait_for_health(&portal, "ok\n").await;
    let (_, _, database) = portal.stop_with("-TERM");

    // Without the old secret key, its public one suffices to replace it.
    fs::copy(&backup, database.path()).unwrap();
    fs::remove_file(database.file("portal.db.audit-key")).unwrap();
    stdout(replace(&database, "fourth-key", &["--lost", old.trim()]));
    let fourth = database.file("fourth-key");
    assert!(unlock(&database, &["--audit-key", fourth.to_str().unwrap()]).status.success());
}
