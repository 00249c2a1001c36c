//! Permits for evaluations, and what can be done with one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;

use argon2::Block;
use secrecy::SecretString;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::candidate::Candidate;
use super::evaluation::hash_to_phc;
use super::hasher::{Job, system_error};
use super::normalisation::normalise;
use super::stored::StoredHash;
use super::uniform::UniformWork;
use super::{Argon2Parameters, HashingError};
use crate::instruments::{self, Counted, Timer};

/// A permit for one evaluation, which starts without waiting.
///
/// The permit is released when the evaluation ends, even if its future was dropped before.
pub struct HashingPermit {
    pub(super) parameters: Argon2Parameters,
    pub(super) permit: OwnedSemaphorePermit,
    pub(super) active: Counted,
    pub(super) evaluations: Arc<AtomicU64>,
    pub(super) jobs: Sender<Job>,
}

/// The result of comparing a password with a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// The password is correct.
    Match {
        /// Whether the hash has other parameters than the hasher, so that it should be replaced.
        needs_rehash: bool,
    },
    /// The password is wrong.
    Mismatch,
}

impl HashingPermit {
    /// Hashes a password with a random salt into a PHC string.
    ///
    /// # Errors
    /// [`HashingError::System`] if the operating system provides no memory or random octets.
    pub async fn hash(self, password: &SecretString) -> Result<String, HashingError> {
        let password = normalise(password);
        let (parameters, salt) = (self.parameters, random_salt()?);
        self.run(move |memory| hash_to_phc(&password, &salt, parameters, memory)).await?
    }

    /// Compares a password with a stored hash.
    ///
    /// # Errors
    /// [`HashingError::InvalidHash`] if the hash is neither Argon2id nor, with the feature
    /// `imported-hashes`, an [imported one](super::ImportedHash), or its cost is out of range; and
    /// [`HashingError::System`].
    pub async fn verify(
        self,
        password: &SecretString,
        stored: &str,
    ) -> Result<PasswordCheck, HashingError> {
        let password = Candidate::new(password);
        let stored = StoredHash::parse(stored, self.parameters)?;
        self.run(move |memory| stored.verify(&password, memory)).await?
    }

    /// Compares as [`Self::verify`] does, and returns a new hash if the password is correct and its
    /// hash needs to be replaced. Both evaluations run under this permit.
    ///
    /// # Errors
    /// The errors of [`Self::verify`].
    pub async fn verify_and_rehash(
        self,
        password: &SecretString,
        stored: &str,
    ) -> Result<(PasswordCheck, Option<String>), HashingError> {
        let password = Candidate::new(password);
        let stored = StoredHash::parse(stored, self.parameters)?;
        let (parameters, salt) = (self.parameters, random_salt()?);
        let job = move |memory: &mut Vec<Block>| {
            let check = stored.verify(&password, memory)?;
            let needs_rehash = check == PasswordCheck::Match { needs_rehash: true };
            let rehashed =
                needs_rehash.then(|| hash_to_phc(&password.normalised, &salt, parameters, memory));
            Ok((check, rehashed.transpose()?))
        };
        self.run(job).await?
    }

    /// Verifies as [`Self::verify_and_rehash`] does, and in any case does one evaluation with each
    /// of these parameters and with the current ones. So it takes the same time for every hash that
    /// has one of them, and for no hash: the time must not tell which accounts exist.
    pub(crate) async fn verify_uniformly(
        self,
        password: &SecretString,
        stored: Option<&str>,
        parameters: &[String],
    ) -> Result<(PasswordCheck, Option<String>), HashingError> {
        let (password, salt) = (Candidate::new(password), random_salt()?);
        let work = UniformWork::new(stored, parameters, self.parameters)?;
        let evaluations = Arc::clone(&self.evaluations);
        let job = move |memory: &mut Vec<Block>| {
            // The job itself counts as one.
            evaluations.fetch_add(work.evaluations().saturating_sub(1), Ordering::Relaxed);
            work.run(&password, &salt, memory)
        };
        self.run(job).await?
    }

    /// Takes as long as [`Self::verify`] with a hash of the current parameters, for callers that
    /// have no hash to compare with: an unknown account must not be recognisable by the response
    /// time.
    ///
    /// # Errors
    /// The errors of [`Self::hash`].
    pub async fn dummy_verify(self, password: &SecretString) -> Result<(), HashingError> {
        self.hash(password).await.map(drop)
    }

    pub(super) async fn run<T: Send + 'static>(
        self,
        job: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, HashingError> {
        let Self { permit, active, evaluations, jobs, .. } = self;
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move |memory: &mut Vec<Block>| {
            // A job is skipped if its caller has gone before it started.
            let output = (!sender.is_closed()).then(|| {
                let timer = Timer::start();
                let output = job(memory);
                instruments::record_hashing(timer);
                output
            });
            evaluations.fetch_add(output.is_some().into(), Ordering::Relaxed);
            // The permit is released before the caller learns the result.
            drop((permit, active));
            if let Some(output) = output {
                drop(sender.send(output));
            }
        });
        jobs.send(job).map_err(|_| system_error("all hashing threads have ended"))?;
        receiver.await.map_err(system_error)
    }
}

/// Returns a salt of the length that RFC 9106, 3.1, recommends.
fn random_salt() -> Result<[u8; 16], HashingError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(system_error)?;
    Ok(salt)
}
