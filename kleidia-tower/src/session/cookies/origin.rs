//! Whether a request with cookies comes from a page of this service (Fetch Metadata, 2; Fetch, 3.2).
//!
//! tower-http's `CsrfLayer` is for all requests of a service, and treats the handshake of a WebSocket
//! as a safe `GET`. This check is for the requests that are authenticated by a cookie, and allows fewer
//! of them: a test compares both.

use std::net::Ipv4Addr;

use http::header::{HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_guard::log_text_up_to;

use crate::Rejection;
use crate::agent::WebOrigin;
use crate::rate_limit::RequestHead;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The maximum number of characters of a header in the log.
const MAX_CHARACTERS: usize = 60;

/// Allows safe requests, and those of a page with the same origin or a trusted one.
///
/// # Errors
/// [`Rejection::CrossOrigin`].
pub(super) fn check_origin(head: &RequestHead<'_>, trusted: &[WebOrigin]) -> Result<(), Rejection> {
    if is_safe(head) || is_allowed(head, trusted) {
        return Ok(());
    }
    let headers = head.headers();
    let [site, origin] = [SEC_FETCH_SITE, ORIGIN].map(|name| describe(headers, &name));
    Err(Rejection::CrossOrigin(format!("Sec-Fetch-Site {site}, Origin {origin}").into()))
}

/// Returns whether the request changes nothing, and whether scripts of other origins cannot read the
/// response. Those of WebSockets they can: CORS does not apply to them.
fn is_safe(head: &RequestHead<'_>) -> bool {
    matches!(*head.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && !head.headers().contains_key(UPGRADE)
}

fn is_allowed(head: &RequestHead<'_>, trusted: &[WebOrigin]) -> bool {
    let (site, origin) = (single(head, &SEC_FETCH_SITE), single(head, &ORIGIN));
    let (Ok(site), Ok(origin)) = (site, origin) else { return false };
    let is_trusted = |origin: &HeaderValue| trusted.iter().any(|it| it.as_header() == origin);
    if origin.is_some_and(is_trusted) {
        return true;
    }
    match (site.map(HeaderValue::as_bytes), origin) {
        // `Origin` may be `null` with `same-origin`, under the policy `no-referrer` of the page. With `none`,
        // the user opened an address, rather than a page.
        (Some(b"same-origin"), _) | (Some(b"none"), None) => true,
        // Not a secure context, or a WebSocket of Chromium.
        (None | Some(b"none"), Some(origin)) => is_own(head, origin),
        // Without both, it is not from a browser, or a proxy has removed them.
        _ => false,
    }
}

/// Returns the only value of a header, or an error if there are several.
fn single<'a>(
    head: &RequestHead<'a>,
    name: &HeaderName,
) -> Result<Option<&'a HeaderValue>, MultipleValues> {
    let mut values = head.headers().get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(MultipleValues) } else { Ok(first) }
}

struct MultipleValues;

/// Returns whether an origin is that of the request. Browsers send `Secure` cookies over HTTPS, and to
/// the local machine. What a page of the same host over HTTP sends may be of an attacker on the network.
fn is_own(head: &RequestHead<'_>, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    if origin.parse::<WebOrigin>().is_err() {
        return false;
    }
    let authority = match origin.split_once("://") {
        Some(("https", authority)) => authority,
        Some((_, authority)) if is_loopback(authority) => authority,
        _ => return false,
    };
    let Ok(host) = single(head, &HOST) else { return false };
    let host = match (head.uri().authority(), host) {
        (Some(target), _) => target.as_str().as_bytes(),
        (None, Some(host)) => host.as_bytes(),
        (None, None) => return false,
    };
    host.eq_ignore_ascii_case(authority.as_bytes())
}

fn is_loopback(authority: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|octet| octet.is_ascii_digit());
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    };
    let is_name = host == "localhost" || host.ends_with(".localhost");
    is_name || host == "[::1]" || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
}

fn describe(headers: &HeaderMap, name: &HeaderName) -> String {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => "missing".to_owned(),
        (Some(value), None) => {
            log_text_up_to(MAX_CHARACTERS, String::from_utf8_lossy(value.as_bytes()))
        }
        (Some(_), Some(_)) => "repeated".to_owned(),
    }
}

#[cfg(test)]
mod tests;
