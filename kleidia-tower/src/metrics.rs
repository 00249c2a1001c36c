//! The metrics that this crate records, through the facade of the crate `metrics` (feature
//! `metrics`).
//!
//! Install a recorder, such as that of `metrics-exporter-prometheus`, and call [`describe`]. Without
//! a recorder, what is recorded is dropped. No label has a name, an address or another value that
//! clients choose, so the number of time series is bounded.
//!
//! Durations are histograms in seconds; [`DURATION_BUCKETS`] suits them.
//!
//! ```
//! use kleidia_tower::metrics::{METRICS, MetricKind};
//!
//! let logins = METRICS.iter().find(|metric| metric.name == "kleidia_logins_total").unwrap();
//! assert_eq!((logins.kind, logins.labels), (MetricKind::Counter, ["outcome"].as_slice()));
//! ```

#![expect(clippy::disallowed_macros, reason = "isolated: by `describe`")]

use metrics::Unit;

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name. It ends in `_total` if the metric is a counter, and else in the unit, if it has one.
    pub name: &'static str,
    /// The kind.
    pub kind: MetricKind,
    /// The names of the labels.
    pub labels: &'static [&'static str],
    /// What it measures, as a sentence without a full stop.
    pub description: &'static str,
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// A number that grows and shrinks.
    Gauge,
    /// A distribution.
    Histogram,
}

/// The bounds of histograms in seconds: from a lookup in memory to the longest wait for a permit.
pub const DURATION_BUCKETS: [f64; 15] = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];

/// All metrics of this crate, and those of `http-guard` that it uses.
pub const METRICS: &[Metric] = &[
    counter(
        "kleidia_logins_total",
        &["outcome"],
        "Logins: `success`, or the code of the rejection",
    ),
    counter(
        "kleidia_password_checks_total",
        &["outcome"],
        "Verified passwords, at logins and at changes of passwords: `correct`, `wrong`, \
         `unknown_name`, `locked`, `throttled`, `busy` or `error`",
    ),
    counter(
        "kleidia_refreshes_total",
        &["outcome"],
        "Refreshes: `success`, or the code of the rejection, such \
         as `refresh_reused`",
    ),
    counter("kleidia_lockouts_total", &[], "Locks of a login that started"),
    counter(
        "kleidia_authentications_total",
        &["outcome"],
        "Requests at the layer of sessions: `accepted`, `unauthenticated` if its policy let them pass \
         without a session, or `rejected`",
    ),
    counter(
        "kleidia_rejections_total",
        &["layer", "code"],
        "Requests that a layer (`session`, `rbac` or `rate_limit`) rejected, by the code of the \
         problem, such as `permission_denied` or `rate_limited`",
    ),
    counter(
        "kleidia_session_cache_lookups_total",
        &["result"],
        "Lookups in the cache of sessions: `hit` or `miss`",
    ),
    gauge("kleidia_password_hashing_queued", "Passwords that wait for a permit"),
    gauge("kleidia_password_hashing_active", "Passwords that have a permit"),
    counter(
        "kleidia_password_hashing_rejected_total",
        &[],
        "Passwords that were not evaluated, since the queue was full",
    ),
    histogram("kleidia_password_hashing_wait_seconds", &[], "Waits for a permit"),
    histogram(
        "kleidia_password_hashing_duration_seconds",
        &[],
        "Evaluations of a password, without the wait",
    ),
    histogram(
        "kleidia_store_operation_duration_seconds",
        &["operation", "outcome"],
        "Operations of the store, by the method of its trait, with the wait for a writer or a \
         connection: `ok`, `busy`, `error`, or `cancelled` if the caller went away",
    ),
    histogram(
        "kleidia_hook_duration_seconds",
        &["hook", "outcome"],
        "Calls of the hooks of a service: `ok`, `denied`, `error`, `timeout` or `panic`",
    ),
    counter(
        "kleidia_audit_records_total",
        &["event", "outcome"],
        "Records of the audit log, by the name of the event: `success` or `failure`",
    ),
    gauge(
        "kleidia_audit_sealed_timestamp_seconds",
        "The time at which this process last sealed all committed records, as a Unix time; the lag \
         is the time since then",
    ),
    gauge("kleidia_audit_sealed_records", "The records that this process found sealed then"),
    counter("kleidia_audit_seal_failures_total", &[], "Attempts to seal the audit log that failed"),
    gauge("kleidia_denials_pending", "Denials that are not yet recorded"),
    counter("kleidia_denials_lost_total", &[], "Denials that could not be recorded"),
    counter(
        "kleidia_limit_store_failures_total",
        &[],
        "Failed calls and probes of the store of shared limits",
    ),
    gauge("open_streams", "Streams that are open"),
    counter(
        "streams_ended_total",
        &["code"],
        "Streams that the server ended, by the code that their clients were told",
    ),
    counter("background_panics_total", &["task"], "Panics of background tasks, which continued"),
    counter("log_lines_lost_total", &[], "Lines of the log that could not be written"),
];

/// Describes all [`METRICS`] to the recorder that is installed, for the texts of its help, and
/// registers those without labels with the value 0, so that alerts see their first increase.
///
/// A recorder that panics is caught.
pub fn describe() {
    http_guard::telemetry::isolate(|| METRICS.iter().for_each(Metric::describe));
}

impl Metric {
    fn describe(&self) {
        let Self { name, description, .. } = *self;
        match self.kind {
            MetricKind::Counter => {
                metrics::describe_counter!(name, Unit::Count, description);
                if self.labels.is_empty() {
                    metrics::counter!(name).increment(0);
                }
            }
            // It has no value before the first seal.
            MetricKind::Gauge if name.ends_with("_seconds") => {
                metrics::describe_gauge!(name, Unit::Seconds, description);
            }
            MetricKind::Gauge => {
                metrics::describe_gauge!(name, Unit::Count, description);
                metrics::gauge!(name).increment(0.0);
            }
            MetricKind::Histogram => {
                metrics::describe_histogram!(name, Unit::Seconds, description);
            }
        }
    }
}

impl MetricKind {
    /// Returns the name of the kind, such as `counter`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    description: &'static str,
) -> Metric {
    Metric { name, kind: MetricKind::Counter, labels, description }
}

const fn gauge(name: &'static str, description: &'static str) -> Metric {
    Metric { name, kind: MetricKind::Gauge, labels: &[], description }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    description: &'static str,
) -> Metric {
    Metric { name, kind: MetricKind::Histogram, labels, description }
}
