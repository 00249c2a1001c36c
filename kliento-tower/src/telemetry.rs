//! Tracing and metrics of an authentication: a span, an event, counters and histograms.

use std::time::{Duration, Instant};

use http_guard::event;
use http_guard::telemetry::IsolatedSpan;
#[cfg(feature = "metrics")]
use http_guard::telemetry::isolate;
use tracing::Span;
use tracing::field::Empty;

use crate::singleflight::Decision;
use crate::{Rejection, WorkloadIdentity};

/// The target of the events, for filters.
const TARGET: &str = "kliento_tower";

/// The telemetry of a request from its arrival to the decision.
pub struct RequestTelemetry {
    span: IsolatedSpan,
    started_at: Instant,
    pub(crate) cache: CacheStatus,
}

/// The result of the cache look-up.
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
    pub(crate) fn finish(self, checked: &Result<Decision, Rejection>) -> Span {
        let Self { span, started_at, cache } = self;
        let duration = started_at.elapsed();
        let outcome = outcome(checked);
        span.record("outcome", outcome);
        if let Some(identity) = identity(checked) {
            span.record("subject", identity.subject());
        }
        span.in_scope(|| log_outcome(checked, outcome, cache.name(), duration));
        #[cfg(feature = "metrics")]
        isolate(|| record_metrics(checked, outcome, cache.name(), duration));
        span.into_inner()
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
        Ok(Ok(identity)) | Err(Rejection::PermissionDenied(identity)) => Some(identity),
        _ => None,
    }
}

/// Only the log contains the error. It is recorded as a string, which subscribers escape.
fn log_outcome(
    checked: &Result<Decision, Rejection>,
    outcome: &str,
    cache: &str,
    duration: Duration,
) {
    let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    // An event of this level about a rejection.
    macro_rules! rejection_event {
        ($level:ident, $rejection:expr, $message:literal $(, $code:ident)?) => {
            event!(
                $level,
                target: TARGET,
                outcome,
                $($code = $rejection.code(),)?
                reason = $rejection.reason(),
                error = $rejection.to_string(),
                cache,
                duration_us,
                $message
            )
        };
    }
    match checked {
        Ok(Ok(identity)) => {
            let subject = identity.subject();
            event!(debug, target: TARGET, outcome, subject, cache, duration_us, "authenticated");
        }
        Ok(Err(rejection)) => rejection_event!(debug, rejection, "unauthenticated"),
        Err(rejection) if rejection.status().is_server_error() => {
            rejection_event!(error, rejection, "authentication unavailable", code);
        }
        Err(rejection) => rejection_event!(info, rejection, "request rejected", code),
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
    // Isolated: by the caller.
    metrics::counter!(
        "kliento_authentications_total",
        "outcome" => outcome,
        "reason" => reason,
        "cache" => cache,
    )
    .increment(1);
    // Isolated: by the caller.
    metrics::histogram!("kliento_authentication_duration_seconds", "cache" => cache)
        .record(duration);
}
