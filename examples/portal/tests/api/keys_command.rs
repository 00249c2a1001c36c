//! `portal keys`: rotates the keys of access tokens while the portal runs.

use std::fs::{self, File};
use std::path::Path;
use std::process::Output;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::portal::{Portal, TempDatabase, command_without_database};

/// Runs `portal keys` with this file.
fn run(file: &Path, arguments: &[&str]) -> Output {
    let file = file.to_str().unwrap();
    command_without_database(&[&["keys"], arguments, &["--keys", file]].concat()).output().unwrap()
}

/// Runs a command that succeeds, and returns the states of the keys.
#[track_caller]
pub(crate) fn states(file: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = run(file, &[arguments, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys = listed["keys"].as_array().unwrap();
    let has_old = keys.iter().any(|key| key["state"] == "verifies");
    assert_eq!(listed["retires_at"].is_string(), has_old, "{listed}");
    // No secret is printed.
    let secrets = fs::read_to_string(file).unwrap();
    for secret in secrets.lines().filter_map(|line| line.split_once(':')) {
        assert!(!String::from_utf8_lossy(&output.stdout).contains(secret.1.trim()));
    }
    keys.iter().map(|key| key["state"].clone()).collect()
}

/// Makes the last change of the file an hour older.
fn age(file: &Path) {
    let hour_ago = SystemTime::now() - Duration::from_hours(1);
    File::options().write(true).open(file).unwrap().set_modified(hour_ago).unwrap();
}

#[tokio::test]
async fn rotates_while_the_portal_runs() {
    let portal = Portal::start(&[]);
    let file = portal.database.file("portal.db.keys");
    let admin = portal.log_in_admin().await;
    let whoami = async |token| portal.get("/api/whoami").bearer_auth(token).send().await;
    assert_eq!(states(&file, &["list"]), [json!("signs")]);
    assert_eq!(states(&file, &["rotate", "--stage"]), [json!("signs"), json!("staged")]);
    let staged = run(&file, &["rotate", "--stage"]);
    assert_eq!(staged.status.code(), Some(3), "{staged:?}");
    assert_eq!(states(&file, &["rotate"]), [json!("signs"), json!("verifies")]);
    // The portal polls the file every 5 seconds.
    let key_id = |token: &str| token.split('.').next().unwrap().to_owned();
    let old = key_id(&admin.access);
    let rotated = loop {
        let tokens = portal.log_in_admin().await;
        if key_id(&tokens.access) != old {
            break tokens;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    whoami(&admin.access).await.expect_json();
    whoami(&rotated.access).await.expect_json();

    let early = run(&file, &["rotate", "--retire"]);
    assert_eq!(early.status.code(), Some(3), "{early:?}");
    assert!(String::from_utf8_lossy(&early.stderr).contains("are needed until"), "{early:?}");
    age(&file);
    assert_eq!(states(&file, &["rotate", "--retire"]), [json!("signs")]);
    assert_eq!(states(&file, &["rotate", "--retire"]), [json!("signs")], "repeated");
    whoami(&rotated.access).await.expect_json();
}

#[test]
fn reports_files_that_cannot_be_rotated() {
    let database = TempDatabase::new();
    let file = database.file("some.keys");
    let missing = run(&file, &["rotate"]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("some.keys"), "{missing:?}");
    fs::write(&file, "not keys").unwrap();
    assert_eq!(run(&file, &["rotate"]).status.code(), Some(1));
    assert_eq!(fs::read(&file).unwrap(), b"not keys");
    assert_eq!(run(&file, &["rotate", "--stage", "--retire"]).status.code(), Some(2));
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "a lock is left");
}
