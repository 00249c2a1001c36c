//! Cookies of sessions: who asks for them, and when they are removed.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use secrecy::SecretString;

use crate::rate_limit::RequestHead;
use crate::session::{RefreshCookie, SessionCookies};
use crate::{InvalidField, Rejection};

/// The cookies of the API, as an extension of each request; `None` if it has none.
#[derive(Clone)]
pub(super) struct ApiCookies(pub(super) Option<SessionCookies>);

/// A request, and the cookies of the API.
pub(super) struct CookieRequest {
    cookies: Option<SessionCookies>,
    head: Parts,
}

/// The tokens to refresh with.
pub(super) enum RefreshSource {
    Body(SecretString),
    Cookie(SessionCookies, RefreshCookie),
}

impl<S: Sync> FromRequestParts<S> for CookieRequest {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let cookies = parts.extensions.get().and_then(|ApiCookies(cookies)| cookies.clone());
        Ok(Self { cookies, head: parts.clone() })
    }
}

impl CookieRequest {
    /// Returns the cookies in which the tokens of a login are to be kept, if the body asks for them.
    pub(super) fn for_login(self, is_asked: bool) -> Result<Option<SessionCookies>, Rejection> {
        if !is_asked {
            return Ok(None);
        }
        let cookies = self.cookies.ok_or_else(unsupported)?;
        // Otherwise a page of another origin could sign its visitor in as another user.
        cookies.check_origin_of(&RequestHead::from_parts(&self.head))?;
        Ok(Some(cookies))
    }

    /// Returns where the refresh token is: in the body, or in a cookie if the body asks for it.
    pub(super) fn for_refresh(
        self,
        token: Option<SecretString>,
        is_asked: bool,
    ) -> Result<RefreshSource, Rejection> {
        let headers = &self.head.headers;
        let has_cookie = |cookies: &SessionCookies| cookies.has_refresh_cookie(headers);
        if let Some(token) = token {
            let is_ambiguous = is_asked || self.cookies.as_ref().is_some_and(has_cookie);
            let body = RefreshSource::Body(token);
            return if is_ambiguous { Err(Rejection::AmbiguousCredentials) } else { Ok(body) };
        }
        if !is_asked {
            return Err(missing_token());
        }
        let cookies = self.cookies.ok_or_else(unsupported)?;
        let cookie = cookies.refresh_cookie_of(&RequestHead::from_parts(&self.head))?;
        Ok(RefreshSource::Cookie(cookies, cookie))
    }

    /// Returns whether a caller whom the layer has authenticated has sent a cookie.
    pub(super) fn is_authenticated_by_cookie(&self) -> bool {
        // The layer rejects a request with both.
        self.cookies.is_some() && !self.head.headers.contains_key(AUTHORIZATION)
    }

    /// Returns the headers that remove the cookies of a caller that was authenticated by one.
    pub(super) fn clear(&self) -> HeaderMap {
        let cookies = self.cookies.as_ref().filter(|_| self.is_authenticated_by_cookie());
        cookies.map(SessionCookies::clear).unwrap_or_default()
    }
}

fn unsupported() -> Rejection {
    let detail = "The service keeps no sessions in cookies";
    Rejection::InvalidFields(vec![InvalidField::new("cookies", "invalid", detail)])
}

fn missing_token() -> Rejection {
    let detail = "The field is required";
    Rejection::InvalidFields(vec![InvalidField::new("refresh_token", "missing", detail)])
}
