//! Problems that several rejections have.

use std::time::Duration;

use http::StatusCode;
use http_guard::Problem;

use crate::access_token::AccessTokenError;

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
