//! Log events of rejected requests. They never contain credentials.

use http_guard::event;

use crate::Rejection;

/// The target by which filters select these events.
const TARGET: &str = "kleidia_tower";

/// Logs why a request is rejected: server errors as errors, request floods at debug level.
pub(crate) fn log_rejection(rejection: &Rejection) {
    let (code, error) = (rejection.code(), rejection.to_string());
    // `ClientAddressUnknown` is also logged once, as an error, where it is detected.
    if matches!(
        rejection,
        Rejection::RateLimited { .. } | Rejection::Busy | Rejection::ClientAddressUnknown
    ) {
        event!(debug, target: TARGET, code, error, "request rejected");
    } else if rejection.is_server_error() {
        event!(error, target: TARGET, code, error, "request check failed");
    } else {
        event!(info, target: TARGET, code, error, "request rejected");
    }
}
