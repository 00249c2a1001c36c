//! gRPC: which requests are gRPC calls, and the response to a rejected one.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::Problem;

/// The characters that `grpc-message` has to encode (gRPC over HTTP/2, "Responses").
const MESSAGE_ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// A format of gRPC messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// gRPC over HTTP/2 or HTTP/3, with trailers.
    Grpc,
    /// gRPC-Web, with trailers in the body.
    Web,
    /// gRPC-Web in Base64.
    WebText,
}

/// Returns the content type of a gRPC call: a `POST` over HTTP/2 or HTTP/3, or over any version if
/// it is gRPC-Web. No other request may get a status of 200 for a rejection.
pub(crate) fn content_type(request: &Parts) -> Option<&HeaderValue> {
    call(&request.method, request.version, &request.headers).map(|(value, _)| value)
}

fn call<'a>(
    method: &Method,
    version: Version,
    headers: &'a HeaderMap,
) -> Option<(&'a HeaderValue, Format)> {
    if method != Method::POST {
        return None;
    }
    let value = headers.get(CONTENT_TYPE)?;
    let format = Format::from_content_type(value.as_bytes())?;
    let is_call = match format {
        Format::Grpc => matches!(version, Version::HTTP_2 | Version::HTTP_3),
        Format::Web | Format::WebText => true,
    };
    is_call.then_some((value, format))
}

impl Format {
    /// Returns the format of a gRPC call; `None` if the request is not one.
    pub(crate) fn of_request<B>(request: &Request<B>) -> Option<Self> {
        let call = call(request.method(), request.version(), request.headers());
        call.map(|(_, format)| format)
    }

    /// Returns its content type, without the format of the messages: there are none in a rejection.
    pub(crate) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Grpc => "application/grpc",
            Self::Web => "application/grpc-web",
            Self::WebText => "application/grpc-web-text",
        })
    }

    /// Returns the format of messages of this content type.
    pub(crate) fn from_content_type(value: &[u8]) -> Option<Self> {
        let rest = value.strip_prefix(b"application/grpc")?;
        let (format, rest) = match rest.strip_prefix(b"-web") {
            Some(rest) => match rest.strip_prefix(b"-text") {
                Some(rest) => (Self::WebText, rest),
                None => (Self::Web, rest),
            },
            None => (Self::Grpc, rest),
        };
        ends_media_type(rest).then_some(format)
    }
}

/// Returns whether at most a message format or parameters follow.
fn ends_media_type(rest: &[u8]) -> bool {
    matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

/// A response that has headers only, with the gRPC status among them.
///
/// gRPC calls it `Trailers-Only`; gRPC-Web clients accept it as well.
pub(crate) fn render(problem: &Problem, content_type: &HeaderValue) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type.clone());
    insert_status(headers, problem);
    if let Some(wait) = problem.retry_after() {
        // When gRPC's own retries try again (gRPC proposal A6, "Pushback").
        let milliseconds = HeaderValue::from(wait.as_secs().saturating_mul(1000));
        headers.insert(HeaderName::from_static("grpc-retry-pushback-ms"), milliseconds);
    }
    response
}

/// Inserts the status and the message of a problem into headers or trailers.
pub(crate) fn insert_status(headers: &mut HeaderMap, problem: &Problem) {
    let message = format!("{} ({})", problem.detail(), problem.code());
    let message = utf8_percent_encode(&message, MESSAGE_ENCODED).to_string();
    let status = HeaderValue::from_static(grpc_status(problem.status()));
    headers.insert(HeaderName::from_static("grpc-status"), status);
    if let Ok(message) = HeaderValue::try_from(message) {
        headers.insert(HeaderName::from_static("grpc-message"), message);
    }
}

/// The gRPC status code for an HTTP status.
fn grpc_status(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => "3",
        StatusCode::NOT_FOUND => "5",
        StatusCode::CONFLICT => "6",
        StatusCode::FORBIDDEN => "7",
        StatusCode::TOO_MANY_REQUESTS => "8",
        StatusCode::UNAUTHORIZED => "16",
        status if status.is_server_error() => "14",
        _ => "2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_call(method: Method, version: Version, value: &str) -> bool {
        let request = Request::builder().method(method).version(version);
        let request = request.header(CONTENT_TYPE, value).body(()).unwrap();
        content_type(&request.into_parts().0).is_some()
    }

    #[test]
    fn recognises_calls_by_content_type() {
        for (value, expected) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;x=y", true),
            ("application/grpc-web", true),
            ("application/grpc-web+proto", true),
            ("application/grpc-web-text", true),
            ("application/grpc-web-text+proto", true),
            ("application/grpcx", false),
            ("application/grpc-other", false),
            ("application/grpc-webx", false),
            ("application/json", false),
        ] {
            assert_eq!(is_call(Method::POST, Version::HTTP_2, value), expected, "{value}");
        }
    }

    #[test]
    fn recognises_only_post_over_http_2_or_3() {
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(!is_call(Method::POST, version, "application/grpc"), "{version:?}");
            assert!(is_call(Method::POST, version, "application/grpc-web"), "{version:?}");
        }
        assert!(is_call(Method::POST, Version::HTTP_3, "application/grpc+proto"));
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::OPTIONS] {
            for value in ["application/grpc", "application/grpc-web"] {
                assert!(!is_call(method.clone(), Version::HTTP_2, value), "{method} {value}");
            }
        }
    }

    #[test]
    fn maps_http_to_grpc_status() {
        for (status, expected) in
            [(400, "3"), (401, "16"), (403, "7"), (404, "5"), (409, "6"), (422, "3"), (429, "8")]
        {
            assert_eq!(grpc_status(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
        assert_eq!(grpc_status(StatusCode::SERVICE_UNAVAILABLE), "14");
        assert_eq!(grpc_status(StatusCode::GONE), "2");
    }
}
