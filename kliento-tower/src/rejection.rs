//! Why a request is refused, and what the client is told of it: the one table of both.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::{TrustAnchorError, WorkloadIdentity};

/// Why a request is refused, or passes without an identity.
///
/// It is in the extensions of the response to a refused request, so that outer layers (logs,
/// audit) learn what the client is not told: the client sees [`Self::status`] and [`Self::code`]
/// alone.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// There is no `Authorization` header.
    #[error("there are no credentials")]
    MissingCredentials,
    /// The credentials are of a scheme that is not accepted.
    #[error("the credentials are of another scheme than Kliento")]
    UnsupportedScheme,
    /// The credentials are of a scheme that was left to the next layer.
    #[error("the credentials are left to another layer")]
    OtherScheme,
    /// There are several `Authorization` headers, or several credentials in one.
    #[error("there are several credentials")]
    SeveralCredentials,
    /// The credentials are malformed, or don't prove what they have to.
    #[error(transparent)]
    Credentials(Arc<kliento::Error>),
    /// The workload proved who it is, and is not admitted.
    #[error("{} is not admitted", .0.subject())]
    NotAdmitted(WorkloadIdentity),
    /// Too many verifications wait already.
    #[error("too many verifications wait")]
    Busy,
    /// The trust anchors can't be had.
    #[error(transparent)]
    TrustAnchors(#[from] TrustAnchorError),
    /// The clock can't be told.
    #[error("the clock tells no time")]
    Clock,
}

/// What the client is told.
struct Told {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
    /// The challenge's `error`, as OAuth names them (RFC 6750, 3.1).
    challenge_error: Option<&'static str>,
    /// In seconds.
    retry_after: Option<u64>,
}

impl Rejection {
    /// 401 where it is not proven who is calling, 403 where that one is not admitted, 503 where it
    /// could not be found out.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.told().status
    }

    /// A stable name for clients; it is the `code` of the problem details.
    ///
    /// | code | status |
    /// |---|---|
    /// | `credentials_missing`, `credentials_malformed`, `credentials_invalid` | 401 |
    /// | `permission_denied` | 403 |
    /// | `busy`, `unavailable` | 503 |
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.told().code
    }

    /// A stable name of the very reason, in kebab case, for logs; where credentials are refused it
    /// is [`kliento::Error::code`].
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::MissingCredentials => "credentials-missing",
            Self::UnsupportedScheme => "scheme-unsupported",
            Self::OtherScheme => "scheme-other",
            Self::SeveralCredentials => "credentials-several",
            Self::Credentials(error) => error.code(),
            Self::NotAdmitted(_) => "not-admitted",
            Self::Busy => "busy",
            Self::TrustAnchors(_) => "trust-anchors-unavailable",
            Self::Clock => "clock-unavailable",
        }
    }

    /// A sentence for people on the client's side, which tells no more than the code.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        self.told().detail
    }

    /// How long the client should wait before it tries again, where that makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.told().retry_after.map(Duration::from_secs)
    }

    /// The `error` of the challenge: none where no credentials were sent.
    pub(crate) fn challenge_error(&self) -> Option<&'static str> {
        self.told().challenge_error
    }

    /// Whether nobody knows if the client is in the right.
    pub(crate) fn is_our_fault(&self) -> bool {
        self.status().is_server_error()
    }

    fn told(&self) -> Told {
        match self {
            Self::MissingCredentials | Self::UnsupportedScheme | Self::OtherScheme => {
                unauthorized("credentials_missing", "Kliento credentials are required", None)
            }
            Self::SeveralCredentials => malformed(),
            Self::Credentials(error) => match **error {
                kliento::Error::Malformed(_) => malformed(),
                kliento::Error::Invalid(_) => unauthorized(
                    "credentials_invalid",
                    "The token bundle is not valid here and now",
                    Some("invalid_token"),
                ),
            },
            Self::NotAdmitted(_) => Told {
                status: StatusCode::FORBIDDEN,
                code: "permission_denied",
                detail: "The workload is not admitted",
                challenge_error: None,
                retry_after: None,
            },
            Self::Busy => unavailable("busy", "Too many requests at once", 1),
            Self::TrustAnchors(_) | Self::Clock => {
                unavailable("unavailable", "Credentials can't be checked at the moment", 5)
            }
        }
    }
}

impl From<kliento::Error> for Rejection {
    fn from(error: kliento::Error) -> Self {
        Self::Credentials(Arc::new(error))
    }
}

fn malformed() -> Told {
    let detail = "The Authorization header can't be read";
    unauthorized("credentials_malformed", detail, Some("invalid_request"))
}

fn unauthorized(
    code: &'static str,
    detail: &'static str,
    challenge_error: Option<&'static str>,
) -> Told {
    let status = StatusCode::UNAUTHORIZED;
    Told { status, code, detail, challenge_error, retry_after: None }
}

fn unavailable(code: &'static str, detail: &'static str, retry_after: u64) -> Told {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Told { status, code, detail, challenge_error: None, retry_after: Some(retry_after) }
}
