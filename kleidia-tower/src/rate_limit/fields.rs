//! What clients are told of limits: `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers-11).

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Budget, Limit};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const SERVICE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The item of a limit in `RateLimit-Policy`.
///
/// The quota is the burst and the window is the time in which it comes back, so that no client
/// sees more left than there is, whatever the burst is.
pub(super) fn policy(name: &str, limit: &Limit) -> String {
    let window = whole_seconds(limit.replenished_in()).max(1);
    format!("\"{name}\";q={};w={window}", limit.burst())
}

/// The item of a limit in `RateLimit`.
pub(super) fn service_limit(name: &str, budget: Budget) -> String {
    let left = budget.units();
    match whole_seconds(budget.more_in()) {
        0 => format!("\"{name}\";r={left}"),
        seconds => format!("\"{name}\";r={left};t={seconds}"),
    }
}

/// The fields of a response, of the items of each; none where no limit applies.
pub(super) fn fields(policies: &[&str], service_limits: &[String]) -> Option<Box<HeaderMap>> {
    let mut fields = HeaderMap::with_capacity(2);
    for (name, items) in [(POLICY, policies.join(", ")), (SERVICE_LIMIT, service_limits.join(", "))]
    {
        if !items.is_empty() {
            fields.insert(name, HeaderValue::try_from(items).ok()?);
        }
    }
    (!fields.is_empty()).then(|| Box::new(fields))
}

/// Rounded up: whoever comes then finds it so.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
