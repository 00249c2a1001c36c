//! `RateLimitLayer` and its configuration.

use std::fmt;
use std::sync::Arc;

use http::Request;
#[cfg(feature = "axum")]
use http_guard::RejectionRenderer;
use tower_layer::Layer;

use super::guard::{Cost, LimitRule, RateLimitGuard};
use super::shared_rules::SharedRules;
use super::{Key, RateLimiter, Remaining, RequestHead, SharedLimits, TrustedProxies};
use crate::{GuardedService, Rejection, Responder};

/// Limits how many requests each key may make.
///
/// A [`Key`] is the client's address, the principal, a header, the route, the value of a function,
/// or a combination of these. Each key of a limit has a budget of its own.
///
/// # Rules
/// 1. A request over a limit is rejected with 429, `rate_limited` and `Retry-After` of at least one
///    second. A gRPC request is rejected with `RESOURCE_EXHAUSTED`.
/// 2. All limits of the layer are charged together or not at all, so a rejected request consumes no
///    budget. `Retry-After` is the longest wait of all limits.
/// 3. A request whose cost exceeds the burst of a limit is always rejected with 429. A request with
///    a cost of 0 is always allowed.
/// 4. The client's address is the [`ClientAddress`] of an outer layer, or else the peer address:
///    [`PeerAddress`], or axum's `ConnectInfo<SocketAddr>` (feature `axum`). Headers are read only
///    from [trusted proxies](Self::with_trusted_proxies); then the layer also inserts the
///    [`ClientAddress`] into the extensions of requests.
/// 5. If a limit needs the client's address and it is unknown, the request is rejected with 503 and
///    [`Rejection::ClientAddressUnknown`]. The layer logs this once, as an error.
/// 6. All clones of a layer, and all services that they wrap, share the state of its limits.
///
/// The body of a rejection is problem details by default; a [`Responder`] can replace it. The
/// typed [`Rejection`] is in the extensions of the response.
///
/// # Deployment caveats
/// - Serve with the peer address: with `http_guard::serve`, with axum's
///   `into_make_service_with_connect_info::<SocketAddr>()`, or insert [`PeerAddress`] into the
///   extensions of each request.
/// - Behind a proxy that is not trusted, all clients share the proxy's address and its budget.
/// - Place limits by address outside of the authentication that they protect, and limits by
///   principal inside of it. These are two layers.
/// - By default limits apply per process: `n` processes allow up to `n` times the limit. Share them
///   [between nodes](Self::with_shared_limits).
/// - Memory is bounded: when the table is full, the key closest to a full budget is evicted first.
///   See [`RateLimiter`] for the capacity.
///
/// [`PeerAddress`]: super::PeerAddress
/// [`ClientAddress`]: super::ClientAddress
///
/// # Example
/// The default: each request costs 1, and the client's address is the peer address.
///
/// ```
/// use http::{Request, Response, StatusCode, header::RETRY_AFTER};
/// use kleidia_tower::rate_limit::{Key, Limit, PeerAddress, RateLimitLayer};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limit: Limit = "1/60".parse()?;
/// let service = ServiceBuilder::new()
///     .layer(RateLimitLayer::new().with_limit(Key::address(), limit))
///     .service_fn(|_| async { Ok::<_, std::convert::Infallible>(Response::new(String::new())) });
///
/// let request = || {
///     let peer = PeerAddress(([192, 0, 2, 1], 4711).into());
///     Request::builder().extension(peer).body(())
/// };
/// assert_eq!(service.clone().oneshot(request()?).await?.status(), StatusCode::OK);
/// let rejected = service.oneshot(request()?).await?;
/// assert_eq!(rejected.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(rejected.headers()[RETRY_AFTER], "60");
/// # Ok(()) }
/// ```
///
/// # Configured example
/// Two limits by address, a third one for expensive routes, a trusted proxy, costs, and `RateLimit`
/// headers:
///
/// ```
/// use std::time::Duration;
/// use kleidia_tower::rate_limit::{
///     ForwardingHeader, Key, Limit, RateLimitLayer, RateLimiter, TrustedProxies,
/// };
///
/// let proxies = TrustedProxies::new(ForwardingHeader::Forwarded, ["10.0.0.0/8".parse()?]);
/// let daily = Limit::per(Duration::from_secs(86_400), 10_000)?.with_name("daily")?;
/// let is_report = Key::function(|head| head.uri().path().starts_with("/reports").then_some(()));
/// let layer = RateLimitLayer::new()
///     .with_limit(Key::address(), Limit::per(Duration::from_secs(1), 10)?.with_burst(50)?)
///     .with_limit(Key::address(), RateLimiter::new(daily).with_capacity(1_000_000)?)
///     .with_limit(Key::principal().and(is_report), "5/60".parse::<Limit>()?.with_name("reports")?)
///     .with_trusted_proxies(proxies)
///     .with_cost_fn(|head| if head.method().is_safe() { 1 } else { 5 })
///     .with_rate_limit_headers();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct RateLimitLayer(Arc<RateLimitGuard>);

impl RateLimitLayer {
    /// Creates a layer without limits. With [trusted proxies](Self::with_trusted_proxies) it still
    /// determines the client's address.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a limit with its key: a [`Limit`](super::Limit), or a [`RateLimiter`] with its own
    /// capacity.
    ///
    /// Earlier clones of the layer do not have the new limit, and share the others.
    #[must_use]
    pub fn with_limit(self, key: Key, limiter: impl Into<RateLimiter>) -> Self {
        let rule = Arc::new(LimitRule::new(key, limiter.into()));
        self.with(|guard| {
            guard.rules.push(rule);
            if let Some(shared) = &mut guard.shared {
                shared.update(&guard.rules);
            }
        })
    }

    /// Shares the state of the limits with other nodes, under the name of a scope. By default each
    /// process has its own state.
    ///
    /// Layers with the same scope and the same secret share the budgets of limits that have the
    /// same name, on one node or on several. By default the name of a limit is that of its key,
    /// such as `address`; limits of a layer that have the same name are told apart by their order.
    /// So two layers that limit different things need different scopes.
    ///
    /// The values of [`Key::function`] are hashed by [`Hash`](std::hash::Hash), which must be the
    /// same on every node: for texts, integers and derived implementations it is, if the nodes run
    /// the same version.
    ///
    /// In a Redis Cluster, the keys of a layer with one limit are spread over all slots. Those of a
    /// layer with several limits are in one slot, since they are charged together.
    ///
    /// While the store is unavailable, the [`LimitFallback`](super::LimitFallback) applies.
    #[must_use]
    pub fn with_shared_limits(self, scope: impl Into<String>, limits: SharedLimits) -> Self {
        let scope = scope.into();
        self.with(|guard| guard.shared = Some(SharedRules::new(limits, scope, &guard.rules)))
    }

    /// Sets which proxies are trusted; none by default.
    #[must_use]
    pub fn with_trusted_proxies(self, proxies: TrustedProxies) -> Self {
        self.with(|guard| guard.proxies = proxies)
    }

    /// Sets what a request costs in each of the limits; 1 by default.
    #[must_use]
    pub fn with_cost(self, cost: u32) -> Self {
        self.with(|guard| guard.cost = Cost::Fixed(cost))
    }

    /// Sets a function that returns what a request costs in each of the limits. Requests that cost
    /// 0 are always allowed.
    #[must_use]
    pub fn with_cost_fn(
        self,
        cost: impl Fn(&RequestHead<'_>) -> u32 + Send + Sync + 'static,
    ) -> Self {
        self.with(|guard| guard.cost = Cost::Function(Arc::new(cost)))
    }

    /// Adds the headers `RateLimit-Policy` and `RateLimit` to every response, for the limits that
    /// apply to the request (draft-ietf-httpapi-ratelimit-headers-11).
    ///
    /// The name of a limit is its own or, by default, that of its key, such as `address`. The quota
    /// `q` is the burst, the window `w` the time in which a whole burst refills, `r` what
    /// remains, and `t` the time until one more unit is back, in seconds.
    #[must_use]
    pub fn with_rate_limit_headers(self) -> Self {
        self.with(|guard| guard.sends_headers = true)
    }

    /// Sets how rejections are rendered; [problem details](crate::ProblemResponder) by default.
    #[must_use]
    pub fn with_responder(self, responder: impl Responder<Rejection>) -> Self {
        self.with(|guard| guard.renderer = guard.renderer.clone().with_responder(responder))
    }

    /// Returns what remains of each limit that applies to a request, with the limit's name, and
    /// charges nothing. It waits only for the store of [shared limits](Self::with_shared_limits).
    ///
    /// # Errors
    /// [`Rejection::ClientAddressUnknown`] if a limit needs the client's address and it is unknown;
    /// [`Rejection::Unavailable`] if the store of shared limits is unavailable and
    /// [`LimitFallback::Reject`](super::LimitFallback::Reject) applies.
    pub fn peek<B>(
        &self,
        request: &Request<B>,
    ) -> impl Future<Output = Result<Vec<(String, Remaining)>, Rejection>> + Send + use<B> {
        self.0.peek(request)
    }

    #[cfg(feature = "axum")]
    pub(crate) fn with_renderer(self, renderer: RejectionRenderer<Rejection>) -> Self {
        self.with(|guard| guard.renderer = renderer)
    }

    fn with(mut self, change: impl FnOnce(&mut RateLimitGuard)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = GuardedService<S, RateLimitGuard>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardedService::new(inner, Arc::clone(&self.0))
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimitLayer").field(&self.0).finish()
    }
}
