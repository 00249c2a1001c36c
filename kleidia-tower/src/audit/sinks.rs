//! Sinks of committed records. They run on their own thread, so no request waits for them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::{io, mem};

use super::{AuditRecord, AuditedRequest};
use crate::{SessionId, UserAgent};

/// Receives committed audit records, one at a time and in order. It may block.
pub trait AuditSink: Send + 'static {
    /// Processes a record that the store has committed.
    fn record(&mut self, record: &AuditRecord);
}

/// Sends committed audit records to sinks, through a bounded queue. Cheap to clone.
///
/// Requests do not wait for the queue: if it is full, the record is dropped and counted. A record
/// is also missing if its caller disconnects just after the commit. The store has every record, so
/// read the store where completeness matters. The default has no sinks.
///
/// ```
/// use kleidia_tower::audit::{AuditRecord, AuditSinks, TracingSink};
///
/// let sinks = AuditSinks::new(vec![Box::new(TracingSink)], AuditSinks::DEFAULT_QUEUE_LIMIT)?;
/// assert_eq!(sinks.dropped(), 0);
/// sinks.close();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct AuditSinks {
    queue: Option<Arc<Queue>>,
}

struct Queue {
    sender: Mutex<Option<SyncSender<AuditRecord>>>,
    dropped: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Logs every record with `tracing`: an event of level info with the target
/// `kleidia_tower::audit`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingSink;

impl AuditSinks {
    /// The default length of the queue, in records.
    pub const DEFAULT_QUEUE_LIMIT: usize = 4096;

    /// Starts the thread of these sinks, with a queue of at most `queue_limit` records.
    ///
    /// # Errors
    /// [`io::Error`] if the thread can't be started.
    pub fn new(sinks: Vec<Box<dyn AuditSink>>, queue_limit: usize) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(queue_limit);
        let dropped = Arc::new(AtomicU64::new(0));
        let dropped_count = Arc::clone(&dropped);
        let thread = Builder::new().name("kleidia-audit".to_owned());
        let thread = thread.spawn(move || run_sinks(sinks, &receiver, &dropped_count))?;
        let (sender, thread) = (Mutex::new(Some(sender)), Mutex::new(Some(thread)));
        Ok(Self { queue: Some(Arc::new(Queue { sender, dropped, thread })) })
    }

    /// Queues records without waiting, and drops those for which the queue has no room.
    pub fn publish(&self, records: Vec<AuditRecord>) {
        let Some(queue) = &self.queue else { return };
        let sender = queue.sender.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            let is_queued = sender.as_ref().is_some_and(|sender| sender.try_send(record).is_ok());
            if !is_queued {
                queue.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Returns how often a record was dropped, or made a sink panic.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.as_ref().map_or(0, |queue| queue.dropped.load(Ordering::Relaxed))
    }

    /// Blocks the thread until the sinks have processed all queued records. Later records are
    /// dropped.
    pub fn close(&self) {
        let Some(queue) = &self.queue else { return };
        drop(mem::take(&mut *queue.sender.lock().unwrap_or_else(PoisonError::into_inner)));
        let thread = mem::take(&mut *queue.thread.lock().unwrap_or_else(PoisonError::into_inner));
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the audit sinks panicked");
        }
    }
}

fn run_sinks(
    mut sinks: Vec<Box<dyn AuditSink>>,
    records: &Receiver<AuditRecord>,
    dropped: &AtomicU64,
) {
    for record in records {
        for sink in &mut sinks {
            // A sink that panics must not keep records from the other sinks.
            let outcome = catch_unwind(AssertUnwindSafe(|| sink.record(&record)));
            if outcome.is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
                tracing::error!(sequence = record.sequence, "audit sink panicked");
            }
        }
    }
}

impl AuditSink for TracingSink {
    fn record(&mut self, record: &AuditRecord) {
        tracing::info!(
            target: "kleidia_tower::audit",
            sequence = record.sequence,
            at = record.at.as_second(),
            event = record.kind.as_str(),
            outcome = record.outcome.as_str(),
            user = record.user.as_ref().map(|identity| identity.name.as_str()),
            actor = record.actor.as_ref().map(|identity| identity.name.as_str()),
            session = record.session.map(SessionId::get),
            address = record.client.address.map(tracing::field::display),
            user_agent = record.client.user_agent.as_ref().map(UserAgent::as_str),
            method = record.request.as_ref().map(AuditedRequest::method),
            route = record.request.as_ref().and_then(AuditedRequest::route),
            reason = record.reason.as_deref(),
        );
    }
}

impl fmt::Debug for AuditSinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditSinks").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}
