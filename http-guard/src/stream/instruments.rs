//! The metrics of streams (feature `metrics`).

#![cfg_attr(not(feature = "metrics"), allow(unused_variables, reason = "nothing is recorded"))]

use super::StreamEnd;
#[cfg(feature = "metrics")]
use crate::telemetry::isolate;

/// Changes the number of open streams.
pub(crate) fn add_open_streams(change: f64) {
    #[cfg(feature = "metrics")]
    isolate(|| {
        #[expect(clippy::disallowed_macros, reason = "isolated: above")]
        metrics::gauge!("open_streams").increment(change);
    });
}

/// Counts streams that the server has ended.
pub(crate) fn count_ended_streams(streams: usize, end: StreamEnd) {
    #[cfg(feature = "metrics")]
    isolate(|| {
        let streams = u64::try_from(streams).unwrap_or(u64::MAX);
        #[expect(clippy::disallowed_macros, reason = "isolated: above")]
        metrics::counter!("streams_ended_total", "code" => end.code()).increment(streams);
    });
}
