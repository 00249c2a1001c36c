//! Device tokens in cookies and headers.

use std::time::Duration;

use aws_lc_rs::digest;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::UserName;

/// The header for clients that keep no cookies.
const X_DEVICE_TOKEN: HeaderName = HeaderName::from_static("x-device-token");

/// Returns the device token of a login request: that of the header, or else that of the cookie.
pub(super) fn presented(headers: &HeaderMap, name: &str) -> Option<SecretString> {
    if let Some(value) = headers.get(X_DEVICE_TOKEN) {
        return Some(value.to_str().ok()?.into());
    }
    let cookie = cookie_name(&name.parse().ok()?);
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        values.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| name.trim() == cookie).map(|(_, value)| value.trim().into())
}

/// Adds the cookie of a device token to the response of a login. Browsers keep it where no script can
/// read it, and send it only over TLS or to the local machine (RFC 6265bis, 4.1).
pub(super) fn set_cookie(
    headers: &mut HeaderMap,
    name: &UserName,
    token: &SecretString,
    max_age: Duration,
) {
    let (cookie, token, seconds) = (cookie_name(name), token.expose_secret(), max_age.as_secs());
    let attributes = "Path=/; Secure; HttpOnly; SameSite=Strict";
    append(headers, SET_COOKIE, &format!("{cookie}={token}; Max-Age={seconds}; {attributes}"));
}

/// Adds the device token to the response of a login, for clients without cookies.
pub(super) fn set_header(headers: &mut HeaderMap, token: &SecretString) {
    append(headers, X_DEVICE_TOKEN, token.expose_secret());
}

fn append(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // The value is Base64url, so the conversion succeeds.
    if let Ok(mut value) = HeaderValue::from_str(value) {
        value.set_sensitive(true);
        headers.append(name, value);
    }
}

/// Returns the name of the cookie. Several users of a browser have one each.
fn cookie_name(name: &UserName) -> String {
    let digest = digest::digest(&digest::SHA256, name.as_str().as_bytes());
    let prefix = digest.as_ref().iter().take(8);
    prefix.fold("__Host-kleidia-device-".to_owned(), |text, octet| format!("{text}{octet:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let value = |value: &str| HeaderValue::from_str(value).unwrap();
        pairs.iter().map(|(name, text)| (name.clone(), value(text))).collect()
    }

    fn token(headers: &HeaderMap, name: &str) -> Option<String> {
        presented(headers, name).map(|token| token.expose_secret().to_owned())
    }

    #[test]
    fn each_user_has_a_cookie() {
        let mut response = HeaderMap::new();
        let alice = "alice".parse().unwrap();
        set_cookie(&mut response, &alice, &"token".into(), Duration::from_secs(60));
        set_header(&mut response, &"token".into());
        let cookie = response[SET_COOKIE].to_str().unwrap();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, "Max-Age=60; Path=/; Secure; HttpOnly; SameSite=Strict");
        assert_eq!(response[X_DEVICE_TOKEN], "token");
        let request = headers(&[(COOKIE, "a=b"), (COOKIE, &format!("x=y; {pair}; z"))]);
        assert_eq!(token(&request, "Alice").as_deref(), Some("token"));
        assert_eq!(token(&request, "bob"), None);
        assert_eq!(token(&request, "no name\u{200b}"), None);
    }

    #[test]
    fn header_precedes_cookie() {
        let cookie = format!("{}=cookie", cookie_name(&"alice".parse().unwrap()));
        let both = headers(&[(X_DEVICE_TOKEN, "header"), (COOKIE, &cookie)]);
        assert_eq!(token(&both, "alice").as_deref(), Some("header"));
    }
}
