//! The events of an operation in memory.

use async_trait::async_trait;

use super::state::State;
use crate::session::SessionEvent;
use crate::store::StoreError;
use crate::store::rows::EventRows;

#[async_trait]
impl EventRows for State {
    async fn publish(&mut self, events: Vec<SessionEvent>) -> Result<(), StoreError> {
        self.events.extend(events);
        Ok(())
    }
}
