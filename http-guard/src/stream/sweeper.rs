//! The task that checks the callers of open streams.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::entries::{Due, Inner};
use super::state::{Micros, micros, now};
use super::{StreamCheck, StreamDecision, WeakStreamRegistry};
use crate::{Supervisor, event};

/// How late streams end after their lease or their validity, if nothing wakes the sweeper.
const TICK: Duration = Duration::from_millis(500);
/// How long after a check that did not succeed the next one is made.
const RETRY: Duration = Duration::from_secs(1);
/// How many checks run at the same time.
const MAX_CHECKS: usize = 16;

/// The tasks of a registry: the sweeper, and what follows events. They end with it.
#[derive(Default)]
pub(super) struct Sweeper {
    tasks: Mutex<Vec<AbortHandle>>,
    /// Whether a test makes the checks itself.
    #[cfg(test)]
    pub(super) is_manual: std::sync::atomic::AtomicBool,
}

/// The checks that wait for a worker.
type Queue<C> = Arc<Mutex<VecDeque<Due<C>>>>;

impl Sweeper {
    /// Starts the tasks unless they run. Returns `false` without a Tokio runtime.
    ///
    /// They end with their runtime, and start again on that of a later stream. Events may be missing
    /// then, so all streams are checked.
    pub(super) fn ensure_running<C: StreamCheck>(&self, inner: &Arc<Inner<C>>) -> bool {
        #[cfg(test)]
        if self.is_manual.load(std::sync::atomic::Ordering::Relaxed) {
            return true;
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if !tasks.is_empty() && tasks.iter().all(|task| !task.is_finished()) {
            return true;
        }
        let Ok(runtime) = Handle::try_current() else {
            event!(error, "no Tokio runtime to check streams");
            return false;
        };
        tasks.drain(..).for_each(|task| task.abort());
        let follower = inner.check.follow(WeakStreamRegistry::new(Arc::downgrade(inner)));
        if let Some(follower) = follower {
            #[expect(
                clippy::disallowed_methods,
                reason = "supervised: a task that has ended is started again with the next stream, \
                          and streams are checked at intervals"
            )]
            tasks.push(runtime.spawn(follower).abort_handle());
        }
        inner.request_checks();
        #[expect(clippy::disallowed_methods, reason = "supervised: each sweep is an iteration")]
        tasks.push(runtime.spawn(sweep_repeatedly(Arc::downgrade(inner))).abort_handle());
        true
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        tasks.drain(..).for_each(|task| task.abort());
    }
}

async fn sweep_repeatedly<C: StreamCheck>(registry: Weak<Inner<C>>) {
    let supervisor = Supervisor::new("streams");
    let (queue, mut workers) = (Queue::<C>::default(), JoinSet::new());
    let mut next_sweep = 0;
    while let Some(inner) = registry.upgrade() {
        let due = supervisor.run_iteration(|| {
            let mut due = inner.take_requested(now());
            if inner.needs_sweep() || now() >= next_sweep {
                next_sweep = now().saturating_add(micros(TICK));
                due.extend(inner.sweep(now()));
            }
            due
        });
        let waiting = {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.extend(due.unwrap_or_default());
            queue.len()
        };
        while workers.try_join_next().is_some() {}
        while workers.len() < MAX_CHECKS.min(waiting) {
            #[expect(
                clippy::disallowed_methods,
                reason = "supervised: each check is an iteration"
            )]
            workers.spawn(work(Weak::clone(&registry), Arc::clone(&queue), supervisor.clone()));
        }
        // The last stream may be dropped meanwhile, and the registry with it.
        let wake = Arc::clone(&inner.wake);
        drop(inner);
        let left = Duration::from_micros(next_sweep.saturating_sub(now()));
        drop(timeout(left, wake.notified()).await);
    }
}

/// Makes checks until none waits.
async fn work<C: StreamCheck>(registry: Weak<Inner<C>>, queue: Queue<C>, supervisor: Supervisor) {
    loop {
        let due = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let (Some(due), Some(inner)) = (due, registry.upgrade()) else { return };
        let started_at = now();
        let streams = due.records.iter().map(|record| Arc::clone(&record.stream)).collect();
        let lease = inner.settings.lease;
        let decisions = supervisor
            .run_async_iteration(async {
                let check = inner.check.check(due.principal.clone(), due.key.clone(), streams);
                timeout(lease, check).await.unwrap_or_default()
            })
            .await;
        let next_check = inner.apply(&due, &decisions.unwrap_or_default(), started_at);
        inner.finish_check(&due, next_check);
    }
}

impl<C: StreamCheck> Inner<C> {
    /// Renews and ends streams, and returns when they have to be checked again.
    pub(super) fn apply(
        &self,
        due: &Due<C>,
        decisions: &[StreamDecision],
        started_at: Micros,
    ) -> Micros {
        let lease = micros(self.settings.lease);
        let (mut next_check, mut ends) = (started_at.saturating_add(lease / 2), Vec::new());
        let unknown = StreamDecision::Unknown;
        let decisions = decisions.iter().chain(std::iter::repeat(&unknown));
        for (record, decision) in due.records.iter().zip(decisions) {
            match decision {
                StreamDecision::Allow { valid_for } => {
                    let valid_for = valid_for.map_or(lease, micros).min(lease);
                    let valid_until = started_at.saturating_add(valid_for);
                    record.state.renew(valid_until, started_at.saturating_add(lease));
                    next_check = next_check.min(valid_until);
                }
                StreamDecision::End(end) => ends.push((*end, record.clone())),
                StreamDecision::Unknown => {
                    next_check = next_check.min(now().saturating_add(micros(RETRY)));
                }
            }
        }
        // Those with the same end are reported together.
        while let Some((end, _)) = ends.first() {
            let end = *end;
            let same = ends.iter().filter(|(other, _)| *other == end);
            let records: Vec<_> = same.map(|(_, record)| record.clone()).collect();
            ends.retain(|(other, _)| *other != end);
            self.end_records(&due.principal, &due.key, &records, end);
        }
        next_check
    }
}
