//! The audit log before operations that seal or change it, and after them.

use std::sync::LazyLock;
use std::time::Duration;

use kleidia_tower::Timestamp;
use kleidia_tower::audit::{
    AuditKey, AuditStore as _, Detachment, EventKind, InclusionProof, Outcome,
};
use kleidia_tower::store::{PostgresOptions, PostgresStore};
use tokio_postgres::Client;

use crate::fixture::{EXPIRY, day};
use crate::numbered::{at, audit_key};

/// When all records of the fixtures are old enough to be detached.
pub(crate) fn detached_at() -> Timestamp {
    day(EXPIRY) + Detachment::MIN_AGE
}

/// Longer than a test takes.
pub(crate) const NEVER: Duration = Duration::from_secs(3600);
/// How many leaves are detached, and how many records wait to be sealed.
const LEAVES: usize = 2;

/// A log with exported leaves, and records that are not sealed.
pub(crate) struct LogBase {
    /// How many leaves it has.
    pub(crate) size: u64,
    /// How many of them are detached, and the next ones.
    pub(crate) detached: u64,
    pub(crate) proofs: Vec<InclusionProof>,
}

/// Returns the key that replaces that of the log.
pub(crate) fn successor() -> AuditKey {
    static SUCCESSOR: LazyLock<AuditKey> =
        LazyLock::new(|| AuditKey::generate(audit_key().verifier_key().name()).unwrap());
    SUCCESSOR.clone()
}

impl LogBase {
    /// Seals the records of what was run before, and appends others. A part of the log is detached
    /// already.
    pub(crate) async fn create(store: &PostgresStore) -> Self {
        let event = at(0).event(EventKind::PermissionDenied, Outcome::Failure, None);
        let events = || vec![event.clone(); LEAVES];
        store.append(events()).await.unwrap();
        let checkpoint = store.seal().await.unwrap().unwrap();
        let detached = store.detachment().await.unwrap().map_or(0, |detachment| detachment.size());
        let until = detached + LEAVES as u64;
        let proofs = store.prove_leaves(&checkpoint, detached, until).await.unwrap();
        if detached == 0 {
            store.detach(&proofs, detached_at()).await.unwrap();
            return Box::pin(Self::create(store)).await;
        }
        store.append(events()).await.unwrap();
        Self { size: checkpoint.size(), detached, proofs }
    }

    /// Seals all records with the key that the log has now, and describes the log. Then it gets its
    /// old key again.
    ///
    /// # Errors
    /// If nothing can be appended to the log any more.
    pub(crate) async fn finish(
        &self,
        url: &str,
        store: &PostgresStore,
        monitor: &Client,
    ) -> Result<Vec<String>, String> {
        let key = "SELECT verifier_key FROM audit_keys ORDER BY first_leaf DESC LIMIT 1";
        let key: String = monitor.query_one(key, &[]).await.unwrap().get(0);
        let is_replaced = key != audit_key().verifier_key().to_string();
        if !is_replaced {
            return Ok(vec![self.describe(store, monitor, false).await]);
        }
        let options = PostgresOptions::default().with_seal_interval(NEVER).unwrap();
        let successor = PostgresStore::open_with(url, successor(), options).await;
        let successor = successor.map_err(|error| error.to_string())?;
        let description = self.describe(&successor, monitor, true).await;
        let restored = successor.replace_key(&audit_key(), &at(0)).await;
        successor.close();
        restored.map_err(|error| error.to_string())?;
        store.seal().await.map_err(|error| error.to_string())?;
        Ok(vec![description])
    }

    async fn describe(&self, store: &PostgresStore, monitor: &Client, is_replaced: bool) -> String {
        let sealed = match store.seal().await {
            Ok(checkpoint) => format!("{:?}", checkpoint.map(|found| found.size() - self.size)),
            Err(error) => error.to_string(),
        };
        let detached = match store.detachment().await {
            Ok(found) => {
                format!("{:?}", found.map(|found: Detachment| found.size() - self.detached))
            }
            Err(error) => error.to_string(),
        };
        let counts = "SELECT concat_ws(' ', 'leaves', (SELECT count(*) FROM audit_leaves WHERE leaf >= $1), \
            'records', (SELECT count(*) FROM audit JOIN audit_leaves ON record = sequence WHERE leaf >= $1), \
            'unsealed', (SELECT count(*) FROM audit_unsealed))";
        let size = i64::try_from(self.size).unwrap();
        let counts: String = monitor.query_one(counts, &[&size]).await.unwrap().get(0);
        format!("log: sealed {sealed}, detached {detached}, replaced {is_replaced}, {counts}")
    }
}
