//! One-time codes by mail, over a real SMTP server.

use std::fs;

use serde_json::json;
use test_servers::SmtpServer;

use super::command_line::assert_fails;
use super::user_import::account;
use crate::portal::{TempDatabase, command};

const NEW: &str = "another long passphrase";

#[tokio::test(flavor = "multi_thread")]
async fn user_gets_a_code_by_mail() {
    let (server, database) = (SmtpServer::start(), TempDatabase::with_admin());
    let mut alice: serde_json::Value = serde_json::from_str(&account("alice")).unwrap();
    alice["email"] = json!("alice@example.com");
    alice["email_verified"] = json!(true);
    let users = database.file("users.jsonl");
    fs::write(&users, alice.to_string()).unwrap();
    let import = ["user", "import", users.to_str().unwrap()];
    let imported = command(&database.path(), &import).output().unwrap();
    assert!(imported.status.success(), "{imported:?}");

    let (certificate, password) = (database.file("smtp.pem"), database.file("smtp.password"));
    fs::write(&certificate, server.certificate()).unwrap();
    fs::write(&password, format!("{}\n", SmtpServer::PASSWORD)).unwrap();
    let url = format!("smtp://localhost:{}", server.port());
    let portal = database.start(&[
        "--smtp",
        &url,
        "--smtp-from",
        "portal@example.com",
        "--smtp-user",
        SmtpServer::NAME,
        "--smtp-password-file",
        password.to_str().unwrap(),
        "--smtp-ca",
        certificate.to_str().unwrap(),
    ]);
    let request = portal.post("/api/auth/recovery").json(&json!({"username": "alice"}));
    assert_eq!(request.send().await.status, 202);
    let mail = server.mail(1);
    assert!(mail.starts_with("alice@example.com\n"), "{mail}");
    assert!(mail.contains("From: portal@example.com"), "{mail}");
    let is_code = |line: &&str| line.len() == 43 && !line.contains(' ');
    let code = mail.lines().map(str::trim).find(is_code).unwrap();
    let body = json!({"code": code, "password": NEW});
    portal.post("/api/auth/recover").json(&body).send().await.expect_no_content();
    portal.login_request("alice", NEW).send().await.expect_json();
    let log = portal.log();
    assert!(!log.contains(code) && !log.contains(SmtpServer::PASSWORD), "{log}");
}

#[test]
fn rejects_settings_of_mail_without_showing_secrets() {
    let database = TempDatabase::new();
    let start = |arguments: &[&str]| {
        let mut command = command(&database.path(), arguments);
        command.args(["--listen", "192.0.2.1:1"]).output().unwrap()
    };
    let from = ["--smtp-from", "portal@example.com"];
    assert_fails(&start(&from), &["need --smtp"]);
    assert_fails(&start(&["--smtp", "smtp://mail.example.com"]), &["--smtp-from"]);
    let with_password = ["--smtp", "smtp://portal:hunter2@mail.example.com"];
    let output = start(&[&with_password[..], &from].concat());
    assert_fails(&output, &["--smtp: the URL has credentials"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"), "{output:?}");
    let user = ["--smtp", "smtp://mail.example.com", "--smtp-user", "portal"];
    assert_fails(&start(&[&user[..], &from].concat()), &["--smtp-password-file"]);
    let plain = ["--smtp", "smtp+plain://mail.example.com"];
    assert_fails(&start(&[&plain[..], &from].concat()), &["this machine"]);
}
