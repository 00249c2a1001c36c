//! Why a request is refused, and what the client is told of it: the one table of both.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use crate::InvalidField;
use crate::access_token::{AccessTokenError, KeyError};
use crate::password::{HashingError, PasswordViolation};
use crate::rbac::Denial;
use crate::store::StoreError;

/// Why a request is refused, or passes without a principal.
///
/// It is in the extensions of the response to a refused request, so that outer layers (logs,
/// audit) learn what the client is not told: the client sees [`Self::status`] and [`Self::code`]
/// alone.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// Nobody says who is calling.
    #[error("there are no credentials")]
    MissingCredentials,
    /// The credentials are of a scheme that is not accepted.
    #[error("the credentials are of another scheme")]
    UnsupportedScheme,
    /// There are several `Authorization` headers, or one that can't be read.
    #[error("the Authorization header can't be read")]
    MalformedCredentials,
    /// The access token is none of ours, or has expired.
    #[error(transparent)]
    AccessToken(Arc<AccessTokenError>),
    /// The session is unknown, over or ended.
    #[error("the session is over")]
    SessionExpired,
    /// The account is disabled.
    #[error("the account is disabled")]
    AccountDisabled,
    /// The user name or the password is wrong, or login is locked.
    #[error("the credentials are wrong, or login is locked")]
    InvalidCredentials,
    /// The refresh token is unknown, over or revoked.
    #[error("the refresh token is unknown, over or revoked")]
    RefreshInvalid,
    /// The refresh token was used before.
    #[error("the refresh token was used before; its family is revoked")]
    RefreshReused,
    /// The password is too old, and has to be changed first.
    #[error("the password has expired")]
    PasswordExpired,
    /// The new password is not taken.
    #[error("password violates the policy: {violations:?}")]
    PasswordRejected {
        /// The field of the request with the new password.
        field: &'static str,
        /// All violations of the policy.
        violations: Vec<PasswordViolation>,
    },
    /// The principal may not do that.
    #[error(transparent)]
    PermissionDenied(Denial),
    /// The name of the new account is taken.
    #[error("the name is taken")]
    NameTaken,
    /// There is no such thing, or it is somebody else's.
    #[error("there is no such thing")]
    NotFound,
    /// The resource does not support the method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// The request is malformed; the client learns this detail.
    #[error("malformed request: {0}")]
    MalformedRequest(&'static str),
    /// Fields of the request are invalid; the client learns which, and why.
    #[error("invalid fields: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    InvalidFields(Vec<InvalidField>),
    /// Too many requests.
    #[error("too many requests; the next one in {} seconds", .retry_after.as_secs_f64())]
    RateLimited {
        /// When the next one would pass.
        retry_after: Duration,
        /// The `RateLimit` fields, where they are asked for.
        headers: Option<Box<HeaderMap>>,
    },
    /// Too much is waiting already.
    #[error("too much is waiting")]
    Busy,
    /// A limit or a lockout needs the client's address, and the server does not provide it.
    #[error(
        "client address unknown: serve with http_guard::serve, axum's \
         into_make_service_with_connect_info, or insert PeerAddress"
    )]
    ClientAddressUnknown,
    /// The store can't be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys can't be had.
    #[error(transparent)]
    Keys(Arc<KeyError>),
    /// A password can't be hashed or compared.
    #[error(transparent)]
    Password(Arc<HashingError>),
    /// Something else of ours does not work.
    #[error("can't tell: {0}")]
    Unavailable(&'static str),
}

/// What the client is told.
struct Told {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
    /// The challenge's `error` (RFC 6750, 3.1).
    challenge_error: Option<&'static str>,
    retry_after: Option<Duration>,
}

impl Rejection {
    /// 401 where it is not proven who is calling, 403 where that one may not, 503 where it could
    /// not be found out.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.told().status
    }

    /// A stable name for clients; it is the `code` of the problem details.
    ///
    /// | code | status |
    /// |---|---|
    /// | `malformed_request` | 400 |
    /// | `invalid_credentials`, `token_invalid`, `token_expired`, `session_expired`, `account_disabled`, `refresh_invalid`, `refresh_reused` | 401 |
    /// | `permission_denied`, `password_expired` | 403 |
    /// | `not_found` | 404 |
    /// | `method_not_allowed` | 405 |
    /// | `name_taken` | 409 |
    /// | `password_rejected` | 422 |
    /// | `rate_limited` | 429 |
    /// | `busy`, `unavailable` | 503 |
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.told().code
    }

    /// A sentence for people on the client's side, which tells no more than the code.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        self.told().detail
    }

    /// How long the client should wait before it tries again, where that makes sense: at least a
    /// second.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.told().retry_after
    }

    /// The further members of the problem details: `errors` names the invalid fields.
    pub(crate) fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let fields = match self {
            Self::InvalidFields(fields) => fields.iter().map(InvalidField::to_json).collect(),
            Self::PasswordRejected { field, violations } => {
                let reason = |violation: &PasswordViolation| json!({"code": violation.code(), "detail": violation.to_string()});
                members.insert("reasons".to_owned(), violations.iter().map(reason).collect());
                let fields = violations
                    .iter()
                    .map(|violation| InvalidField::password(field, violation).to_json());
                fields.collect()
            }
            _ => return members,
        };
        members.insert("errors".to_owned(), Value::Array(fields));
        members
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
            Self::MissingCredentials | Self::UnsupportedScheme => {
                unauthorized("token_invalid", "An access token is required", None)
            }
            Self::MalformedCredentials => unauthorized(
                "token_invalid",
                "The Authorization header can't be read",
                Some("invalid_request"),
            ),
            Self::AccessToken(error) => token(error),
            Self::SessionExpired => ended("session_expired", "The session is over"),
            Self::AccountDisabled => ended("account_disabled", "The account is disabled"),
            Self::InvalidCredentials => {
                unauthorized("invalid_credentials", "The user name or the password is wrong", None)
            }
            Self::RefreshInvalid => {
                unauthorized("refresh_invalid", "The refresh token is not valid", None)
            }
            Self::RefreshReused => {
                unauthorized("refresh_reused", "The refresh token was used before", None)
            }
            Self::PasswordExpired => {
                plain(StatusCode::FORBIDDEN, "password_expired", "The password has to be changed")
            }
            Self::PermissionDenied(_) => {
                plain(StatusCode::FORBIDDEN, "permission_denied", "That is not permitted")
            }
            _ => self.told_of_request(),
        }
    }

    fn told_of_request(&self) -> Told {
        match self {
            Self::PasswordRejected { .. } => plain(
                StatusCode::UNPROCESSABLE_ENTITY,
                "password_rejected",
                "The new password is not taken",
            ),
            Self::NameTaken => plain(StatusCode::CONFLICT, "name_taken", "The name is taken"),
            Self::NotFound => plain(StatusCode::NOT_FOUND, "not_found", "There is no such thing"),
            Self::MethodNotAllowed => plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The resource does not support this method",
            ),
            Self::MalformedRequest(detail) => {
                plain(StatusCode::BAD_REQUEST, "malformed_request", detail)
            }
            Self::InvalidFields(_) => plain(
                StatusCode::BAD_REQUEST,
                "malformed_request",
                "The request has invalid fields",
            ),
            Self::RateLimited { retry_after, .. } => {
                let told =
                    plain(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests");
                // Rounded up: a client that comes at the second must find it passed.
                let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
                Told { retry_after: Some(Duration::from_secs(seconds.max(1))), ..told }
            }
            Self::Busy => unavailable("busy", "Too many requests at once", 1),
            _ => unavailable("unavailable", "That can't be answered at the moment", 5),
        }
    }
}

impl From<HashingError> for Rejection {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::Busy => Self::Busy,
            error => Self::Password(Arc::new(error)),
        }
    }
}

impl From<KeyError> for Rejection {
    fn from(error: KeyError) -> Self {
        Self::Keys(Arc::new(error))
    }
}

fn token(error: &AccessTokenError) -> Told {
    match error {
        AccessTokenError::Expired(_) => ended("token_expired", "The access token has expired"),
        AccessTokenError::Invalid(_) => ended("token_invalid", "The access token is not valid"),
        AccessTokenError::Provider(_) => {
            unavailable("unavailable", "That can't be answered at the moment", 5)
        }
    }
}

fn ended(code: &'static str, detail: &'static str) -> Told {
    unauthorized(code, detail, Some("invalid_token"))
}

fn unauthorized(
    code: &'static str,
    detail: &'static str,
    challenge_error: Option<&'static str>,
) -> Told {
    Told { challenge_error, ..plain(StatusCode::UNAUTHORIZED, code, detail) }
}

const fn plain(status: StatusCode, code: &'static str, detail: &'static str) -> Told {
    Told { status, code, detail, challenge_error: None, retry_after: None }
}

const fn unavailable(code: &'static str, detail: &'static str, seconds: u64) -> Told {
    let told = plain(StatusCode::SERVICE_UNAVAILABLE, code, detail);
    Told { retry_after: Some(Duration::from_secs(seconds)), ..told }
}
