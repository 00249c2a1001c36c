//! `portal user import` with a database file, and its report of lines that are rejected.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::portal::{TempDatabase, command};
use crate::tokens::Tokens;

/// By bcrypt of Python: `bcrypt.hashpw("caf\u{e9} \u{fb01}n \u{20ac} pass".encode(),
/// bcrypt.gensalt(5))`.
const HASH: &str = "$2b$05$ERZAQzhQaC2PrNLrv5ezw.lju3tz7vbutQWRlv8mGaFE1m.Zvrrn2";
const TYPED: &str = "caf\u{e9} \u{fb01}n \u{20ac} pass";

/// Returns the line of an account.
pub(crate) fn account(name: &str) -> String {
    json!({"username": name, "password_hash": HASH}).to_string()
}

/// Runs `portal user import` with these lines.
fn import(database: &Path, lines: &[String], arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("users.jsonl");
    fs::write(&file, lines.join("\n")).unwrap();
    let mut import = command(database, &["user", "import", file.to_str().unwrap()]);
    import.args(arguments).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
pub(crate) fn check(output: &Output, code: i32, expected: &[&str]) {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), &output.stderr);
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(stderr));
    assert_eq!(stdout.lines().collect::<Vec<_>>(), expected);
    let all = [&output.stdout[..], stderr].concat();
    assert!(!String::from_utf8_lossy(&all).contains(&HASH[7..]), "a hash is printed");
}

#[tokio::test]
async fn imports_on_a_file_while_the_portal_runs() {
    let portal = TempDatabase::with_admin().start(&[]);
    let path = portal.database.path();
    let lines = ["ann", "ben", "root"].map(account);
    let dry = import(&path, &lines, &["--dry-run"]);
    let taken = "line 3: name_taken: another account has the user name, or had it";
    let summary = "2 created, 0 unchanged, 0 changed, 1 rejected";
    check(&dry, 3, &[taken, &format!("dry run: {summary}")]);
    check(&import(&path, &lines, &[]), 3, &[taken, summary]);
    let ann = Tokens::from_response(&portal.login_request("ann", TYPED).send().await);
    portal.get("/api/whoami").auth(&ann).send().await.expect_json();
    portal.login_request("ann", "wrong").send().await.expect_problem(401, "invalid_credentials");
    // Ann's hash is replaced by the login, and Ben's is not.
    let again = import(&path, &lines[..2], &[]);
    check(&again, 0, &["0 created, 1 unchanged, 1 changed, 0 rejected"]);
    let admin = portal.log_in("root").await;
    let records = portal.audit(&admin, "event=user.created").await;
    let reasons: Vec<_> = records.iter().map(|record| record["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["imported: user", "imported: user", "admin"]);
}

#[test]
fn reports_each_rejected_line_as_json() {
    let database = TempDatabase::with_admin();
    let admin = json!({"username": "mallory", "password_hash": HASH, "roles": ["admin"]});
    let long = format!("{}{}", account("long"), " ".repeat(20_000));
    let lines = [
        format!("\u{feff}{}", account("ann")),
        String::new(),
        long,
        account("ben").replace("$05$", "$31$"),
        admin.to_string(),
        "{\"username\": \"\\".to_owned(),
        account("ANN"),
    ];
    let output = import(&database.path(), &lines, &["--json"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let report = String::from_utf8(output.stdout).unwrap();
    let report: Vec<Value> =
        report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (summary, rejected) = report.split_last().unwrap();
    let expected =
        [(3, "line_too_long"), (4, "hash_cost"), (5, "role_administrator"), (6, "invalid_json")];
    let expected = expected.into_iter().chain([(7, "name_repeated")]);
    let found = rejected.iter().map(|line| (line["line"].clone(), line["code"].clone()));
    let expected = expected.map(|(line, code)| (json!(line), json!(code)));
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    assert!(rejected.iter().all(|line| line["detail"].is_string()));
    let expected = json!({
        "created": 1, "unchanged": 0, "changed": 0, "rejected": 5,
        "dry_run": false, "complete": true,
    });
    assert_eq!(*summary, expected);
    let allowed = import(&database.path(), &[admin.to_string()], &["--allow-admins"]);
    check(&allowed, 0, &["1 created, 0 unchanged, 0 changed, 0 rejected"]);
}

#[test]
fn fails_without_a_file_or_a_database() {
    let database = TempDatabase::new();
    let missing = command(&database.path(), &["user", "import", "no-such-file"]).output().unwrap();
    super::command_line::assert_fails(&missing, &["no-such-file"]);
    let dry = import(&database.path(), &[account("ann")], &["--dry-run"]);
    super::command_line::assert_fails(&dry, &["no such database"]);
    // A new database is created, as by `create-admin`.
    let created = import(&database.path(), &[account("ann")], &[]);
    check(&created, 0, &["1 created, 0 unchanged, 0 changed, 0 rejected"]);
}

/// Runs its arguments on a pseudo-terminal with 100 columns, and copies what it shows.
const PTY: &str = r#"
import os, pty, sys
words = ["sh", "-c", 'stty cols 100 rows 30; exec "$@"', "sh"] + sys.argv[1:]
sys.exit(os.waitstatus_to_exitcode(pty.spawn(words)))
"#;

#[test]
fn dry_run_on_a_terminal_shows_progress_and_creates_nothing() {
    let database = TempDatabase::with_admin();
    let mut lines: Vec<_> = (0..3000).map(|number| account(&format!("user{number}"))).collect();
    lines[1500] = account("root");
    let file = database.file("users.jsonl");
    fs::write(&file, lines.join("\n")).unwrap();
    let portal = command(&database.path(), &["user", "import", "--dry-run"]);
    let mut terminal = Command::new("/usr/bin/python3");
    terminal.args(["-c", PTY]).arg(portal.get_program()).args(portal.get_args()).arg(&file);
    let output = terminal.stdin(Stdio::null()).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{shown}");
    // The bar has the octets, and is drawn again in its line.
    assert!(shown.contains(" left: ") && shown.contains("iB/"), "{shown}");
    assert!(shown.contains("\r\u{1b}[2K"), "{shown:?}");
    let taken = "line 1501: name_taken: another account has the user name, or had it\r\n";
    assert!(shown.contains(taken), "{shown}");
    let summary = "dry run: 2999 created, 0 unchanged, 0 changed, 1 rejected\r\n";
    assert!(shown.ends_with(summary), "{shown}");
    let listed = command(&database.path(), &["user", "list", "--json"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 1, "only the admin");
}
