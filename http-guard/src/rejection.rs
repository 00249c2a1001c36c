//! `Rejection`: the reason for which a request is rejected.

use std::error::Error;

use http::HeaderMap;
use serde_json::{Map, Value};

use crate::Problem;

/// A reason for which a request is rejected.
///
/// Its `Display` is for logs, which may say more than the client learns. The client sees
/// [`problem`](Self::problem), [`headers`](Self::headers) and [`members`](Self::members). The
/// rejection itself is in the extensions of the response, for outer layers.
pub trait Rejection: Error + Clone + Send + Sync + 'static {
    /// Returns what the client sees: the status, the code and the detail.
    fn problem(&self) -> Problem;

    /// Returns further headers of the response, unless it is a gRPC response; none by default.
    fn headers(&self) -> Option<&HeaderMap> {
        None
    }

    /// Returns further members of the problem details (RFC 9457, 3.2); none by default.
    fn members(&self) -> Map<String, Value> {
        Map::new()
    }

    /// Returns whether the reason is that the request has no credentials; `false` by default.
    ///
    /// [`CredentialPolicy::AllowMissing`](crate::CredentialPolicy::AllowMissing) allows these.
    fn is_missing_credentials(&self) -> bool {
        false
    }
}
