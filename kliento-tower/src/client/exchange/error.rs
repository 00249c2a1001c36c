//! Errors of the exchange.

use std::time::Duration;

use http::StatusCode;
use veraid::Excerpt;

use crate::client::SourceError;

/// An invalid configuration of an exchange.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeConfigError {
    /// The URL is not an absolute URL.
    #[error("the exchange URL is not absolute")]
    InvalidUrl,
    /// The URL's scheme would expose the JWT.
    #[error("insecure exchange URL: expected https or a loopback host, found {scheme}")]
    Insecure {
        /// The scheme of the URL.
        scheme: String,
    },
    /// The URL contains a user name or a password.
    #[error("the exchange URL contains user information")]
    UserInformation,
    /// Creating the HTTP client failed.
    #[error("failed to create the HTTP client: {0}")]
    Client(#[source] reqwest::Error),
}

/// The error of an exchange.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The JWT is unavailable.
    #[error("JWT unavailable: {0}")]
    Jwt(#[source] SourceError),
    /// The JWT contains characters that are not allowed in a JWT.
    #[error("invalid character in the JWT")]
    InvalidJwt,
    /// The connection failed, or the response was incomplete or late.
    #[error("request to the authority failed: {0}")]
    Transport(#[source] reqwest::Error),
    /// The authority responded with an error status.
    #[error("the authority responded with {status}")]
    Status {
        /// The status: 401 for an invalid JWT, 404 for an unknown signature spec.
        status: StatusCode,
        /// The response's `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The response is not a signature bundle.
    #[error(
        "expected a signature bundle, found the content type {:?}",
        found.as_ref().map(Excerpt)
    )]
    ContentType {
        /// The content type of the response.
        found: Option<String>,
    },
    /// The response is larger than any bundle.
    #[error("response larger than {maximum} octets")]
    TooLarge {
        /// The limit in octets.
        maximum: usize,
    },
    /// The response does not contain a valid token bundle.
    #[error("invalid token bundle in the response: {0}")]
    Bundle(#[from] kliento_core::Error),
}

impl ExchangeError {
    /// Whether a retry may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Transport(error) => !error.is_builder(),
            Self::Status { status, .. } => {
                *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
            }
            _ => false,
        }
    }

    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
