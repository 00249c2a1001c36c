//! The audit log of a run.

use std::fs;
use std::path::PathBuf;

use kleidia_tower::audit::AuditStore as _;
use kleidia_tower::store::PostgresStore;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::portal::command;
use crate::soak::checker::Record;
use crate::soak::client::USER_AGENT;
use crate::soak::cluster::Cluster;
use crate::tokens::Tokens;

/// The checkpoints that an operator takes during a run, and retains outside the database.
pub(crate) struct Checkpoints {
    directory: TempDir,
    files: Vec<PathBuf>,
}

impl Checkpoints {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), files: Vec::new() }
    }

    /// Takes the checkpoint of now.
    pub(crate) fn take(&mut self, cluster: &Cluster) {
        let checkpoint = audit(cluster, &["checkpoint"]);
        let file = self.directory.path().join(self.files.len().to_string());
        fs::write(&file, checkpoint).unwrap();
        self.files.push(file);
    }

    /// Verifies that the log continues each of them.
    pub(crate) fn verify(&self, cluster: &Cluster) {
        assert!(!self.files.is_empty());
        for file in &self.files {
            let verified = audit(cluster, &["verify", "--since", file.to_str().unwrap()]);
            assert!(verified.starts_with("intact: "), "{verified}");
        }
        println!("{} earlier checkpoints are consistent", self.files.len());
    }
}

/// Returns what `portal audit` prints, with the public key of the log.
fn audit(cluster: &Cluster, arguments: &[&str]) -> String {
    let mut audit = command(cluster.database_url().as_ref(), &["audit"]);
    audit.args(arguments).args(["--verifier-key", &cluster.audit_key().verifier_key().to_string()]);
    let output = block_in_place(|| audit.output()).unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Reads all records, oldest first.
pub(crate) async fn read(cluster: &Cluster, admin: &Tokens) -> Vec<Record> {
    let (mut records, mut query) = (Vec::new(), "limit=1000".to_owned());
    loop {
        let page = {
            let request = cluster.portal(0).get(&format!("/api/admin/audit?{query}")).auth(admin);
            request.send().await.expect_json()
        };
        let page = page.as_array().unwrap();
        let Some(last) = page.last() else { break };
        query = format!("limit=1000&before={}", last["id"]);
        records.extend(page.iter().map(record));
    }
    records.reverse();
    records
}

fn record(record: &Value) -> Record {
    let text = |name: &str| record[name].as_str().map(str::to_owned);
    let user_agent = text("user_agent").unwrap_or_default();
    Record {
        request: user_agent.strip_prefix(USER_AGENT).map(|id| id.parse().unwrap()),
        event: text("event").unwrap(),
        is_success: record["outcome"] == "success",
        reason: text("reason"),
    }
}

/// Verifies that no record was altered or removed, and that all are sealed.
pub(crate) async fn verify(cluster: &Cluster) {
    let url = cluster.database_url();
    // Without the secret key, it waits until all are sealed.
    let key = cluster.audit_key().verifier_key().clone();
    let store = PostgresStore::open(&url, key).await.unwrap();
    let verification = store.verify(None).await.unwrap();
    assert!(verification.is_intact(), "{:?}", verification.faults());
    store.close();
}
