//! Appends audit records to the chain.

use super::events::session_events;
use crate::audit::{AuditEvent, AuditRecord};
use crate::store::rows::Rows;
use crate::store::{Committed, StoreError};

/// Appends the records of these events, in order.
pub(crate) async fn append(
    rows: &mut dyn Rows,
    events: &[AuditEvent],
) -> Result<Vec<AuditRecord>, StoreError> {
    let mut records = Vec::with_capacity(events.len());
    if events.is_empty() {
        return Ok(records);
    }
    let mut head = rows.lock_chain().await?;
    for event in events {
        let record = AuditRecord::append_to(&head, event.clone());
        head = record.head();
        records.push(record);
    }
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
