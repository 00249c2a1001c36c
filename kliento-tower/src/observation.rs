//! What is told of each authentication: a span, an event, and metrics.

use std::time::{Duration, Instant};

use tracing::Span;
use tracing::field::Empty;

use crate::flights::Verdict;
use crate::{Rejection, WorkloadIdentity};

/// By which filters know what is told here.
const TARGET: &str = "kliento_tower";

/// An authentication that is under way.
pub(crate) struct Observation {
    span: Span,
    start: Instant,
    pub(crate) cache: CacheUse,
}

/// What the cache had to do with it.
#[derive(Clone, Copy)]
pub(crate) enum CacheUse {
    /// There was nothing to look up.
    None,
    Hit,
    Miss,
}

impl Observation {
    pub(crate) fn begin() -> Self {
        let span = tracing::info_span!(target: TARGET, "kliento", subject = Empty, outcome = Empty);
        Self { span, start: Instant::now(), cache: CacheUse::None }
    }

    /// Tells how it ended. What the service does with the request belongs to the span.
    pub(crate) fn end(self, admitted: &Result<Verdict, Rejection>) -> Span {
        let Self { span, start, cache } = self;
        let duration = start.elapsed();
        let outcome = outcome(admitted);
        span.record("outcome", outcome);
        if let Some(identity) = identity(admitted) {
            span.record("subject", identity.subject());
        }
        span.in_scope(|| tell(admitted, outcome, cache.name(), duration));
        #[cfg(feature = "metrics")]
        measure(admitted, outcome, cache.name(), duration);
        span
    }
}

impl CacheUse {
    pub(crate) const fn of_recalled(verdict: &Verdict) -> Self {
        if verdict.is_ok() { Self::Hit } else { Self::None }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }
}

const fn outcome(admitted: &Result<Verdict, Rejection>) -> &'static str {
    match admitted {
        Ok(Ok(_)) => "accepted",
        Ok(Err(_)) => "unauthenticated",
        Err(_) => "refused",
    }
}

const fn identity(admitted: &Result<Verdict, Rejection>) -> Option<&WorkloadIdentity> {
    match admitted {
        Ok(Ok(identity)) | Err(Rejection::NotAdmitted(identity)) => Some(identity),
        _ => None,
    }
}

/// The reason is told to the log alone, as a text, which subscribers escape.
fn tell(admitted: &Result<Verdict, Rejection>, outcome: &str, cache: &str, duration: Duration) {
    let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    match admitted {
        Ok(Ok(identity)) => {
            let subject = identity.subject();
            tracing::debug!(target: TARGET, outcome, subject, cache, microseconds, "authenticated");
        }
        Ok(Err(rejection)) => {
            let reason = rejection.reason();
            tracing::debug!(
                target: TARGET,
                outcome,
                reason,
                error = rejection.to_string(),
                cache,
                microseconds,
                "not authenticated"
            );
        }
        Err(rejection) if rejection.is_our_fault() => {
            let (code, reason) = (rejection.code(), rejection.reason());
            tracing::error!(
                target: TARGET,
                outcome,
                code,
                reason,
                error = rejection.to_string(),
                cache,
                microseconds,
                "can't authenticate"
            );
        }
        Err(rejection) => {
            let (code, reason) = (rejection.code(), rejection.reason());
            tracing::info!(
                target: TARGET,
                outcome,
                code,
                reason,
                error = rejection.to_string(),
                cache,
                microseconds,
                "refused"
            );
        }
    }
}

/// `kliento_authentications_total` and `kliento_authentication_duration_seconds`.
#[cfg(feature = "metrics")]
fn measure(
    admitted: &Result<Verdict, Rejection>,
    outcome: &'static str,
    cache: &'static str,
    duration: Duration,
) {
    let reason = match admitted {
        Ok(Ok(_)) => "none",
        Ok(Err(rejection)) | Err(rejection) => rejection.reason(),
    };
    metrics::counter!(
        "kliento_authentications_total",
        "outcome" => outcome,
        "reason" => reason,
        "cache" => cache,
    )
    .increment(1);
    metrics::histogram!("kliento_authentication_duration_seconds", "cache" => cache)
        .record(duration);
}
