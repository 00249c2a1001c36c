//! Records events that belong to no change, and denials in the background.

use std::fmt;
use std::sync::Arc;

use http_guard::telemetry::IsolatedSpan;

use super::denials::DenialRecorder;
use super::stream_ends::EndedStreams;
use super::{AuditEvent, AuditSinks, AuditStore, RejectionLimits};
use crate::store::StoreError;
use crate::{Clock, HealthError, Timestamp, time};

/// Records audit events in a store, and sends them to sinks. Cheap to clone; clones share the queue
/// of denials.
///
/// # Denials
/// The layers and [`Accounts`](crate::account::Accounts) record denials in the background, so that
/// no response waits for the store's writer: requests that a requirement denies, and rejected
/// refresh tokens that the store knows. At most 4,096 denials wait; up to 256 are one transaction,
/// in the order of the denials. A failed transaction is tried three times, a second apart. After
/// that it is lost if further denials wait. The last one is tried until it succeeds, at intervals
/// of up to 16 seconds. A denial is also lost if the queue is full, or if the process ends before
/// it is recorded. Lost denials are counted by [`Self::lost_denials`] and reported in at most about
/// one log event per second.
///
/// # Rejections
/// Anyone can cause denials, and failed logins of unknown names, so only the first ones of a minute
/// are recorded ([`Self::with_rejection_limits`]): 60 of one source, 1,000 of callers that have
/// authenticated as an account, and 1,000 of all others. One account has a quarter of those of
/// accounts. A source is an IPv4 address, an IPv6 /64 network, or the account or workload if the
/// address is unknown. Further rejections are counted.
/// At the end of the minute, or at [`Self::flush`], one record for each source and kind has their
/// number ([`Reason::MoreWithinMinute`](super::Reason::MoreWithinMinute)). It has the time of the
/// last one that was counted, and for IPv6 the first address of the network. The 100 sources with
/// the most rejections have such records; one without a source has the number of the others, and of
/// those that came when the total was reached.
///
/// This applies to denials and rejected refresh tokens, to failed logins of names without an
/// account, and to logins during a lock or a throttle.
/// Wrong passwords of accounts and starts of their locks are always recorded, and so is everything
/// that changes something. The lockout bounds how many of them there can be.
///
/// # Ends of streams
/// The ends of a session's streams are recorded as `stream.ended`, in the background as denials, and
/// without the limits of rejections. Those with one code within a second are one record, which has
/// their number ([`Reason::StreamsEnded`](super::Reason::StreamsEnded)). Each node records its own. A
/// record is lost, and counted with the denials, as a denial is. Not recorded are streams that the
/// client or the handler ends, and those whose client may come back with the same token
/// (`unavailable`, `server_shutdown`, `too_many_streams`).
///
/// # Metrics
/// With the feature `metrics`, the gauge `kleidia_denials_pending` is the number of denials that
/// are not yet recorded, and the counter `kleidia_denials_lost_total` that of lost ones.
#[derive(Clone)]
pub struct AuditTrail {
    store: Arc<dyn AuditStore>,
    sinks: AuditSinks,
    clock: Arc<dyn Clock>,
    denials: DenialRecorder,
}

impl AuditTrail {
    /// Creates a trail with this store, these sinks, and this clock.
    pub fn new(store: Arc<dyn AuditStore>, sinks: AuditSinks, clock: Arc<dyn Clock>) -> Self {
        let limits = RejectionLimits::default();
        let denials = DenialRecorder::new(Arc::clone(&store), sinks.clone(), limits);
        Self { store, sinks, clock, denials }
    }

    /// Sets how many rejections are recorded, and starts to count. Earlier clones keep their limits
    /// and their queue.
    #[must_use]
    pub fn with_rejection_limits(self, limits: RejectionLimits) -> Self {
        let denials = DenialRecorder::new(Arc::clone(&self.store), self.sinks.clone(), limits);
        Self { denials, ..self }
    }

    pub(crate) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    pub(crate) fn sinks(&self) -> &AuditSinks {
        &self.sinks
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
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
        let done = tokio::spawn(IsolatedSpan::current().instrument(append)).await;
        done.unwrap_or_else(|_| Err(StoreError::unavailable("recording aborted")))
    }

    /// Queues the events of a denial at the current time, to be recorded in one transaction, or
    /// counts it. The request is denied even if they are lost.
    pub(crate) fn record_denial(&self, events: impl FnOnce(Timestamp) -> Vec<AuditEvent>) {
        match self.now() {
            Some(at) => self.denials.record(events(at)),
            None => self.denials.lose(&"clock unavailable"),
        }
    }

    /// Queues the record of streams that were ended at the current time.
    pub(crate) fn record_stream_ends(&self, ended: impl FnOnce(Timestamp) -> EndedStreams) {
        match self.now() {
            Some(at) => self.denials.record_stream_ends(ended(at)),
            None => self.denials.lose(&"clock unavailable"),
        }
    }

    /// Returns whether the caller must record this event of a rejection. Otherwise it is counted.
    pub(crate) fn allows(&self, event: &AuditEvent) -> bool {
        self.denials.allows(std::slice::from_ref(event))
    }

    /// Records what was counted so far, and waits until no denial is queued, or until the store has
    /// failed three times to record the last ones, as before a shutdown.
    pub async fn flush(&self) {
        self.denials.flush().await;
    }

    /// Returns how many denials were not recorded.
    #[must_use]
    pub fn lost_denials(&self) -> u64 {
        self.denials.lost()
    }

    /// Checks that denials are recorded, for the health route.
    ///
    /// # Errors
    /// [`HealthError`] if the queue is full, or if the last transaction failed.
    pub fn health(&self) -> Result<(), HealthError> {
        self.denials.health()
    }
}

impl fmt::Debug for AuditTrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditTrail").field("sinks", &self.sinks).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::super::stream_ends::WINDOW;
    use super::super::{AuditIdentity, AuditQuery};
    use super::*;
    use crate::store::MemoryStore;
    use crate::{SessionId, SystemClock, UserId};

    /// The runtime whose task records the first ones ends before it does.
    #[test]
    fn later_ends_of_a_cause_are_not_added_to_those_that_no_task_took() {
        let store = Arc::new(MemoryStore::default());
        let records = Arc::<MemoryStore>::clone(&store);
        let trail = AuditTrail::new(records, AuditSinks::default(), Arc::new(SystemClock));
        let user = AuditIdentity { id: Some(UserId::new(1)), name: "alice".to_owned() };
        let (session, code) = (SessionId::new(1), "session_ended");
        let end = |streams| {
            let user = user.clone();
            trail.record_stream_ends(|at| EndedStreams { at, user, session, code, streams });
        };
        let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
        runtime().block_on(async { end(1) });
        std::thread::sleep(WINDOW);
        runtime().block_on(async {
            end(2);
            trail.flush().await;
            let records = store.records(&AuditQuery::default()).await.unwrap();
            let reasons: Vec<_> =
                records.iter().filter_map(|record| record.reason.as_deref()).collect();
            assert_eq!(reasons, ["2 streams: session_ended", "1 stream: session_ended"]);
        });
    }
}
