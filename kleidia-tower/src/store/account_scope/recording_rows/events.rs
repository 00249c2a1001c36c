//! The events of a transaction. They touch no rows.

use async_trait::async_trait;

use super::RecordingRows;
use crate::session::SessionEvent;
use crate::store::StoreError;
use crate::store::rows::EventRows;

#[async_trait]
impl EventRows for RecordingRows<'_> {
    async fn publish(&mut self, events: Vec<SessionEvent>) -> Result<(), StoreError> {
        self.rows.publish(events).await
    }
}
