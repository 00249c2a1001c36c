//! Seals the audit log of a store: in the background, or on request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_guard::{LogLimiter, Supervisor, event, log_text_up_to};
use tokio::task::JoinHandle;

use super::log_continuity::ContinuityCheck;
use super::log_reads::LogState;
use super::measured::Measured as _;
use super::newest_checkpoint::{self, Newest};
use super::operation::Operation;
use super::operations::{self, KeyReplacement};
use super::transactional::Transactional;
use super::{ChangeContext, StoreError};
use crate::audit::{AuditKey, Checkpoint, LogKey};
use crate::instruments;
use crate::telemetry::MAX_ERROR_CHARACTERS;
use crate::{HealthError, SettingError};

/// How long another transaction may seal without a larger checkpoint. Any session can hold the
/// lock.
const MAX_SKIPPED: Duration = Duration::from_secs(5);

/// Checks the time between two turns.
pub(super) fn check_interval(interval: Duration) -> Result<Duration, SettingError> {
    let bounds = Duration::from_millis(10)..=Duration::from_secs(3600);
    SettingError::check("seal interval", interval, bounds)
}

/// What a store remembers of sealing its audit log: the newest checkpoint that it has signed or
/// verified, and whether the last attempt succeeded.
#[derive(Debug)]
pub struct Sealing {
    newest: Newest,
    /// The size of the log when others sealed it, and since when it has had that.
    skipped: Mutex<Option<(Option<u64>, Instant)>>,
    supervisor: Supervisor,
}

/// A task that seals the audit log of a store at intervals. Dropping it stops the task without
/// waiting for it. A panic of the store is logged, and does not end it.
///
/// The stores of this crate have one. Start one for a [`Transactional`] store of your own.
#[derive(Debug)]
#[must_use = "dropping it stops the task"]
pub struct SealerTask(JoinHandle<()>);

impl Default for Sealing {
    fn default() -> Self {
        Self {
            newest: Newest::default(),
            skipped: Mutex::default(),
            supervisor: Supervisor::new("audit-log"),
        }
    }
}

impl Sealing {
    pub(super) fn health(&self) -> Result<(), HealthError> {
        self.supervisor.health()
    }

    /// Registers the key of a new log, and checks that the log has the key of the store. Do so
    /// before the store is used: another key is an error of the operator.
    ///
    /// # Errors
    /// [`StoreError::Log`] if the log has another key.
    pub async fn check_key<S: Transactional>(&self, store: &S) -> Result<(), StoreError> {
        if store.log_key()?.signing_key().is_none() {
            return Ok(());
        }
        let check = Operation::new("check_key", |rows| Box::pin(operations::check_key(rows.0)));
        store.run_in_background(check).await
    }

    /// Seals all committed records. If another node seals at the moment, it waits for that, or
    /// leaves it to the other node.
    pub(super) async fn seal<S: Transactional>(
        &self,
        store: &S,
        waits: bool,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let sealed = self.seal_batches(store, waits).await;
        // Also what was committed before an error.
        let kept = self.keep(store.log_key()?).await;
        sealed.and_then(|checkpoint| kept.map(|()| checkpoint))
    }

    /// Writes the newest checkpoint to the file of the key.
    pub(super) async fn keep(&self, key: &LogKey) -> Result<(), StoreError> {
        self.newest.keep(key).await
    }

    async fn seal_batches<S: Transactional>(
        &self,
        store: &S,
        waits: bool,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let (mut checkpoint, has_unsealed) = self.read(store).await?;
        let (mut rejects, mut after) = (false, has_unsealed.then_some(0));
        while let Some(start) = after {
            let known = self.newest.get(store.log_key()?)?;
            let known = known.as_ref();
            let seal = Operation::new("seal", |rows| {
                Box::pin(operations::seal(rows.0, known, start, waits))
            });
            let Some(sealed) = store.run_in_background(seal).await? else {
                self.skip(checkpoint.as_ref())?;
                return Ok(checkpoint);
            };
            self.newest.advance(sealed.checkpoint.as_ref());
            checkpoint = sealed.checkpoint;
            rejects |= sealed.rejects;
            after = sealed.more_after;
        }
        *lock(&self.skipped) = None;
        instruments::set_sealed(checkpoint.as_ref().map_or(0, Checkpoint::size));
        if rejects { Err(StoreError::Corrupt("audit record")) } else { Ok(checkpoint) }
    }

    /// Leaves the log to another transaction, unless that does not seal.
    fn skip(&self, checkpoint: Option<&Checkpoint>) -> Result<(), StoreError> {
        let size = checkpoint.map(Checkpoint::size);
        let mut skipped = lock(&self.skipped);
        match *skipped {
            Some((stuck, since)) if stuck == size => {
                let is_late = since.elapsed() >= MAX_SKIPPED;
                let held = || StoreError::unavailable("another session holds the lock of the log");
                if is_late { Err(held()) } else { Ok(()) }
            }
            _ => {
                *skipped = Some((size, Instant::now()));
                Ok(())
            }
        }
    }

    /// Replaces the key of the log, or returns the checkpoint with which that was done.
    pub(super) async fn replace_key<S: Transactional>(
        &self,
        store: &S,
        successor: &AuditKey,
        change: &ChangeContext,
    ) -> Result<Checkpoint, StoreError> {
        let registered = store.read_log_state().await?.key;
        let new = successor.verifier_key();
        let replaced = operations::replaced_before(registered.as_ref(), new)?;
        let checkpoint = if let Some(checkpoint) = replaced {
            checkpoint
        } else {
            let old = store.log_key()?;
            let known = self.newest.get(old)?;
            let replacement = &KeyReplacement { old, new: successor, known, change };
            let replace = Operation::new("replace_key", move |rows| {
                Box::pin(operations::replace_key(rows.0, replacement))
            });
            store.run(replace).await?
        };
        newest_checkpoint::keep(&checkpoint, successor).await?;
        Ok(checkpoint)
    }

    /// Returns the newest checkpoint that the store has signed or verified, also before it was
    /// opened; `None` if there is none.
    pub(super) fn newest(&self, key: &LogKey) -> Result<Option<Checkpoint>, StoreError> {
        self.newest.get(key)
    }

    /// Returns the stored checkpoint if it is signed and continues the newest known one, and
    /// whether there are unsealed records.
    pub(super) async fn read<S: Transactional>(
        &self,
        store: &S,
    ) -> Result<(Option<Checkpoint>, bool), StoreError> {
        let key = store.log_key()?;
        // Before the read: meanwhile a larger one may be stored.
        let known = self.newest.get(key)?;
        let LogState { checkpoint, has_unsealed, key: registered, .. } =
            store.read_log_state().await?;
        if let Some(registered) = registered {
            operations::check_registered(&registered, key.verifier_key())?;
        }
        if checkpoint.is_some() && checkpoint.as_deref() == known.as_ref().map(Checkpoint::note) {
            return Ok((known, has_unsealed));
        }
        let stored = operations::verify_checkpoint(checkpoint.as_deref(), key.verifier_key())?;
        if let Some(key) = key.signing_key() {
            operations::check_first_use(key, known.as_ref(), stored.as_ref())?;
        }
        let check = ContinuityCheck::start(known.as_ref(), stored.as_ref());
        if let Some(check) = check.map_err(StoreError::Log)? {
            let hashes = store.read_hashes_at(check.positions()).await?;
            check.finish(&hashes).map_err(StoreError::Log)?;
        }
        self.newest.advance(stored.as_ref());
        Ok((stored, has_unsealed))
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SealerTask {
    /// The default interval. A committed record is sealed within a second.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_millis(400);

    /// Starts the task. The first turn is after an interval: 10 milliseconds to 1 hour. A turn
    /// seals what all nodes have committed, so the work for one record is less the more there are.
    ///
    /// Needs a Tokio runtime with its timer. The task keeps the store; use a handle if dropping the
    /// store is to drop the task.
    ///
    /// # Errors
    /// [`SettingError`] if the interval is out of these bounds.
    pub fn spawn(store: Arc<impl Transactional>, interval: Duration) -> Result<Self, SettingError> {
        let interval = check_interval(interval)?;
        #[expect(clippy::disallowed_methods, reason = "supervised: each sealing is a turn")]
        let task = tokio::spawn(run(store, interval));
        Ok(Self(task))
    }

    /// Stops the task, without waiting for it.
    pub fn stop(&self) {
        self.0.abort();
    }
}

impl Drop for SealerTask {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn run(store: Arc<impl Transactional>, interval: Duration) {
    let supervisor = store.sealing().supervisor.clone().with_interval(interval);
    let _running = supervisor.start();
    let mut log = FailureLog::default();
    loop {
        tokio::time::sleep(interval).await;
        let started_at = Instant::now();
        let sealed = supervisor.run_async_iteration(store.sealing().seal(&*store, false)).await;
        if let Some(sealed) = sealed {
            supervisor.record(&sealed, started_at);
            if sealed.is_err() {
                instruments::count_seal_failure();
            }
            if let Some((error, suppressed)) = log.next(sealed.err().as_ref()) {
                let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
                event!(error, error, suppressed, "failed to seal audit records");
            }
        }
    }
}

/// Limits the log events of failures, which are repeated at each turn: once per problem, and a few a
/// minute if it changes. While another node signs a fork of the log, each turn finds another
/// checkpoint.
#[derive(Debug)]
struct FailureLog {
    /// The last failure that was logged, if it still lasts.
    logged: Option<String>,
    limiter: LogLimiter,
}

impl FailureLog {
    /// Returns the failure if it is to be logged, and how many others were not.
    fn next(&mut self, failure: Option<&StoreError>) -> Option<(String, u64)> {
        let Some(failure) = failure.map(ToString::to_string) else {
            self.logged = None;
            return None;
        };
        if self.logged.as_ref() == Some(&failure) {
            return None;
        }
        let suppressed = self.limiter.allow()?;
        self.logged = Some(failure.clone());
        Some((failure, suppressed))
    }
}

impl Default for FailureLog {
    fn default() -> Self {
        Self { logged: None, limiter: LogLimiter::new(3, Duration::from_secs(60)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(number: u32) -> StoreError {
        StoreError::unavailable(format!("problem {number}"))
    }

    #[test]
    fn lasting_failure_is_logged_once() {
        let mut log = FailureLog::default();
        let logged: Vec<_> = (0..1000).filter_map(|_| log.next(Some(&failure(1)))).collect();
        assert_eq!(logged, [("store unavailable: problem 1".to_owned(), 0)]);
        assert_eq!(log.next(None), None);
        assert!(log.next(Some(&failure(1))).is_some(), "it began again");
    }

    /// The error names the checkpoint of the fork.
    #[test]
    fn failure_that_changes_at_each_turn_is_logged_a_few_times_a_minute() {
        let mut log = FailureLog::default();
        let logged = (0..1000).filter_map(|number| log.next(Some(&failure(number)))).count();
        assert_eq!(logged, 3);
        // What began meanwhile is logged when the minute is over.
        log.limiter = LogLimiter::new(3, Duration::from_secs(60));
        assert!(log.next(Some(&failure(1000))).is_some());
        assert_eq!(log.next(Some(&failure(1000))), None);
    }
}
