//! What is told to the log of the requests that are refused; never a credential.

use crate::Rejection;

/// By which filters know what is told here.
const TARGET: &str = "kleidia_tower";

/// Tells why a request is refused: as an error what is our fault, quietly what comes in floods.
pub(crate) fn tell(rejection: &Rejection) {
    let code = rejection.code();
    // `ClientAddressUnknown` is logged as an error where it is found.
    if matches!(
        rejection,
        Rejection::RateLimited { .. } | Rejection::Busy | Rejection::ClientAddressUnknown
    ) {
        tracing::debug!(target: TARGET, code, error = rejection.to_string(), "refused");
    } else if rejection.is_our_fault() {
        let error = rejection.to_string();
        tracing::error!(target: TARGET, code, error, "can't decide about a request");
    } else {
        tracing::info!(target: TARGET, code, error = rejection.to_string(), "refused");
    }
}
