//! `portal audit export` and `portal audit detach`: moves old records out of the database.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use test_servers::PostgresServer;

use crate::api::command_line::assert_fails;
use crate::api::nodes::Cluster;
use crate::portal::{ADMIN, PASSWORD, Portal, TempDatabase, command};

/// Runs `portal audit` on a database.
struct Audit<'a> {
    database: &'a Path,
    key: Option<&'a str>,
}

impl Audit<'_> {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = command(self.database, &["audit"]);
        command.args(arguments);
        if let Some(key) = self.key {
            command.args(["--audit-key", key]);
        }
        command.output().unwrap()
    }

    #[track_caller]
    fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Verifies an export without a database and without the secret key.
fn verify_offline(file: &str, key: &str) -> Output {
    let nowhere = Path::new("/nowhere/at/all.db");
    Audit { database: nowhere, key: None }.run(&["verify", "--export", file, "--verifier-key", key])
}

#[tokio::test]
async fn moves_records_of_a_running_portal_into_a_file() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    for name in ["alice", "bob", "carol"] {
        portal.create_user(&admin, name).await;
    }
    let path = portal.database.path();
    let audit = Audit { database: &path, key: None };
    let key = audit.stdout(&["verifier-key"]);
    let key = key.trim();
    // Without the secret key, it waits until all records are sealed.
    audit.stdout(&["verify", "--verifier-key", key]);
    let earlier = portal.database.file("checkpoint");
    fs::write(&earlier, audit.stdout(&["checkpoint"])).unwrap();
    let earlier = earlier.to_str().unwrap();
    let before = portal.audit(&admin, "limit=100").await;

    let file = portal.database.file("audit.jsonl");
    let file = file.to_str().unwrap();
    let exported = audit.stdout(&["export", "--to", "5", "-o", file]);
    assert_eq!(exported, format!("exported 5 records from leaf 0 on to {file}\n"));
    assert_fails(&audit.run(&["export", "--to", "5", "-o", file]), &["audit.jsonl", "exists"]);
    let text = fs::read_to_string(file).unwrap();
    let to_stdout = audit.stdout(&["export", "--from", "2", "--to", "3", "--verifier-key", key]);
    assert_eq!(to_stdout.lines().nth(1), text.lines().nth(3));
    let first: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(first["record"]["user"]["name"], ADMIN);
    let verified = verify_offline(file, key);
    assert!(verified.status.success(), "{verified:?}");
    let verified = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.starts_with("intact: 5 records from leaf 0 on, of the log "), "{verified}");
    assert_fails(&audit.run(&["export", "--to", "9999"]), &["leaves 0 to 9999"]);

    let altered = portal.database.file("altered.jsonl");
    let altered = altered.to_str().unwrap();
    fs::write(altered, text.replacen("\"name\":\"root\"", "\"name\":\"mallory\"", 1)).unwrap();
    assert_fails(&verify_offline(altered, key), &["altered.jsonl", "line 2"]);
    assert_fails(&audit.run(&["detach", "--export", altered]), &["altered.jsonl", "line 2"]);
    assert_eq!(portal.audit(&admin, "limit=100").await, before);

    let detached = audit.stdout(&["detach", "--export", file, "--to", "3"]);
    assert_eq!(detached, "detached: the log in the database begins at leaf 3\n");
    let again = audit.stdout(&["detach", "--export", file]);
    assert_eq!(again, "detached: the log in the database begins at leaf 5\n");
    assert_eq!(audit.stdout(&["detach", "--export", file]), again);
    let verified = audit.stdout(&["verify"]);
    assert!(verified.contains(" records, verified from leaf 5 on: "), "{verified}");
    assert_fails(&audit.run(&["prove", "1"]), &["no sealed record 1", "--export FILE"]);
    let proof = portal.database.file("proof.json");
    fs::write(&proof, audit.stdout(&["prove", "1", "--export", file])).unwrap();
    let proof = proof.to_str().unwrap();
    audit.stdout(&["check-proof", proof, "--verifier-key", key]);
    assert_fails(&audit.run(&["prove", "6", "--export", file]), &["audit.jsonl: no record 6"]);

    // The API: pages end where the database does.
    let left = portal.audit(&admin, "limit=100").await;
    assert_eq!(left, before[..before.len() - 5]);
    let last = left.last().unwrap()["id"].as_u64().unwrap();
    assert_eq!(last, 6);
    let page = format!("before={}&limit=2", last + 1);
    assert_eq!(portal.audit(&admin, &page).await, left[left.len() - 1..]);
    assert!(portal.audit(&admin, &format!("before={last}")).await.is_empty());
    let rejected = portal.delete("/api/admin/audit").auth(&admin).send().await;
    rejected.expect_problem(403, "permission_denied");

    // The portal continues, also after a restart.
    portal.create_user(&admin, "dave").await;
    assert!(portal.database.create_admin("erin", PASSWORD).status.success());
    assert_eq!(portal.get("/api/health").send().await.body, "ok\n");
    let rest = portal.database.file("rest.jsonl");
    let rest = rest.to_str().unwrap();
    audit.stdout(&["export", "-o", rest]);
    let since = ["verify", "--export", rest, "--verifier-key", key, "--since", earlier];
    audit.stdout(&since);
    audit.stdout(&["detach", "--export", rest]);
    let output = audit.run(&["verify", "--since", earlier]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("compare it with their export"));
    let portal = portal.restart(&[]);
    portal.log_in("dave").await;
    assert_eq!(portal.get("/api/health").send().await.body, "ok\n");
    audit.stdout(&["verify"]);
}

/// The roles of docs/deployment.md: only the owner detaches.
#[tokio::test]
async fn service_can_not_detach() {
    let server = PostgresServer::shared();
    let cluster = Cluster::new(server);
    let portal = cluster.start(&[]);
    let admin = portal.log_in_admin().await;
    portal.create_user(&admin, "alice").await;
    let database = cluster.url.rsplit('/').next().unwrap();
    server.execute(
        database,
        "CREATE ROLE detach_service LOGIN; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO detach_service; \
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO detach_service;",
    );
    let audit_key = cluster.file("portal.audit-key");
    let service = cluster.url.replace("postgres@", "detach_service@");
    let [service, owner] =
        [&service, &cluster.url].map(|url| Audit { database: url.as_ref(), key: Some(&audit_key) });
    let directory = TempDatabase::new();
    let file = directory.file("audit.jsonl");
    let file = file.to_str().unwrap();
    // Without the secret key, it waits until all records are sealed.
    let key = service.stdout(&["verifier-key"]);
    service.stdout(&["verify", "--verifier-key", key.trim()]);
    service.stdout(&["export", "--to", "2", "-o", file]);
    let rejected = service.run(&["detach", "--export", file]);
    assert_fails(&rejected, &["only the owner of the tables detaches"]);
    owner.stdout(&["detach", "--export", file]);
    assert!(service.stdout(&["verify"]).contains("verified from leaf 2 on"));
    portal.create_user(&admin, "bob").await;
    assert!(owner.stdout(&["verify"]).contains("verified from leaf 2 on"));
    assert_eq!(portal.get("/api/health").send().await.body, "ok\n");
}
