//! Seals the audit log of a store: in the background, or on request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_guard::{Supervisor, event};
use tokio::task::JoinHandle;

use super::log_reads::LogState;
use super::operation::Operation;
use super::transactional::Transactional;
use super::{StoreError, operations};
use crate::audit::Checkpoint;
use crate::{HealthError, SettingError};

/// How long another transaction may seal without a larger checkpoint. Any session can hold the
/// lock.
const MAX_SKIPPED: Duration = Duration::from_secs(5);

/// Checks the time between two turns.
pub(super) fn check_interval(interval: Duration) -> Result<Duration, SettingError> {
    let bounds = Duration::from_millis(10)..=Duration::from_secs(3600);
    SettingError::check("seal interval", interval, bounds)
}

/// What a store remembers of sealing its audit log: the largest checkpoint that it has seen, and
/// whether the last attempt succeeded.
#[derive(Debug)]
pub struct Sealing {
    /// The largest checkpoint that was seen.
    known: Mutex<Option<Checkpoint>>,
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
            known: Mutex::default(),
            skipped: Mutex::default(),
            supervisor: Supervisor::new("audit-log"),
        }
    }
}

impl Sealing {
    pub(super) fn health(&self) -> Result<(), HealthError> {
        self.supervisor.health()
    }

    /// Seals all committed records. If another node seals at the moment, it waits for that, or
    /// leaves it to the other node.
    pub(super) async fn seal<S: Transactional>(
        &self,
        store: &S,
        waits: bool,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let (mut checkpoint, has_unsealed) = self.read(store).await?;
        let (mut rejects, mut after) = (false, has_unsealed.then_some(0));
        while let Some(start) = after {
            let known = self.known().clone();
            let known = known.as_ref();
            let seal = Operation::new("seal", |rows| {
                Box::pin(operations::seal(rows.0, known, start, waits))
            });
            let Some(sealed) = store.write_in_background(seal).await? else {
                self.skip(checkpoint.as_ref())?;
                return Ok(checkpoint);
            };
            self.remember(sealed.checkpoint.as_ref());
            checkpoint = sealed.checkpoint;
            rejects |= sealed.rejects;
            after = sealed.more_after;
        }
        *lock(&self.skipped) = None;
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

    /// Returns the stored checkpoint if it is signed and not older than a known one, and whether
    /// there are unsealed records.
    pub(super) async fn read<S: Transactional>(
        &self,
        store: &S,
    ) -> Result<(Option<Checkpoint>, bool), StoreError> {
        // Before the read: meanwhile a larger one may be stored.
        let known = self.known().clone();
        let LogState { checkpoint, has_unsealed, .. } = store.read_log_state().await?;
        if checkpoint.is_some() && checkpoint.as_deref() == known.as_ref().map(Checkpoint::note) {
            return Ok((known, has_unsealed));
        }
        let key = store.log_key()?.verifier_key();
        let stored = operations::verify_checkpoint(checkpoint.as_deref(), key)?;
        operations::check_not_older(stored.as_ref(), known.as_ref())?;
        self.remember(stored.as_ref());
        Ok((stored, has_unsealed))
    }

    /// Remembers a committed checkpoint, unless a larger one is known.
    fn remember(&self, checkpoint: Option<&Checkpoint>) {
        let mut known = self.known();
        if checkpoint.map(Checkpoint::size) > known.as_ref().map(Checkpoint::size) {
            *known = checkpoint.cloned();
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<Checkpoint>> {
        lock(&self.known)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
    let mut logged = None;
    loop {
        tokio::time::sleep(interval).await;
        let started_at = Instant::now();
        let sealed = supervisor.run_async_iteration(store.sealing().seal(&*store, false)).await;
        if let Some(sealed) = sealed {
            supervisor.record(&sealed, started_at);
            let failure = sealed.err().map(|error| error.to_string());
            // Once per problem, since it is repeated at each turn.
            if let Some(error) = &failure
                && logged != failure
            {
                event!(error, error, "failed to seal audit records");
            }
            logged = failure;
        }
    }
}
