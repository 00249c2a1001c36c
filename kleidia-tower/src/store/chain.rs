//! Verification of the audit log's chain in an SQL database.

use async_trait::async_trait;

use super::StoreError;
use crate::audit::{AuditRecord, ChainCheck, ChainHead};

/// The number of records that are read and verified at a time.
pub(super) const BATCH: i64 = 1000;

/// The reads that a verification needs.
#[async_trait]
pub(super) trait ChainReads: Sync {
    /// Returns the end of the chain.
    async fn chain_end(&self) -> Result<ChainHead, StoreError>;
    /// Returns the head that the chain had after this record.
    async fn head_at(&self, sequence: i64) -> Result<Option<ChainHead>, StoreError>;
    /// Returns at most [`BATCH`] records after one and up to another, in order.
    async fn records_between(
        &self,
        after: i64,
        until: i64,
    ) -> Result<Vec<Result<AuditRecord, StoreError>>, StoreError>;
}

/// Verifies the chain in batches, up to its end at the start.
pub(super) async fn verify(
    store: &impl ChainReads,
    since: ChainHead,
) -> Result<ChainCheck, StoreError> {
    if !is_known(store, &since).await? {
        return Ok(ChainCheck::Broken { sequence: since.sequence });
    }
    let (mut verified, end) = (since, store.chain_end().await?);
    while verified.sequence < end.sequence {
        let batch = store.records_between(number(verified.sequence), number(end.sequence)).await?;
        if batch.is_empty() {
            return Ok(ChainCheck::Broken { sequence: verified.sequence + 1 });
        }
        for record in batch {
            // A record that can't be parsed was altered.
            let next = record.ok().and_then(|record| verified.verify_next(&record));
            let broken = ChainCheck::Broken { sequence: verified.sequence + 1 };
            let Some(next) = next else { return Ok(broken) };
            verified = next;
        }
    }
    let is_intact = verified == end;
    let broken = ChainCheck::Broken { sequence: end.sequence };
    Ok(if is_intact { ChainCheck::Intact(end) } else { broken })
}

async fn is_known(store: &impl ChainReads, head: &ChainHead) -> Result<bool, StoreError> {
    if head.sequence == 0 {
        return Ok(*head == ChainHead::default());
    }
    Ok(store.head_at(number(head.sequence)).await?.as_ref() == Some(head))
}

/// Returns a record number as databases have it. No record has a larger one.
fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}
