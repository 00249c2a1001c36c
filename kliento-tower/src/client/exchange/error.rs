//! Why there is no exchange.

use std::time::Duration;

use http::StatusCode;

use crate::client::SourceError;

/// Why an exchange can't be configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeConfigError {
    /// The URL can't be read.
    #[error("the exchange URL is no absolute URL")]
    Url,
    /// The JWT would not be safe on its way.
    #[error("the exchange URL is of {scheme}, not of https, and not of a loopback host")]
    Insecure {
        /// The URL's.
        scheme: String,
    },
    /// The URL has a user name or a password.
    #[error("the exchange URL has user information, where only a JWT authenticates")]
    UserInformation,
    /// There is no HTTP client.
    #[error("the HTTP client can't be made: {0}")]
    Client(#[source] reqwest::Error),
}

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// There is no JWT.
    #[error("there is no JWT: {0}")]
    Jwt(#[source] SourceError),
    /// The JWT has characters that no JWT has.
    #[error("the JWT has other characters than JWTs have")]
    JwtCharacters,
    /// The authority can't be reached, or its response did not arrive in full and in time.
    #[error("the authority can't be reached: {0}")]
    Transport(#[source] reqwest::Error),
    /// The authority refuses.
    #[error("the authority responded with {status}")]
    Status {
        /// The response's status: 401 for a JWT that is refused, 404 for an unknown spec.
        status: StatusCode,
        /// For how long the authority asks to be left in peace.
        retry_after: Option<Duration>,
    },
    /// The response is no signature bundle.
    #[error("the response is of the type {found:?}, which is no signature bundle's")]
    ContentType {
        /// The response's media type, if it has one.
        found: Option<String>,
    },
    /// The response is larger than that of any bundle.
    #[error("the response has more than {maximum} octets")]
    TooLarge {
        /// The most that is read.
        maximum: usize,
    },
    /// The response holds no token bundle.
    #[error("the response holds no token bundle: {0}")]
    Bundle(#[from] kliento::Error),
}

impl ExchangeError {
    /// Whether another attempt may be of use.
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
