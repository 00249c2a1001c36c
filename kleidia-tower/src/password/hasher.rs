//! Hashes passwords on a bounded number of threads, each with memory of its own.

use std::error::Error;
use std::fmt;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::Block;
use http_guard::Supervisor;
use rayon::{ThreadPool, ThreadPoolBuilder};
use secrecy::SecretString;
use tokio::sync::Semaphore;

use super::{Argon2Parameters, HashingPermit, PasswordCheck, PasswordHasherOptions};
use crate::instruments::{self, Counted, Gauge, Timer};

/// Hashes and verifies passwords with Argon2id (RFC 9106), on threads of its own.
///
/// Each permit is a thread with memory of its own, so the memory for hashing is bounded. The lanes
/// of its evaluation run on threads of the permit too: as many as there are lanes, but no more than
/// processors. No other work of the process runs on them, or delays them. A client
/// that disconnects does not release a permit early. When the queue is full, an evaluation is
/// rejected immediately. A hasher is cheap to clone; its threads end with the last clone.
///
/// ```
/// use kleidia_tower::password::{PasswordCheck, PasswordHasher};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hasher = PasswordHasher::new()?;
/// let stored = hasher.hash(&"correct horse battery staple".into()).await?;
/// assert!(stored.starts_with("$argon2id$v=19$m=65536,t=1,p=4$"));
/// let check = hasher.verify(&"correct horse battery staple".into(), &stored).await?;
/// assert_eq!(check, PasswordCheck::Match { needs_rehash: false });
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PasswordHasher {
    parameters: Argon2Parameters,
    permits: Arc<Semaphore>,
    queued: Arc<AtomicUsize>,
    queue_limit: usize,
    evaluations: Arc<AtomicU64>,
    jobs: Sender<Job>,
}

/// An error from a [`PasswordHasher`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashingError {
    /// The queue is full.
    #[error("queue full")]
    Busy,
    /// The stored hash is neither Argon2id nor an imported one, or its cost exceeds the range of
    /// [`Argon2Parameters`] or of imports.
    #[error("invalid password hash: {0}")]
    InvalidHash(&'static str),
    /// The operating system provides no thread, memory or random octets.
    #[error("system error: {0}")]
    System(#[source] Box<dyn Error + Send + Sync>),
}

pub(super) type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

impl PasswordHasher {
    /// How many evaluations may wait for a permit by default.
    pub const DEFAULT_QUEUE_LIMIT: usize = 64;

    /// Starts a hasher with the default [options](Self::options).
    ///
    /// # Errors
    /// [`HashingError::System`] if a thread cannot be started.
    pub fn new() -> Result<Self, HashingError> {
        Self::options().start()
    }

    /// Returns the default options, which can be changed before the hasher is started.
    #[must_use]
    pub fn options() -> PasswordHasherOptions {
        PasswordHasherOptions::default()
    }

    /// Each thread allocates its memory at its first evaluation, and keeps it.
    pub(super) fn start(options: &PasswordHasherOptions) -> Result<Self, HashingError> {
        let PasswordHasherOptions { parameters, permits, queue_limit } = *options;
        let (jobs, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..permits {
            let (receiver, lanes) = (Arc::clone(&receiver), lane_threads(parameters)?);
            let worker = thread::Builder::new().name("kleidia-argon2".to_owned());
            #[expect(clippy::disallowed_methods, reason = "supervised: each job is a turn")]
            worker.spawn(move || run_worker(&receiver, &lanes)).map_err(system_error)?;
        }
        let (permits, queued) = (Arc::new(Semaphore::new(permits)), Arc::default());
        Ok(Self { parameters, permits, queued, queue_limit, evaluations: Arc::default(), jobs })
    }

    /// Returns the default number of permits: half of the processors, since each evaluation uses
    /// several lanes.
    #[must_use]
    pub fn default_permits() -> usize {
        (thread::available_parallelism().map_or(1, NonZero::get) / 2).max(1)
    }

    /// Returns how many evaluations ran so far, for metrics.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// Waits for a permit, in the order of the calls.
    ///
    /// # Errors
    /// [`HashingError::Busy`] if the queue is full.
    pub async fn permit(&self) -> Result<HashingPermit, HashingError> {
        let timer = Timer::start();
        let permits = Arc::clone(&self.permits);
        let permit = if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
            permit
        } else {
            let _slot = QueueSlot::reserve(&self.queued, self.queue_limit)?;
            permits.acquire_owned().await.map_err(system_error)?
        };
        instruments::record_hashing_wait(timer);
        let (parameters, evaluations) = (self.parameters, Arc::clone(&self.evaluations));
        let active = Counted::new(Gauge::HashingActive);
        Ok(HashingPermit { parameters, permit, active, evaluations, jobs: self.jobs.clone() })
    }

    /// Waits for a permit, then calls [`HashingPermit::hash`].
    ///
    /// # Errors
    /// [`HashingError::Busy`] and [`HashingError::System`].
    pub async fn hash(&self, password: &SecretString) -> Result<String, HashingError> {
        self.permit().await?.hash(password).await
    }

    /// Waits for a permit, then calls [`HashingPermit::verify`].
    ///
    /// # Errors
    /// [`HashingError::Busy`], and the errors of [`HashingPermit::verify`].
    pub async fn verify(
        &self,
        password: &SecretString,
        stored: &str,
    ) -> Result<PasswordCheck, HashingError> {
        self.permit().await?.verify(password, stored).await
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHasher")
            .field("parameters", &self.parameters)
            .field("queue_limit", &self.queue_limit)
            .finish_non_exhaustive()
    }
}

/// A position in the queue for permits.
struct QueueSlot<'a> {
    queued: &'a AtomicUsize,
    _counted: Counted,
}

impl<'a> QueueSlot<'a> {
    fn reserve(queued: &'a AtomicUsize, limit: usize) -> Result<Self, HashingError> {
        let slot = Self { queued, _counted: Counted::new(Gauge::HashingQueued) };
        if queued.fetch_add(1, Ordering::Relaxed) < limit {
            Ok(slot)
        } else {
            instruments::count_hashing_rejection();
            Err(HashingError::Busy)
        }
    }
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        self.queued.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts the threads on which the lanes of one evaluation run. With rayon's global pool, other
/// work of the process would delay logins, and logins would delay that work.
fn lane_threads(parameters: Argon2Parameters) -> Result<ThreadPool, HashingError> {
    let lanes = usize::try_from(parameters.lanes()).map_err(system_error)?;
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let pool = ThreadPoolBuilder::new().num_threads(lanes.min(processors).max(1));
    pool.thread_name(|_| "kleidia-lane".to_owned()).build().map_err(system_error)
}

/// Runs jobs until the last hasher is dropped.
fn run_worker(jobs: &Mutex<Receiver<Job>>, lanes: &ThreadPool) {
    let (mut memory, supervisor) = (Vec::new(), Supervisor::new("argon2"));
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // Without the thread, its permit would wait forever.
        supervisor.run_iteration(|| lanes.install(|| job(&mut memory)));
    }
}

pub(super) fn system_error(error: impl Into<Box<dyn Error + Send + Sync>>) -> HashingError {
    HashingError::System(error.into())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::future::poll_immediate;
    use tokio::sync::oneshot;

    use super::*;

    fn hasher(queue_limit: usize) -> PasswordHasher {
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        options.with_permits(1).unwrap().with_queue_limit(queue_limit).unwrap().start().unwrap()
    }

    #[tokio::test]
    async fn rejects_when_the_queue_is_full() {
        let hasher = hasher(1);
        let held = hasher.permit().await.unwrap();
        let mut queued = pin!(hasher.permit());
        assert!(poll_immediate(&mut queued).await.is_none());
        for _ in 0..2 {
            assert!(matches!(hasher.permit().await, Err(HashingError::Busy)));
        }
        drop(held);
        drop(queued.await.unwrap());
        // A dropped future releases its position in the queue.
        let _held = hasher.permit().await.unwrap();
        for _ in 0..2 {
            assert!(poll_immediate(pin!(hasher.permit())).await.is_none());
        }
    }

    #[tokio::test]
    async fn dropped_future_holds_its_permit_until_the_job_ends() {
        let hasher = hasher(1);
        let (start, started) = oneshot::channel();
        let (finish, finished) = channel();
        let job = move |_: &mut Vec<Block>| {
            start.send(()).unwrap();
            finished.recv().unwrap();
        };
        let mut run = Box::pin(hasher.permit().await.unwrap().run(job));
        assert!(poll_immediate(&mut run).await.is_none());
        started.await.unwrap();
        drop(run);
        let mut next = pin!(hasher.permit());
        assert!(poll_immediate(&mut next).await.is_none());
        finish.send(()).unwrap();
        let permit = next.await.unwrap();
        assert_eq!(hasher.evaluations(), 1);
        permit.hash(&"password".into()).await.unwrap();
        assert_eq!(hasher.evaluations(), 2);
    }

    #[tokio::test]
    async fn thread_survives_a_panic() {
        let hasher = hasher(1);
        for _ in 0..3 {
            let outcome = hasher.permit().await.unwrap().run(|_| panic!("a bug")).await;
            assert!(matches!(outcome, Err::<(), _>(HashingError::System(_))));
        }
        hasher.hash(&"password".into()).await.unwrap();
    }

    /// All threads of the global pool are blocked until the password is hashed.
    #[tokio::test]
    async fn lanes_do_not_run_on_the_global_pool() {
        let threads = rayon::current_num_threads();
        let (blocked, finish) = (Arc::new(std::sync::Barrier::new(threads + 1)), channel());
        let finished = Arc::new(Mutex::new(finish.1));
        for _ in 0..threads {
            let (blocked, finished) = (Arc::clone(&blocked), Arc::clone(&finished));
            rayon::spawn(move || {
                blocked.wait();
                // Returns when the sender is dropped.
                let _: Result<(), _> = finished.lock().unwrap().recv();
            });
        }
        blocked.wait();
        let parameters = Argon2Parameters::MINIMUM.with_lanes(4).unwrap();
        let options = PasswordHasher::options().with_parameters(parameters).with_permits(2);
        let hasher = options.unwrap().start().unwrap();
        let (password, minute) = ("password".into(), std::time::Duration::from_secs(60));
        let both = futures_util::future::join(hasher.hash(&password), hasher.hash(&password));
        let (one, other) = tokio::time::timeout(minute, both).await.unwrap();
        assert!(one.is_ok() && other.is_ok());
        drop::<Sender<()>>(finish.0);
    }

    #[tokio::test]
    async fn permit_outlives_its_hasher() {
        let permit = hasher(1).permit().await.unwrap();
        assert!(permit.hash(&"password".into()).await.is_ok());
    }
}
