//! The key of a limit: the client's address, the principal, a header, the route, a function.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderName, Method, Request, Uri};

use super::ClientAddress;
use crate::Principal;

/// Determines the key of a request: each key has a budget of its own.
///
/// Keys are hashed in place, without copying. The key of a function is the value that it returns.
///
/// ```
/// use http::HeaderName;
/// use kleidia_tower::rate_limit::Key;
///
/// let per_client_and_path = Key::address().and(Key::function(|head| Some(head.uri().path().to_owned())));
/// let per_tenant = Key::header(HeaderName::from_static("x-tenant"));
/// // Requests for `/health` are not limited.
/// let except_health = Key::function(|head| (head.uri().path() != "/health").then_some(()));
/// ```
#[derive(Clone, Debug)]
pub struct Key(Vec<Part>);

#[derive(Clone)]
enum Part {
    Address,
    Principal,
    Header(HeaderName),
    #[cfg(feature = "axum")]
    Route,
    Function(Function),
}

/// Hashes the key of a request, and returns whether there is one.
type Function = Arc<dyn for<'a> Fn(&RequestHead<'a>, &mut dyn Hasher) -> bool + Send + Sync>;

/// A request without its body.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

/// A request, with the key to determine for one limit.
pub(crate) struct RequestKey<'a> {
    pub(crate) key: &'a Key,
    pub(crate) head: RequestHead<'a>,
    pub(crate) address: Option<ClientAddress>,
}

/// The reason why a request has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MissingKey {
    /// The limit does not apply to the request.
    Exempt,
    AddressUnknown,
}

impl Key {
    /// Uses the client's address: an IPv4 address, or an IPv6 network of 64 bits.
    ///
    /// A client with a larger IPv6 network has many keys. If the client's address is unknown, the
    /// request is rejected with 503: see [`RateLimitLayer`](super::RateLimitLayer).
    #[must_use]
    pub fn address() -> Self {
        Self(vec![Part::Address])
    }

    /// Uses the [`Principal`] that an outer layer authenticated: the id of a user, or the subject
    /// of a workload. For requests without a principal it is the client's address.
    #[must_use]
    pub fn principal() -> Self {
        Self(vec![Part::Principal])
    }

    /// Uses the values of all lines of a header. Requests without the header share one key.
    ///
    /// Clients choose their headers, so use this only for a header that another layer has checked.
    #[must_use]
    pub fn header(name: HeaderName) -> Self {
        Self(vec![Part::Header(name)])
    }

    /// Uses the method and the route that axum matched: `/users/{id}` is one route for every `id`.
    ///
    /// Requests that match no route share one key. If the layer is outside of the router, all
    /// requests do.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn route() -> Self {
        Self(vec![Part::Route])
    }

    /// Uses the value that a function returns for a request. If it returns `None`, the limit does
    /// not apply to the request.
    #[must_use]
    pub fn function<K, F>(function: F) -> Self
    where
        F: Fn(&RequestHead<'_>) -> Option<K> + Send + Sync + 'static,
        K: Hash,
    {
        let hash = move |head: &RequestHead<'_>, mut hasher: &mut dyn Hasher| {
            let key = function(head);
            key.inspect(|key| key.hash(&mut hasher)).is_some()
        };
        Self(vec![Part::Function(Arc::new(hash))])
    }

    /// Combines two keys: each pair of values is a key. The limit applies only to requests that
    /// have both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns the name of limits that have no name of their own.
    pub(crate) fn name(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(Part::name).collect();
        names.join("-")
    }
}

impl<'a> RequestHead<'a> {
    pub(crate) fn from_request<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    #[cfg(feature = "axum")]
    pub(crate) const fn from_parts(parts: &'a http::request::Parts) -> Self {
        let http::request::Parts { method, uri, headers, extensions, .. } = parts;
        Self { method, uri, headers, extensions }
    }

    /// Returns the method.
    #[must_use]
    pub const fn method(&self) -> &'a Method {
        self.method
    }

    /// Returns the request target.
    #[must_use]
    pub const fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// Returns the headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// Returns the extensions, which outer layers have set.
    #[must_use]
    pub const fn extensions(&self) -> &'a Extensions {
        self.extensions
    }
}

impl Part {
    const fn name(&self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Principal => "principal",
            Self::Header(_) => "header",
            #[cfg(feature = "axum")]
            Self::Route => "route",
            Self::Function(_) => "function",
        }
    }
}

impl RequestKey<'_> {
    /// Hashes all parts of the key.
    pub(crate) fn hash(&self, hasher: &mut impl Hasher) -> Result<(), MissingKey> {
        self.key.0.iter().try_for_each(|part| self.hash_part(part, hasher))
    }

    fn hash_part(&self, part: &Part, hasher: &mut impl Hasher) -> Result<(), MissingKey> {
        match part {
            Part::Address => self.hash_address(hasher)?,
            Part::Principal => self.hash_principal(hasher)?,
            Part::Header(name) => {
                let values = self.head.headers.get_all(name);
                // The count separates the values from the next part of the key.
                values.iter().count().hash(hasher);
                values.iter().for_each(|value| value.as_bytes().hash(hasher));
            }
            #[cfg(feature = "axum")]
            Part::Route => {
                let route = self.head.extensions.get::<axum::extract::MatchedPath>();
                (self.head.method, route.map(axum::extract::MatchedPath::as_str)).hash(hasher);
            }
            Part::Function(function) => {
                if !function(&self.head, hasher) {
                    return Err(MissingKey::Exempt);
                }
            }
        }
        Ok(())
    }

    fn hash_address(&self, hasher: &mut impl Hasher) -> Result<(), MissingKey> {
        self.address.ok_or(MissingKey::AddressUnknown)?.network_key().hash(hasher);
        Ok(())
    }

    fn hash_principal(&self, hasher: &mut impl Hasher) -> Result<(), MissingKey> {
        let principal = self.head.extensions.get::<Principal>();
        match principal.map(|principal| (principal, principal.user_id())) {
            Some((_, Some(user))) => (0_u8, user).hash(hasher),
            Some((workload, None)) => (1_u8, workload.name()).hash(hasher),
            None => {
                2_u8.hash(hasher);
                self.hash_address(hasher)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header {name}"),
            _ => f.write_str(self.name()),
        }
    }
}
