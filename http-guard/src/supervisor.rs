//! Background work that continues after a panic, and its health.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::{LogLimiter, event};

/// How much later than at its interval work may succeed.
const TOLERANCE: Duration = Duration::from_secs(10);

/// Runs background work in turns, so that a panic ends the turn and not the work. Cheap to clone.
///
/// A panic is logged as an error, at most once a second, and counted in the metric
/// `background_panics_total` (feature `metrics`). [`Self::health`] reports it until a later turn
/// completes.
///
/// ```
/// use http_guard::Supervisor;
///
/// let supervisor = Supervisor::new("example");
/// let _running = supervisor.start();
/// assert_eq!(supervisor.run_iteration(|| 1), Some(1));
/// assert!(supervisor.health().is_ok());
/// assert_eq!(supervisor.run_iteration(|| -> u32 { panic!("a fault") }), None);
/// assert!(supervisor.health().is_err());
/// assert_eq!(supervisor.panics(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Supervisor {
    task: &'static str,
    state: Arc<Mutex<State>>,
    /// Requests can repeat turns, such as those of an audit sink.
    log: Arc<LogLimiter>,
}

#[derive(Debug, Default)]
struct State {
    panics: u64,
    last_turn_panicked: bool,
    has_stopped: bool,
    started_at: Option<Instant>,
    failure: Option<String>,
    /// The start of the last turn that succeeded, and how old it may be.
    succeeded_at: Option<Instant>,
    max_age: Option<Duration>,
}

/// The reason for which [`Supervisor::health`] fails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthError {
    /// The last turn panicked.
    Panicked,
    /// The work has stopped: its thread or its runtime has ended.
    Stopped,
    /// The last turn failed.
    Failed(String),
    /// No turn has succeeded for this time.
    Stale(Duration),
}

/// Background work that runs. When it is dropped, the work counts as stopped.
#[derive(Debug)]
#[must_use = "dropping it marks the work as stopped"]
pub struct Running(Supervisor);

impl Supervisor {
    /// Creates the supervisor of a task, with its name for the log.
    #[must_use]
    pub fn new(task: &'static str) -> Self {
        Self { task, state: Arc::default(), log: Arc::new(LogLimiter::per_second(1)) }
    }

    pub(crate) const fn task(&self) -> &'static str {
        self.task
    }

    /// Sets how old the last success may be for [`Self::health`], or the [start](Self::start) if
    /// nothing has succeeded: by default any age.
    #[must_use]
    pub fn with_max_age(self, max_age: Duration) -> Self {
        self.state().max_age = Some(max_age);
        self
    }

    /// Sets how old the last success of work that is repeated at this interval may be: three
    /// intervals and 10 seconds, or any age if that overflows.
    #[must_use]
    pub fn with_interval(self, interval: Duration) -> Self {
        let max_age = interval.checked_mul(3).and_then(|age| age.checked_add(TOLERANCE));
        self.state().max_age = max_age;
        self
    }

    /// Marks the work as running, until the result is dropped by the thread or the task.
    pub fn start(&self) -> Running {
        let mut state = self.state();
        state.has_stopped = false;
        state.started_at = Some(Instant::now());
        drop(state);
        Running(self.clone())
    }

    /// Runs a turn. Returns `None` if it panics.
    pub fn run_iteration<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        // Work must leave its state valid at each point where it may panic: a turn is repeated.
        let outcome = catch_unwind(AssertUnwindSafe(work)).ok();
        self.record_turn(outcome.is_some());
        outcome
    }

    /// Runs a turn that waits. Returns `None` if it panics.
    pub async fn run_async_iteration<F: Future>(&self, work: F) -> Option<F::Output> {
        let outcome = {
            let mut work = pin!(work);
            poll_fn(|context| {
                let poll = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
                poll.map_or(Poll::Ready(None), |poll| poll.map(Some))
            })
            .await
        };
        self.record_turn(outcome.is_some());
        outcome
    }

    /// Records the outcome of work that started at this time.
    pub fn record<T, E: fmt::Display>(&self, outcome: &Result<T, E>, started_at: Instant) {
        let failure = outcome.as_ref().err().map(ToString::to_string);
        let mut state = self.state();
        if failure.is_none() {
            state.succeeded_at = Some(started_at);
        }
        state.failure = failure;
    }

    /// Returns the time since the start of the last work that succeeded; `None` if none did.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.state().succeeded_at.map(|at| at.elapsed())
    }

    /// Returns how many turns panicked.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.state().panics
    }

    /// Checks that the work runs and that its last turn succeeded, recently enough.
    ///
    /// # Errors
    /// [`HealthError`] if it has stopped, if the last run panicked or failed, or if the last
    /// success is too old, or the start if there is none, as when the first run hangs.
    pub fn health(&self) -> Result<(), HealthError> {
        let state = self.state();
        if state.has_stopped {
            return Err(HealthError::Stopped);
        }
        if state.last_turn_panicked {
            return Err(HealthError::Panicked);
        }
        if let Some(failure) = &state.failure {
            return Err(HealthError::Failed(failure.clone()));
        }
        let last = state.succeeded_at.or(state.started_at);
        let age = last.map_or(Duration::ZERO, |at| at.elapsed());
        let is_stale = state.max_age.is_some_and(|max_age| age > max_age);
        if is_stale { Err(HealthError::Stale(age)) } else { Ok(()) }
    }

    fn record_turn(&self, is_complete: bool) {
        let mut state = self.state();
        state.last_turn_panicked = !is_complete;
        if is_complete {
            return;
        }
        state.panics += 1;
        let (task, panics) = (self.task, state.panics);
        drop(state);
        if let Some(suppressed) = self.log.allow() {
            event!(
                error,
                task,
                panics,
                suppressed,
                "background task panicked, continuing with the next run"
            );
        }
        #[cfg(feature = "metrics")]
        crate::telemetry::isolate(|| {
            #[expect(clippy::disallowed_macros, reason = "isolated: above")]
            metrics::counter!("background_panics_total", "task" => task).increment(1);
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.state().has_stopped = true;
    }
}

impl fmt::Display for HealthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked => f.write_str("the last run panicked"),
            Self::Stopped => f.write_str("stopped"),
            Self::Failed(failure) => f.write_str(failure),
            Self::Stale(age) => write!(f, "no success for {} s", age.as_secs()),
        }
    }
}

impl Error for HealthError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_follows_the_last_turn() {
        let supervisor = Supervisor::new("test");
        let running = supervisor.start();
        assert_eq!(supervisor.run_iteration(|| panic!("on purpose")), None::<()>);
        assert_eq!(supervisor.health(), Err(HealthError::Panicked));
        supervisor.record::<(), _>(&Err("no disk"), Instant::now());
        assert_eq!(supervisor.run_iteration(|| 1), Some(1));
        assert_eq!(supervisor.health(), Err(HealthError::Failed("no disk".to_owned())));
        supervisor.record::<_, String>(&Ok(()), Instant::now());
        assert_eq!(supervisor.health(), Ok(()));
        let stale = supervisor.clone().with_max_age(Duration::ZERO);
        assert!(matches!(stale.health(), Err(HealthError::Stale(_))));
        let _fresh = supervisor.clone().with_interval(Duration::MAX);
        assert_eq!(supervisor.health(), Ok(()));
        drop(running);
        assert_eq!(supervisor.health(), Err(HealthError::Stopped));
        assert_eq!(supervisor.panics(), 1);
    }

    #[test]
    fn first_run_that_hangs_is_stale() {
        let supervisor = Supervisor::new("test").with_max_age(Duration::ZERO);
        assert_eq!(supervisor.health(), Ok(()), "it has not started");
        let _running = supervisor.start();
        let health = supervisor.run_iteration(|| {
            std::thread::sleep(Duration::from_millis(1));
            supervisor.health()
        });
        assert!(matches!(health, Some(Err(HealthError::Stale(_)))), "{health:?}");
    }

    #[tokio::test]
    async fn turn_that_waits_may_panic() {
        let supervisor = Supervisor::new("test");
        let outcome = supervisor
            .run_async_iteration(async {
                tokio::task::yield_now().await;
                panic!("on purpose");
            })
            .await;
        assert_eq!(outcome, None::<()>);
        assert_eq!(supervisor.run_async_iteration(async { 1 }).await, Some(1));
        assert_eq!((supervisor.panics(), supervisor.health()), (1, Ok(())));
    }
}
