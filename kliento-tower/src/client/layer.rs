//! `KlientoClientLayer`: its configuration, and the state that its services share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use tower_layer::Layer;

use super::refresher::BundleRefresher;
use super::{KlientoClient, Origin, OriginError, OutgoingRequest, TokenBundleSource};
use crate::{Clock, SettingError};

/// Attaches a Kliento token bundle to outgoing requests.
///
/// The first request fetches the bundle from a [`TokenBundleSource`]. Later requests reuse it until
/// shortly before it expires.
///
/// # Rules
/// - Requests with an `Authorization` header are not changed.
/// - Requests to other [origins](Self::with_origin) than the configured ones are not changed. **A
///   layer without origins attaches the bundle to every request.** Every recipient of a bundle can
///   use it at the intended service until it expires, so configure the origins.
/// - The source is queried once for all concurrent requests. Cancelling a request does not cancel
///   the query.
/// - A bundle is refreshed before it expires. Requests use the cached bundle meanwhile, and also if
///   the refresh fails. After its expiry they fail with a [`BundleError`](super::BundleError).
/// - After a failure the source is not queried for at least a second.
/// - When the source [has changed](TokenBundleSource::has_changed), its bundle is refreshed
///   immediately.
/// - All state belongs to the layer: its clones and their services share it.
///
/// # Caveats
/// - Place the layer directly around the client, inside layers for redirects or retries, so that it
///   checks each request. reqwest follows redirects internally, and drops the header on a redirect
///   to another host.
/// - With tonic, requests only have an origin if the generated client was created with its
///   `with_origin`. A channel connects to one service, so the layer needs no origins there.
/// - The layer requires a tokio runtime with timers, and a synchronised clock.
///
/// # Examples
/// The default configuration, around hyper-util's client.
///
/// ```
/// # fn client() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper_util::client::legacy::Client;
/// use hyper_util::rt::TokioExecutor;
/// use kliento_tower::client::{BundleFile, KlientoClientLayer};
/// use tower::ServiceBuilder;
///
/// let layer = KlientoClientLayer::new(BundleFile::new("/run/kliento/api.bin"))
///     .with_origin("https://api.example.com")?;
/// let client = ServiceBuilder::new()
///     .layer(layer)
///     .service(Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>());
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
///
/// A configured layer: two origins, a custom source whose bundle is refreshed 10 seconds before it
/// expires, and an inner service that returns the header.
///
/// ```
/// use std::time::Duration;
/// use http::{Request, header::AUTHORIZATION};
/// use kliento::TokenBundle;
/// use kliento_tower::FixedClock;
/// use kliento_tower::client::{
///     ExpiringBundle, KlientoClientLayer, SourceError, TokenBundleSource,
/// };
/// use tower::{Layer, ServiceExt, service_fn};
///
/// struct Constant(TokenBundle);
///
/// #[async_trait::async_trait]
/// impl TokenBundleSource for Constant {
///     async fn token_bundle(&self) -> Result<ExpiringBundle, SourceError> {
///         ExpiringBundle::from_claimed_period(self.0.clone()).map_err(SourceError::new)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/reference/member-user.bin");
/// # let bundle = TokenBundle::from_bytes(std::fs::read(file)?)?;
/// let service = KlientoClientLayer::new(Constant(bundle))
///     .with_origin("https://api.example.com")?
///     .with_origin("https://api.example.net")?
///     .with_refresh_margin(Duration::from_secs(10))
///     .with_source_timeout(Duration::from_secs(5))?
///     .with_clock(FixedClock("2026-11-22T18:03:00Z".parse()?))
///     .layer(service_fn(|request: Request<String>| async move {
///         Ok::<_, std::convert::Infallible>(request.headers().get(AUTHORIZATION).cloned())
///     }));
///
/// let sent = Request::get("https://api.example.com/orders").body(String::new())?;
/// let value = service.clone().oneshot(sent).await?.expect("a bundle was attached");
/// assert!(value.as_bytes().starts_with(b"Kliento MII"));
/// assert_eq!(format!("{value:?}"), "Sensitive");
///
/// let elsewhere = Request::get("https://elsewhere.example/").body(String::new())?;
/// assert_eq!(service.oneshot(elsewhere).await?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct KlientoClientLayer(Arc<LayerState>);

/// The state that the services of a layer share.
#[derive(Clone)]
pub(super) struct LayerState {
    pub(super) refresher: BundleRefresher,
    origins: Vec<Origin>,
}

impl KlientoClientLayer {
    /// Creates a layer that attaches the bundles of this source to every request.
    pub fn new(source: impl TokenBundleSource) -> Self {
        let refresher = BundleRefresher::new(source);
        Self(Arc::new(LayerState { refresher, origins: Vec::new() }))
    }

    /// Restricts the layer to requests to this origin, such as `https://api.example.com`, and to
    /// the other origins added so.
    ///
    /// # Errors
    /// [`OriginError`] unless it is an absolute `http` or `https` URL without a path.
    pub fn with_origin(mut self, origin: &str) -> Result<Self, OriginError> {
        Arc::make_mut(&mut self.0).origins.push(origin.parse()?);
        Ok(self)
    }

    /// Sets how long before its expiry a bundle is refreshed; by default a tenth of its remaining
    /// validity when it is fetched, and at most 60 seconds.
    #[must_use]
    pub fn with_refresh_margin(self, margin: Duration) -> Self {
        self.with(|refresher| refresher.margin = Some(margin))
    }

    /// Sets the timeout of the source: 1 millisecond to 1 hour; 30 seconds by default.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_source_timeout(self, timeout: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_millis(1)..=Duration::from_secs(3600);
        let timeout = SettingError::check("source timeout", timeout, bounds)?;
        Ok(self.with(|refresher| refresher.source_timeout = timeout))
    }

    /// Sets the clock; the [system's](crate::SystemClock) by default.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.with(|refresher| refresher.clock = Arc::new(clock))
    }

    fn with(mut self, change: impl FnOnce(&mut BundleRefresher)) -> Self {
        change(&mut Arc::make_mut(&mut self.0).refresher);
        self
    }
}

impl LayerState {
    /// Returns whether the layer must attach a bundle.
    pub(super) fn needs_bundle(&self, request: &impl OutgoingRequest) -> bool {
        let matches_origin =
            self.origins.is_empty() || self.origins.iter().any(|origin| request.targets(origin));
        matches_origin && !request.headers().contains_key(AUTHORIZATION)
    }
}

impl<S> Layer<S> for KlientoClientLayer {
    type Service = KlientoClient<S>;

    fn layer(&self, inner: S) -> Self::Service {
        KlientoClient::new(inner, Arc::clone(&self.0))
    }
}

impl fmt::Debug for LayerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KlientoClient").field("origins", &self.origins).finish_non_exhaustive()
    }
}
