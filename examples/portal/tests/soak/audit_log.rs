//! The audit log of a run.

use kleidia_tower::audit::AuditStore as _;
use kleidia_tower::store::PostgresStore;
use serde_json::Value;

use crate::soak::checker::Record;
use crate::soak::client::USER_AGENT;
use crate::soak::cluster::Cluster;
use crate::tokens::Tokens;

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
