//! Where events that come with no change are recorded.

use std::fmt;
use std::sync::Arc;

use super::{AuditEvent, AuditSinks, AuditStore};
use crate::store::StoreError;
use crate::{Clock, Timestamp, time};

/// The audit log of a service: its store and its sinks, and the clock. Cheap to clone.
#[derive(Clone)]
pub struct AuditTrail {
    store: Arc<dyn AuditStore>,
    sinks: AuditSinks,
    clock: Arc<dyn Clock>,
}

impl AuditTrail {
    /// A log in this store, of which these sinks are told.
    pub fn new(store: Arc<dyn AuditStore>, sinks: AuditSinks, clock: Arc<dyn Clock>) -> Self {
        Self { store, sinks, clock }
    }

    /// The time now, if it can be told.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        time::now(&*self.clock)
    }

    /// Records an event, and waits until it is stored.
    ///
    /// # Errors
    /// The store can't be reached.
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
