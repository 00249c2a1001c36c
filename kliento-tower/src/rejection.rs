//! Why a request is rejected, and the response to it: one table for both.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::{TrustAnchorError, WorkloadIdentity};

/// The reason why a request is rejected, or passes without an identity.
///
/// The response to a rejected request has it in its extensions, for outer layers such as logs and
/// audit. The client only receives [`Self::status`], [`Self::code`] and [`Self::detail`].
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The request has no `Authorization` header.
    #[error("missing credentials")]
    MissingCredentials,
    /// The authentication scheme is not supported.
    #[error("unsupported authentication scheme")]
    UnsupportedScheme,
    /// The credentials are of a scheme that is
    /// [left to the next layer](crate::KlientoAuthLayer::with_passthrough_scheme).
    #[error("authentication scheme left to the next layer")]
    PassthroughScheme,
    /// The request has several `Authorization` headers, or several credentials in one header.
    #[error("multiple credentials")]
    MultipleCredentials,
    /// The credentials are malformed or invalid.
    #[error(transparent)]
    InvalidCredentials(Arc<kliento::Error>),
    /// The workload is authenticated, but the
    /// [authorizer](crate::KlientoAuthLayer::with_authorizer) denies it access.
    #[error("permission denied for {}", .0.subject())]
    PermissionDenied(WorkloadIdentity),
    /// The queue of verifications is full.
    #[error("verification queue full")]
    Busy,
    /// The trust anchors are unavailable.
    #[error(transparent)]
    TrustAnchorsUnavailable(#[from] TrustAnchorError),
    /// The clock is unavailable.
    #[error("clock unavailable")]
    ClockUnavailable,
}

/// The response to a rejection (RFC 9457), and the parameters of its headers.
struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
    /// The `error` parameter of the challenge, with OAuth's values (RFC 6750, 3.1).
    challenge_error: Option<&'static str>,
    /// In seconds.
    retry_after: Option<u64>,
}

impl Rejection {
    /// Returns 401 if the credentials are missing or invalid, 403 if the authorizer denies the
    /// workload, and 503 if the credentials could not be checked.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.problem().status
    }

    /// Returns a stable code for clients: the `code` of the problem details.
    ///
    /// | code | status |
    /// |---|---|
    /// | `credentials_missing`, `credentials_malformed`, `credentials_invalid` | 401 |
    /// | `permission_denied` | 403 |
    /// | `busy`, `unavailable` | 503 |
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.problem().code
    }

    /// Returns a stable name of the precise reason, for logs and metrics, in kebab case.
    ///
    /// For [`Self::InvalidCredentials`] it is [`kliento::Error::code`].
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::MissingCredentials => "credentials-missing",
            Self::UnsupportedScheme => "scheme-unsupported",
            Self::PassthroughScheme => "scheme-passthrough",
            Self::MultipleCredentials => "credentials-multiple",
            Self::InvalidCredentials(error) => error.code(),
            Self::PermissionDenied(_) => "permission-denied",
            Self::Busy => "busy",
            Self::TrustAnchorsUnavailable(_) => "trust-anchors-unavailable",
            Self::ClockUnavailable => "clock-unavailable",
        }
    }

    /// Returns a sentence for the client's developers, which discloses no more than the code.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        self.problem().detail
    }

    /// Returns the time after which the client may retry, if retrying makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.problem().retry_after.map(Duration::from_secs)
    }

    /// The `error` of the challenge, or `None` if the request had no credentials.
    pub(crate) fn challenge_error(&self) -> Option<&'static str> {
        self.problem().challenge_error
    }

    /// Whether the layer could not check the credentials.
    pub(crate) fn is_server_error(&self) -> bool {
        self.status().is_server_error()
    }

    fn problem(&self) -> Problem {
        match self {
            Self::MissingCredentials | Self::UnsupportedScheme | Self::PassthroughScheme => {
                unauthorized("credentials_missing", "Kliento credentials are required", None)
            }
            Self::MultipleCredentials => malformed(),
            Self::InvalidCredentials(error) => match **error {
                kliento::Error::Malformed(_) => malformed(),
                kliento::Error::Invalid(_) => unauthorized(
                    "credentials_invalid",
                    "The token bundle is not valid for this service at this time",
                    Some("invalid_token"),
                ),
            },
            Self::PermissionDenied(_) => Problem {
                status: StatusCode::FORBIDDEN,
                code: "permission_denied",
                detail: "Permission denied",
                challenge_error: None,
                retry_after: None,
            },
            Self::Busy => unavailable("busy", "Too many requests at the same time", 1),
            Self::TrustAnchorsUnavailable(_) | Self::ClockUnavailable => {
                unavailable("unavailable", "Authentication is temporarily unavailable", 5)
            }
        }
    }
}

impl From<kliento::Error> for Rejection {
    fn from(error: kliento::Error) -> Self {
        Self::InvalidCredentials(Arc::new(error))
    }
}

fn malformed() -> Problem {
    let detail = "The Authorization header is malformed";
    unauthorized("credentials_malformed", detail, Some("invalid_request"))
}

fn unauthorized(
    code: &'static str,
    detail: &'static str,
    challenge_error: Option<&'static str>,
) -> Problem {
    let status = StatusCode::UNAUTHORIZED;
    Problem { status, code, detail, challenge_error, retry_after: None }
}

fn unavailable(code: &'static str, detail: &'static str, retry_after: u64) -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem { status, code, detail, challenge_error: None, retry_after: Some(retry_after) }
}
