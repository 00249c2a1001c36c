//! The instruments of this crate: each metric is recorded by one function here.
//!
//! [`crate::metrics`] describes them. Without the feature `metrics`, the functions do nothing.

#![cfg_attr(not(feature = "metrics"), allow(unused_variables, reason = "nothing is recorded"))]
#![cfg_attr(
    feature = "metrics",
    expect(clippy::disallowed_macros, reason = "isolated: by the macro `record`")
)]

#[cfg(feature = "metrics")]
use std::time::Instant;

use crate::audit::AuditRecord;
#[cfg(feature = "metrics")]
use crate::audit::{EventKind, Reason};

/// The name of the layer of sessions.
pub(crate) const SESSION_LAYER: &str = "session";

/// Records in isolation: a recorder that panics costs the value and nothing else.
macro_rules! record {
    ($($report:tt)+) => {
        #[cfg(feature = "metrics")]
        {
            http_guard::telemetry::isolate(|| { $($report)+ });
        }
    };
}

/// The start of what is measured. Without the feature, no clock is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    #[cfg(feature = "metrics")]
    started_at: Instant,
}

/// A change of a gauge, which is undone when it is dropped.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

/// The gauges of what is in progress.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gauge {
    /// Passwords that wait for a permit.
    HashingQueued,
    /// Passwords that have one.
    HashingActive,
}

impl Timer {
    pub(crate) fn start() -> Self {
        Self {
            #[cfg(feature = "metrics")]
            started_at: Instant::now(),
        }
    }
}

impl Counted {
    pub(crate) fn new(gauge: Gauge) -> Self {
        gauge.add(1.0);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.add(-1.0);
    }
}

impl Gauge {
    #[cfg_attr(not(feature = "metrics"), expect(clippy::unused_self, reason = "metrics"))]
    fn add(self, change: f64) {
        record! {
            let gauge = match self {
                Self::HashingQueued => metrics::gauge!("kleidia_password_hashing_queued"),
                Self::HashingActive => metrics::gauge!("kleidia_password_hashing_active"),
            };
            gauge.increment(change);
        }
    }
}

/// Counts a login, with the code of its rejection.
pub(crate) fn count_login(outcome: &'static str) {
    record! { metrics::counter!("kleidia_logins_total", "outcome" => outcome).increment(1); }
}

/// Counts the verification of a password, at a login or a change of it.
pub(crate) fn count_password_check(outcome: &'static str) {
    record! {
        metrics::counter!("kleidia_password_checks_total", "outcome" => outcome).increment(1);
    }
}

/// Counts a refresh, with the code of its rejection.
pub(crate) fn count_refresh(outcome: &'static str) {
    record! { metrics::counter!("kleidia_refreshes_total", "outcome" => outcome).increment(1); }
}

/// Counts a request that the layer of sessions has accepted. Its labels are literals, so that
/// nothing is allocated.
pub(crate) fn count_accepted_session() {
    record! {
        metrics::counter!("kleidia_authentications_total", "outcome" => "accepted").increment(1);
    }
}

/// Counts a request that passes without a session.
pub(crate) fn count_unauthenticated() {
    record! {
        metrics::counter!("kleidia_authentications_total", "outcome" => "unauthenticated")
            .increment(1);
    }
}

/// Counts a request that a layer rejects.
pub(crate) fn count_rejection(layer: &'static str, code: &'static str) {
    record! {
        if layer == SESSION_LAYER {
            metrics::counter!("kleidia_authentications_total", "outcome" => "rejected")
                .increment(1);
        }
        metrics::counter!("kleidia_rejections_total", "layer" => layer, "code" => code)
            .increment(1);
    }
}

/// Counts a lookup in the cache of sessions.
pub(crate) fn count_cache_lookup(is_hit: bool) {
    record! {
        let counter = if is_hit {
            metrics::counter!("kleidia_session_cache_lookups_total", "result" => "hit")
        } else {
            metrics::counter!("kleidia_session_cache_lookups_total", "result" => "miss")
        };
        counter.increment(1);
    }
}

/// Records how long a password waited for its permit.
pub(crate) fn record_hashing_wait(timer: Timer) {
    record! {
        metrics::histogram!("kleidia_password_hashing_wait_seconds")
            .record(timer.started_at.elapsed());
    }
}

/// Records how long the evaluation of a password took.
pub(crate) fn record_hashing(timer: Timer) {
    record! {
        metrics::histogram!("kleidia_password_hashing_duration_seconds")
            .record(timer.started_at.elapsed());
    }
}

/// Counts a password that is not evaluated, since the queue is full.
pub(crate) fn count_hashing_rejection() {
    record! { metrics::counter!("kleidia_password_hashing_rejected_total").increment(1); }
}

/// Records a call of a hook.
pub(crate) fn record_hook(hook: &'static str, outcome: &'static str, timer: Timer) {
    record! {
        metrics::histogram!(
            "kleidia_hook_duration_seconds",
            "hook" => hook,
            "outcome" => outcome,
        )
        .record(timer.started_at.elapsed());
    }
}

/// Records an operation of a store, with its wait for the store's writer or a connection.
pub(crate) fn record_store_operation(operation: &'static str, outcome: &'static str, timer: Timer) {
    record! {
        metrics::histogram!(
            "kleidia_store_operation_duration_seconds",
            "operation" => operation,
            "outcome" => outcome,
        )
        .record(timer.started_at.elapsed());
    }
}

/// Counts committed records of the audit log, and the locks that they tell of.
pub(crate) fn count_audit_records(records: &[AuditRecord]) {
    record! {
        for record in records {
            let AuditRecord { kind, outcome, reason, .. } = record;
            metrics::counter!(
                "kleidia_audit_records_total",
                "event" => kind.as_str(),
                "outcome" => outcome.as_str(),
            )
            .increment(1);
            let starts_lock = *kind == EventKind::LoginLocked
                && reason.as_ref().is_some_and(|text| *text == Reason::LockStarted.to_string());
            if starts_lock {
                metrics::counter!("kleidia_lockouts_total").increment(1);
            }
        }
    }
}

/// Sets how far the audit log is sealed: all records that were committed at this time are.
pub(crate) fn set_sealed(records: u64) {
    record! {
        use crate::Clock as _;

        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 records")]
        metrics::gauge!("kleidia_audit_sealed_records").set(records as f64);
        if let Some(now) = crate::SystemClock.now() {
            metrics::gauge!("kleidia_audit_sealed_timestamp_seconds")
                .set(now.as_duration().as_secs_f64());
        }
    }
}

/// Counts an attempt to seal the audit log that failed.
pub(crate) fn count_seal_failure() {
    record! { metrics::counter!("kleidia_audit_seal_failures_total").increment(1); }
}
