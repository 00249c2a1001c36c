//! `Problem`: what the client sees of a rejection.

use std::time::Duration;

use http::StatusCode;

/// What the client sees of a rejection: the status, a code, a detail, and when to retry.
///
/// ```
/// use std::time::Duration;
///
/// use http::StatusCode;
/// use http_guard::Problem;
///
/// let expired = Problem::unauthorized("token_expired", "The access token has expired")
///     .with_challenge_error("invalid_token");
/// assert_eq!(expired.status(), StatusCode::UNAUTHORIZED);
///
/// let busy = Problem::unavailable("busy", "Too many requests", Duration::from_millis(1500));
/// assert_eq!(busy.retry_after(), Some(Duration::from_secs(2)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
    challenge_error: Option<&'static str>,
    challenge_max_age: Option<Duration>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// Creates a problem with this status. `code` is a stable name for programs, `detail` a
    /// sentence for people.
    #[must_use]
    pub const fn new(status: StatusCode, code: &'static str, detail: &'static str) -> Self {
        let (challenge_error, challenge_max_age, retry_after) = (None, None, None);
        Self { status, code, detail, challenge_error, challenge_max_age, retry_after }
    }

    /// Creates a 401: the credentials are missing or invalid.
    #[must_use]
    pub const fn unauthorized(code: &'static str, detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    /// Creates a 403: the caller is authenticated, but access is denied.
    #[must_use]
    pub const fn forbidden(code: &'static str, detail: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// Creates a 503: the request could not be checked; the client may retry after this time.
    #[must_use]
    pub const fn unavailable(
        code: &'static str,
        detail: &'static str,
        retry_after: Duration,
    ) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with_retry_after(retry_after)
    }

    /// Sets the `error` parameter of the challenge, such as `invalid_token` (RFC 6750, 3.1).
    #[must_use]
    pub const fn with_challenge_error(mut self, error: &'static str) -> Self {
        self.challenge_error = Some(error);
        self
    }

    /// Sets the `max_age` parameter of the challenge, in whole seconds: the user has to be
    /// authenticated again if that was longer ago (RFC 9470, 3).
    #[must_use]
    pub const fn with_challenge_max_age(mut self, max_age: Duration) -> Self {
        self.challenge_max_age = Some(max_age);
        self
    }

    /// Sets how long the client should wait, rounded up to whole seconds, at least one.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        // Rounded up: a client that retries at that second must be allowed.
        let whole = wait.as_secs();
        let is_whole = whole > 0 && wait.subsec_nanos() == 0;
        let seconds = if is_whole { whole } else { whole.saturating_add(1) };
        self.retry_after = Some(Duration::from_secs(seconds));
        self
    }

    /// Returns the status of the response.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns a stable name for programs: the `code` of the problem details.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns a sentence for people: the `detail` of the problem details.
    #[must_use]
    pub const fn detail(&self) -> &'static str {
        self.detail
    }

    /// Returns the `error` parameter of the challenge; none if no credentials were sent.
    #[must_use]
    pub const fn challenge_error(&self) -> Option<&'static str> {
        self.challenge_error
    }

    /// Returns the `max_age` parameter of the challenge.
    #[must_use]
    pub const fn challenge_max_age(&self) -> Option<Duration> {
        self.challenge_max_age
    }

    /// Returns how long the client should wait before it retries, in whole seconds.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns whether the cause is on the server's side, so that the request may have been valid.
    #[must_use]
    pub fn is_server_error(&self) -> bool {
        self.status.is_server_error()
    }
}
