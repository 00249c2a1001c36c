//! Hashes passwords on a bounded number of threads, each with memory of its own.

use std::error::Error;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use phc::{Output, PasswordHash, Salt};
use secrecy::SecretString;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::Argon2Parameters;
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
    jobs: SyncSender<Job>,
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
        let (jobs, waiting) = sync_channel::<Job>(queue);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..permits.max(1) {
            let waiting = Arc::clone(&waiting);
            let worker = thread::Builder::new().name("kleidia-argon2".to_owned());
            worker.spawn(move || work(&waiting)).map_err(system)?;
        }
        Ok(Self { parameters, jobs })
    }

    /// Half of the processors: each evaluation uses several lanes.
    #[must_use]
    pub fn default_permits() -> usize {
        (thread::available_parallelism().map_or(1, NonZero::get) / 2).max(1)
    }

    /// Hashes a password with a new salt, into a PHC string.
    ///
    /// # Errors
    /// [`HashingError::Busy`] and [`HashingError::System`].
    pub async fn hash(&self, password: &SecretString) -> Result<String, HashingError> {
        let password = normalised(password);
        let parameters = self.parameters.to_argon2().map_err(system)?;
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(system)?;
        self.run(move |memory| write(&password, &salt, &parameters, memory)).await?
    }

    /// Tells whether this is the password that was hashed.
    ///
    /// # Errors
    /// [`HashingError::Busy`], [`HashingError::System`], and [`HashingError::Stored`] if the hash
    /// is not one of Argon2id, or dearer than [`Argon2Parameters`] may be.
    pub async fn verify(
        &self,
        password: &SecretString,
        stored: &str,
    ) -> Result<Verdict, HashingError> {
        let password = normalised(password);
        let stored = Stored::parse(stored, self.parameters)?;
        self.run(move |memory| stored.verify(&password, memory)).await?
    }

    /// Takes the time of [`Self::verify`], where there is no hash to compare with.
    ///
    /// # Errors
    /// As [`Self::hash`].
    pub async fn verify_nothing(&self, password: &SecretString) -> Result<(), HashingError> {
        self.hash(password).await.map(drop)
    }

    async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, HashingError> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move |memory: &mut Vec<Block>| {
            // Nobody waits any more for what was not begun.
            if !sender.is_closed() {
                drop(sender.send(job(memory)));
            }
        });
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => HashingError::Busy,
            TrySendError::Disconnected(_) => system("no thread is left"),
        })?;
        receiver.await.map_err(system)
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

/// A hash as it was stored.
struct Stored {
    salt: Salt,
    output: Output,
    parameters: Params,
    is_outdated: bool,
}

impl Stored {
    fn parse(text: &str, current: Argon2Parameters) -> Result<Self, HashingError> {
        let hash = PasswordHash::new(text).map_err(|_| HashingError::Stored("no PHC string"))?;
        let is_argon2id = hash.algorithm.as_str() == "argon2id" && hash.version == Some(19);
        if !is_argon2id {
            return Err(HashingError::Stored("another algorithm than Argon2id, version 19"));
        }
        let params = Params::try_from(&hash).map_err(|_| HashingError::Stored("parameters"))?;
        let stored = Argon2Parameters::new(params.m_cost(), params.t_cost(), params.p_cost());
        let stored = stored.map_err(|_| HashingError::Stored("parameters out of bounds"))?;
        let (salt, output) =
            hash.salt.zip(hash.hash).ok_or(HashingError::Stored("no salt or no hash"))?;
        let is_outdated = stored != current || output.len() != Argon2Parameters::OUTPUT_OCTETS;
        Ok(Self { salt, output, parameters: params, is_outdated })
    }

    fn verify(
        &self,
        password: &Zeroizing<String>,
        memory: &mut Vec<Block>,
    ) -> Result<Verdict, HashingError> {
        let length = self.output.len();
        let output = evaluate(password, &self.salt, &self.parameters, length, memory)?;
        // `Output` compares in constant time.
        let is_right = output == self.output;
        let Self { is_outdated, .. } = *self;
        Ok(if is_right { Verdict::Right { is_outdated } } else { Verdict::Wrong })
    }
}

fn write(
    password: &Zeroizing<String>,
    salt: &[u8],
    parameters: &Params,
    memory: &mut Vec<Block>,
) -> Result<String, HashingError> {
    let output = evaluate(password, salt, parameters, Argon2Parameters::OUTPUT_OCTETS, memory)?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: parameters.try_into().map_err(system)?,
        salt: Some(Salt::new(salt).map_err(system)?),
        hash: Some(output),
    };
    Ok(hash.to_string())
}

fn evaluate(
    password: &Zeroizing<String>,
    salt: &[u8],
    parameters: &Params,
    length: usize,
    memory: &mut Vec<Block>,
) -> Result<Output, HashingError> {
    let blocks = parameters.block_count();
    if memory.len() < blocks {
        memory.try_reserve_exact(blocks - memory.len()).map_err(system)?;
        memory.resize(blocks, Block::new());
    }
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters.clone());
    let mut output = Zeroizing::new(vec![0; length]);
    let password = password.as_bytes();
    argon2
        .hash_password_into_with_memory(password, salt, &mut output, memory.as_mut_slice())
        .map_err(system)?;
    Output::new(&output).map_err(system)
}

fn system(error: impl Into<Box<dyn Error + Send + Sync>>) -> HashingError {
    HashingError::System(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(memory_kib: u32, queue: usize) -> PasswordHasher {
        let parameters = Argon2Parameters::new(memory_kib, 1, 4).unwrap();
        PasswordHasher::new(parameters, 1, queue).unwrap()
    }

    #[tokio::test]
    async fn the_right_password_is_told_from_others() {
        let hasher = hasher(7 * 1024, 8);
        let stored = hasher.hash(&"caf\u{e9} au lait".into()).await.unwrap();
        for (password, expected) in [
            ("cafe\u{301} au lait", Verdict::Right { is_outdated: false }),
            ("caf\u{e9} au lai", Verdict::Wrong),
            ("", Verdict::Wrong),
        ] {
            assert_eq!(hasher.verify(&password.into(), &stored).await.unwrap(), expected);
        }
        assert_ne!(hasher.hash(&"caf\u{e9} au lait".into()).await.unwrap(), stored);
    }

    #[tokio::test]
    async fn what_other_parameters_hashed_is_outdated() {
        let stored = hasher(7 * 1024, 8).hash(&"password".into()).await.unwrap();
        let verdict = hasher(8 * 1024, 8).verify(&"password".into(), &stored).await.unwrap();
        assert_eq!(verdict, Verdict::Right { is_outdated: true });
    }

    /// From the reference implementation (`argon2` of Debian): `echo -n password | argon2
    /// somesalt -id -t 1 -k 65536 -p 4 -l 32 -e`.
    #[tokio::test]
    async fn the_reference_agrees() {
        let stored = "$argon2id$v=19$m=65536,t=1,p=4$c29tZXNhbHQ$cWczuhdHfhDA6sh4imHnld+cUIbXhbfejilbkQ/p/Uo";
        let verdict = hasher(7 * 1024, 8).verify(&"password".into(), stored).await.unwrap();
        assert_eq!(verdict, Verdict::Right { is_outdated: true });
    }

    #[tokio::test]
    async fn stored_hashes_are_bounded() {
        let hasher = hasher(7 * 1024, 8);
        let end = "c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for start in [
            "$argon2id$v=19$m=4194304,t=1,p=4$",
            "$argon2id$v=19$m=1024,t=1,p=4$",
            "$argon2id$v=19$m=65536,t=100,p=4$",
            "$argon2id$v=19$m=65536,t=1,p=64$",
            "$argon2id$v=16$m=65536,t=1,p=4$",
            "$argon2i$v=19$m=65536,t=1,p=4$",
            "$5$",
            "",
        ] {
            let refused = hasher.verify(&"password".into(), &format!("{start}{end}")).await;
            assert!(matches!(refused, Err(HashingError::Stored(_))), "{start}");
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_the_queue_is_refused() {
        let hasher = hasher(64 * 1024, 1);
        let hash = || async { hasher.hash(&"password".into()).await };
        let all = [(); 16].map(|()| hash());
        let (mut done, mut busy) = (0, 0);
        for outcome in futures_util::future::join_all(all).await {
            match outcome {
                Ok(_) => done += 1,
                Err(HashingError::Busy) => busy += 1,
                Err(error) => panic!("{error}"),
            }
        }
        // One is at it at most, one waits; all are asked for at once.
        assert!((1..=2).contains(&done), "{done}");
        assert_eq!(done + busy, 16);
    }
}
