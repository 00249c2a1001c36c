//! `portal doctor`: what it finds, without secrets.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;
use test_servers::PostgresServer;

use super::nodes::Cluster;
use crate::portal::{TempDatabase, command};

/// Runs it, and returns the exit code, and the statuses and details of the checks.
fn run(mut doctor: Command) -> (Option<i32>, BTreeMap<String, (String, String)>) {
    let output = doctor.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let mut checks = BTreeMap::new();
    for line in text.lines() {
        let check: Value = serde_json::from_str(line).unwrap();
        let member = |name: &str| check[name].as_str().unwrap().to_owned();
        checks.insert(member("check"), (member("status"), member("detail")));
    }
    (output.status.code(), checks)
}

const DOCTOR: [&str; 2] = ["doctor", "--json"];

#[test]
fn file_is_sound_until_something_is_wrong() {
    let portal = TempDatabase::with_admin().start(&[]);
    let (path, keys) = (portal.database.path(), portal.database.file("portal.db.keys"));
    let (code, checks) = run(command(&path, &DOCTOR));
    assert_eq!(code, Some(0), "{checks:?}");
    let names: Vec<_> = checks.keys().map(String::as_str).collect();
    assert_eq!(names, ["audit-key", "audit-log", "clock", "database", "keys", "settings"]);

    fs::set_permissions(&keys, Permissions::from_mode(0o644)).unwrap();
    let (code, checks) = run(command(&path, &DOCTOR));
    assert_eq!((code, &*checks["keys"].0), (Some(6), "warning"), "{checks:?}");
    assert!(checks["keys"].1.contains("644"), "{checks:?}");

    let contradiction = [&["--session-ttl", "2h", "--login-ttl", "1h"][..], &DOCTOR].concat();
    let (code, checks) = run(command(&path, &contradiction));
    assert_eq!((code, &*checks["settings"].0), (Some(1), "failed"), "{checks:?}");
    fs::remove_file(&keys).unwrap();
    let (code, checks) = run(command(&path, &DOCTOR));
    assert_eq!((code, &*checks["keys"].0), (Some(1), "failed"), "{checks:?}");
    assert!(!keys.exists());
}

#[test]
fn unreachable_database_and_redis_fail_without_secrets() {
    let database = TempDatabase::with_admin();
    let (key, secret) = (database.file("portal.db.audit-key"), database.file("limit.secret"));
    fs::write(&secret, "0123456789abcdef0123456789abcdef0123456789ab").unwrap();
    let url = "postgres://portal:hunter2@127.0.0.1:1/portal?sslmode=disable";
    let redis = "redis://portal:hunter2@127.0.0.1:1";
    let options = ["--redis", redis, "--limit-secret", secret.to_str().unwrap()];
    let arguments = [&options[..], &DOCTOR, &["--audit-key", key.to_str().unwrap()]].concat();
    let (code, checks) = run(command(url.as_ref(), &arguments));
    assert_eq!(code, Some(1), "{checks:?}");
    for check in ["database", "redis", "keys"] {
        assert_eq!(checks[check].0, "failed", "{checks:?}");
    }
}

#[test]
fn verifies_the_audit_log_on_postgres() {
    let cluster = Cluster::new(PostgresServer::shared());
    let (keys, audit_key) = (cluster.file("portal.keys"), cluster.file("portal.audit-key"));
    let options = ["--keys", &keys, "--audit-key", &audit_key];
    let doctor = || command(cluster.url.as_ref(), &[&options[..], &DOCTOR].concat());
    let (code, checks) = run(doctor());
    assert_eq!(code, Some(0), "{checks:?}");
    let altered = "UPDATE audit SET reason = 'other'";
    cluster.execute(&format!("ALTER TABLE audit DISABLE TRIGGER ALL; {altered}"));
    let (code, checks) = run(doctor());
    assert_eq!((code, &*checks["audit-log"].0), (Some(1), "failed"), "{checks:?}");
}
