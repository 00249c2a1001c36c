//! Hashes passwords on a bounded number of threads, each with memory of its own.

use std::error::Error;
use std::fmt;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::Block;
use secrecy::SecretString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::Argon2Parameters;
use super::evaluation::{Stored, write};
use super::normalisation::normalised;

/// Hashes and verifies passwords with Argon2id (RFC 9106), off the async workers.
///
/// A permit is a thread with memory of its own, so an evaluation never costs more memory than
/// there is, and a client that hangs up frees nothing early. What finds no place in the queue is
/// refused at once. Cheap to clone; the threads end with the last clone.
///
/// ```
/// use kleidia_tower::password::{Argon2Parameters, PasswordHasher, Verdict};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hasher = PasswordHasher::new(Argon2Parameters::default(), 2, 64)?;
/// let stored = hasher.hash(&"correct horse battery staple".into()).await?;
/// assert!(stored.starts_with("$argon2id$v=19$m=65536,t=1,p=4$"));
/// let verdict = hasher.verify(&"correct horse battery staple".into(), &stored).await?;
/// assert_eq!(verdict, Verdict::Right { is_outdated: false });
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PasswordHasher {
    parameters: Argon2Parameters,
    permits: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    queue: usize,
    evaluations: Arc<AtomicU64>,
    jobs: Sender<Job>,
}

/// The right to one evaluation, now. Whoever has it waits for nobody.
///
/// It is given back when the evaluation is done, whether anybody still waits for that or not.
pub struct HashingPermit {
    parameters: Argon2Parameters,
    permit: OwnedSemaphorePermit,
    evaluations: Arc<AtomicU64>,
    jobs: Sender<Job>,
}

/// Whether a password is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Right {
        /// Whether it was hashed with other parameters than are in use: hash it again.
        is_outdated: bool,
    },
    /// It is another one.
    Wrong,
}

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HashingError {
    /// There is no place in the queue: try again later.
    #[error("too many passwords wait to be hashed")]
    Busy,
    /// The stored hash is none of Argon2id's, or beyond the bounds of [`Argon2Parameters`].
    #[error("the stored hash can't be verified: {0}")]
    Stored(&'static str),
    /// The operating system gives no threads, memory or random octets.
    #[error("the operating system refuses: {0}")]
    System(#[source] Box<dyn Error + Send + Sync>),
}

type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

impl PasswordHasher {
    /// How many evaluations may wait by default.
    pub const DEFAULT_QUEUE: usize = 64;

    /// Starts `permits` threads (at least 1), for which at most `queue` evaluations wait.
    ///
    /// Each takes the memory of the parameters when it first hashes, and keeps it.
    ///
    /// # Errors
    /// [`HashingError::System`] if there are no threads to be had.
    pub fn new(
        parameters: Argon2Parameters,
        permits: usize,
        queue: usize,
    ) -> Result<Self, HashingError> {
        let (jobs, waiting) = channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        let permits = permits.max(1);
        for _ in 0..permits {
            let waiting = Arc::clone(&waiting);
            let worker = thread::Builder::new().name("kleidia-argon2".to_owned());
            worker.spawn(move || work(&waiting)).map_err(system)?;
        }
        let (permits, waiting) = (Arc::new(Semaphore::new(permits)), Arc::default());
        Ok(Self { parameters, permits, waiting, queue, evaluations: Arc::default(), jobs })
    }

    /// Half of the processors: each evaluation uses several lanes.
    #[must_use]
    pub fn default_permits() -> usize {
        (thread::available_parallelism().map_or(1, NonZero::get) / 2).max(1)
    }

    /// How many passwords were hashed or compared so far, for metrics.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        self.evaluations.load(Ordering::Relaxed)
    }

    /// Waits for the right to an evaluation, in the order of asking.
    ///
    /// # Errors
    /// [`HashingError::Busy`] if too many wait already.
    pub async fn permit(&self) -> Result<HashingPermit, HashingError> {
        let permits = Arc::clone(&self.permits);
        let permit = if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
            permit
        } else {
            let _place = Place::take(&self.waiting, self.queue)?;
            permits.acquire_owned().await.map_err(system)?
        };
        let (parameters, evaluations) = (self.parameters, Arc::clone(&self.evaluations));
        Ok(HashingPermit { parameters, permit, evaluations, jobs: self.jobs.clone() })
    }

    /// [`HashingPermit::hash`], once there is a permit.
    ///
    /// # Errors
    /// [`HashingError::Busy`] and [`HashingError::System`].
    pub async fn hash(&self, password: &SecretString) -> Result<String, HashingError> {
        self.permit().await?.hash(password).await
    }

    /// [`HashingPermit::verify`], once there is a permit.
    ///
    /// # Errors
    /// [`HashingError::Busy`], and those of [`HashingPermit::verify`].
    pub async fn verify(
        &self,
        password: &SecretString,
        stored: &str,
    ) -> Result<Verdict, HashingError> {
        self.permit().await?.verify(password, stored).await
    }
}

impl HashingPermit {
    /// Hashes a password with a new salt, into a PHC string.
    ///
    /// # Errors
    /// [`HashingError::System`].
    pub async fn hash(self, password: &SecretString) -> Result<String, HashingError> {
        let password = normalised(password);
        let (parameters, salt) = (self.parameters.to_argon2().map_err(system)?, salt()?);
        self.run(move |memory| write(&password, &salt, &parameters, memory)).await?
    }

    /// Tells whether this is the password that was hashed.
    ///
    /// # Errors
    /// [`HashingError::System`], and [`HashingError::Stored`] if the hash is not one of Argon2id,
    /// or dearer than [`Argon2Parameters`] may be.
    pub async fn verify(
        self,
        password: &SecretString,
        stored: &str,
    ) -> Result<Verdict, HashingError> {
        let password = normalised(password);
        let stored = Stored::parse(stored, self.parameters)?;
        self.run(move |memory| stored.verify(&password, memory)).await?
    }

    /// Verifies as [`Self::verify`] does, and hashes what is right but outdated again, under the
    /// same permit.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub async fn verify_and_renew(
        self,
        password: &SecretString,
        stored: &str,
    ) -> Result<(Verdict, Option<String>), HashingError> {
        let password = normalised(password);
        let stored = Stored::parse(stored, self.parameters)?;
        let (parameters, salt) = (self.parameters.to_argon2().map_err(system)?, salt()?);
        let job = move |memory: &mut Vec<Block>| {
            let verdict = stored.verify(&password, memory)?;
            let is_outdated = verdict == Verdict::Right { is_outdated: true };
            let renewed = is_outdated.then(|| write(&password, &salt, &parameters, memory));
            Ok((verdict, renewed.transpose()?))
        };
        self.run(job).await?
    }

    /// Takes the time of [`Self::verify`], where there is no hash to compare with.
    ///
    /// # Errors
    /// As [`Self::hash`].
    pub async fn verify_nothing(self, password: &SecretString) -> Result<(), HashingError> {
        self.hash(password).await.map(drop)
    }

    async fn run<T: Send + 'static>(
        self,
        job: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, HashingError> {
        let Self { permit, evaluations, jobs, .. } = self;
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move |memory: &mut Vec<Block>| {
            // Nobody waits any more for what was not begun.
            let done = (!sender.is_closed()).then(|| job(memory));
            evaluations.fetch_add(done.is_some().into(), Ordering::Relaxed);
            // Whoever hears of the end finds the permit free.
            drop(permit);
            if let Some(done) = done {
                drop(sender.send(done));
            }
        });
        jobs.send(job).map_err(|_| system("no thread is left"))?;
        receiver.await.map_err(system)
    }
}

impl fmt::Debug for PasswordHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parameters, queue, .. } = self;
        f.debug_tuple("PasswordHasher").field(parameters).field(queue).finish()
    }
}

/// A place among those who wait.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, most: usize) -> Result<Self, HashingError> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) < most {
            Ok(place)
        } else {
            Err(HashingError::Busy)
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Hashes until the last hasher is gone.
fn work(waiting: &Mutex<Receiver<Job>>) {
    let mut memory = Vec::new();
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(&mut memory);
    }
}

/// As many random octets as RFC 9106, 3.1, wants.
fn salt() -> Result<[u8; 16], HashingError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(system)?;
    Ok(salt)
}

pub(super) fn system(error: impl Into<Box<dyn Error + Send + Sync>>) -> HashingError {
    HashingError::System(error.into())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::future::poll_immediate;

    use super::*;

    fn hasher(queue: usize) -> PasswordHasher {
        let parameters = Argon2Parameters::new(7 * 1024, 1, 1).unwrap();
        PasswordHasher::new(parameters, 1, queue).unwrap()
    }

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused() {
        let hasher = hasher(1);
        let held = hasher.permit().await.unwrap();
        let mut waits = pin!(hasher.permit());
        assert!(poll_immediate(&mut waits).await.is_none());
        for _ in 0..2 {
            assert!(matches!(hasher.permit().await, Err(HashingError::Busy)));
        }
        drop(held);
        drop(waits.await.unwrap());
        // Whoever gives up waiting leaves the place to others.
        let _held = hasher.permit().await.unwrap();
        for _ in 0..2 {
            assert!(poll_immediate(pin!(hasher.permit())).await.is_none());
        }
    }

    #[tokio::test]
    async fn hanging_up_frees_nothing_before_the_thread_is_done() {
        let hasher = hasher(1);
        let (begin, started) = oneshot::channel();
        let (finish, finished) = channel();
        let job = move |_: &mut Vec<Block>| {
            begin.send(()).unwrap();
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
    async fn a_permit_outlives_its_hasher() {
        let permit = hasher(1).permit().await.unwrap();
        assert!(permit.hash(&"password".into()).await.is_ok());
    }
}
