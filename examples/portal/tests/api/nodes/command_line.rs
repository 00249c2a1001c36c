//! The command line with a database on PostgreSQL.

use kleidia_tower::audit::AuditKey;
use test_servers::PostgresServer;

use super::Cluster;
use crate::api::command_line::{assert_fails, check_end_of_all_sessions};
use crate::portal::{
    ADMIN, PASSWORD, TempDatabase, command, command_without_database, output_with_input,
};

#[tokio::test]
async fn commands_read_the_url_from_the_environment() {
    let cluster = Cluster::new(PostgresServer::shared());
    let run = |arguments: &[&str]| {
        let mut command = command_without_database(arguments);
        command.env("DATABASE_URL", &cluster.url);
        command.args(["--audit-key", &cluster.file("portal.audit-key")]);
        output_with_input(command, PASSWORD)
    };
    let created = run(&["create-admin", "alice", "--password-stdin"]);
    assert!(created.status.success(), "{created:?}");
    let portal = cluster.start(&["--lockout-threshold", "1", "--lockout-base", "10m"]);
    for password in ["not this one", PASSWORD] {
        let locked = portal.login_request("alice", password).send().await;
        locked.expect_problem(401, "invalid_credentials");
    }
    let unlocked = run(&["unlock", "alice"]);
    assert_eq!(unlocked.stdout, b"unlocked the sign-in of alice\n", "{unlocked:?}");
    let alice = portal.log_in("alice").await;
    assert_eq!(portal.audit(&alice, "event=login.unlocked").await.len(), 1);
    assert_fails(&run(&["unlock", "nobody"]), &["no account \"nobody\""]);
    assert_fails(&run(&["create-admin", ADMIN, "--password-stdin"]), &["already"]);
}

#[tokio::test]
async fn ends_all_sessions() {
    let cluster = Cluster::new(PostgresServer::shared());
    let audit_key = cluster.file("portal.audit-key");
    let portal = cluster.start(&[]);
    check_end_of_all_sessions(&portal, cluster.url.as_ref(), audit_key.as_ref()).await;
}

#[test]
fn requires_the_file_of_keys() {
    let server = PostgresServer::shared();
    let url = server.create_database();
    let directory = TempDatabase::new();
    let keys = directory.file("keys");
    let keys = ["--listen", "127.0.0.1:0", "--keys", keys.to_str().unwrap()];
    let output = command(url.as_ref(), &keys[..2]).output().unwrap();
    assert_fails(&output, &["PostgreSQL", "--keys FILE", "same keys on all nodes"]);
    // Each node would create a key of its own.
    let output = command(url.as_ref(), &keys).output().unwrap();
    assert_fails(&output, &[keys[3], "No such file", "portal create-keys FILE"]);
    assert!(!directory.file("keys").exists());
    let create = || command_without_database(&["create-keys", keys[3]]).output().unwrap();
    assert!(create().status.success());
    let created = std::fs::read(keys[3]).unwrap();
    assert_fails(&create(), &[keys[3], "exists"]);
    assert_eq!(std::fs::read(keys[3]).unwrap(), created);
    for arguments in [&keys[..], &["unlock", ADMIN], &["audit", "verify"]] {
        let output = command(url.as_ref(), arguments).output().unwrap();
        assert_fails(&output, &["PostgreSQL", "--audit-key FILE", "same key on all nodes"]);
    }
    let missing = directory.file("audit-key");
    let missing = ["--audit-key", missing.to_str().unwrap()];
    let output = command(url.as_ref(), &["unlock", ADMIN]).args(missing).output().unwrap();
    assert_fails(&output, &["audit-key: ", "portal audit create-key"]);
    assert!(!directory.file("audit-key").exists());
}

#[test]
fn only_postgres_has_a_number_of_connections() {
    let directory = TempDatabase::new();
    let output = command(&directory.path(), &["--database-connections", "1"]).output().unwrap();
    assert_fails(&output, &["--database-connections", "PostgreSQL"]);
    let (keys, audit_key) = (directory.file("keys"), directory.file("audit-key"));
    let created = command_without_database(&["create-keys", keys.to_str().unwrap()]).output();
    assert!(created.unwrap().status.success());
    AuditKey::create(&audit_key).unwrap();
    for connections in ["0", "10001", "4294967295"] {
        let mut portal = command("postgres://127.0.0.1:1/portal".as_ref(), &[]);
        portal.args(["--database-connections", connections]);
        portal.arg("--keys").arg(&keys).arg("--audit-key").arg(&audit_key);
        let found = format!("expected 1 to 10000, found {connections}");
        assert_fails(&portal.output().unwrap(), &["--database-connections", &found]);
    }
}

#[test]
fn errors_do_not_show_the_password() {
    let directory = TempDatabase::new();
    let (keys, audit_key) = (directory.file("keys"), directory.file("audit-key"));
    let created = command_without_database(&["create-keys", keys.to_str().unwrap()]).output();
    assert!(created.unwrap().status.success());
    AuditKey::create(&audit_key).unwrap();
    let audit_key = ["--audit-key", audit_key.to_str().unwrap()];
    for (url, text) in [
        ("postgres://portal:correct-horse@localhost:port/portal", "malformed"),
        ("postgres://portal:correct-horse@127.0.0.1:1/portal", "connect"),
        ("mysql://portal:correct-horse@localhost/portal", "unsupported database URL"),
    ] {
        let keys = ["--keys", keys.to_str().unwrap()];
        for arguments in [&keys[..], &["unlock", "alice"], &["create-admin", "alice"]] {
            let from_option = command(url.as_ref(), arguments).args(audit_key).output().unwrap();
            let mut from_variable = command_without_database(arguments);
            let from_variable =
                from_variable.args(audit_key).env("DATABASE_URL", url).output().unwrap();
            for output in [from_option, from_variable] {
                assert_fails(&output, &[text]);
                let stderr = String::from_utf8(output.stderr).unwrap();
                assert!(!stderr.contains("correct-horse"), "{stderr}");
            }
        }
    }
    let output = command("mysql://portal:correct-horse@localhost".as_ref(), &[]).output().unwrap();
    assert_fails(&output, &["unsupported database URL, expected postgres://..."]);
    let mut help = command_without_database(&["--help"]);
    let help = help.env("DATABASE_URL", "postgres://correct-horse").output().unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("correct-horse"));
}
