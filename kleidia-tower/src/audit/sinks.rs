//! Sinks of committed records. They run on their own thread, so no request waits for them.

use std::convert::Infallible;
use std::fmt;
use std::io::{self, ErrorKind};
use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use http_guard::{Supervisor, event, log_text};

use super::{AuditRecord, AuditedRequest};
use crate::instruments;
use crate::{HealthError, SessionId, SettingError};

/// How long closing waits for the sinks: it follows the 8 seconds of open requests, and container
/// engines give 10.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Receives committed audit records, one at a time and in order. It may block.
pub trait AuditSink: Send + 'static {
    /// Processes a record that the store has committed.
    fn record(&mut self, record: &AuditRecord);
}

/// Sends committed audit records to sinks, through a bounded queue. Cheap to clone.
///
/// Requests do not wait for the queue: if it is full, the record is dropped and counted. A record
/// is also missing, and not counted, if its caller disconnects during the commit. The store has
/// every record, so read the store where completeness matters. The default has no sinks.
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
    limit: usize,
    counts: Arc<Counts>,
    /// One for each sink.
    supervisors: Vec<Supervisor>,
    /// Disconnected when the thread ends.
    ended: Mutex<Receiver<Infallible>>,
}

#[derive(Default)]
struct Counts {
    dropped: AtomicU64,
    /// How many records are in the queue. One that is being added counts already.
    queued: AtomicUsize,
}

/// Logs every record with `tracing`: an event of level info with the target
/// `kleidia_tower::audit`. Text of at most 100 characters is logged, the store has all of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingSink;

impl AuditSinks {
    /// The default length of the queue, in records.
    pub const DEFAULT_QUEUE_LIMIT: usize = 4096;

    /// Starts the thread of these sinks, with a queue of at most `queue_limit` records: 1 to
    /// 1,000,000.
    ///
    /// # Errors
    /// [`io::Error`] of the kind `InvalidInput` for another limit, or if the thread cannot be
    /// started.
    pub fn new(sinks: Vec<Box<dyn AuditSink>>, queue_limit: usize) -> io::Result<Self> {
        let checked = SettingError::check("queue limit", queue_limit, 1..=1_000_000);
        let queue_limit =
            checked.map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        let (sender, receiver) = sync_channel(queue_limit);
        let (end, ended) = sync_channel::<Infallible>(0);
        let supervisors: Vec<_> = sinks.iter().map(|_| Supervisor::new("audit-sink")).collect();
        let sinks = sinks.into_iter().zip(supervisors.iter().cloned()).collect();
        let running: Vec<_> = supervisors.iter().map(Supervisor::start).collect();
        let counts = Arc::<Counts>::default();
        let thread_counts = Arc::clone(&counts);
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: each record of each sink is a turn"
        )]
        Builder::new().name("kleidia-audit".to_owned()).spawn(move || {
            run_sinks(sinks, &receiver, &thread_counts);
            drop((running, end));
        })?;
        let (sender, ended) = (Mutex::new(Some(sender)), Mutex::new(ended));
        let queue = Queue { sender, limit: queue_limit, counts, supervisors, ended };
        Ok(Self { queue: Some(Arc::new(queue)) })
    }

    /// Queues records without waiting, and drops those for which the queue has no room.
    pub fn publish(&self, records: Vec<AuditRecord>) {
        instruments::count_audit_records(&records);
        let Some(queue) = &self.queue else { return };
        let sender = queue.sender.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            queue.counts.queued.fetch_add(1, Ordering::Relaxed);
            let is_queued = sender.as_ref().is_some_and(|sender| sender.try_send(record).is_ok());
            if !is_queued {
                queue.counts.queued.fetch_sub(1, Ordering::Relaxed);
                queue.counts.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Returns how often a record was dropped, or made a sink panic.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.as_ref().map_or(0, |queue| queue.counts.dropped.load(Ordering::Relaxed))
    }

    /// Checks that the sinks receive the records, for the health route.
    ///
    /// # Errors
    /// [`HealthError`] while the queue is full, from a panic of a sink until it processes another
    /// record, and after [`Self::close`].
    pub fn health(&self) -> Result<(), HealthError> {
        let Some(queue) = &self.queue else { return Ok(()) };
        queue.supervisors.iter().try_for_each(Supervisor::health)?;
        if queue.sender.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Err(HealthError::Stopped);
        }
        if queue.counts.queued.load(Ordering::Relaxed) >= queue.limit {
            return Err(HealthError::Failed("queue full".to_owned()));
        }
        Ok(())
    }

    /// Blocks the thread until the sinks have processed all queued records, but at most a second:
    /// a sink may never return. Later records are dropped.
    pub fn close(&self) {
        let Some(queue) = &self.queue else { return };
        drop(mem::take(&mut *queue.sender.lock().unwrap_or_else(PoisonError::into_inner)));
        let ended = queue.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(CLOSE_TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            event!(error, "audit sink blocked: records lost");
        }
    }
}

/// A sink that panics must not keep records from the other sinks, nor later ones from itself.
fn run_sinks(
    mut sinks: Vec<(Box<dyn AuditSink>, Supervisor)>,
    records: &Receiver<AuditRecord>,
    counts: &Counts,
) {
    for record in records {
        counts.queued.fetch_sub(1, Ordering::Relaxed);
        for (sink, supervisor) in &mut sinks {
            if supervisor.run_iteration(|| sink.record(&record)).is_none() {
                counts.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl AuditSink for TracingSink {
    fn record(&mut self, record: &AuditRecord) {
        // A panic of the subscriber is one of this sink, which is counted.
        tracing::event!(
            target: "kleidia_tower::audit",
            tracing::Level::INFO,
            sequence = record.sequence,
            at = record.at.as_second(),
            event = record.kind.as_str(),
            outcome = record.outcome.as_str(),
            user = record.user.as_ref().map(|identity| log_text(&identity.name)),
            actor = record.actor.as_ref().map(|identity| log_text(&identity.name)),
            session = record.session.map(SessionId::get),
            address = record.client.address.map(tracing::field::display),
            user_agent = record.client.user_agent.as_ref().map(log_text),
            method = record.request.as_ref().map(AuditedRequest::method),
            route = record.request.as_ref().and_then(AuditedRequest::route).map(log_text),
            reason = record.reason.as_deref().map(log_text),
        );
    }
}

impl fmt::Debug for AuditSinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditSinks").field("dropped", &self.dropped()).finish_non_exhaustive()
    }
}
