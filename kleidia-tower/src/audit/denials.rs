//! Records denials in the background, through a bounded queue.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use http_guard::{LogLimiter, event};

use super::{AuditEvent, AuditSinks, AuditStore};
use crate::HealthError;
use crate::background_writer::{BackgroundWriter, BackgroundWrites};
use crate::store::StoreError;

/// The maximum number of denials that wait for the writer.
pub(super) const MAX_PENDING: usize = 4096;
/// The maximum number of denials that one transaction records.
const BATCH: usize = 256;

/// Records denials in the background, so that no response waits for the store's writer. Clones
/// share it.
#[derive(Clone)]
pub(super) struct DenialRecorder(BackgroundWriter<Denials>);

struct Denials {
    store: Arc<dyn AuditStore>,
    sinks: AuditSinks,
    lost: AtomicU64,
    /// Those of `lost` that no log event has reported.
    unreported: AtomicU64,
    reports: LogLimiter,
}

/// The denials of one transaction, each with its events.
type Batch = Vec<Vec<AuditEvent>>;

impl DenialRecorder {
    pub(super) fn new(store: Arc<dyn AuditStore>, sinks: AuditSinks) -> Self {
        Self(BackgroundWriter::new(Denials {
            store,
            sinks,
            lost: AtomicU64::new(0),
            unreported: AtomicU64::new(0),
            // Clients can cause them at will.
            reports: LogLimiter::per_second(1),
        }))
    }

    /// Queues the events of one denial without waiting. If there is no room, the denial is lost.
    pub(super) fn add(&self, events: Vec<AuditEvent>) {
        let is_added = self.0.add(|pending| {
            let has_room = pending.len() < MAX_PENDING;
            if has_room {
                pending.push_back(events);
            }
            has_room
        });
        match is_added {
            Some(true) => add_to_pending(1.0),
            Some(false) => self.lose(&"queue full"),
            None => self.lose(&"no Tokio runtime"),
        }
    }

    /// Counts and reports a denial that can't be recorded.
    pub(super) fn lose(&self, error: &dyn Display) {
        self.0.writes().lose(1, error);
    }

    pub(super) async fn flush(&self) {
        self.0.flush().await;
    }

    pub(super) fn lost(&self) -> u64 {
        self.0.writes().lost.load(Ordering::Relaxed)
    }

    pub(super) fn health(&self) -> Result<(), HealthError> {
        if self.0.with_pending(VecDeque::len) >= MAX_PENDING {
            return Err(HealthError::Failed("queue full".to_owned()));
        }
        self.0.health()
    }
}

#[async_trait]
impl BackgroundWrites for Denials {
    type Pending = VecDeque<Vec<AuditEvent>>;
    type Batch = Batch;

    const TASK: &'static str = "denials";
    const MAX_ATTEMPTS: u32 = 3;

    fn next_batch(pending: &mut Self::Pending) -> Option<Batch> {
        let batch: Vec<_> = pending.drain(..pending.len().min(BATCH)).collect();
        (!batch.is_empty()).then_some(batch)
    }

    async fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        self.sinks.publish(self.store.append(batch.concat()).await?);
        add_to_pending(-count(batch));
        Ok(())
    }

    fn on_lost(&self, batch: &Batch, error: &StoreError) {
        add_to_pending(-count(batch));
        self.lose(batch.len(), error);
    }

    fn on_stalled(&self, batch: &Batch, error: &StoreError) {
        if self.reports.allow().is_some() {
            event!(error, %error, denials = batch.len(), "retrying to record denials");
        }
    }

    /// Reports what the limit of log events has held back.
    fn on_idle(&self) {
        self.report(&"too many at once");
    }
}

impl Denials {
    fn lose(&self, denials: usize, error: &dyn Display) {
        let denials = u64::try_from(denials).unwrap_or(u64::MAX);
        self.lost.fetch_add(denials, Ordering::Relaxed);
        self.unreported.fetch_add(denials, Ordering::Relaxed);
        #[cfg(feature = "metrics")]
        http_guard::telemetry::isolate(|| {
            #[expect(clippy::disallowed_macros, reason = "isolated: above")]
            metrics::counter!("kleidia_denials_lost_total").increment(denials);
        });
        if self.reports.allow().is_some() {
            self.report(error);
        }
    }

    fn report(&self, error: &dyn Display) {
        let denials = self.unreported.swap(0, Ordering::Relaxed);
        if denials > 0 {
            event!(error, %error, denials, "failed to record denials");
        }
    }
}

/// The number of denials in a batch, which is far below the bounds of the type.
fn count(batch: &Batch) -> f64 {
    f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX))
}

/// Changes the metric of denials that are not yet recorded.
fn add_to_pending(denials: f64) {
    #[cfg(feature = "metrics")]
    http_guard::telemetry::isolate(|| {
        #[expect(clippy::disallowed_macros, reason = "isolated: above")]
        metrics::gauge!("kleidia_denials_pending").increment(denials);
    });
    #[cfg(not(feature = "metrics"))]
    let _ = denials;
}
