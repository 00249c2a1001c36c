//! `portal audit export` and `portal audit detach`: moves old records out of the database.

use std::fs;
use std::path::Path;
use std::process::Output;

use kleidia_tower::audit::{
    AuditEvent, AuditIdentity, AuditKey, AuditStore as _, EventKind, Outcome,
};
use kleidia_tower::store::{PostgresStore, SqliteStore, Store};
use kleidia_tower::{ClientInfo, Timestamp};
use serde_json::Value;
use test_servers::PostgresServer;

use crate::api::command_line::assert_fails;
use crate::api::nodes::Cluster;
use crate::portal::{ADMIN, PASSWORD, TempDatabase, command};

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

/// Returns an event that is old enough to be detached.
pub(crate) fn old_event() -> AuditEvent {
    AuditEvent {
        at: Timestamp::constant(1_600_000_000, 0),
        kind: EventKind::Logout,
        outcome: Outcome::Success,
        user: Some(AuditIdentity { id: None, name: ADMIN.to_owned() }),
        actor: None,
        session: None,
        client: ClientInfo::default(),
        request: None,
        reason: None,
    }
}

/// Appends records that are old enough to be detached, and seals them.
async fn append_old(store: &impl Store, count: usize) {
    store.append(vec![old_event(); count]).await.unwrap();
    store.seal().await.unwrap();
}

/// A database whose first five records are old, and the checkpoint of three of them.
pub(crate) async fn old_database() -> (TempDatabase, String) {
    let database = TempDatabase::new();
    let key = AuditKey::open_or_create(database.file("portal.db.audit-key")).unwrap();
    let store = SqliteStore::open(database.path(), key).await.unwrap();
    append_old(&store, 3).await;
    let earlier = store.checkpoint().await.unwrap().unwrap().note().to_owned();
    append_old(&store, 2).await;
    store.close().await;
    assert!(database.create_admin(ADMIN, PASSWORD).status.success());
    (database, earlier)
}

/// Verifies an export without a database and without the secret key.
fn verify_offline(file: &str, key: &str) -> Output {
    let nowhere = Path::new("/nowhere/at/all.db");
    Audit { database: nowhere, key: None }.run(&["verify", "--export", file, "--verifier-key", key])
}

#[tokio::test]
async fn moves_records_of_a_running_portal_into_a_file() {
    let (database, earlier_note) = old_database().await;
    let portal = database.start(&[]);
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
    fs::write(&earlier, earlier_note).unwrap();
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
    assert_fails(
        &audit.run(&["detach", "--export", rest]),
        &["leaf 5 has a record of 20", "until"],
    );
    let since = ["verify", "--export", file, "--verifier-key", key, "--since", earlier];
    audit.stdout(&since);
    let output = audit.run(&["verify", "--since", earlier]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("compare it with their export"));
    let portal = portal.restart(&[]);
    portal.log_in("dave").await;
    assert_eq!(portal.get("/api/health").send().await.body, "ok\n");
    audit.stdout(&["verify"]);
}

/// A writer to the archive removes records at the end of a file, or a file.
#[tokio::test]
async fn exports_are_verified_together() {
    let (database, earlier) = old_database().await;
    let path = database.path();
    let audit = Audit { database: &path, key: None };
    let key = audit.stdout(&["verifier-key"]);
    let [first, second, third, short, checkpoint] =
        ["first", "second", "third", "short", "checkpoint"]
            .map(|name| database.file(name).to_str().unwrap().to_owned());
    fs::write(&checkpoint, earlier).unwrap();
    for (file, from, to) in [(&first, "0", "2"), (&second, "2", "4"), (&third, "4", "6")] {
        audit.stdout(&["export", "--from", from, "--to", to, "-o", file]);
    }
    let verify = |files: &[&String], arguments: &[&str]| {
        let files = files.iter().map(|file| file.as_str());
        let exports: Vec<_> = ["verify", "--export"].into_iter().chain(files).collect();
        audit.run(&[&exports, arguments].concat())
    };
    let intact = |output: Output| {
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let with_key = ["--verifier-key", key.trim()];
    let all = [&third, &first, &second];
    let text = intact(verify(&all, &with_key));
    assert!(text.starts_with("intact: 6 records from leaf 0 on, of the log "), "{text}");
    intact(verify(&all, &["--since", &checkpoint]));
    let none = verify(&all, &["--detached"]);
    assert_fails(&none, &["no records are detached from the database"]);
    audit.stdout(&["detach", "--export", &first]);
    audit.stdout(&["detach", "--export", &second, "--to", "3"]);
    let text = intact(verify(&all, &["--detached"]));
    assert!(text.contains(", with all 3 records that are detached from the database"), "{text}");

    // Two records are removed with the end of the file, which alone looks intact.
    let text = fs::read_to_string(&second).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    fs::write(&short, lines[0].replace("\"to\":4", "\"to\":3") + lines[1]).unwrap();
    let text = intact(verify(&[&short], &with_key));
    assert!(text.starts_with("intact: 1 record from leaf 2 on, "), "{text}");
    let gap = "expected an export from leaf 3 on, found one from leaf 4 on";
    assert_fails(&verify(&[&first, &short, &third], &with_key), &["third: ", gap]);
    assert_fails(&verify(&[&first, &third], &with_key), &["third: ", "from leaf 2 on"]);
    let missing = "leaves 0 to 3 (exclusive) are not within";
    for files in [&[&second, &third][..], &[&first]] {
        assert_fails(&verify(files, &["--detached"]), &[missing]);
    }
    let missing = "leaves 2 to 3 (exclusive) are not within";
    assert_fails(&verify(&[&first], &["--since", &checkpoint]), &[missing]);
    let other = TempDatabase::with_admin();
    let other_path = other.path();
    let other = Audit { database: &other_path, key: None };
    let other_key = other.stdout(&["verifier-key"]);
    let rejected = verify(&all, &["--verifier-key", other_key.trim()]);
    assert_fails(&rejected, &["no valid signature"]);
    let old = ["--verifier-key", other_key.trim(), "--old-key", key.trim()];
    intact(verify(&all, &old));
}

/// A command that is killed is run again.
#[tokio::test]
async fn killed_detaching_is_resumed() {
    const RECORDS: u64 = 6000;
    let database = TempDatabase::new();
    let key = AuditKey::open_or_create(database.file("portal.db.audit-key")).unwrap();
    let store = SqliteStore::open(database.path(), key).await.unwrap();
    append_old(&store, usize::try_from(RECORDS).unwrap()).await;
    let path = database.path();
    let audit = Audit { database: &path, key: None };
    let file = database.file("audit.jsonl");
    let file = file.to_str().unwrap();
    audit.stdout(&["export", "-o", file]);
    let detached = async || store.detachment().await.unwrap().map_or(0, |found| found.size());
    let mut child = command(&path, &["audit", "detach", "--export", file]).spawn().unwrap();
    while detached().await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    // SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    let size = detached().await;
    assert!(size.is_multiple_of(1000) && size < RECORDS, "{size}");
    assert!(store.verify(None).await.unwrap().is_intact());
    let resumed = audit.stdout(&["detach", "--export", file]);
    assert_eq!(resumed, format!("detached: the log in the database begins at leaf {RECORDS}\n"));
    let verification = store.verify(None).await.unwrap();
    assert!(verification.is_intact(), "{:?}", verification.faults());
    assert_eq!(verification.first_leaf(), RECORDS);
}

/// The roles of docs/deployment.md: only the owner detaches.
#[tokio::test]
async fn service_can_not_detach() {
    let server = PostgresServer::shared();
    let cluster = Cluster::empty(server);
    let key = AuditKey::open(cluster.file("portal.audit-key")).unwrap();
    let store = PostgresStore::open(&cluster.url, key).await.unwrap();
    append_old(&store, 2).await;
    store.close();
    cluster.create_admin();
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
