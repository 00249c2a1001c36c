//! `Rejection`: why a request is rejected, and the problem details that the client receives.

mod problems;
mod sources;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use http_guard::{Problem, Rejection as _, RejectionRenderer};
use serde_json::{Map, Value, json};

use self::problems::{
    access_token_problem, factor_problem, malformed_request, session_problem, step_up_problem,
    unavailable,
};
use crate::InvalidField;
use crate::access_token::{AccessTokenError, KeyError};
use crate::account::HookDenial;
use crate::password::{HashingError, PasswordViolation, join_violations};
use crate::rbac::{Denial, StepUp};
use crate::store::StoreError;

/// The reason for which a request is rejected, or passes without a principal.
///
/// It is in the extensions of the response, for outer layers such as logs. The client sees
/// [`status`](Self::status), [`code`](Self::code) and [`detail`](Self::detail), and which fields
/// are invalid, but not the text of `Display`.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// There is no `Authorization` header.
    #[error("missing credentials")]
    MissingCredentials,
    /// The credentials are of a scheme that is not accepted.
    #[error("unsupported authentication scheme")]
    UnsupportedScheme,
    /// There are several `Authorization` headers, or a malformed one, or a malformed cookie.
    #[error("malformed Authorization header or cookie")]
    MalformedCredentials,
    /// There are an `Authorization` header and a [cookie](crate::session::SessionCookies), or two
    /// cookies of one name.
    #[error("ambiguous credentials: an Authorization header and a cookie, or several cookies")]
    AmbiguousCredentials,
    /// The request with a cookie is not from a page of this service, as these headers say.
    #[error("request from another origin: {0}")]
    CrossOrigin(Box<str>),
    /// The access token is invalid or expired.
    #[error(transparent)]
    AccessToken(Arc<AccessTokenError>),
    /// The session is unknown, expired or ended.
    #[error("session expired or ended")]
    SessionExpired,
    /// The account is disabled.
    #[error("account disabled")]
    AccountDisabled,
    /// The user name or the password is wrong, or login is locked.
    #[error("wrong user name or password, or login locked")]
    InvalidCredentials,
    /// The refresh token is unknown, expired or revoked.
    #[error("unknown, expired or revoked refresh token")]
    RefreshTokenInvalid,
    /// The refresh token was used before, so its family is revoked.
    #[error("refresh token reused, its family is revoked")]
    RefreshTokenReused,
    /// The one-time code is unknown, used, replaced or expired, of another account, or of a disabled
    /// one.
    #[error("one-time code invalid")]
    CodeInvalid,
    /// The password is too old, or an admin requires a change, so it has to be changed first.
    #[error("password expired")]
    PasswordExpired,
    /// The new password violates the policy.
    #[error("password violates the policy: {}", join_violations(violations))]
    PasswordRejected {
        /// The field of the request with the new password.
        field: &'static str,
        /// All violations of the policy.
        violations: Vec<PasswordViolation>,
    },
    /// The principal does not meet the requirement.
    #[error(transparent)]
    PermissionDenied(Denial),
    /// The account to be erased is enabled.
    #[error("user enabled")]
    UserEnabled,
    /// The account to be changed is disabled or erased.
    #[error("user disabled")]
    UserDisabled,
    /// A hook of the service denies the operation. The response contains its code.
    #[error(transparent)]
    Denied(HookDenial),
    /// The user has to be authenticated further first (RFC 9470).
    #[error(transparent)]
    StepUpRequired(StepUp),
    /// The one-time password, the recovery code or the passkey is wrong, or factors are locked.
    #[error("wrong factor, or factors locked")]
    FactorRejected,
    /// The enrolment or the ceremony of a factor is unknown, finished or expired.
    #[error("enrolment or ceremony of a factor unknown, finished or expired")]
    CeremonyExpired,
    /// The account has as many factors as it can have.
    #[error("too many factors")]
    TooManyFactors,
    /// A factor with this credential exists.
    #[error("factor exists")]
    FactorExists,
    /// Another account has, or had, the user name.
    #[error("user name already exists")]
    NameTaken,
    /// The current password is wrong, or its verification is locked.
    #[error("wrong current password, or its verification locked")]
    WrongCurrentPassword,
    /// No enabled administrator would remain.
    #[error("the last enabled administrator")]
    LastAdmin,
    /// The resource does not exist, or is another user's.
    #[error("not found")]
    NotFound,
    /// The resource does not support the method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// The request is malformed. The response contains this detail.
    #[error("malformed request: {0}")]
    MalformedRequest(&'static str),
    /// Fields of the request are invalid. The response names them, with the reasons.
    #[error("invalid fields: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    InvalidFields(Vec<InvalidField>),
    /// The request exceeds a rate limit.
    #[error("rate limit exceeded, retry in {} seconds", .retry_after.as_secs_f64())]
    RateLimited {
        /// The time after which the request would be allowed.
        retry_after: Duration,
        /// The `RateLimit` headers, if the layer sends them.
        headers: Option<Box<HeaderMap>>,
    },
    /// A bounded queue is full.
    #[error("queue full")]
    Busy,
    /// A limit or a lockout needs the client's address, and the server does not provide it.
    #[error(
        "client address unknown: serve with http_guard::serve, axum's \
         into_make_service_with_connect_info, or insert PeerAddress"
    )]
    ClientAddressUnknown,
    /// The store is unavailable.
    #[error(transparent)]
    StoreUnavailable(StoreError),
    /// The keys of access tokens are unavailable.
    #[error(transparent)]
    KeysUnavailable(Arc<KeyError>),
    /// Hashing a password failed.
    #[error(transparent)]
    PasswordHashing(Arc<HashingError>),
    /// Something else that the check needs is unavailable.
    #[error("unavailable: {0}")]
    Unavailable(&'static str),
}

impl Rejection {
    /// Returns the status of the response: 401 if the caller is not authenticated, 403 if access is
    /// denied, 503 if the request could not be checked.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.problem().status()
    }

    /// Returns the `code` of the problem details, a stable name for programs.
    ///
    /// | code | status |
    /// |---|---|
    /// | `malformed_request`, `ambiguous_credentials` | 400 |
    /// | `invalid_credentials`, `token_invalid`, `token_expired`, `session_expired`, `account_disabled`, `refresh_invalid`, `refresh_reused`, `code_invalid` | 401 |
    /// | `second_factor_required`, `authentication_too_old` | 401 |
    /// | `permission_denied`, `password_expired`, `cross_origin`, `denied` | 403 |
    /// | `not_found` | 404 |
    /// | `method_not_allowed` | 405 |
    /// | `name_taken`, `user_disabled`, `user_enabled`, `last_admin`, `factor_exists`, `too_many_factors` | 409 |
    /// | `password_rejected`, `current_password_wrong`, `factor_rejected`, `ceremony_expired` | 422 |
    /// | `rate_limited` | 429 |
    /// | `busy`, `unavailable` | 503 |
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.problem().code()
    }

    /// Returns the `detail` of the problem details, a sentence for people.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        self.problem().detail()
    }

    /// Returns how long the client should wait before it retries, in whole seconds and at least
    /// one; `None` if a retry is of no use.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.problem().retry_after()
    }

    /// Returns whether the status is 5xx, so that the request may have been valid.
    pub(crate) fn is_server_error(&self) -> bool {
        self.problem().is_server_error()
    }

    fn request_problem(&self) -> Problem {
        match self {
            Self::PasswordRejected { .. } => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "password_rejected",
                "The new password is not accepted",
            ),
            Self::NameTaken => {
                Problem::new(StatusCode::CONFLICT, "name_taken", "The user name already exists")
            }
            Self::UserDisabled => {
                Problem::new(StatusCode::CONFLICT, "user_disabled", "The user is disabled")
            }
            Self::UserEnabled => {
                Problem::new(StatusCode::CONFLICT, "user_enabled", "The user is enabled")
            }
            Self::WrongCurrentPassword => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "current_password_wrong",
                "The current password is wrong",
            ),
            Self::LastAdmin => Problem::new(
                StatusCode::CONFLICT,
                "last_admin",
                "The last enabled administrator cannot be disabled, nor lose the role",
            ),
            Self::NotFound => Problem::new(StatusCode::NOT_FOUND, "not_found", "Not found"),
            Self::MethodNotAllowed => Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The resource does not support this method",
            ),
            Self::MalformedRequest(detail) => malformed_request(detail),
            Self::InvalidFields(_) => malformed_request("The request has invalid fields"),
            Self::RateLimited { retry_after, .. } => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                let problem = Problem::new(status, "rate_limited", "Too many requests");
                problem.with_retry_after(*retry_after)
            }
            Self::Busy => {
                Problem::unavailable("busy", "Too many requests at once", Duration::from_secs(1))
            }
            _ => factor_problem(self).unwrap_or_else(unavailable),
        }
    }
}

impl http_guard::Rejection for Rejection {
    fn problem(&self) -> Problem {
        match self {
            Self::MissingCredentials | Self::UnsupportedScheme => {
                Problem::unauthorized("token_invalid", "An access token is required")
            }
            Self::MalformedCredentials => {
                Problem::unauthorized("token_invalid", "The credentials are malformed")
                    .with_challenge_error("invalid_request")
            }
            Self::AmbiguousCredentials => {
                let detail = "The request has more than one set of credentials";
                Problem::new(StatusCode::BAD_REQUEST, "ambiguous_credentials", detail)
            }
            Self::CrossOrigin(_) => {
                Problem::forbidden("cross_origin", "Requests of other origins are not allowed")
            }
            Self::AccessToken(error) => access_token_problem(error),
            Self::SessionExpired => session_problem("session_expired", "The session has ended"),
            Self::AccountDisabled => session_problem("account_disabled", "The account is disabled"),
            Self::InvalidCredentials => Problem::unauthorized(
                "invalid_credentials",
                "The user name or the password is wrong",
            ),
            Self::RefreshTokenInvalid => {
                Problem::unauthorized("refresh_invalid", "The refresh token is not valid")
            }
            Self::RefreshTokenReused => {
                Problem::unauthorized("refresh_reused", "The refresh token was used before")
            }
            Self::CodeInvalid => {
                Problem::unauthorized("code_invalid", "The one-time code is not valid")
            }
            Self::PasswordExpired => {
                Problem::forbidden("password_expired", "The password has to be changed")
            }
            Self::PermissionDenied(_) => {
                Problem::forbidden("permission_denied", "Permission denied")
            }
            Self::Denied(_) => Problem::forbidden("denied", "The service denies this"),
            Self::StepUpRequired(step_up) => step_up_problem(*step_up),
            _ => self.request_problem(),
        }
    }

    fn headers(&self) -> Option<&HeaderMap> {
        match self {
            Self::RateLimited { headers, .. } => headers.as_deref(),
            _ => None,
        }
    }

    fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let fields = match self {
            Self::InvalidFields(fields) => fields.iter().map(InvalidField::to_json).collect(),
            Self::WrongCurrentPassword => {
                let detail = "The current password is wrong";
                vec![InvalidField::new("current_password", "wrong", detail).to_json()]
            }
            Self::PasswordRejected { field, violations } => {
                let reason = |violation: &PasswordViolation| json!({"code": violation.code(), "detail": violation.to_string()});
                members.insert("reasons".to_owned(), violations.iter().map(reason).collect());
                let fields = violations
                    .iter()
                    .map(|violation| InvalidField::password(field, violation).to_json());
                fields.collect()
            }
            Self::Denied(denial) => {
                members.insert("denial".to_owned(), denial.code().into());
                return members;
            }
            _ => return members,
        };
        members.insert("errors".to_owned(), Value::Array(fields));
        members
    }

    fn is_missing_credentials(&self) -> bool {
        matches!(self, Self::MissingCredentials)
    }
}

/// Renders rejections as the layers of this crate do by default.
pub(crate) fn default_renderer() -> RejectionRenderer<Rejection> {
    RejectionRenderer::new("Bearer", "kleidia")
}
