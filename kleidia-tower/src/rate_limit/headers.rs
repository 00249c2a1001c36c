//! The headers `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11).

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Limit, Remaining};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const SERVICE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Returns the item of a limit in `RateLimit-Policy`.
///
/// The quota is the burst and the window is the time in which it refills, so `RateLimit` never
/// reports more than the quota, for any burst.
pub(super) fn policy(name: &str, limit: &Limit) -> String {
    let window = whole_seconds(limit.refill_time()).max(1);
    format!("\"{name}\";q={};w={window}", limit.burst())
}

/// Returns the item of a limit in `RateLimit`.
pub(super) fn service_limit(name: &str, remaining: Remaining) -> String {
    let count = remaining.count();
    match whole_seconds(remaining.next_in()) {
        0 => format!("\"{name}\";r={count}"),
        seconds => format!("\"{name}\";r={count};t={seconds}"),
    }
}

/// Returns the headers of a response with these items, or `None` if no limit applies.
pub(super) fn rate_limit_headers(
    policies: &[&str],
    service_limits: &[String],
) -> Option<Box<HeaderMap>> {
    let mut headers = HeaderMap::with_capacity(2);
    for (name, items) in [(POLICY, policies.join(", ")), (SERVICE_LIMIT, service_limits.join(", "))]
    {
        if !items.is_empty() {
            headers.insert(name, HeaderValue::try_from(items).ok()?);
        }
    }
    (!headers.is_empty()).then(|| Box::new(headers))
}

/// Rounds up, so that a client which waits for these seconds does not come too early.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
