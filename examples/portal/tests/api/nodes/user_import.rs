//! `portal user import` with a database on PostgreSQL.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use test_servers::PostgresServer;

use super::Cluster;
use crate::api::user_import::{account, check};
use crate::portal::command;

/// The import is killed after its first transaction, and continues from the same file.
#[test]
fn continues_after_an_interruption() {
    let cluster = Cluster::new(PostgresServer::shared());
    let lines: Vec<_> = (0..250).map(|number| account(&format!("user{number}"))).collect();
    let audit_key = cluster.file("portal.audit-key");
    let import = |file: &str| {
        command(cluster.url.as_ref(), &["user", "import", file, "--audit-key", &audit_key])
    };
    let accounts = || cluster.execute("SELECT count(*) FROM accounts").trim().to_owned();

    let mut killed = import("-").stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = killed.stdin.take().unwrap();
    stdin.write_all((lines[..150].join("\n") + "\n").as_bytes()).unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    // The admin is one of them.
    while accounts() != "101" {
        assert!(Instant::now() < deadline, "{} accounts", accounts());
        sleep(Duration::from_millis(50));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(accounts(), "101");

    let file = cluster.file("users.jsonl");
    fs::write(&file, lines.join("\n")).unwrap();
    let done = import(&file).output().unwrap();
    check(&done, 0, &["150 created, 100 unchanged, 0 changed, 0 rejected"]);
    let records = "SELECT count(*) FROM audit WHERE reason = 'imported: user'";
    assert_eq!(cluster.execute(records).trim(), "250", "each account is recorded once");
}
