//! What a limit counts by: the client's address, who is calling, a header, a route, your function.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderName, Method, Request, Uri};

use super::ClientAddress;
use crate::Principal;

/// What a limit counts by.
///
/// Keys are hashed where they are, without being copied; your function's is what it returns.
///
/// ```
/// use http::HeaderName;
/// use kleidia_tower::rate_limit::Key;
///
/// let per_client_and_path = Key::address().and(Key::function(|head| Some(head.uri().path().to_owned())));
/// let per_tenant = Key::header(HeaderName::from_static("x-tenant"));
/// // Not at all for who asks for nothing but health.
/// let but_health = Key::function(|head| (head.uri().path() != "/health").then_some(()));
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

/// Hashes its result, unless there is none.
type Function = Arc<dyn for<'a> Fn(&RequestHead<'a>, &mut dyn Hasher) -> bool + Send + Sync>;

/// A request without its body.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    method: &'a Method,
    uri: &'a Uri,
    headers: &'a HeaderMap,
    extensions: &'a Extensions,
}

/// A request's key for one limit.
pub(crate) struct KeyOf<'a> {
    pub(crate) key: &'a Key,
    pub(crate) head: RequestHead<'a>,
    pub(crate) address: Option<ClientAddress>,
}

/// Why a request has no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// The limit is not for it.
    Exempt,
    /// The address is not known.
    NoAddress,
}

impl Key {
    /// By the client's address: IPv4 addresses, and IPv6 networks of 64 bits.
    ///
    /// Whoever has a larger IPv6 network has many keys. Requests whose address nobody knows are
    /// refused with 503.
    #[must_use]
    pub fn address() -> Self {
        Self(vec![Part::Address])
    }

    /// By the [`Principal`], as an outer layer proved it: users by their number, workloads by
    /// their name. Who is not known counts by address.
    #[must_use]
    pub fn principal() -> Self {
        Self(vec![Part::Principal])
    }

    /// By the values of a header, of all its lines; requests without it share one key.
    ///
    /// Clients choose what they send: that limits nobody unless something else has checked it.
    #[must_use]
    pub fn header(name: HeaderName) -> Self {
        Self(vec![Part::Header(name)])
    }

    /// By method and by route, as axum matched it: `/users/{id}` is one, whatever the `id`.
    ///
    /// Requests that match none share one key. So do all where the layer is outside of the router.
    #[cfg(feature = "axum")]
    #[must_use]
    pub fn route() -> Self {
        Self(vec![Part::Route])
    }

    /// By what your function says of a request; the limit is not for those of which it says
    /// `None`.
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

    /// By both: each pair of theirs is a key. The limit is not for requests for which one isn't.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// What limits are called that have no name of their own.
    pub(crate) fn name(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(Part::name).collect();
        names.join("-")
    }
}

impl<'a> RequestHead<'a> {
    pub(crate) fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &'a Method {
        self.method
    }

    /// The target.
    #[must_use]
    pub const fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The headers.
    #[must_use]
    pub const fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// What outer layers have found out.
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

impl KeyOf<'_> {
    /// Hashes every part, if the request has them.
    pub(crate) fn hash(&self, hasher: &mut impl Hasher) -> Result<(), NoKey> {
        self.key.0.iter().try_for_each(|part| self.hash_part(part, hasher))
    }

    fn hash_part(&self, part: &Part, hasher: &mut impl Hasher) -> Result<(), NoKey> {
        match part {
            Part::Address => self.hash_address(hasher)?,
            Part::Principal => self.hash_principal(hasher)?,
            Part::Header(name) => {
                let values = self.head.headers.get_all(name);
                // How many there are, lest the next part's key pass for one of them.
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
                    return Err(NoKey::Exempt);
                }
            }
        }
        Ok(())
    }

    fn hash_address(&self, hasher: &mut impl Hasher) -> Result<(), NoKey> {
        self.address.ok_or(NoKey::NoAddress)?.host().hash(hasher);
        Ok(())
    }

    fn hash_principal(&self, hasher: &mut impl Hasher) -> Result<(), NoKey> {
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
