//! Records events that belong to no change.

use std::fmt;
use std::sync::Arc;

use http_guard::telemetry::IsolatedSpan;
use http_guard::{LogLimiter, event};

use super::{AuditEvent, AuditSinks, AuditStore};
use crate::store::StoreError;
use crate::{Clock, Timestamp, time};

/// Denials that are not recorded, which clients can cause while the store is unavailable.
static FAILURES: LogLimiter = LogLimiter::per_second(1);

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
        self.append_all(vec![event]).await
    }

    /// Records events in one transaction, waits until it is committed, and sends them to the sinks.
    ///
    /// # Errors
    /// [`StoreError`] if no event was recorded.
    pub async fn append_all(&self, events: Vec<AuditEvent>) -> Result<(), StoreError> {
        self.sinks.publish(self.store.append(events).await?);
        Ok(())
    }

    /// Runs as a task, so that the events are recorded even if the client disconnects.
    pub(crate) async fn append_detached(&self, events: Vec<AuditEvent>) -> Result<(), StoreError> {
        let trail = self.clone();
        let append = async move { trail.append_all(events).await };
        // Supervised: awaited, and a panic is an error.
        let done = tokio::spawn(IsolatedSpan::current().instrument(append)).await;
        done.unwrap_or_else(|_| Err(StoreError::unavailable("recording aborted")))
    }

    /// Records the events of a denial at the current time, in one transaction. The request is
    /// denied even if this fails.
    pub(crate) async fn record_denial(&self, events: impl FnOnce(Timestamp) -> Vec<AuditEvent>) {
        let recorded = match self.now() {
            Some(at) => self.append_detached(events(at)).await,
            None => Err(StoreError::unavailable("clock unavailable")),
        };
        if let Err(error) = recorded
            && let Some(suppressed) = FAILURES.allow()
        {
            event!(error, %error, suppressed, "failed to record a denial");
        }
    }
}

impl fmt::Debug for AuditTrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditTrail").field("sinks", &self.sinks).finish_non_exhaustive()
    }
}
