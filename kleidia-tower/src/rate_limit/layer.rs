//! `RateLimitLayer`: its configuration, and all that its services share.

use std::fmt;
use std::sync::Arc;

use http::Request;
use tower_layer::Layer;

use super::guard::{Cost, RateLimitGuard, Rule};
use super::{Budget, Key, RateLimiter, RequestHead, TrustedProxies};
use crate::{Guarded, Rejection, Responder};

/// Limits how often clients may ask, by their address, by who they are, or by what you choose.
///
/// A request that exceeds one of the limits is refused with 429, `rate_limited`, and `Retry-After`
/// of at least a second; a gRPC request with `RESOURCE_EXHAUSTED`. The response's body is problem
/// details unless a [`Responder`] makes another, and the typed [`Rejection`] is in its extensions.
///
/// # Rules
/// - Limits are checked together, and charged together or not at all: a request that one of them
///   refuses costs the others nothing. `Retry-After` is when none refuses any more.
/// - Each limit is exact, in bounded memory, and forgets last who owes most: see [`RateLimiter`].
/// - All state is the layer's. Clones, and the services of all of them, share it.
/// - The client's address is the peer's, as the server tells it: [`PeerAddress`], or axum's
///   `ConnectInfo<SocketAddr>` with feature `axum`. Headers count where you say which proxies are
///   [trusted](TrustedProxies); then requests go on with the [`ClientAddress`] in their extensions.
/// - Where a limit goes by address and none is known, requests are refused with 503.
/// - A request that costs more than a limit's burst is refused with 429, always.
///
/// # Deployment
/// - Limits by address belong outside of authentication, which they protect; limits by principal
///   inside. Both is two layers, or one inside with both limits.
/// - Each node counts for itself: behind a balancer, `n` nodes let up to `n` times as much pass.
/// - Behind a proxy that is not [trusted](Self::with_trusted_proxies), all clients are one.
///
/// [`PeerAddress`]: super::PeerAddress
/// [`ClientAddress`]: super::ClientAddress
///
/// # Examples
/// The default: requests cost 1, and the client is the other end of the connection.
///
/// ```
/// use http::{Request, Response, StatusCode, header::RETRY_AFTER};
/// use kleidia_tower::rate_limit::{Key, Limit, PeerAddress, RateLimitLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let limit: Limit = "1/60".parse().unwrap();
/// let service = ServiceBuilder::new()
///     .layer(RateLimitLayer::new().limit(Key::address(), limit))
///     .service_fn(|_| async { Ok::<_, std::convert::Infallible>(Response::new(String::new())) });
///
/// let request = || {
///     let peer = PeerAddress("192.0.2.1:4711".parse().unwrap());
///     Request::builder().extension(peer).body(()).unwrap()
/// };
/// assert_eq!(service.clone().oneshot(request()).await.unwrap().status(), StatusCode::OK);
/// let refused = service.oneshot(request()).await.unwrap();
/// assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(refused.headers()[RETRY_AFTER], "60");
/// # }
/// ```
///
/// Configured: two limits for each client, a third for expensive paths, clients behind a proxy, and
/// `RateLimit` fields.
///
/// ```
/// use std::time::Duration;
/// use kleidia_tower::rate_limit::{
///     ForwardingHeader, Key, Limit, RateLimitLayer, RateLimiter, TrustedProxies,
/// };
///
/// let proxies = TrustedProxies::new(ForwardingHeader::Forwarded, ["10.0.0.0/8".parse()?]);
/// let daily = Limit::per(Duration::from_secs(86_400), 10_000)?.named("daily")?;
/// let is_report = Key::function(|head| head.uri().path().starts_with("/reports").then_some(()));
/// let layer = RateLimitLayer::new()
///     .limit(Key::address(), Limit::per(Duration::from_secs(1), 10)?.with_burst(50)?)
///     .limit(Key::address(), RateLimiter::new(daily).with_room_for(1_000_000))
///     .limit(Key::principal().and(is_report), "5/60".parse::<Limit>()?.named("reports")?)
///     .with_trusted_proxies(proxies)
///     .with_cost_of(|head| if head.method().is_safe() { 1 } else { 5 })
///     .with_fields();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct RateLimitLayer(Arc<RateLimitGuard>);

impl RateLimitLayer {
    /// A layer without limits; with [trusted proxies](Self::with_trusted_proxies) it finds the
    /// client's address.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a limit, for what you count by: a [`Limit`](super::Limit), or a [`RateLimiter`] with
    /// room for as many keys as you like.
    ///
    /// Clones that are made before don't have it, and share the others.
    #[must_use]
    pub fn limit(self, key: Key, limiter: impl Into<RateLimiter>) -> Self {
        let rule = Arc::new(Rule::new(key, limiter.into()));
        self.with(|guard| guard.rules.push(rule))
    }

    /// Sets which proxies are believed; none by default.
    #[must_use]
    pub fn with_trusted_proxies(self, proxies: TrustedProxies) -> Self {
        self.with(|guard| guard.proxies = proxies)
    }

    /// Sets what each request costs, of each of the limits; 1 by default.
    #[must_use]
    pub fn with_cost(self, cost: u32) -> Self {
        self.with(|guard| guard.cost = Cost::Fixed(cost))
    }

    /// Sets what requests cost, of each of the limits; those that cost 0 always pass.
    #[must_use]
    pub fn with_cost_of(
        self,
        cost: impl Fn(&RequestHead<'_>) -> u32 + Send + Sync + 'static,
    ) -> Self {
        self.with(|guard| guard.cost = Cost::Of(Arc::new(cost)))
    }

    /// Tells clients of the limits that are for them, on every response: `RateLimit-Policy` and
    /// `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11).
    ///
    /// A limit's name is its own or, if it has none, what it counts by, such as `address`. The
    /// quota `q` is the burst, the window `w` how long a whole burst takes to come back, `r` what
    /// is left, and `t` when one more is back, in seconds.
    #[must_use]
    pub fn with_fields(self) -> Self {
        self.with(|guard| guard.has_fields = true)
    }

    /// Sets what refusals look like; [problem details](crate::ProblemResponder) by default.
    #[must_use]
    pub fn with_responder(self, responder: impl Responder) -> Self {
        self.with(|guard| guard.answer.responder = Arc::new(responder))
    }

    /// Tells what a request has left of each of the limits that are for it, by their names, and
    /// charges nothing.
    ///
    /// # Errors
    /// As the request would be refused itself: if a limit goes by address, and none is known.
    pub fn peek<B>(&self, request: &Request<B>) -> Result<Vec<(&str, Budget)>, Rejection> {
        self.0.peek(request)
    }

    fn with(mut self, change: impl FnOnce(&mut RateLimitGuard)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = Guarded<S, RateLimitGuard>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded::new(inner, Arc::clone(&self.0))
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimitLayer").field(&self.0).finish()
    }
}
