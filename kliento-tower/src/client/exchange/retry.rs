//! When an exchange is retried.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use kliento_core::Timestamp;

use super::ExchangeError;

/// The longest `Retry-After` for which requests wait.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Returns the delay before the next attempt, or `None` if there is none.
///
/// The backoff is added to `Retry-After`, so that its jitter spreads the clients.
pub(super) fn delay(error: &ExchangeError, backoff: Option<Duration>) -> Option<Duration> {
    let retry_after = error.retry_after().unwrap_or_default();
    backoff.filter(|_| retry_after <= MAX_RETRY_AFTER).map(|backoff| backoff + retry_after)
}

/// Parses `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: Option<Timestamp>) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date: Timestamp = httpdate::parse_http_date(text).ok()?.try_into().ok()?;
    Some(Duration::try_from(now?.duration_until(date)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};

    use super::*;

    fn parse(text: &'static str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
        retry_after(&headers, "2026-11-22T18:03:00Z".parse().ok())
    }

    #[test]
    fn parses_seconds_and_dates() {
        assert_eq!(parse("120"), Some(Duration::from_secs(120)));
        assert_eq!(parse("Sun, 22 Nov 2026 18:04:30 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(parse("Sun, 22 Nov 2026 18:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(parse("-1"), None);
        assert_eq!(parse("soon"), None);
    }

    #[test]
    fn adds_retry_after_to_the_backoff() {
        let delay = |retry_after, backoff| {
            let retry_after = Some(Duration::from_secs(retry_after));
            let status = StatusCode::SERVICE_UNAVAILABLE;
            delay(&ExchangeError::Status { status, retry_after }, backoff)
        };
        let backoff = Some(Duration::from_millis(300));
        assert_eq!(delay(0, backoff), backoff);
        assert_eq!(delay(5, backoff), Some(Duration::from_millis(5300)));
        assert_eq!(delay(6, backoff), None);
        assert_eq!(delay(1, None), None);
    }
}
