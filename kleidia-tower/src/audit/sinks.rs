//! Sinks other than the store: fed by a thread of their own, so that no request waits for them.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::{io, mem};

use super::AuditRecord;
use crate::{SessionId, UserAgent};

/// Takes records, one after the other; it may take its time.
pub trait AuditSink: Send + 'static {
    /// Takes a record that the store has committed.
    fn record(&mut self, record: &AuditRecord);
}

/// The sinks that are told of every record. Cheap to clone.
///
/// A bounded queue is before them. What finds no place is not waited for: it is counted, and still
/// in the store, as is what was committed for somebody who hung up in that moment. Who has to have
/// everything reads the store.
///
/// ```
/// use kleidia_tower::audit::{AuditRecord, AuditSinks, TracingSink};
///
/// let sinks = AuditSinks::new(vec![Box::new(TracingSink)], AuditSinks::DEFAULT_QUEUE)?;
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

/// Tells every record to `tracing`, as an event of the target `kleidia_tower::audit`.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingSink;

impl AuditSinks {
    /// How many records may wait by default.
    pub const DEFAULT_QUEUE: usize = 4096;

    /// Starts the thread that feeds these sinks, before which at most `queue` records wait.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn new(sinks: Vec<Box<dyn AuditSink>>, queue: usize) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(queue);
        let dropped = Arc::new(AtomicU64::new(0));
        let dropped_count = Arc::clone(&dropped);
        let thread = Builder::new().name("kleidia-audit".to_owned());
        let thread = thread.spawn(move || run_sinks(sinks, &receiver, &dropped_count))?;
        let (sender, thread) = (Mutex::new(Some(sender)), Mutex::new(Some(thread)));
        Ok(Self { queue: Some(Arc::new(Queue { sender, dropped, thread })) })
    }

    /// Hands records over, without waiting.
    pub fn publish(&self, records: Vec<AuditRecord>) {
        let Some(queue) = &self.queue else { return };
        let sender = queue.sender.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            let is_taken = sender.as_ref().is_some_and(|sender| sender.try_send(record).is_ok());
            if !is_taken {
                queue.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How many records found no place, or made a sink panic.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.as_ref().map_or(0, |queue| queue.dropped.load(Ordering::Relaxed))
    }

    /// Waits until the sinks have taken what was handed over; nothing is taken after that. It
    /// blocks its thread.
    pub fn close(&self) {
        let Some(queue) = &self.queue else { return };
        drop(mem::take(&mut *queue.sender.lock().unwrap_or_else(PoisonError::into_inner)));
        let thread = mem::take(&mut *queue.thread.lock().unwrap_or_else(PoisonError::into_inner));
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the sinks of the audit log ended before their time");
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
            // What one can't take is no reason to tell the others nothing.
            let told = catch_unwind(AssertUnwindSafe(|| sink.record(&record)));
            if told.is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
                tracing::error!(sequence = record.sequence, "a sink of the audit log panicked");
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
            user = record.user.as_ref().map(|party| party.name.as_str()),
            actor = record.actor.as_ref().map(|party| party.name.as_str()),
            session = record.session.map(SessionId::get),
            address = record.client.address.map(tracing::field::display),
            user_agent = record.client.user_agent.as_ref().map(UserAgent::as_str),
            reason = record.reason.as_deref(),
        );
    }
}

impl fmt::Debug for AuditSinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditSinks").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}
