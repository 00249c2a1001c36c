//! The events of a transaction: the database notifies all nodes of them when it is committed.

use async_trait::async_trait;

use super::notification::text;
use super::statements::PostgresRows;
use crate::session::SessionEvent;
use crate::store::StoreError;
use crate::store::rows::EventRows;

/// The name of the channel: each set of tables in a database has one of its own.
pub(super) const CHANNEL: &str = "SELECT concat('kleidia_', 'sessions'::regclass::oid)";

#[async_trait]
impl EventRows for PostgresRows<'_> {
    async fn publish(&mut self, events: Vec<SessionEvent>) -> Result<(), StoreError> {
        let texts: Vec<_> = events.iter().copied().filter_map(text).collect();
        self.execute(
            "SELECT pg_notify(concat('kleidia_', 'sessions'::regclass::oid), text) \
             FROM unnest($1::text[]) AS text",
            &[&texts],
        )
        .await?;
        self.events.extend(events);
        Ok(())
    }
}
