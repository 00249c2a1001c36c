//! `portal user` and `portal sessions`: the operator administers accounts while the portal runs.

use std::path::{Path, PathBuf};
use std::process::Output;

use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use crate::portal::{ADMIN, PASSWORD, Portal, TempDatabase, command, output_with_input};
use crate::request::ApiRequest;
use crate::tokens::Tokens;

const NEW: &str = "another long passphrase";

/// The command line of an operator.
pub(crate) struct Operator {
    database: PathBuf,
    options: Vec<String>,
}

impl Operator {
    pub(crate) fn new(database: &Path, options: &[&str]) -> Self {
        let options = options.iter().map(ToString::to_string).collect();
        Self { database: database.to_owned(), options }
    }

    /// Runs a command, given as words separated by spaces, with a line on standard input.
    fn run(&self, line: &str, input: &str) -> Output {
        let words: Vec<_> = line.split(' ').collect();
        let mut command = command(&self.database, &words);
        command.args(&self.options);
        output_with_input(command, input)
    }

    /// Runs a command that succeeds, and returns what it prints.
    #[track_caller]
    fn text(&self, line: &str) -> String {
        let output = self.run(line, "");
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that succeeds with `--json`, and returns its lines.
    #[track_caller]
    fn json(&self, line: &str) -> Vec<Value> {
        let text = self.text(&format!("{line} --json"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Runs a command that fails with this exit code, and prints nothing but this error.
    #[track_caller]
    fn fails(&self, code: i32, line: &str, error: &str) {
        let output = self.run(line, "weak");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
        assert!(stderr.contains(error), "{line}: {stderr}");
        assert!(output.stdout.is_empty(), "{line}: {output:?}");
    }
}

/// Sets a password with a one-time code.
async fn recover(portal: &Portal, account: &Value, password: &str) -> String {
    let code = account["recovery_code"]["code"].as_str().unwrap();
    assert!(account["recovery_code"]["expires_at"].is_string(), "{account}");
    let body = json!({"code": code, "password": password});
    portal.post("/api/auth/recover").json(&body).send().await.expect_no_content();
    code.to_owned()
}

/// The life of an account, from the first code to the reset by another one.
pub(crate) async fn administers_accounts(portal: &Portal, operator: &Operator) {
    let created = operator.json("user create Alice --code");
    let [alice] = &created[..] else { panic!("{created:?}") };
    assert_eq!((&alice["username"], &alice["roles"]), (&json!("alice"), &json!(["user"])));
    let first = recover(portal, alice, NEW).await;
    let tokens = Tokens::from_response(&portal.login_request("alice", NEW).send().await);
    portal.get("/api/whoami").auth(&tokens).send().await.expect_json();

    let sessions = operator.json("sessions list --user alice");
    let [session] = &sessions[..] else { panic!("{sessions:?}") };
    assert_eq!((&session["username"], &session["ip"]), (&json!("alice"), &json!("127.0.0.1")));
    assert_eq!(session["user_agent"], "api-test/1");
    let end = format!("sessions end {}", session["id"]);
    assert_eq!(operator.json(&end), [json!({"ended": 1})]);
    operator.fails(4, &end, "no active session");
    portal.get("/api/whoami").auth(&tokens).send().await.expect_problem(401, "session_expired");

    portal.login_request("alice", NEW).send().await.expect_json();
    assert_eq!(operator.json("sessions end --user alice"), [json!({"ended": 1})]);
    let roles = operator.json("user roles alice --set admin,user");
    assert_eq!(roles[0]["roles"], json!(["admin", "user"]));
    assert_eq!(operator.text("user roles alice"), "admin,user\n");
    operator.text("user roles alice --set user");
    operator.fails(3, &format!("user disable {ADMIN}"), "last");
    operator.fails(3, &format!("user roles {ADMIN} --set user"), "last");

    assert_eq!(operator.json("user disable ALICE")[0]["disabled"], true);
    let disabled = portal.login_request("alice", NEW).send().await;
    assert!(disabled.status == 401 || disabled.status == 403, "{disabled:?}");
    operator.fails(3, "user reset alice", "disabled");
    assert_eq!(operator.json("user enable alice")[0]["disabled"], false);
    let reset = operator.text("user reset alice");
    let code = reset.lines().find_map(|line| line.strip_prefix("one-time code: ")).unwrap();
    let issued = json!({"recovery_code": {"code": code, "expires_at": ""}});
    let second = recover(portal, &issued, "a third long passphrase").await;
    let unlocked = operator.json("user unlock alice --device");
    let device = unlocked[0]["device_token"].as_str().unwrap();
    assert!(operator.text("user unlock alice --device").contains("/#device="));

    // Who did what, and no secret, is in the log.
    let admin = portal.log_in_admin().await;
    for event in
        ["user.created", "recovery.issued", "user.disabled", "user.enabled", "role.changed"]
    {
        let records = portal.audit(&admin, &format!("event={event}&user=alice")).await;
        assert!(!records.is_empty(), "{event}");
        assert!(records.iter().all(|record| record["actor"] == "operator"), "{records:?}");
    }
    for secret in [&first, &second, device] {
        assert!(!portal.log().contains(secret), "a secret is logged");
    }
}

#[tokio::test]
async fn administers_accounts_on_a_file() {
    let portal = Portal::start(&[]);
    let operator = Operator::new(&portal.database.path(), &[]);
    administers_accounts(&portal, &operator).await;
}

#[tokio::test]
async fn creates_accounts_with_passwords() {
    let portal = Portal::start(&[]);
    let operator = Operator::new(&portal.database.path(), &[]);
    let create = "user create bob --role user --role admin --password-stdin --json";
    let created = operator.run(create, PASSWORD);
    assert_eq!(created.status.code(), Some(0), "{created:?}");
    let bob: Value = serde_json::from_slice(&created.stdout).unwrap();
    assert_eq!(bob["roles"], json!(["admin", "user"]));
    assert!(bob.get("recovery_code").is_none(), "{bob}");
    portal.log_in("bob").await;

    let create = "user create carol --must-change-password --password-stdin";
    let created = operator.run(create, PASSWORD);
    assert_eq!(created.stdout, b"created the account carol\n", "{created:?}");
    let carol = &operator.json("user roles carol")[0];
    assert_eq!(carol["must_change_password"], true);

    operator.fails(3, "user create bob --code", "an account \"bob\" already exists");
    operator.fails(3, "user create al\u{200b}ice --code", "name");
    operator.fails(3, "user create dave --password-stdin", "fewer than 8 characters");
    operator.fails(3, "user roles bob --set ghost", "ghost");
}

#[test]
fn exit_codes_tell_what_failed() {
    let database = TempDatabase::with_admin();
    let operator = Operator::new(&database.path(), &[]);
    for command in ["disable", "enable", "unlock", "roles", "reset"] {
        operator.fails(4, &format!("user {command} nobody"), "no account \"nobody\"");
    }
    operator.fails(4, "sessions end --user nobody", "no account \"nobody\"");
    operator.fails(4, "sessions end 4711", "no active session 4711");
    for usage in ["user", "user create", "user create a --code --password-stdin", "sessions end"] {
        operator.fails(2, usage, "Usage");
    }
    operator.fails(2, "sessions end 1 --all", "cannot be used with");
    let missing = TempDatabase::new();
    Operator::new(&missing.path(), &[]).fails(1, "user list", "no such database");
    assert!(!missing.path().exists());
    // Nothing listens there.
    let unreachable = "postgres://portal:hunter2@127.0.0.1:1/portal?sslmode=disable";
    let key = database.file("portal.db.audit-key");
    let operator = Operator::new(Path::new(unreachable), &["--audit-key", key.to_str().unwrap()]);
    operator.fails(5, "user list", "failed to open the database");
}

#[tokio::test]
async fn lists_align_and_end_with_their_reader() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    for name in ["alice", "a-very-long-name-of-a-user", "zo\u{eb}"] {
        portal.create_user(&admin, name).await;
    }
    let operator = Operator::new(&portal.database.path(), &[]);
    let users = operator.json("user list");
    let names: Vec<_> = users.iter().map(|user| user["username"].as_str().unwrap()).collect();
    assert_eq!(names, [ADMIN, "alice", "a-very-long-name-of-a-user", "zo\u{eb}"]);
    let text = operator.text("user list");
    let column = |line: &str, word: &str| {
        let octets = line.rfind(word).unwrap_or_else(|| panic!("{line}"));
        line[..octets].chars().count()
    };
    let columns: Vec<_> = text
        .lines()
        .skip(1)
        .map(|line| {
            let roles = if line.contains(ADMIN) { "admin" } else { "user" };
            (column(line, "active"), column(line, &format!("  {roles}")))
        })
        .collect();
    assert_eq!(columns.len(), 4, "{text}");
    assert!(columns.iter().all(|place| *place == columns[0]), "{text}");

    let sessions = operator.json("sessions list");
    assert_eq!(sessions.len(), 4);
    assert_eq!(operator.json("sessions end --all"), [json!({"ended": 4})]);
    assert_eq!(operator.text("sessions list").lines().count(), 1);

    // What a client sends cannot change the order of characters on a terminal.
    let agent = HeaderValue::from_bytes("evil\u{202e}agent".as_bytes()).unwrap();
    let login = portal.login_request("alice", PASSWORD);
    let login = ApiRequest(login.0.header("user-agent", agent)).send().await;
    login.expect_json();
    let text = operator.text("sessions list");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("evil") && !text.contains('\u{202e}'), "{text:?}");
}
