//! What a request asks for, as audit records of denials and overrides contain it.

use std::sync::Arc;

use crate::rate_limit::RequestHead;
use crate::visible_text::replace_invisible;

/// The method and the route of a request.
///
/// The route is the pattern that matched, such as `/users/{id}`, and never the request target,
/// which the client chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedRequest {
    method: String,
    route: Option<String>,
}

/// The route of a request, for services that do not use axum's router (an extension of requests).
///
/// With the feature `axum`, the layers read axum's `MatchedPath` instead if this is missing.
///
/// ```
/// use http::Request;
/// use kleidia_tower::RequestInfo;
/// use kleidia_tower::audit::MatchedRoute;
///
/// let mut request = Request::get("/users/7").body(())?;
/// request.extensions_mut().insert(MatchedRoute::new("/users/{id}"));
/// let audited = RequestInfo::from_request(&request).request;
/// assert_eq!(audited.as_ref().and_then(|request| request.route()), Some("/users/{id}"));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchedRoute(Arc<str>);

impl AuditedRequest {
    /// The maximum number of characters of a method, which the client chooses; [`Self::new`] drops
    /// the rest.
    pub const MAX_METHOD_CHARACTERS: usize = 32;

    /// Creates a request from its method and the route that matched, if one is known.
    #[must_use]
    pub fn new(method: &str, route: Option<&str>) -> Self {
        let method = replace_invisible(method, Self::MAX_METHOD_CHARACTERS);
        Self { method, route: route.map(|route| replace_invisible(route, usize::MAX)) }
    }

    pub(crate) fn from_head(head: &RequestHead<'_>) -> Self {
        let extensions = head.extensions();
        let route = extensions.get::<MatchedRoute>().map(MatchedRoute::as_str);
        #[cfg(feature = "axum")]
        let route = route.or_else(|| {
            extensions.get::<axum::extract::MatchedPath>().map(axum::extract::MatchedPath::as_str)
        });
        Self::new(head.method().as_str(), route)
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Returns the pattern of the route, or `None` if it is unknown.
    #[must_use]
    pub fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }
}

impl MatchedRoute {
    /// Creates a route from its pattern. It must not contain text of the client.
    pub fn new(pattern: impl Into<Arc<str>>) -> Self {
        Self(pattern.into())
    }

    /// Returns the pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_methods() {
        let request = AuditedRequest::new(&"A".repeat(8000), Some("/{id}"));
        assert_eq!((request.method().len(), request.route()), (32, Some("/{id}")));
    }
}
