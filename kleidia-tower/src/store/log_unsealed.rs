//! Verification of records that are not in the tree of the audit log.

use std::collections::BTreeSet;
use std::time::Duration;

use super::StoreError;
use super::log_reads::LogReads;
use crate::audit::verification::Faults;
use crate::audit::{AuditRecord, LogFault, LogKey};

/// How often, and after which pause, records that are not yet sealed are looked at again.
const SEALING_CHECKS: u32 = 25;
const SEALING_PAUSE: Duration = Duration::from_millis(200);
/// How many of them are watched: the memory of a verification is bounded.
const MAX_WATCHED: usize = 10_000;

/// Returns whether a record is authentic, if the secret key is known.
pub(super) fn is_authentic(record: &AuditRecord, key: &LogKey) -> Option<bool> {
    key.secret_key().map(|key| record.is_authentic(key))
}

/// Finds records that are neither sealed nor unsealed, or detached.
pub(super) async fn find_orphan_records(
    reads: &impl LogReads,
    key: &LogKey,
    first_leaf: u64,
    last_detached: u64,
    faults: &mut Faults,
) -> Result<(), StoreError> {
    let mut after = i64::MIN;
    while let Some(orphans) = reads.read_orphan_records(after, first_leaf).await? {
        after = orphans.last;
        for (record, row) in orphans.records {
            let is_authentic = row.is_ok_and(|row| is_authentic(&row, key) == Some(true));
            faults.add(if is_authentic && record > last_detached {
                LogFault::NotSealed { record }
            } else {
                LogFault::Inserted { record }
            });
        }
    }
    Ok(())
}

/// Checks the unsealed records. Those that are authentic, and those of which that cannot be checked,
/// must be sealed within some seconds.
pub(super) async fn check_unsealed(
    reads: &impl LogReads,
    key: &LogKey,
    last_detached: u64,
    faults: &mut Faults,
) -> Result<(), StoreError> {
    let (mut waiting, mut after) = (BTreeSet::new(), 0);
    loop {
        let batch = reads.read_unsealed(after).await?;
        let Some(last) = batch.last() else { break };
        after = last.sequence;
        for entry in batch {
            let record = entry.sequence;
            match entry.record {
                _ if entry.is_sealed => faults.add(LogFault::SealedTwice { record }),
                None => faults.add(LogFault::Removed { record }),
                Some(Ok(row)) => match is_authentic(&row, key) {
                    Some(false) => faults.add(LogFault::Inserted { record }),
                    _ if record <= last_detached => faults.add(LogFault::SealedTwice { record }),
                    _ if waiting.len() < MAX_WATCHED => drop(waiting.insert(record)),
                    _ => {}
                },
                Some(Err(_)) => faults.add(LogFault::Inserted { record }),
            }
        }
    }
    for _ in 0..SEALING_CHECKS {
        if waiting.is_empty() {
            break;
        }
        tokio::time::sleep(SEALING_PAUSE).await;
        retain_unsealed(reads, &mut waiting).await?;
    }
    let is_authentic = key.secret_key().is_some();
    for record in waiting {
        faults.add(if is_authentic {
            LogFault::Waiting { record }
        } else {
            LogFault::NotSealed { record }
        });
    }
    Ok(())
}

/// Keeps the records that are still unsealed.
async fn retain_unsealed(
    reads: &impl LogReads,
    waiting: &mut BTreeSet<u64>,
) -> Result<(), StoreError> {
    let (mut unsealed, mut after) = (BTreeSet::new(), 0);
    while waiting.last().is_some_and(|last| after < *last) {
        let batch = reads.read_unsealed(after).await?;
        let Some(last) = batch.last() else { break };
        after = last.sequence;
        unsealed.extend(batch.into_iter().map(|entry| entry.sequence));
    }
    waiting.retain(|record| unsealed.contains(record));
    Ok(())
}
