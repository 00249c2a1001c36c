//! `StreamEnd`: why a stream ends before its handler ends it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};

use crate::{Problem, ProblemResponder, Rejection, Responder as _, grpc};

/// Why a stream ends before its handler ends it, and what its client is told.
///
/// ```
/// use http_guard::Problem;
/// use http_guard::stream::{Reconnection, StreamEnd};
///
/// let problem = Problem::unauthorized("session_ended", "The session has ended");
/// let end = StreamEnd::new(problem, Reconnection::Never);
/// assert_eq!((end.code(), end.reconnection().close_code()), ("session_ended", 4403));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    problem: Problem,
    reconnection: Reconnection,
}

/// What the client of a stream that has ended should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reconnection {
    /// Obtain new credentials, and connect again.
    Authenticate,
    /// Connect again later, with the same credentials.
    Later,
    /// Do not connect again.
    Never,
}

impl StreamEnd {
    /// The caller could not be checked for the whole lease.
    pub const UNAVAILABLE: Self = Self::new(
        Problem::unavailable(
            "unavailable",
            "Authentication is temporarily unavailable",
            Duration::from_secs(5),
        ),
        Reconnection::Later,
    );

    /// The server shuts down.
    pub const SERVER_SHUTDOWN: Self = Self::new(
        Problem::unavailable(
            "server_shutdown",
            "The server is shutting down",
            Duration::from_secs(1),
        ),
        Reconnection::Later,
    );

    /// The principal has its maximum of streams.
    pub const TOO_MANY_STREAMS: Self = Self::new(
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", "Too many open streams"),
        Reconnection::Later,
    );

    /// Creates an end. The problem has the code, and the status from which that of gRPC follows.
    #[must_use]
    pub const fn new(problem: Problem, reconnection: Reconnection) -> Self {
        Self { problem, reconnection }
    }

    /// Returns the stable code for programs, such as `session_ended`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.problem.code()
    }

    /// Returns what the client should do.
    #[must_use]
    pub const fn reconnection(&self) -> Reconnection {
        self.reconnection
    }
}

impl StreamEnd {
    /// Returns the response to a request whose stream cannot be opened.
    pub(super) fn into_rejection(self) -> Response<Bytes> {
        let problem = self.problem();
        let (request, ()) = Request::new(()).into_parts();
        let mut response = ProblemResponder.respond(&self, &request);
        *response.status_mut() = problem.status();
        let headers = response.headers_mut();
        if let Some(wait) = problem.retry_after() {
            headers.insert(RETRY_AFTER, wait.as_secs().into());
        }
        mark(&mut response, self);
        response
    }

    /// Returns the response to a gRPC call that ends before it is answered.
    pub(super) fn into_grpc_response(self, format: grpc::Format) -> Response<Bytes> {
        let mut response = grpc::render(&self.problem(), &format.content_type());
        mark(&mut response, self);
        response
    }
}

fn mark(response: &mut Response<Bytes>, end: StreamEnd) {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(end);
}

impl Reconnection {
    /// Returns the close code of a WebSocket: 4401 for new credentials, 4403 for no reconnection,
    /// and 1013 ("Try Again Later") otherwise.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        match self {
            Self::Authenticate => 4401,
            Self::Never => 4403,
            Self::Later => 1013,
        }
    }
}

impl Rejection for StreamEnd {
    fn problem(&self) -> Problem {
        self.problem
    }
}

impl fmt::Display for StreamEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream ended: {}", self.code())
    }
}

impl Error for StreamEnd {}
