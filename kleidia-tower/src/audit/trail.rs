//! Records events that belong to no change.

use std::fmt;
use std::sync::Arc;

use super::{AuditEvent, AuditSinks, AuditStore};
use crate::store::StoreError;
use crate::{Clock, Timestamp, time};

/// Records audit events in a store, and sends them to sinks. Cheap to clone.
#[derive(Clone)]
pub struct AuditTrail {
    store: Arc<dyn AuditStore>,
    sinks: AuditSinks,
    clock: Arc<dyn Clock>,
}

impl AuditTrail {
    /// Creates a trail with this store, these sinks, and this clock.
    pub fn new(store: Arc<dyn AuditStore>, sinks: AuditSinks, clock: Arc<dyn Clock>) -> Self {
        Self { store, sinks, clock }
    }

    /// Returns the current time in whole seconds, or `None` if the clock is unavailable.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        time::now(&*self.clock)
    }

    /// Records an event, waits until it is committed, and sends it to the sinks.
    ///
    /// # Errors
    /// [`StoreError`] if the event was not recorded.
    pub async fn append(&self, event: AuditEvent) -> Result<(), StoreError> {
        self.sinks.publish(self.store.append(vec![event]).await?);
        Ok(())
    }
}

impl fmt::Debug for AuditTrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditTrail").field("sinks", &self.sinks).finish_non_exhaustive()
    }
}
