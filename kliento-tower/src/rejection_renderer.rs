//! Renders a rejection as a response: challenge, problem details, or a gRPC status.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::credentials::scheme;
use crate::{ProblemResponder, Rejection, Responder};

/// The characters that `grpc-message` must encode (gRPC over HTTP/2, "Responses").
const NOT_IN_MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

/// Renders rejections as responses.
#[derive(Clone)]
pub(crate) struct RejectionRenderer {
    pub(crate) responder: Arc<dyn Responder>,
    pub(crate) realm: String,
    /// The challenges of the schemes that are left to the next layer.
    pub(crate) additional_challenges: Vec<HeaderValue>,
}

impl RejectionRenderer {
    pub(crate) fn new(realm: String) -> Self {
        Self { responder: Arc::new(ProblemResponder), realm, additional_challenges: Vec::new() }
    }

    /// Whether credentials of this scheme are left to the next layer.
    pub(crate) fn is_passthrough_scheme(&self, name: &[u8]) -> bool {
        let mut challenges = self.additional_challenges.iter();
        challenges.any(|challenge| scheme(challenge.as_bytes()).eq_ignore_ascii_case(name))
    }

    /// Returns the response, with the rejection in its extensions.
    pub(crate) fn render(&self, request: &Parts, rejection: &Rejection) -> Response<Bytes> {
        let mut response = match grpc_content_type(&request.headers) {
            Some(content_type) => render_grpc(rejection, content_type),
            None => self.render_http(request, rejection),
        };
        response.extensions_mut().insert(rejection.clone());
        response
    }

    /// The responder's response, with the headers that the protocol requires.
    fn render_http(&self, request: &Parts, rejection: &Rejection) -> Response<Bytes> {
        let mut response = self.responder.respond(rejection, request);
        *response.status_mut() = rejection.status();
        let headers = response.headers_mut();
        if rejection.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, self.challenge(rejection));
            for challenge in &self.additional_challenges {
                headers.append(WWW_AUTHENTICATE, challenge.clone());
            }
        }
        if let Some(wait) = rejection.retry_after() {
            headers.insert(RETRY_AFTER, wait.as_secs().into());
        }
        response
    }

    /// The challenge (RFC 9110, 11.6.1), whose `error` is as for bearer tokens (RFC 6750, 3).
    fn challenge(&self, rejection: &Rejection) -> HeaderValue {
        let mut challenge = format!("Kliento realm=\"{}\"", quoted_string(&self.realm));
        if let Some(error) = rejection.challenge_error() {
            challenge.push_str(", error=\"");
            challenge.push_str(error);
            challenge.push('"');
        }
        HeaderValue::try_from(challenge).unwrap_or(HeaderValue::from_static("Kliento"))
    }
}

/// The content of a quoted string (RFC 9110, 5.6.4), of visible ASCII alone.
fn quoted_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('?'),
        }
    }
    quoted
}

/// The content type of a gRPC request, of any of its variants.
fn grpc_content_type(headers: &HeaderMap) -> Option<&HeaderValue> {
    let value = headers.get(CONTENT_TYPE)?;
    let rest = value.as_bytes().strip_prefix(b"application/grpc")?;
    matches!(rest.first(), None | Some(b'+' | b'-' | b';' | b' ')).then_some(value)
}

/// A response without a body, whose headers gRPC reads as trailers.
fn render_grpc(rejection: &Rejection, content_type: &HeaderValue) -> Response<Bytes> {
    let status = match rejection.status() {
        StatusCode::UNAUTHORIZED => "16",
        StatusCode::FORBIDDEN => "7",
        _ => "14",
    };
    let message = format!("{} ({})", rejection.detail(), rejection.code());
    let message = utf8_percent_encode(&message, NOT_IN_MESSAGE).to_string();
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type.clone());
    headers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from_static(status));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_any_realm() {
        let renderer = RejectionRenderer::new("a \"quoted\" \\ réalm\n".to_owned());
        let challenge = renderer.challenge(&Rejection::MissingCredentials);
        assert_eq!(challenge, r#"Kliento realm="a \"quoted\" \\ r?alm?""#);
    }

    #[test]
    fn recognises_grpc_content_types() {
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
