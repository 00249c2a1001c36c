//! The circuit breaker in front of a store of limits: after a failure, one task probes it.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_guard::{LogLimiter, Supervisor, event, log_text_up_to};

use super::gcra::Rate;
use super::{LimitKey, LimitStore, LimitStoreError};
use crate::HealthError;

/// The time that a probe has to establish a connection.
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum length of an error in the log.
const MAX_ERROR_CHARACTERS: usize = 200;

/// Whether calls reach the store.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    /// No call reaches the store while it is set.
    is_open: AtomicBool,
    failure: Mutex<Option<String>>,
    /// A store that fails every other time causes few events.
    changes: LogLimiter,
}

/// What a probe needs. It ends when all layers have dropped the breaker.
pub(super) struct Probe {
    pub(super) store: Arc<dyn LimitStore>,
    pub(super) timeout: Duration,
    pub(super) retry_interval: Duration,
    /// The partition of the keys with which a call failed.
    pub(super) partition: u16,
}

/// Closes the breaker when it is dropped, also if the runtime ends: then the next failure opens it
/// again, and starts a probe in another runtime.
struct OpenCircuit(Arc<CircuitBreaker>);

impl CircuitBreaker {
    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    pub(super) fn health(&self) -> Result<(), HealthError> {
        match &*self.failure() {
            Some(failure) if self.is_open() => Err(HealthError::Failed(failure.clone())),
            _ => Ok(()),
        }
    }

    /// Opens the breaker, unless it is open, until a probe succeeds.
    pub(super) fn open(self: &Arc<Self>, error: &LimitStoreError, probe: Probe) {
        self.set_failure(error);
        if self.is_open.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(suppressed) = self.changes.allow() {
            let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
            event!(error, error, suppressed, "shared rate limits unavailable");
        }
        let circuit = OpenCircuit(Arc::clone(self));
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: `Probe::run` makes each probe a turn of a `Supervisor`"
        )]
        tokio::spawn(probe.run(circuit));
    }

    fn set_failure(&self, error: &LimitStoreError) {
        #[cfg(feature = "metrics")]
        http_guard::telemetry::isolate(|| {
            #[expect(clippy::disallowed_macros, reason = "isolated: above")]
            metrics::counter!("kleidia_limit_store_failures_total").increment(1);
        });
        *self.failure() = Some(log_text_up_to(MAX_ERROR_CHARACTERS, error));
    }

    fn failure(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        let (is_open, failure) = (AtomicBool::new(false), Mutex::default());
        Self { is_open, failure, changes: LogLimiter::per_second(2) }
    }
}

impl Probe {
    async fn run(self, circuit: OpenCircuit) {
        let opened_at = Instant::now();
        let supervisor = Supervisor::new("rate-limit-probe");
        loop {
            tokio::time::sleep(self.retry_interval).await;
            if Arc::strong_count(&circuit.0) == 1 {
                return;
            }
            match supervisor.run_async_iteration(self.check()).await {
                Some(Ok(())) => break,
                Some(Err(error)) => circuit.0.set_failure(&error),
                None => {}
            }
        }
        if let Some(suppressed) = circuit.0.changes.allow() {
            let duration_ms = u64::try_from(opened_at.elapsed().as_millis()).unwrap_or(u64::MAX);
            event!(info, duration_ms, suppressed, "shared rate limits available");
        }
    }

    /// Calls the store as requests do.
    ///
    /// It charges a key of its own, since a store that can only be read is unavailable, too.
    pub(super) async fn check(&self) -> Result<(), LimitStoreError> {
        within(RECONNECT_TIMEOUT, self.store.reconnect()).await?;
        let rate = Rate { emission_interval: 1000, burst: NonZeroU32::MIN };
        let key = LimitKey::from_rate([0; LimitKey::DIGEST_OCTETS], self.partition, rate);
        within(self.timeout, self.store.charge(&[key], 1)).await?;
        Ok(())
    }
}

/// Bounds the time of a call.
pub(super) async fn within<T>(
    timeout: Duration,
    call: impl Future<Output = Result<T, LimitStoreError>>,
) -> Result<T, LimitStoreError> {
    let outcome = tokio::time::timeout(timeout, call).await;
    outcome.map_err(|_| LimitStoreError::TimedOut(timeout))?
}

impl Drop for OpenCircuit {
    fn drop(&mut self) {
        *self.0.failure() = None;
        self.0.is_open.store(false, Ordering::Release);
    }
}
