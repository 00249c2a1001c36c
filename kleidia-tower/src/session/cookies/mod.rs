//! `SessionCookies`: sessions of browsers, whose scripts see no token.

mod header;
mod origin;
mod set_cookie;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use secrecy::{ExposeSecret as _, SecretString};

pub(crate) use self::header::{FoundCookie, mark_cookies_sensitive};
use self::set_cookie::SetCookie;
use crate::Rejection;
use crate::account::TokenSet;
use crate::agent::WebOrigin;
use crate::opaque_token::OpaqueToken;
use crate::rate_limit::RequestHead;

/// The cookies in which browsers keep the tokens of a session, where no script can read them.
///
/// | cookie | content | sent to | for |
/// |---|---|---|---|
/// | `__Host-kleidia-access` | the access token | the whole host | the lifetime of the token |
/// | `__Secure-kleidia-refresh` | the refresh token, and the login | the path of refreshes | the lifetime of the refresh token |
/// | `__Host-kleidia-login` | the login: 256 random bits, which authenticate nothing | the whole host | the same |
///
/// All are `Secure`, `HttpOnly` and `SameSite=Strict`. [`JwtSessionLayer::with_cookies`] accepts the
/// first one. [`Api::with_cookies`](crate::api::Api::with_cookies) makes and reads all of them; a
/// service with other routes calls [`issue`](Self::issue) after a login,
/// [`refresh_cookie`](Self::refresh_cookie) and [`renew`](Self::renew) for a refresh, and
/// [`clear`](Self::clear) when the session ends.
///
/// # Rules
/// - A browser accepts a cookie with the prefix `__Host-` only for the path `/` and from the host
///   itself (RFC 6265bis, 4.1.3). The refresh token is needed at one path, so its cookie has the prefix
///   `__Secure-`, and other hosts of the domain can set one of that name. Therefore it also contains
///   the login, which has to equal that of the cookie `__Host-kleidia-login`. So no other host can sign
///   a browser in as another user.
/// - A request with `Authorization` and a cookie, or with two cookies of one name, is rejected with
///   [`Rejection::AmbiguousCredentials`].
/// - A request with a cookie that may change something, or opens a WebSocket, is rejected with
///   [`Rejection::CrossOrigin`] unless the browser says that a page of the same or of a [trusted
///   origin](Self::with_trusted_origin) has sent it, by `Sec-Fetch-Site` or by `Origin`. So is one
///   without either header. `GET`, `HEAD` and `OPTIONS` must change nothing.
/// - Browsers send `Secure` cookies over HTTPS, and to `localhost` and 127.0.0.1.
/// - Ports do not separate cookies: services on several ports of a host need different
///   [names](Self::with_name).
///
/// # Examples
/// ```
/// use kleidia_tower::session::{CookieError, JwtSessionLayer, SessionAuthenticator, SessionCookies};
///
/// fn layer(authenticator: SessionAuthenticator) -> Result<JwtSessionLayer, CookieError> {
///     let cookies = SessionCookies::new("/api/auth/refresh")?;
///     Ok(JwtSessionLayer::new(authenticator).with_cookies(cookies))
/// }
/// ```
///
/// Configured: another name, and a page on another host of the same site. Its requests need CORS, too.
///
/// ```
/// use kleidia_tower::session::SessionCookies;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cookies = SessionCookies::new("/refresh")?
///     .with_name("shop")?
///     .with_trusted_origin("https://app.example.com".parse()?);
/// # Ok(()) }
/// ```
///
/// [`JwtSessionLayer::with_cookies`]: super::JwtSessionLayer::with_cookies
#[derive(Clone)]
pub struct SessionCookies {
    names: Arc<Names>,
    refresh_path: Arc<str>,
    trusted_origins: Arc<[WebOrigin]>,
}

struct Names {
    access: String,
    refresh: String,
    login: String,
}

/// The refresh token of a request's cookie, bound to the login of this browser.
#[derive(Debug)]
pub struct RefreshCookie {
    token: SecretString,
    login: SecretString,
}

/// An error in the settings of [`SessionCookies`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CookieError {
    /// The path does not begin with `/`, or has a character that a cookie's path cannot have.
    #[error("invalid path {0:?}, expected one such as /api/auth/refresh")]
    InvalidPath(String),
    /// The name is empty, too long, or has other characters than letters, digits, `-` and `_`.
    #[error("invalid name {0:?}, expected 1 to 32 letters, digits, hyphens and underscores")]
    InvalidName(String),
}

impl SessionCookies {
    /// Creates cookies named `kleidia`. The path is that of refreshes, as browsers see it: with the
    /// prefix at which an API is nested or a proxy serves it.
    ///
    /// # Errors
    /// [`CookieError::InvalidPath`] for a path that does not begin with `/`, or that has `;`, white
    /// space or octets outside of ASCII.
    pub fn new(refresh_path: &str) -> Result<Self, CookieError> {
        let is_allowed = |octet: u8| octet.is_ascii_graphic() && octet != b';';
        if !refresh_path.starts_with('/') || !refresh_path.bytes().all(is_allowed) {
            return Err(CookieError::InvalidPath(refresh_path.to_owned()));
        }
        Ok(Self {
            names: Arc::new(Names::new("kleidia")),
            refresh_path: refresh_path.into(),
            trusted_origins: Arc::new([]),
        })
    }

    /// Sets the name that all three cookies contain; `kleidia` by default.
    ///
    /// # Errors
    /// [`CookieError::InvalidName`] unless it has 1 to 32 letters, digits, `-` and `_`.
    pub fn with_name(self, name: &str) -> Result<Self, CookieError> {
        let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if !(1..=32).contains(&name.len()) || !name.bytes().all(is_allowed) {
            return Err(CookieError::InvalidName(name.to_owned()));
        }
        Ok(Self { names: Arc::new(Names::new(name)), ..self })
    }

    /// Also accepts requests with cookies from pages of this origin; from none by default.
    ///
    /// Browsers send the cookies to pages of the same site only, such as `https://app.example.com`
    /// beside `https://api.example.com`.
    #[must_use]
    pub fn with_trusted_origin(self, origin: WebOrigin) -> Self {
        let origins = self.trusted_origins.iter().cloned().chain([origin]);
        Self { trusted_origins: origins.collect(), ..self }
    }

    /// Returns the `Set-Cookie` headers after a login.
    ///
    /// The response must not contain the tokens. Call [`check_origin`](Self::check_origin) before the
    /// login: a page of another origin could otherwise sign its visitor in as another user.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] without random numbers.
    pub fn issue(&self, tokens: &TokenSet) -> Result<HeaderMap, Rejection> {
        let unavailable = |_| Rejection::Unavailable("random numbers unavailable");
        let login = OpaqueToken::generate().map_err(unavailable)?.to_text();
        Ok(self.set(tokens, &login))
    }

    /// Returns the `Set-Cookie` headers after a refresh with this cookie.
    #[must_use]
    pub fn renew(&self, tokens: &TokenSet, cookie: &RefreshCookie) -> HeaderMap {
        self.set(tokens, &cookie.login)
    }

    /// Returns the `Set-Cookie` headers that remove all three cookies.
    #[must_use]
    pub fn clear(&self) -> HeaderMap {
        let Names { access, refresh, login } = &*self.names;
        [(access, "/"), (refresh, &*self.refresh_path), (login, "/")]
            .into_iter()
            .map(|(name, path)| SetCookie { name, path, value: "", max_age: 0 }.to_header())
            .collect()
    }

    /// Returns the refresh token of a request, after the checks of its origin and its cookies.
    ///
    /// # Errors
    /// - [`Rejection::CrossOrigin`]: see the [rules](Self#rules).
    /// - [`Rejection::AmbiguousCredentials`]: there are two cookies of a name, or `Authorization`.
    /// - [`Rejection::RefreshTokenInvalid`]: a cookie is missing or malformed, or that of the refresh
    ///   token is not from a login of this browser.
    pub fn refresh_cookie<B>(&self, request: &Request<B>) -> Result<RefreshCookie, Rejection> {
        self.refresh_cookie_of(&RequestHead::from_request(request))
    }

    pub(crate) fn refresh_cookie_of(
        &self,
        head: &RequestHead<'_>,
    ) -> Result<RefreshCookie, Rejection> {
        origin::check_origin(head, &self.trusted_origins)?;
        if head.headers().contains_key(AUTHORIZATION) {
            return Err(Rejection::AmbiguousCredentials);
        }
        let [refresh, login] = [&self.names.refresh, &self.names.login].map(|name| {
            match FoundCookie::in_headers(head.headers(), name) {
                FoundCookie::One(value) => Ok(value),
                FoundCookie::Missing => Err(Rejection::RefreshTokenInvalid),
                FoundCookie::Several => Err(Rejection::AmbiguousCredentials),
            }
        });
        RefreshCookie::new(refresh?, login?).ok_or(Rejection::RefreshTokenInvalid)
    }

    /// Checks that a request with a cookie comes from a page of this service: see the
    /// [rules](Self#rules). The layer does this for requests with an access token in a cookie.
    ///
    /// # Errors
    /// [`Rejection::CrossOrigin`].
    pub fn check_origin<B>(&self, request: &Request<B>) -> Result<(), Rejection> {
        self.check_origin_of(&RequestHead::from_request(request))
    }

    pub(crate) fn check_origin_of(&self, head: &RequestHead<'_>) -> Result<(), Rejection> {
        origin::check_origin(head, &self.trusted_origins)
    }

    /// Finds the access token.
    pub(crate) fn access_cookie<'h>(&self, headers: &'h HeaderMap) -> FoundCookie<'h> {
        FoundCookie::in_headers(headers, &self.names.access)
    }

    /// Returns whether there is a refresh token, whatever its value.
    #[cfg(feature = "axum")]
    pub(crate) fn has_refresh_cookie(&self, headers: &HeaderMap) -> bool {
        FoundCookie::in_headers(headers, &self.names.refresh) != FoundCookie::Missing
    }

    fn set(&self, tokens: &TokenSet, login: &SecretString) -> HeaderMap {
        let (access, login) = (tokens.access_token.expose_secret(), login.expose_secret());
        let refresh = format!("{}.{login}", tokens.refresh_token.expose_secret());
        let [access_ttl, refresh_ttl] =
            [tokens.expires_in, tokens.refresh_expires_in].map(|ttl| ttl.as_secs());
        let names = &*self.names;
        [
            SetCookie { name: &names.access, path: "/", value: access, max_age: access_ttl },
            SetCookie {
                name: &names.refresh,
                path: &self.refresh_path,
                value: &refresh,
                max_age: refresh_ttl,
            },
            SetCookie { name: &names.login, path: "/", value: login, max_age: refresh_ttl },
        ]
        .iter()
        .map(SetCookie::to_header)
        .collect()
    }
}

impl RefreshCookie {
    /// Returns the refresh token.
    #[must_use]
    pub const fn token(&self) -> &SecretString {
        &self.token
    }

    /// Returns the token if its cookie has this login.
    fn new(refresh: &[u8], login: &[u8]) -> Option<Self> {
        let (refresh, login) = (str::from_utf8(refresh).ok()?, str::from_utf8(login).ok()?);
        let (token, bound) = refresh.split_once('.')?;
        OpaqueToken::parse(login)?;
        verify_slices_are_equal(bound.as_bytes(), login.as_bytes()).ok()?;
        Some(Self { token: token.into(), login: login.into() })
    }
}

impl Names {
    fn new(name: &str) -> Self {
        Self {
            access: format!("__Host-{name}-access"),
            refresh: format!("__Secure-{name}-refresh"),
            login: format!("__Host-{name}-login"),
        }
    }
}

impl fmt::Debug for SessionCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCookies")
            .field("name", &self.names.access)
            .field("refresh_path", &self.refresh_path)
            .field("trusted_origins", &self.trusted_origins)
            .finish()
    }
}
