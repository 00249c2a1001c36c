//! The response to a refused request: challenge, problem details, or a gRPC status.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::{ProblemResponder, Rejection, Responder};

/// What `grpc-message` may not have as it is (gRPC over HTTP/2, "Responses").
const NOT_IN_MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

/// How refusals are answered.
#[derive(Clone)]
pub struct Answer {
    pub(crate) responder: Arc<dyn Responder>,
    pub(crate) realm: String,
    /// The challenges of other schemes that would do.
    pub(crate) others: Vec<HeaderValue>,
}

impl Answer {
    /// Whether a challenge names this scheme too.
    pub(crate) fn names(&self, name: &[u8]) -> bool {
        let scheme = |challenge: &HeaderValue| {
            let mut parts = challenge.as_bytes().split(|octet| *octet == b' ');
            parts.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(name))
        };
        self.others.iter().any(scheme)
    }

    /// The whole response, with the rejection in its extensions.
    pub(crate) fn to(&self, request: &Parts, rejection: Rejection) -> Response<Bytes> {
        let mut response = match grpc_content_type(&request.headers) {
            Some(content_type) => grpc(&rejection, content_type),
            None => self.http(request, &rejection),
        };
        response.extensions_mut().insert(rejection);
        response
    }

    /// The responder's response; what the protocol asks for is not left to it.
    fn http(&self, request: &Parts, rejection: &Rejection) -> Response<Bytes> {
        let mut response = self.responder.respond(rejection, request);
        *response.status_mut() = rejection.status();
        let headers = response.headers_mut();
        if rejection.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, self.challenge(rejection));
            for other in &self.others {
                headers.append(WWW_AUTHENTICATE, other.clone());
            }
        }
        if let Some(wait) = rejection.retry_after() {
            headers.insert(RETRY_AFTER, wait.as_secs().into());
        }
        if let Rejection::RateLimited { headers: Some(limits), .. } = rejection {
            headers.extend((**limits).clone());
        }
        response
    }

    /// The challenge (RFC 6750, 3).
    fn challenge(&self, rejection: &Rejection) -> HeaderValue {
        let mut challenge = format!("Bearer realm=\"{}\"", quotable(&self.realm));
        if let Some(error) = rejection.challenge_error() {
            challenge.push_str(", error=\"");
            challenge.push_str(error);
            challenge.push('"');
        }
        HeaderValue::try_from(challenge).unwrap_or(HeaderValue::from_static("Bearer"))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("realm", &self.realm).finish_non_exhaustive()
    }
}

impl Default for Answer {
    fn default() -> Self {
        let realm = "kleidia".to_owned();
        Self { responder: Arc::new(ProblemResponder), realm, others: Vec::new() }
    }
}

/// The content of a quoted string (RFC 9110, 5.6.4), of visible ASCII alone.
fn quotable(text: &str) -> String {
    let mut quotable = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => quotable.extend(['\\', character]),
            ' '..='~' => quotable.push(character),
            _ => quotable.push('?'),
        }
    }
    quotable
}

/// The content type of a gRPC request, of any of its variants.
fn grpc_content_type(headers: &HeaderMap) -> Option<&HeaderValue> {
    let value = headers.get(CONTENT_TYPE)?;
    let rest = value.as_bytes().strip_prefix(b"application/grpc")?;
    matches!(rest.first(), None | Some(b'+' | b'-' | b';' | b' ')).then_some(value)
}

/// A response of headers alone, which gRPC takes for trailers.
fn grpc(rejection: &Rejection, content_type: &HeaderValue) -> Response<Bytes> {
    let message = format!("{} ({})", rejection.detail(), rejection.code());
    let message = utf8_percent_encode(&message, NOT_IN_MESSAGE).to_string();
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type.clone());
    let status = HeaderValue::from_static(grpc_status(rejection.status()));
    headers.insert(HeaderName::from_static("grpc-status"), status);
    if let Some(wait) = rejection.retry_after() {
        // When to try again, as gRPC's own retries read it (gRPC proposal A6, "Pushback").
        let milliseconds = HeaderValue::from(wait.as_secs() * 1000);
        headers.insert(HeaderName::from_static("grpc-retry-pushback-ms"), milliseconds);
    }
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert(HeaderName::from_static("grpc-message"), message);
    }
    response
}

/// The status code of gRPC.
const fn grpc_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "16",
        StatusCode::FORBIDDEN => "7",
        StatusCode::NOT_FOUND => "5",
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => "3",
        StatusCode::TOO_MANY_REQUESTS => "8",
        _ => "14",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_realm_can_be_any_text() {
        let realm = "a \"quoted\" \\ réalm\n".to_owned();
        let answer = Answer { realm, ..Answer::default() };
        let challenge = answer.challenge(&Rejection::MissingCredentials);
        assert_eq!(challenge, r#"Bearer realm="a \"quoted\" \\ r?alm?""#);
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        for (content_type, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc-web-text", true),
            ("application/grpc;x=y", true),
            ("application/grpcx", false),
            ("application/json", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
            assert_eq!(grpc_content_type(&headers).is_some(), expected, "{content_type}");
        }
    }
}
