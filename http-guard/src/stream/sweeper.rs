//! The task that checks the callers of open streams.

use std::collections::VecDeque;
use std::iter;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::entries::Inner;
use super::group::Due;
use super::state::{Micros, micros, now};
use super::{StreamCheck, StreamDecision, StreamEnd, WeakStreamRegistry};
use crate::{Supervisor, event};

/// How late streams end after their lease or their validity, if nothing wakes the sweeper.
const TICK: Duration = Duration::from_millis(500);
/// How long after a check that did not succeed the next one is made.
const RETRY: Duration = Duration::from_secs(1);
/// How many checks run at the same time, and for how many streams of one the conditions. With a store
/// that takes 10 ms, these are 48,000 checks in half of the default lease.
const MAX_CHECKS: usize = 64;
/// How long a check may take, within these bounds a quarter of the lease: there is time for another.
const MIN_CHECK_TIME: Duration = Duration::from_secs(1);
const MAX_CHECK_TIME: Duration = Duration::from_secs(5);

/// The tasks of a registry: the sweeper, and what follows events. They end with it.
#[derive(Default)]
pub(super) struct Sweeper {
    tasks: Mutex<Tasks>,
    /// Set before the sweeper starts, and cleared by itself.
    is_sweeping: AtomicBool,
    /// Whether a test makes the checks itself.
    #[cfg(test)]
    pub(super) is_manual: AtomicBool,
}

#[derive(Default)]
struct Tasks {
    sweeper: Option<AbortHandle>,
    /// `None` if the check follows nothing.
    follower: Option<AbortHandle>,
}

/// Ends all streams when their sweeper ends, as with its runtime: nobody else would.
struct EndOnDrop<C: StreamCheck>(Weak<Inner<C>>);

/// The checks that wait for a worker.
type Queue<C> = Arc<Mutex<VecDeque<Due<C>>>>;

impl Sweeper {
    /// Starts the tasks unless they run. Returns `false` without a Tokio runtime with a timer.
    ///
    /// They end with their runtime, and start again on that of a later stream. Events may be missing
    /// then, so all streams are checked.
    pub(super) fn ensure_running<C: StreamCheck>(&self, inner: &Arc<Inner<C>>) -> bool {
        #[cfg(test)]
        if self.is_manual.load(Ordering::Relaxed) {
            return true;
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let is_sweeping = self.is_sweeping.load(Ordering::SeqCst);
        let has_follower_ended = tasks.follower.as_ref().is_some_and(AbortHandle::is_finished);
        let needs_follower = tasks.sweeper.is_none() || has_follower_ended;
        if is_sweeping && !needs_follower {
            return true;
        }
        // Without a timer, `sleep` panics.
        let runtime = Handle::try_current();
        let runtime = runtime.ok().filter(|_| catch_unwind(|| drop(sleep(TICK))).is_ok());
        let Some(runtime) = runtime else {
            event!(error, "no Tokio runtime with a timer to check streams");
            return false;
        };
        let follow = || inner.check.follow(WeakStreamRegistry::new(Arc::downgrade(inner)));
        if let Some(follower) = needs_follower.then(follow).flatten() {
            #[expect(
                clippy::disallowed_methods,
                reason = "supervised: a task that has ended is started again with the next stream, \
                          and streams are checked at intervals"
            )]
            let follower = runtime.spawn(follower).abort_handle();
            tasks.follower = Some(follower);
        }
        if is_sweeping {
            inner.request_checks();
            return true;
        }
        inner.restart_checks();
        self.is_sweeping.store(true, Ordering::SeqCst);
        let guard = EndOnDrop(Arc::downgrade(inner));
        #[expect(clippy::disallowed_methods, reason = "supervised: each sweep is an iteration")]
        let sweeper = runtime.spawn(sweep_repeatedly(guard)).abort_handle();
        tasks.sweeper = Some(sweeper);
        true
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        let tasks = tasks.sweeper.take().into_iter().chain(tasks.follower.take());
        tasks.for_each(|task| task.abort());
    }
}

impl<C: StreamCheck> Drop for EndOnDrop<C> {
    fn drop(&mut self) {
        let Some(inner) = self.0.upgrade() else { return };
        // First, so that a stream that is opened afterwards starts a sweeper.
        inner.sweeper.is_sweeping.store(false, Ordering::SeqCst);
        inner.end_all(StreamEnd::UNAVAILABLE);
    }
}

/// The guard is an argument, so that it is dropped also if the task never runs.
async fn sweep_repeatedly<C: StreamCheck>(guard: EndOnDrop<C>) {
    let registry = Weak::clone(&guard.0);
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
        // Those that run may hang, so they do not count for those that wait.
        for _ in 0..waiting.min(MAX_CHECKS.saturating_sub(workers.len())) {
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
        let next_check = inner.check_streams(&due, &supervisor).await;
        inner.finish_check(&due, next_check);
    }
}

/// Starts to check what layers inside require of the streams whose caller is allowed. They are unknown
/// until then. The results are their places and the decisions, `None` after a panic.
fn check_conditions<C: StreamCheck>(
    due: &Due<C>,
    decisions: &mut [StreamDecision],
    supervisor: &Supervisor,
) -> JoinSet<(usize, Option<StreamDecision>)> {
    let (mut checks, permits) = (JoinSet::new(), Arc::new(Semaphore::new(MAX_CHECKS)));
    for (index, (stream, decision)) in due.streams.iter().zip(decisions).enumerate() {
        let StreamDecision::Allow { valid_for } = *decision else { continue };
        if stream.0.conditions.is_empty() {
            continue;
        }
        *decision = StreamDecision::Unknown;
        let (stream, supervisor) = (stream.clone(), supervisor.clone());
        let permits = Arc::clone(&permits);
        #[expect(clippy::disallowed_methods, reason = "supervised: each stream is an iteration")]
        checks.spawn(async move {
            let _permit = permits.acquire().await;
            let check = stream.0.conditions.check(valid_for);
            (index, supervisor.run_async_iteration(check).await)
        });
    }
    checks
}

impl<C: StreamCheck> Inner<C> {
    /// Checks the caller, and then what layers inside require of the streams. Each decision is
    /// applied as soon as it is known. Returns when the streams have to be checked again.
    async fn check_streams(&self, due: &Due<C>, supervisor: &Supervisor) -> Micros {
        let started_at = now();
        let max_time = (self.settings.lease / 4).clamp(MIN_CHECK_TIME, MAX_CHECK_TIME);
        let check = async {
            let (principal, key) = (due.principal.clone(), due.key.clone());
            let check = self.check.check(principal, key, due.streams.clone());
            timeout(max_time, check).await.unwrap_or_default()
        };
        let mut decisions = supervisor.run_async_iteration(check).await.unwrap_or_default();
        let mut conditions = check_conditions(due, &mut decisions, supervisor);
        let deadline = Instant::now() + max_time;
        loop {
            let next_check = self.apply(due, &decisions, started_at);
            let first = timeout_at(deadline, conditions.join_next()).await;
            let Ok(Some(first)) = first else { return next_check };
            let others = iter::from_fn(|| conditions.try_join_next());
            for (index, decision) in iter::once(first).chain(others).flatten() {
                if let (Some(entry), Some(decision)) = (decisions.get_mut(index), decision) {
                    *entry = decision;
                }
            }
        }
    }

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
        let decisions = decisions.iter().chain(iter::repeat(&unknown));
        for (stream, decision) in due.streams.iter().zip(decisions) {
            match decision {
                StreamDecision::Allow { valid_for } => {
                    let valid_for = valid_for.map_or(lease, micros).min(lease);
                    let valid_until = started_at.saturating_add(valid_for);
                    stream.renew(valid_until, started_at.saturating_add(lease));
                    next_check = next_check.min(valid_until);
                }
                StreamDecision::End(end) => ends.push((*end, stream.clone())),
                StreamDecision::Unknown => {
                    next_check = next_check.min(now().saturating_add(micros(RETRY)));
                }
            }
        }
        // Those with the same end are reported together.
        while let Some((end, _)) = ends.first() {
            let end = *end;
            let same = ends.iter().filter(|(other, _)| *other == end);
            let streams: Vec<_> = same.map(|(_, stream)| stream.clone()).collect();
            ends.retain(|(other, _)| *other != end);
            self.end_streams(&due.principal, &due.key, &streams, end);
        }
        next_check
    }
}
