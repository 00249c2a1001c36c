//! `--traces`: a span in the log for each answer to a proxy, with the trace of the request.

use std::time::Instant;

use axum::http::{HeaderMap, Response};
use http_guard::telemetry::IsolatedSpan;
use http_guard::{event, log_text};
use tracing::field::Empty;

/// The header of W3C Trace Context.
pub(super) const TRACEPARENT: &str = "traceparent";

/// Whether answers have spans.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traces(pub(super) bool);

/// The trace and the span of which an answer is a part. Clients can choose them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TraceContext<'a> {
    trace_id: &'a str,
    parent_id: &'a str,
}

impl Traces {
    /// Answers inside a span, and logs when the answer is complete. All events that belong to the
    /// answer have the span's fields.
    pub(super) async fn trace<B>(
        self,
        route: &'static str,
        context: Option<TraceContext<'_>>,
        answer: impl Future<Output = Response<B>>,
    ) -> Response<B> {
        if !self.0 {
            return answer.await;
        }
        let started_at = Instant::now();
        let span = IsolatedSpan::new(|| {
            tracing::info_span!("answer", route, trace_id = Empty, parent_id = Empty)
        });
        if let Some(TraceContext { trace_id, parent_id }) = context {
            span.record("trace_id", log_text(trace_id));
            span.record("parent_id", log_text(parent_id));
        }
        let logged = async {
            let response = answer.await;
            let status = response.status().as_u16();
            let duration_us = u64::try_from(started_at.elapsed().as_micros()).unwrap_or(u64::MAX);
            event!(info, status, duration_us, "answered");
            response
        };
        span.instrument(logged).await
    }
}

impl<'a> TraceContext<'a> {
    /// Reads the header, if there is one that is valid.
    pub(super) fn from_headers(headers: &'a HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).into_iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        Self::parse(value.as_bytes())
    }

    /// Reads `version-trace_id-parent_id-flags`. Later versions may have further parts.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(value).ok()?.split('-');
        let mut next = |length| parts.next().filter(|part| is_hex(part, length));
        let (version, trace_id, parent_id, _flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
        let has_more = parts.next().is_some();
        let is_valid = version != "ff" && !(version == "00" && has_more);
        let is_zero = |id: &str| id.bytes().all(|digit| digit == b'0');
        (is_valid && !is_zero(trace_id) && !is_zero(parent_id))
            .then_some(Self { trace_id, parent_id })
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_valid_contexts_only() {
        let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let valid = format!("00-{trace_id}-00f067aa0ba902b7-01");
        let expected = TraceContext { trace_id, parent_id: "00f067aa0ba902b7" };
        let later = valid.replacen("00", "cc", 1) + "-what-follows";
        for value in [&valid, &later] {
            assert_eq!(TraceContext::parse(value.as_bytes()), Some(expected), "{value}");
        }
        for value in [
            String::new(),
            valid.to_uppercase(),
            valid.replacen("00", "ff", 1),
            format!("{valid}-x"),
            format!("{valid}\n"),
            valid.replace(trace_id, &"0".repeat(32)),
            valid.replace("00f067aa0ba902b7", &"0".repeat(16)),
            valid.replace("b7-", "b-"),
            valid.trim_end_matches("-01").to_owned(),
        ] {
            assert_eq!(TraceContext::parse(value.as_bytes()), None, "{value}");
        }
        let mut headers = HeaderMap::new();
        for _ in 0..2 {
            headers.append(TRACEPARENT, valid.parse().unwrap());
        }
        assert_eq!(TraceContext::from_headers(&headers), None);
    }
}
