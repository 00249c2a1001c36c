//! Appends audit records, which are sealed later.

use super::events::session_events;
use crate::audit::{AuditEvent, AuditRecord};
use crate::store::rows::Rows;
use crate::store::{Committed, StoreError};

/// Appends the records of these events, in order.
pub(crate) async fn append(
    rows: &mut dyn Rows,
    events: &[AuditEvent],
) -> Result<Vec<AuditRecord>, StoreError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let key = rows.audit_key()?;
    let sequences = rows.next_sequences(events.len()).await?;
    if sequences.len() != events.len() {
        return Err(StoreError::Corrupt("record number"));
    }
    let numbered = sequences.into_iter().zip(events);
    let records = numbered.map(|(sequence, event)| AuditRecord::new(sequence, event.clone(), &key));
    let records: Vec<_> = records.collect();
    rows.append_records(&records).await?;
    Ok(records)
}

/// Records the events of an operation, publishes those that others have to learn, and returns its
/// result with the records.
pub(crate) async fn commit_with_events<T>(
    rows: &mut dyn Rows,
    value: T,
    events: Vec<AuditEvent>,
) -> Result<Committed<T>, StoreError> {
    let published = session_events(&events);
    if !published.is_empty() {
        rows.publish(published).await?;
    }
    let records = append(rows, &events).await?;
    Ok(Committed { value, records })
}
