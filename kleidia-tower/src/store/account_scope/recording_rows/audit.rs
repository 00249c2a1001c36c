//! The rows of the audit log, which record the accounts that an operation touches.

use async_trait::async_trait;

use super::RecordingRows;
use crate::audit::{AuditKey, AuditRecord, LogHash};
use crate::store::StoreError;
use crate::store::rows::{AuditRows, RegisteredKey, SealedBatch, UnsealedRecord};

#[async_trait]
impl AuditRows for RecordingRows<'_> {
    fn audit_key(&self) -> Result<AuditKey, StoreError> {
        self.rows.audit_key()
    }

    async fn next_sequences(&mut self, count: usize) -> Result<Vec<u64>, StoreError> {
        self.rows.next_sequences(count).await
    }

    /// The actor is only named in a record, which belongs to the account of the user.
    async fn append_records(&mut self, records: &[AuditRecord]) -> Result<(), StoreError> {
        for user in records.iter().filter_map(|record| record.user.as_ref()) {
            self.touched.insert(user.name.clone());
        }
        self.rows.append_records(records).await
    }

    async fn lock_sealing(&mut self, waits: bool) -> Result<bool, StoreError> {
        self.rows.lock_sealing(waits).await
    }

    async fn registered_key(&mut self) -> Result<Option<RegisteredKey>, StoreError> {
        self.rows.registered_key().await
    }

    async fn register_key(&mut self, key: &RegisteredKey) -> Result<(), StoreError> {
        self.rows.register_key(key).await
    }

    async fn last_checkpoint(&mut self) -> Result<Option<String>, StoreError> {
        self.rows.last_checkpoint().await
    }

    async fn unsealed_records(
        &mut self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<UnsealedRecord>, StoreError> {
        self.rows.unsealed_records(after, limit).await
    }

    async fn log_hashes(&mut self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError> {
        self.rows.log_hashes(positions).await
    }

    async fn append_sealed(&mut self, batch: &SealedBatch) -> Result<(), StoreError> {
        self.rows.append_sealed(batch).await
    }

    async fn detachment(&mut self) -> Result<Option<String>, StoreError> {
        self.rows.detachment().await
    }
}
