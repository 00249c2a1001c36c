//! Tracing and metrics of an authentication: a span, an event, counters and histograms.

use std::time::{Duration, Instant};

use http_guard::telemetry::IsolatedSpan;
#[cfg(feature = "metrics")]
use http_guard::telemetry::isolate;
use http_guard::{LogLimiter, event, log_text, log_text_up_to};
use tracing::field::Empty;

use crate::singleflight::Decision;
use crate::{Rejection, WorkloadIdentity};

/// The target of the events, for filters.
const TARGET: &str = "kliento_tower";

/// The maximum length of an error in the log, in characters; it contains text of clients.
const MAX_ERROR_CHARACTERS: usize = 300;

/// Limits the events of each kind that clients can cause. Layers configured from one another share
/// them.
#[derive(Debug)]
pub(crate) struct LogLimits {
    rejected: LogLimiter,
    busy: LogLimiter,
    unavailable: LogLimiter,
}

impl Default for LogLimits {
    fn default() -> Self {
        let limiter = || LogLimiter::per_second(5);
        Self { rejected: limiter(), busy: limiter(), unavailable: limiter() }
    }
}

impl LogLimits {
    fn limiter(&self, rejection: &Rejection) -> &LogLimiter {
        match rejection {
            Rejection::Busy => &self.busy,
            _ if rejection.status().is_server_error() => &self.unavailable,
            _ => &self.rejected,
        }
    }
}

/// The telemetry of a request from its arrival to the decision.
pub struct RequestTelemetry {
    span: IsolatedSpan,
    started_at: Instant,
    pub(crate) cache: CacheStatus,
}

/// The result of the cache lookup.
#[derive(Clone, Copy)]
pub(crate) enum CacheStatus {
    NotConsulted,
    Hit,
    Miss,
}

impl RequestTelemetry {
    pub(crate) fn start() -> Self {
        let span = IsolatedSpan::new(
            || tracing::info_span!(target: TARGET, "kliento", subject = Empty, outcome = Empty),
        );
        Self { span, started_at: Instant::now(), cache: CacheStatus::NotConsulted }
    }

    /// Records the outcome. Returns the span in which the inner service runs.
    pub(crate) fn finish(
        self,
        checked: &Result<Decision, Rejection>,
        limits: &LogLimits,
    ) -> IsolatedSpan {
        let Self { span, started_at, cache } = self;
        let duration = started_at.elapsed();
        let outcome = outcome(checked);
        span.record("outcome", outcome);
        if let Some(identity) = identity(checked).filter(|_| !span.is_disabled()) {
            span.record("subject", log_text(identity.subject()));
        }
        span.in_scope(|| log_outcome(checked, limits, outcome, cache.name(), duration));
        #[cfg(feature = "metrics")]
        isolate(|| record_metrics(checked, outcome, cache.name(), duration));
        span
    }
}

impl CacheStatus {
    pub(crate) const fn from_lookup(decision: &Decision) -> Self {
        if decision.is_ok() { Self::Hit } else { Self::NotConsulted }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::NotConsulted => "none",
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }
}

const fn outcome(checked: &Result<Decision, Rejection>) -> &'static str {
    match checked {
        Ok(Ok(_)) => "accepted",
        Ok(Err(_)) => "unauthenticated",
        Err(_) => "rejected",
    }
}

const fn identity(checked: &Result<Decision, Rejection>) -> Option<&WorkloadIdentity> {
    match checked {
        Ok(Ok(identity))
        | Err(Rejection::PermissionDenied(identity) | Rejection::QuotaExceeded { identity, .. }) => {
            Some(identity)
        }
        _ => None,
    }
}

/// Only the log contains the error. It is recorded as a string, which subscribers quote. Events
/// that exceed their limit have the level debug.
fn log_outcome(
    checked: &Result<Decision, Rejection>,
    limits: &LogLimits,
    outcome: &str,
    cache: &str,
    duration: Duration,
) {
    let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    // An event of this level about a rejection.
    macro_rules! rejection_event {
        ($level:ident, $rejection:expr, $code:expr, $suppressed:expr, $message:expr) => {
            event!(
                $level,
                target: TARGET,
                outcome,
                code = $code,
                reason = $rejection.reason(),
                error = log_text_up_to(MAX_ERROR_CHARACTERS, $rejection),
                cache,
                duration_us,
                suppressed = $suppressed,
                "{}",
                $message
            )
        };
    }
    let rejection = match checked {
        Ok(Ok(identity)) => {
            event!(
                debug,
                target: TARGET,
                outcome,
                // Only computed if a subscriber records the event.
                subject = log_text(identity.subject()),
                cache,
                duration_us,
                "authenticated"
            );
            return;
        }
        Ok(Err(rejection)) => {
            rejection_event!(debug, rejection, None::<&str>, None::<u64>, "unauthenticated");
            return;
        }
        Err(rejection) => rejection,
    };
    let code = Some(rejection.code());
    let is_server_error = rejection.status().is_server_error();
    let allowed = limits.limiter(rejection).allow();
    let suppressed = allowed.filter(|suppressed| *suppressed > 0);
    let is_busy = matches!(rejection, Rejection::Busy);
    let message = match rejection {
        Rejection::Busy => "queue full",
        _ if is_server_error => "authentication unavailable",
        _ => "request rejected",
    };
    match allowed {
        None => rejection_event!(debug, rejection, code, suppressed, message),
        Some(_) if is_busy => rejection_event!(warn, rejection, code, suppressed, message),
        Some(_) if is_server_error => rejection_event!(error, rejection, code, suppressed, message),
        Some(_) => rejection_event!(info, rejection, code, suppressed, message),
    }
}

/// Records `kliento_authentications_total` and `kliento_authentication_duration_seconds`.
#[cfg(feature = "metrics")]
fn record_metrics(
    checked: &Result<Decision, Rejection>,
    outcome: &'static str,
    cache: &'static str,
    duration: Duration,
) {
    let reason = match checked {
        Ok(Ok(_)) => "none",
        Ok(Err(rejection)) | Err(rejection) => rejection.reason(),
    };
    #[expect(clippy::disallowed_macros, reason = "isolated: by the caller")]
    metrics::counter!(
        "kliento_authentications_total",
        "outcome" => outcome,
        "reason" => reason,
        "cache" => cache,
    )
    .increment(1);
    #[expect(clippy::disallowed_macros, reason = "isolated: by the caller")]
    metrics::histogram!("kliento_authentication_duration_seconds", "cache" => cache)
        .record(duration);
}
