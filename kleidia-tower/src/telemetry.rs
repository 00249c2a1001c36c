//! Log events of rejected requests. They never contain credentials.

use http_guard::{LogLimiter, event, log_text_up_to};

use crate::Rejection;

/// The target by which filters select these events.
const TARGET: &str = "kleidia_tower";

/// The maximum length of an error in the log: parts of it may be a client's text.
pub(crate) const MAX_ERROR_CHARACTERS: usize = 200;

/// Requests of clients without valid credentials or permissions.
static REJECTED: LogLimiter = LogLimiter::per_second(5);
/// Full queues, which a flood causes at will.
static BUSY: LogLimiter = LogLimiter::per_second(5);
/// Failures of the store, the keys or the clock, which every request reports.
static UNAVAILABLE: LogLimiter = LogLimiter::per_second(5);

/// Logs why a request is rejected. Floods cause few lines, with the number of those left out.
pub(crate) fn log_rejection(rejection: &Rejection) {
    let code = rejection.code();
    let error = || log_text_up_to(MAX_ERROR_CHARACTERS, rejection);
    match rejection {
        // `ClientAddressUnknown` is also logged once, as an error, where it is detected.
        Rejection::RateLimited { .. } | Rejection::ClientAddressUnknown => {
            event!(debug, target: TARGET, code, error = error(), "request rejected");
        }
        Rejection::Busy => {
            if let Some(suppressed) = BUSY.allow() {
                event!(warn, target: TARGET, code, error = error(), suppressed, "queue full");
            }
        }
        _ if rejection.is_server_error() => {
            if let Some(suppressed) = UNAVAILABLE.allow() {
                event!(
                    error,
                    target: TARGET,
                    code,
                    error = error(),
                    suppressed,
                    "request check failed"
                );
            }
        }
        _ => {
            if let Some(suppressed) = REJECTED.allow() {
                event!(info, target: TARGET, code, error = error(), suppressed, "request rejected");
            }
        }
    }
}

/// Logs that a service that a check needs is unavailable.
pub(crate) fn log_unavailable(service: &'static str, error: &dyn std::error::Error) {
    if let Some(suppressed) = UNAVAILABLE.allow() {
        let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
        event!(error, target: TARGET, service, error, suppressed, "unavailable");
    }
}

/// Logs that logins are rejected, since the service does not provide the addresses of clients.
pub(crate) fn log_unknown_address(error: &dyn std::error::Error) {
    let error = log_text_up_to(MAX_ERROR_CHARACTERS, error);
    event!(error, target: TARGET, error, "logins are rejected");
}
