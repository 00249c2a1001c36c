//! The reasons for which requests are rejected, and the responses.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http_guard::{Problem, Rejection as _, log_text};

use crate::{TrustAnchorError, WorkloadIdentity};

/// The reason why a request is rejected, or passes without an identity.
///
/// The response to a rejected request has it in its extensions, for outer layers such as logs and
/// audit. The client only receives the [`Problem`].
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
    #[error("credentials of a passthrough scheme")]
    PassthroughScheme,
    /// The request has several `Authorization` headers, or several credentials in one header.
    #[error("multiple credentials")]
    MultipleCredentials,
    /// The credentials are malformed or invalid.
    #[error(transparent)]
    InvalidCredentials(Arc<kliento_core::Error>),
    /// The workload is authenticated, but the
    /// [rules](crate::KlientoAuthLayer::with_admission) do not admit it, or the
    /// [authorizer](crate::KlientoAuthLayer::with_authorizer) denies it access.
    #[error("permission denied for {}", log_text(.0.subject()))]
    PermissionDenied(WorkloadIdentity),
    /// The workload is admitted, but its organisation has exceeded its [`Quota`](crate::Quota).
    #[error("quota of {} exceeded", log_text(.identity.organisation()))]
    QuotaExceeded {
        /// The workload.
        identity: WorkloadIdentity,
        /// The time until its organisation has budget for a request.
        retry_after: Duration,
    },
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

impl Rejection {
    /// Returns 401 if the credentials are missing or invalid, 403 if the workload is not allowed,
    /// 429 if its organisation has exceeded its quota, and 503 if the credentials could not be checked.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.problem().status()
    }

    /// Returns a stable code for clients: the `code` of the problem details.
    ///
    /// | code | status |
    /// |---|---|
    /// | `credentials_missing`, `credentials_malformed`, `credentials_invalid` | 401 |
    /// | `permission_denied` | 403 |
    /// | `quota_exceeded` | 429 |
    /// | `busy`, `unavailable` | 503 |
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.problem().code()
    }

    /// Returns a stable name of the precise reason, for logs and metrics, in kebab case.
    ///
    /// For [`Self::InvalidCredentials`] it is [`kliento_core::Error::code`].
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::MissingCredentials => "credentials-missing",
            Self::UnsupportedScheme => "scheme-unsupported",
            Self::PassthroughScheme => "scheme-passthrough",
            Self::MultipleCredentials => "credentials-multiple",
            Self::InvalidCredentials(error) => error.code(),
            Self::PermissionDenied(_) => "permission-denied",
            Self::QuotaExceeded { .. } => "quota-exceeded",
            Self::Busy => "busy",
            Self::TrustAnchorsUnavailable(_) => "trust-anchors-unavailable",
            Self::ClockUnavailable => "clock-unavailable",
        }
    }
}

impl http_guard::Rejection for Rejection {
    fn problem(&self) -> Problem {
        match self {
            Self::MissingCredentials | Self::UnsupportedScheme | Self::PassthroughScheme => {
                Problem::unauthorized("credentials_missing", "Kliento credentials are required")
            }
            Self::MultipleCredentials => malformed(),
            Self::InvalidCredentials(error) => match **error {
                kliento_core::Error::Malformed(_) => malformed(),
                kliento_core::Error::Invalid(_) => Problem::unauthorized(
                    "credentials_invalid",
                    "The token bundle is not valid for this service at this time",
                )
                .with_challenge_error("invalid_token"),
            },
            Self::PermissionDenied(_) => {
                Problem::forbidden("permission_denied", "Permission denied")
            }
            Self::QuotaExceeded { retry_after, .. } => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "quota_exceeded",
                "The organisation has exceeded its quota",
            )
            .with_retry_after(*retry_after),
            Self::Busy => Problem::unavailable(
                "busy",
                "Too many requests at the same time",
                Duration::from_secs(1),
            ),
            Self::TrustAnchorsUnavailable(_) | Self::ClockUnavailable => Problem::unavailable(
                "unavailable",
                "Authentication is temporarily unavailable",
                Duration::from_secs(5),
            ),
        }
    }

    fn is_missing_credentials(&self) -> bool {
        matches!(self, Self::MissingCredentials)
    }
}

fn malformed() -> Problem {
    let detail = "The Authorization header is malformed";
    Problem::unauthorized("credentials_malformed", detail).with_challenge_error("invalid_request")
}

impl From<kliento_core::Error> for Rejection {
    fn from(error: kliento_core::Error) -> Self {
        Self::InvalidCredentials(Arc::new(error))
    }
}
