//! Records denials, summaries of rejections and ends of streams in the background, through a bounded
//! queue.

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use http_guard::{LogLimiter, event, log_text_up_to};
use tokio::runtime::Handle;

use super::denial_queue::{Batch, Queue};
use super::rejection_limiter::{RejectionLimiter, WindowId};
use super::stream_ends::{Cause, Collected, EndedStreams, StreamEnds, WINDOW};
use super::{AuditEvent, AuditSinks, AuditStore, Reason, RejectionLimits};
use crate::HealthError;
use crate::background_writer::{BackgroundWriter, BackgroundWrites};
use crate::store::StoreError;
use crate::telemetry::MAX_ERROR_CHARACTERS;

/// Records denials in the background, so that no response waits for the store's writer. Clones
/// share it.
#[derive(Clone)]
pub(super) struct DenialRecorder(Arc<Inner>);

struct Inner {
    writer: BackgroundWriter<Denials>,
    limiter: RejectionLimiter,
    stream_ends: StreamEnds,
}

struct Denials {
    store: Arc<dyn AuditStore>,
    sinks: AuditSinks,
    lost: AtomicU64,
    /// Those of `lost` that no log event has reported.
    unreported: AtomicU64,
    reports: LogLimiter,
}

impl DenialRecorder {
    pub(super) fn new(
        store: Arc<dyn AuditStore>,
        sinks: AuditSinks,
        limits: RejectionLimits,
    ) -> Self {
        let writer = BackgroundWriter::new(Denials {
            store,
            sinks,
            lost: AtomicU64::new(0),
            unreported: AtomicU64::new(0),
            // Clients can cause them at will.
            reports: LogLimiter::per_second(1),
        });
        let (limiter, stream_ends) = (RejectionLimiter::new(limits), StreamEnds::default());
        Self(Arc::new(Inner { writer, limiter, stream_ends }))
    }

    /// Queues the events of one denial without waiting, unless its source has caused too many: then
    /// it is counted.
    pub(super) fn record(&self, events: Vec<AuditEvent>) {
        if self.allows(&events) {
            self.0.add(events);
        }
    }

    /// Queues the ends of streams without waiting, once those of the same cause are collected.
    pub(super) fn record_stream_ends(&self, ended: EndedStreams) {
        let cause = ended.cause();
        let Collected { due, is_first } = self.0.stream_ends.add(ended);
        if let Some(due) = due {
            self.0.add_end(due);
        }
        match Handle::try_current() {
            Ok(runtime) if is_first => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "supervised: without it, the next end or a flush ends the window"
                )]
                runtime.spawn(end_collection(Arc::downgrade(&self.0), cause));
            }
            Err(_) if is_first => self.0.end_collection(cause),
            _ => {}
        }
    }

    /// Returns whether the caller must record the events of a rejection. Otherwise it is counted.
    pub(super) fn allows(&self, events: &[AuditEvent]) -> bool {
        let check = self.0.limiter.check(events);
        self.0.add_summaries(check.summaries);
        if let Some((window, left)) = check.counting
            && let Ok(runtime) = Handle::try_current()
        {
            #[expect(
                clippy::disallowed_methods,
                reason = "supervised: without it, the next rejection or a flush ends the window"
            )]
            runtime.spawn(end_window(Arc::downgrade(&self.0), window, left));
        }
        check.is_recorded
    }

    /// Counts and reports a denial that cannot be recorded.
    pub(super) fn lose(&self, error: &dyn Display) {
        self.0.writer.writes().lose(1, error);
    }

    /// Records what was counted so far, and waits until nothing is queued.
    pub(super) async fn flush(&self) {
        self.0.add_summaries(self.0.limiter.take_summaries());
        for ended in self.0.stream_ends.take_all() {
            self.0.add_end(ended);
        }
        self.0.writer.flush().await;
    }

    pub(super) fn lost(&self) -> u64 {
        self.0.writer.writes().lost.load(Ordering::Relaxed)
    }

    pub(super) fn health(&self) -> Result<(), HealthError> {
        if self.0.writer.with_pending(Queue::is_full) {
            return Err(HealthError::Failed("queue full".to_owned()));
        }
        self.0.writer.health()
    }
}

/// Records what a window has counted when it is over, also if no further rejection follows.
async fn end_window(recorder: Weak<Inner>, window: WindowId, left: Duration) {
    tokio::time::sleep(left).await;
    if let Some(recorder) = recorder.upgrade() {
        recorder.add_summaries(recorder.limiter.end(window));
    }
}

/// Records the ends of streams once they are collected.
async fn end_collection(recorder: Weak<Inner>, cause: Cause) {
    tokio::time::sleep(WINDOW).await;
    if let Some(recorder) = recorder.upgrade() {
        recorder.end_collection(cause);
    }
}

impl Inner {
    fn end_collection(&self, cause: Cause) {
        if let Some(ended) = self.stream_ends.take(cause) {
            self.add_end(ended);
        }
    }

    fn add_summaries(&self, summaries: Vec<AuditEvent>) {
        if !summaries.is_empty() {
            self.add(summaries);
        }
    }

    /// Queues the events of a denial without waiting. If there is no room, they are lost.
    fn add(&self, events: Vec<AuditEvent>) {
        let rejections = rejections(&events);
        self.queue(rejections, |queue| queue.push_denial(events));
    }

    /// Queues the record of ended streams without waiting. If there is no room, it is lost.
    fn add_end(&self, ended: EndedStreams) {
        self.queue(1, |queue| queue.push_end(ended));
    }

    fn queue(&self, records: u64, add: impl FnOnce(&mut Queue) -> bool) {
        match self.writer.add(add) {
            Some(true) => add_to_pending(1.0),
            Some(false) => self.writer.writes().lose(records, &"queue full"),
            None => self.writer.writes().lose(records, &"no Tokio runtime"),
        }
    }
}

#[async_trait]
impl BackgroundWrites for Denials {
    type Pending = Queue;
    type Batch = Batch;

    const TASK: &'static str = "denials";
    const MAX_ATTEMPTS: u32 = 3;

    fn next_batch(pending: &mut Queue) -> Option<Batch> {
        let batch = pending.next_batch();
        (!batch.is_empty()).then_some(batch)
    }

    async fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        self.sinks.publish(self.store.append_in_background(batch.concat()).await?);
        add_to_pending(-count(batch));
        Ok(())
    }

    fn on_lost(&self, batch: &Batch, error: &StoreError) {
        add_to_pending(-count(batch));
        let rejections = batch.iter().map(|events| rejections(events));
        self.lose(rejections.fold(0, u64::saturating_add), error);
    }

    fn on_stalled(&self, batch: &Batch, error: &StoreError) {
        if self.reports.allow().is_some() {
            let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
            event!(error, error, denials = batch.len(), "retrying to record denials");
        }
    }

    /// Reports what the limit of log events has held back.
    fn on_idle(&self) {
        self.report(&"too many at once");
    }
}

impl Denials {
    fn lose(&self, denials: u64, error: &dyn Display) {
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
            let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
            event!(error, error, denials, "failed to record denials");
        }
    }
}

/// Returns how many rejections these events stand for: one, or what summaries have counted.
fn rejections(events: &[AuditEvent]) -> u64 {
    let counts = events.iter().filter_map(|event| match event.reason {
        Some(Reason::MoreWithinMinute(count)) => Some(count),
        _ => None,
    });
    counts.fold(0, u64::saturating_add).max(1)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditIdentity, AuditQuery, EventKind, Outcome};
    use crate::store::{ChangeContext, MemoryStore};
    use crate::{ClientInfo, SessionId, Timestamp};

    /// A withdrawn key ends the streams of all sessions.
    #[tokio::test]
    async fn ends_of_many_sessions_take_no_room_of_denials() {
        const SESSIONS: usize = 20_000;
        let store = Arc::new(MemoryStore::default());
        let (of_store, limits) = (Arc::<MemoryStore>::clone(&store), RejectionLimits::default());
        let denials = DenialRecorder::new(of_store, AuditSinks::default(), limits);
        let at = Timestamp::constant(1_795_370_639, 0);
        let change = ChangeContext { at, client: ClientInfo::default(), actor: None };
        for session in 0..SESSIONS {
            let user = AuditIdentity { id: None, name: "alice".to_owned() };
            let session = SessionId::new(i64::try_from(session).unwrap());
            let code = "token_invalid";
            denials.record_stream_ends(EndedStreams { at, user, session, code, streams: 1 });
        }
        denials.record(vec![change.event(EventKind::PermissionDenied, Outcome::Failure, None)]);
        denials.flush().await;
        assert_eq!(denials.lost(), 0);
        let of_kind = AuditQuery { kind: Some(EventKind::PermissionDenied), ..Default::default() };
        assert_eq!(store.records(&of_kind).await.unwrap().len(), 1);
        let ends = store.seal().await.unwrap().unwrap().size() - 1;
        assert_eq!(ends, u64::try_from(SESSIONS).unwrap());
    }

    /// The clock stands still, and no rejection follows.
    #[tokio::test]
    async fn summary_is_recorded_when_the_minute_is_over() {
        let store = Arc::new(MemoryStore::default());
        let limits = RejectionLimits::default().with_per_source(2).unwrap();
        let denials =
            DenialRecorder::new(Arc::<MemoryStore>::clone(&store), AuditSinks::default(), limits);
        // The last second of a minute.
        let at = Timestamp::constant(1_795_370_639, 0);
        let change = ChangeContext { at, client: ClientInfo::default(), actor: None };
        for _ in 0..5 {
            let (kind, outcome) = (EventKind::PermissionDenied, Outcome::Failure);
            denials.record(vec![change.event(kind, outcome, None)]);
        }
        let reasons = async || {
            let records = store.records(&AuditQuery::default()).await.unwrap();
            records.into_iter().map(|record| record.reason).collect::<Vec<_>>()
        };
        while reasons().await.len() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let summary = Some("and 3 more within a minute".to_owned());
        assert_eq!(reasons().await, [summary, None, None]);
    }
}
