//! What clients see of rejections of tokens, sessions and factors.

use std::time::Duration;

use http::StatusCode;
use http_guard::Problem;

use super::Rejection;
use crate::access_token::AccessTokenError;
use crate::rbac::StepUp;

/// Returns what the client sees of the rejection of a factor; `None` for other rejections.
pub(super) const fn factor_problem(rejection: &Rejection) -> Option<Problem> {
    let (status, code, detail) = match rejection {
        Rejection::FactorRejected => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "factor_rejected",
            "The code or the passkey is not accepted",
        ),
        Rejection::CeremonyExpired => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "ceremony_expired",
            "The ceremony is finished or has expired",
        ),
        Rejection::TooManyFactors => {
            (StatusCode::CONFLICT, "too_many_factors", "The account has too many factors")
        }
        Rejection::FactorExists => {
            (StatusCode::CONFLICT, "factor_exists", "The passkey is enrolled already")
        }
        _ => return None,
    };
    Some(Problem::new(status, code, detail))
}

pub(super) fn access_token_problem(error: &AccessTokenError) -> Problem {
    match error {
        AccessTokenError::Expired(_) => {
            session_problem("token_expired", "The access token has expired")
        }
        AccessTokenError::Invalid(_) => {
            session_problem("token_invalid", "The access token is not valid")
        }
        AccessTokenError::Lifetime(_)
        | AccessTokenError::Random(_)
        | AccessTokenError::Provider(_) => unavailable(),
    }
}

/// The session stays valid, so the client authenticates its user further (RFC 9470, 3).
pub(super) const fn step_up_problem(step_up: StepUp) -> Problem {
    let error = "insufficient_user_authentication";
    match step_up {
        StepUp::SecondFactor => {
            Problem::unauthorized("second_factor_required", "A second factor is required")
                .with_challenge_error(error)
        }
        StepUp::Fresh { max_age } => {
            Problem::unauthorized("authentication_too_old", "The authentication is too old")
                .with_challenge_error(error)
                .with_challenge_max_age(max_age)
        }
    }
}

pub(super) const fn session_problem(code: &'static str, detail: &'static str) -> Problem {
    Problem::unauthorized(code, detail).with_challenge_error("invalid_token")
}

pub(super) const fn malformed_request(detail: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
}

pub(super) const fn unavailable() -> Problem {
    let detail = "The service is temporarily unavailable";
    Problem::unavailable("unavailable", detail, Duration::from_secs(5))
}
