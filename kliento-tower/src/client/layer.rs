//! `KlientoClientLayer`: its configuration, and the state that its services share.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::header::AUTHORIZATION;
use tower_layer::Layer;

use super::refresher::BundleRefresher;
use super::{
    BundleError, KlientoClient, NoRetry, Origin, OriginConfigError, OutgoingRequest,
    TokenBundleSource,
};
use crate::{Clock, SettingError};

/// Attaches a Kliento token bundle to outgoing requests.
///
/// The first request fetches the bundle from a [`TokenBundleSource`]. Later requests reuse it until
/// shortly before it expires.
///
/// # Rules
/// - Requests with an `Authorization` header are not changed.
/// - Every recipient of a bundle can use it at the intended service until it expires. So a layer
///   attaches a bundle to the requests to one origin: that of its
///   [configuration](Self::with_origin), or else that of its first request. Without a
///   configuration, requests to a second origin fail with [`BundleError::SecondOrigin`].
/// - For several origins, [map each to its audience](Self::with_audience): the source is queried
///   for each audience, and a bundle for another one is not sent.
/// - Requests to other origins than the configured ones are not changed.
/// - The source is queried once for all concurrent requests with an audience. Cancelling a request
///   does not cancel the query.
/// - A bundle is refreshed before it expires. Requests use the cached bundle meanwhile, and also if
///   the refresh fails. After its expiry they fail with a [`BundleError`].
/// - After a failure the source is not queried for at least a second, unless it has changed.
/// - When the source [has changed](TokenBundleSource::has_changed), its bundle is refreshed within
///   about a second, unless the source has failed and asked for a delay.
/// - Each request is sent once, unless [`Self::with_retry`] allows a second attempt after a 401.
/// - All state belongs to the layer: its clones and their services share it.
///
/// # Caveats
/// - Place the layer directly around the client, inside layers for redirects or retries, so that it
///   checks each request. reqwest follows redirects internally, and drops the header on a redirect
///   to another host.
/// - With tonic, requests only have an origin if the generated client was created with its
///   `with_origin`. Without it, the bundle is for the service that the layer was first used with,
///   and its clones: use a layer per channel.
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
/// A configured layer: two origins of one service, a custom source whose bundle is refreshed 10
/// seconds before it expires, and an inner service that returns the header.
///
/// ```
/// use std::time::Duration;
/// use http::{Request, header::AUTHORIZATION};
/// use kliento_core::TokenBundle;
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
///     async fn token_bundle(&self, _: Option<&str>) -> Result<ExpiringBundle, SourceError> {
///         ExpiringBundle::from_claimed_period(self.0.clone()).map_err(SourceError::new)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/member-user.bin");
/// # let bundle = TokenBundle::from_bytes(std::fs::read(file)?)?;
/// let service = KlientoClientLayer::new(Constant(bundle))
///     .with_audience("https://api.example.com", "https://api.example.com")?
///     .with_audience("https://api.example.net", "https://api.example.com")?
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
pub struct KlientoClientLayer<P = NoRetry>(Arc<LayerState>, PhantomData<fn() -> P>);

/// The state that the services of a layer share.
#[derive(Clone)]
pub(super) struct LayerState {
    /// For the source's own audience.
    refresher: BundleRefresher,
    targets: Vec<Target>,
    /// The receiver of the first request to a layer without targets.
    first: Arc<OnceLock<Receiver>>,
    /// The number of services that the layer was applied to.
    services: Arc<AtomicU64>,
}

/// The receiver of a bundle: an origin, or the service for requests that are paths on its
/// connection.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Receiver {
    Origin(Origin),
    Service(u64),
}

/// An origin, and the bundles of its audience.
#[derive(Clone)]
struct Target {
    origin: Origin,
    refresher: BundleRefresher,
}

impl KlientoClientLayer {
    /// Creates a layer that attaches the bundles of this source to requests to one origin: that of
    /// the first request.
    pub fn new(source: impl TokenBundleSource) -> Self {
        let refresher = BundleRefresher::new(source);
        let (first, services) = (Arc::default(), Arc::default());
        let state = LayerState { refresher, targets: Vec::new(), first, services };
        Self(Arc::new(state), PhantomData)
    }
}

impl<P> KlientoClientLayer<P> {
    /// Restricts the layer to requests to this origin, such as `https://api.example.com`.
    ///
    /// The bundles are those for the source's own audience. Other origins need an audience: see
    /// [`Self::with_audience`].
    ///
    /// # Errors
    /// [`OriginConfigError::Invalid`] unless it is an absolute `http` or `https` URL without a
    /// path, and [`OriginConfigError::SecondOrigin`] for a second one.
    pub fn with_origin(self, origin: &str) -> Result<Self, OriginConfigError> {
        let origin: Origin = origin.parse()?;
        let mut targets = self.0.targets.iter();
        match targets.find(|target| target.refresher.audience.is_none()) {
            Some(first) if first.origin != origin => {
                Err(OriginConfigError::SecondOrigin { first: first.origin.clone(), second: origin })
            }
            _ => self.with_target(origin, None),
        }
    }

    /// Attaches bundles for this audience to requests to this origin, and restricts the layer to it
    /// and to the other origins added so.
    ///
    /// Origins with the same audience share a bundle, so that each can use it at the others.
    ///
    /// # Errors
    /// [`OriginConfigError::Invalid`] unless it is an absolute `http` or `https` URL without a
    /// path, and [`OriginConfigError::Conflict`] if it has another audience already.
    pub fn with_audience(self, origin: &str, audience: &str) -> Result<Self, OriginConfigError> {
        self.with_target(origin.parse()?, Some(audience))
    }

    /// Sets how long before its expiry a bundle is refreshed; by default a tenth of its remaining
    /// validity when it is fetched, and at most 60 seconds.
    ///
    /// With zero, a bundle is refreshed when it expires. A margin beyond its validity does not
    /// query the source for each request: the next refresh is after a tenth of the remaining
    /// validity, which is bounded by 1 and 60 seconds.
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
        let clock: Arc<dyn Clock> = Arc::new(clock);
        self.with(|refresher| refresher.clock = Arc::clone(&clock))
    }

    pub(super) fn with_retry_policy<Q>(self) -> KlientoClientLayer<Q> {
        KlientoClientLayer(self.0, PhantomData)
    }

    fn with_target(
        mut self,
        origin: Origin,
        audience: Option<&str>,
    ) -> Result<Self, OriginConfigError> {
        let state = Arc::make_mut(&mut self.0);
        if let Some(target) = state.targets.iter().find(|target| target.origin == origin) {
            let is_same = target.refresher.audience.as_deref() == audience;
            return if is_same { Ok(self) } else { Err(OriginConfigError::Conflict { origin }) };
        }
        let refreshers = state.targets.iter().map(|target| &target.refresher);
        let shared = refreshers
            .chain([&state.refresher])
            .find(|refresher| refresher.audience.as_deref() == audience)
            .cloned();
        let refresher = shared.unwrap_or_else(|| state.refresher.for_audience(audience));
        state.targets.push(Target { origin, refresher });
        Ok(self)
    }

    fn with(mut self, change: impl Fn(&mut BundleRefresher)) -> Self {
        let state = Arc::make_mut(&mut self.0);
        state.targets.iter_mut().for_each(|target| change(&mut target.refresher));
        change(&mut state.refresher);
        self
    }
}

impl LayerState {
    /// Returns the source of the bundle that the layer must attach, if any.
    pub(super) fn refresher(
        &self,
        request: &impl OutgoingRequest,
        service: u64,
    ) -> Result<Option<&BundleRefresher>, BundleError> {
        if request.headers().contains_key(AUTHORIZATION) {
            return Ok(None);
        }
        if self.targets.is_empty() {
            self.check_receiver(request, service)?;
            return Ok(Some(&self.refresher));
        }
        let target = self.targets.iter().find(|target| request.targets(&target.origin));
        Ok(target.map(|target| &target.refresher))
    }

    /// Fails if the bundle is that of another receiver.
    fn check_receiver(
        &self,
        request: &impl OutgoingRequest,
        service: u64,
    ) -> Result<(), BundleError> {
        if let Some(Receiver::Origin(first)) = self.first.get()
            && request.targets(first)
        {
            return Ok(());
        }
        let origin = request.origin()?;
        let receiver = origin.clone().map_or(Receiver::Service(service), Receiver::Origin);
        let first = self.first.get_or_init(|| receiver.clone());
        if *first == receiver {
            return Ok(());
        }
        let first = match first {
            Receiver::Origin(first) => Some(first.clone()),
            Receiver::Service(_) => None,
        };
        Err(BundleError::SecondOrigin { first, second: origin })
    }
}

impl<P> Clone for KlientoClientLayer<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

impl<P> fmt::Debug for KlientoClientLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KlientoClientLayer").field(&self.0).finish()
    }
}

impl<S, P> Layer<S> for KlientoClientLayer<P> {
    type Service = KlientoClient<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        let service = self.0.services.fetch_add(1, Ordering::Relaxed);
        KlientoClient::new(inner, Arc::clone(&self.0), service)
    }
}

impl fmt::Debug for LayerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<_> = self.targets.iter().map(|target| &target.origin).collect();
        f.debug_struct("KlientoClient").field("origins", &origins).finish_non_exhaustive()
    }
}
