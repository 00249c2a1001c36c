//! The command line: creates admins, checks settings, and reports errors.

use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::portal::{ADMIN, PASSWORD, Portal, TempDatabase, command};
use crate::tokens::Tokens;

/// An address for documentation (RFC 5737), so the portal never starts. Errors of other settings
/// are reported first.
const UNUSABLE_ADDRESS: [&str; 2] = ["--listen", "192.0.2.1:1"];

/// Asserts that the command failed with one line of error that contains these texts.
#[track_caller]
pub(crate) fn assert_fails(output: &Output, texts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let errors: Vec<_> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let [error] = errors[..] else { panic!("{errors:?}") };
    for text in texts {
        assert!(error.contains(text), "{error}");
    }
}

#[tokio::test]
async fn creates_admin() {
    let database = TempDatabase::new();
    let created = database.create_admin("Alice", PASSWORD);
    assert!(created.status.success(), "{created:?}");
    let output = String::from_utf8([created.stdout, created.stderr].concat()).unwrap();
    assert!(output.contains("lice") && !output.contains(PASSWORD), "{output}");
    let portal = database.start(&[]);
    let alice = Tokens::from_response(&portal.login_request("alice", PASSWORD).send().await);
    portal.get("/api/admin/users").auth(&alice).send().await.expect_json();
    // Also while the portal runs.
    assert!(portal.database.create_admin("bob", PASSWORD).status.success());
    portal.log_in("bob").await;
}

#[test]
fn rejects_invalid_admin_with_reasons() {
    let database = TempDatabase::with_admin();
    assert_fails(&database.create_admin("alice", "short"), &["fewer than 8 characters"]);
    assert_fails(
        &database.create_admin("alice", "alice"),
        &["fewer than 8 characters", "the user name"],
    );
    assert_fails(&database.create_admin("alice", ""), &["fewer than 8 characters"]);
    for name in [ADMIN, "ROOT", "\u{ff32}oot"] {
        assert_fails(&database.create_admin(name, PASSWORD), &["already"]);
    }
    for name in ["", "al\u{200b}ice", " alice"] {
        assert_fails(&database.create_admin(name, PASSWORD), &["name"]);
    }
}

#[test]
fn requires_password_stdin_without_terminal() {
    let database = TempDatabase::new();
    let output = command(&database.path(), &["create-admin", "alice"]).output().unwrap();
    assert_fails(&output, &["--password-stdin"]);
}

#[test]
fn rejects_invalid_settings() {
    let database = TempDatabase::new();
    for (arguments, text) in [
        (["--access-ttl", "0s"], "--access-ttl: access TTL is out of bounds"),
        (["--session-ttl", "0s"], "--session-ttl: session TTL is out of bounds"),
        (["--refresh-ttl", "0s"], "--refresh-ttl: refresh TTL is out of bounds"),
        (["--lockout-threshold", "0"], "--lockout-threshold must be"),
        (["--argon2-permits", "0"], "--argon2-permits must be"),
        (["--access-ttl", "1m"], "failed to listen on 192.0.2.1:1"),
    ] {
        let output = command(&database.path(), &arguments).args(UNUSABLE_ADDRESS).output().unwrap();
        assert_fails(&output, &[text]);
    }
    for arguments in [
        ["--access-ttl", "soon"],
        // Half a second would be dropped.
        ["--session-ttl", "1500ms"],
        ["--login-limit", "3"],
        ["--login-limit", "0/60"],
        ["--refresh-limit", "0/60"],
        ["--api-limit", "3/0"],
        ["--trusted-proxy", "localhost"],
        ["--log", "xml"],
        ["--kliento-trust-anchor", "x"],
    ] {
        let output = command(&database.path(), &arguments).args(UNUSABLE_ADDRESS).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(arguments[0]) && stderr.contains(arguments[1]), "{stderr}");
    }
}

#[test]
fn rejects_contradictory_settings_with_both_values() {
    let database = TempDatabase::new();
    for (arguments, text) in [
        (vec!["--refresh-ttl", "31d"], "refresh TTL of 2678400s exceeds login TTL of 2592000s"),
        (
            vec!["--session-ttl", "2h", "--login-ttl", "1h"],
            "session TTL of 7200s exceeds login TTL of 3600s",
        ),
        (
            vec!["--access-ttl", "2h"],
            "--access-ttl: access TTL of 7200s exceeds session TTL of 3600s",
        ),
        (
            vec!["--session-ttl", "10m", "--access-ttl", "11m"],
            "--access-ttl: access TTL of 660s exceeds session TTL of 600s",
        ),
        (vec!["--max-sessions", "0"], "--max-sessions: maximum of sessions is out of bounds"),
        (
            vec!["--cache-sessions", "10ms"],
            "--cache-sessions: maximum staleness is out of bounds: expected 100ms to 60s, found 10ms",
        ),
        (vec!["--cache-sessions", "61s"], "expected 100ms to 60s, found 61s"),
        (
            vec!["--rejections-per-source", "60", "--rejections-total", "59"],
            "--rejections-total: rejections per source of 60 exceeds rejections in total of 59",
        ),
        (vec!["--rejections-accounts-total", "100001"], "expected 1 to 100000, found 100001"),
        // Without the audience, no workload is accepted.
        (vec!["--kliento-allow-organisation", "example.com"], "need --kliento-audience"),
        (vec!["--kliento-audience", "a", "--kliento-clock-skew", "6m"], "300s"),
        (vec!["--access-ttl", "2h", "--session-ttl", "3h"], "failed to listen on 192.0.2.1:1"),
        (vec!["--session-ttl", "10m"], "failed to listen on 192.0.2.1:1"),
        (vec!["--rejections-total", "20"], "failed to listen on 192.0.2.1:1"),
        (vec!["--cache-sessions", "1m"], "failed to listen on 192.0.2.1:1"),
        (vec!["--login-ttl", "1m"], "failed to listen on 192.0.2.1:1"),
        (vec!["--refresh-ttl", "31d", "--login-ttl", "90d"], "failed to listen on 192.0.2.1:1"),
    ] {
        let output = command(&database.path(), &arguments).args(UNUSABLE_ADDRESS).output().unwrap();
        assert_fails(&output, &[text]);
    }
}

#[tokio::test]
async fn unlocks_account() {
    let database = TempDatabase::with_admin();
    let portal = database.start(&["--lockout-threshold", "2", "--lockout-base", "10m"]);
    for password in ["not this one", "nor this one", PASSWORD] {
        let locked = portal.login_request(ADMIN, password).send().await;
        locked.expect_problem(401, "invalid_credentials");
    }
    let unlock = |name: &str| command(&portal.database.path(), &["unlock", name]).output().unwrap();
    assert_fails(&unlock("nobody"), &["no account \"nobody\""]);
    let unlocked = unlock("Root");
    assert!(unlocked.status.success(), "{unlocked:?}");
    assert_eq!(unlocked.stdout, b"unlocked the sign-in of Root\n");
    let admin = Tokens::from_response(&portal.login_request(ADMIN, PASSWORD).send().await);
    assert_eq!(portal.audit(&admin, "event=login.unlocked").await.len(), 1);
    let unlocked =
        command(&portal.database.path(), &["unlock", ADMIN, "--device"]).output().unwrap();
    let output = String::from_utf8(unlocked.stdout).unwrap();
    assert!(output.lines().nth(1).unwrap().starts_with("device token: "), "{output}");
    let missing = portal.database.file("missing.db");
    assert_fails(&command(&missing, &["unlock", ADMIN]).output().unwrap(), &["no such database"]);
    assert!(!missing.exists());
}

#[tokio::test]
async fn ends_all_sessions() {
    let portal = TempDatabase::with_admin().start(&[]);
    let audit_key = portal.database.file("portal.db.audit-key");
    check_end_of_all_sessions(&portal, &portal.database.path(), &audit_key).await;
    let missing = portal.database.file("missing.db");
    let output = command(&missing, &["end-sessions", "--all"]).output().unwrap();
    assert_fails(&output, &["no such database"]);
    assert!(!missing.exists());
}

/// Runs `portal end-sessions` beside a portal with an admin.
pub(crate) async fn check_end_of_all_sessions(portal: &Portal, database: &Path, audit_key: &Path) {
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let end = |arguments: &[&str]| {
        command(database, arguments).arg("--audit-key").arg(audit_key).output().unwrap()
    };
    assert_eq!(end(&["end-sessions"]).status.code(), Some(2), "without --all");
    let done = end(&["end-sessions", "--all"]);
    assert_eq!(done.stdout, b"ended all sessions, of which 2 were active\n", "{done:?}");
    for tokens in [&admin, &alice] {
        let rejected = portal.get("/api/whoami").auth(tokens).send().await;
        rejected.expect_problem(401, "session_expired");
        portal.refresh(&tokens.refresh).await.expect_problem(401, "refresh_invalid");
    }
    let again = end(&["end-sessions", "--all"]);
    assert_eq!(again.stdout, b"ended all sessions, of which 0 were active\n", "{again:?}");
    let admin = portal.log_in_admin().await;
    let ended = portal.audit(&admin, "event=session.ended").await;
    let ended = ended.iter().map(|record| (&record["reason"], &record["actor"]));
    let expected = (&json!("revoked-by-admin"), &json!("operator"));
    assert_eq!(ended.collect::<Vec<_>>(), [expected; 2]);
}

#[test]
fn reports_invalid_database() {
    let database = TempDatabase::new();
    std::fs::write(database.path(), "not a database, but long enough".repeat(99)).unwrap();
    let output = command(&database.path(), &UNUSABLE_ADDRESS).output().unwrap();
    assert_fails(&output, &["portal.db"]);
    let missing = database.file("missing").join("portal.db");
    assert_fails(&command(&missing, &UNUSABLE_ADDRESS).output().unwrap(), &["portal.db"]);
}

#[test]
fn help_lists_each_option_and_default() {
    let database = TempDatabase::new();
    let help = command(&database.path(), &["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for option in [
        "--listen",
        "--database",
        "--config",
        "--demo",
        "--access-ttl",
        "--refresh-ttl",
        "--session-ttl",
        "--login-ttl",
        "--max-sessions",
        "--refresh-grace",
        "--cache-sessions",
        "--lockout-threshold",
        "--lockout-base",
        "--rejections-per-source",
        "--rejections-total",
        "--rejections-accounts-total",
        "--login-limit",
        "--api-limit",
        "--trusted-proxy",
        "--argon2-permits",
        "--log",
        "--kliento-audience",
        "--kliento-trust-anchor",
        "--kliento-allow-organisation",
        "--kliento-allow-subject",
        "--kliento-clock-skew",
        "--audit-key",
        "create-admin",
        "create-keys",
        "unlock",
        "end-sessions",
        "audit",
        "Examples:",
        "[default: 127.0.0.1:8080]",
        "[default: 30m]",
        "[default: 7d]",
        "[default: portal.db]",
    ] {
        assert!(help.contains(option), "{option} is missing in\n{help}");
    }
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    let version = command(&database.path(), &["--version"]).output().unwrap();
    assert!(String::from_utf8(version.stdout).unwrap().starts_with("portal "));
}
