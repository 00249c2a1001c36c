//! `KlientoClientLayer`: its configuration, and all that its services share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use tower_layer::Layer;

use super::supply::Supply;
use super::{KlientoClient, Origin, OriginError, OutgoingRequest, TokenBundleSource};
use crate::Clock;

/// Attaches a Kliento token bundle to the requests of a client.
///
/// The bundle is obtained from a [`TokenBundleSource`] at the first request that needs it, and
/// reused until shortly before it lapses.
///
/// # Rules
/// - A request that has an `Authorization` header is left alone, and so is one that goes to none
///   of the [origins](Self::with_origin). **A layer without origins attaches to everything**, and
///   whoever gets a bundle can use it at the service that it is meant for, until it lapses: name
///   the origins.
/// - The source is asked once, however many requests wait, and whichever of them is given up.
/// - A bundle is replaced ahead of time: requests go on with the one at hand, and if the source
///   fails they do so until that lapses. Only then are they refused, with a
///   [`BundleError`](super::BundleError). A source that failed is not asked again for a second at
///   least.
/// - A bundle whose source [has changed](TokenBundleSource::has_changed) is replaced at once.
/// - All state is the layer's. Clones, and the services of all of them, share it.
///
/// # Where to put it
/// - Directly around the client: inside of what follows redirects or retries, so that each request
///   is looked at for itself. (reqwest follows redirects within, and drops the header where they
///   lead to another host.)
/// - Around a tonic channel, requests only tell their origin if the generated client was made by
///   its `with_origin`. A channel leads to one service, so the layer can do without origins there.
/// - Within a tokio runtime that has timers. The clock must be in step.
///
/// # Examples
/// The default, around hyper-util's client.
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
/// Configured: two hosts, a bundle of one's own making that is replaced 10 seconds before it
/// lapses, and a service that shows what it is sent.
///
/// ```
/// use std::time::Duration;
/// use http::{Request, header::AUTHORIZATION};
/// use kliento::TokenBundle;
/// use kliento_tower::FixedClock;
/// use kliento_tower::client::{
///     IssuedBundle, KlientoClientLayer, SourceError, TokenBundleSource,
/// };
/// use tower::{Layer, ServiceExt, service_fn};
///
/// struct Constant(TokenBundle);
///
/// #[async_trait::async_trait]
/// impl TokenBundleSource for Constant {
///     async fn token_bundle(&self) -> Result<IssuedBundle, SourceError> {
///         IssuedBundle::from_claims(self.0.clone()).map_err(SourceError::new)
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
///     .with_source_timeout(Duration::from_secs(5))
///     .with_clock(FixedClock("2026-11-22T18:03:00Z".parse()?))
///     .layer(service_fn(|request: Request<String>| async move {
///         Ok::<_, std::convert::Infallible>(request.headers().get(AUTHORIZATION).cloned())
///     }));
///
/// let sent = Request::get("https://api.example.com/orders").body(String::new())?;
/// let value = service.clone().oneshot(sent).await?.expect("it was attached");
/// assert!(value.as_bytes().starts_with(b"Kliento MII"));
/// assert_eq!(format!("{value:?}"), "Sensitive");
///
/// let elsewhere = Request::get("https://elsewhere.example/").body(String::new())?;
/// assert_eq!(service.oneshot(elsewhere).await?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct KlientoClientLayer(Arc<Shared>);

/// All that the services of a layer share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) supply: Supply,
    origins: Vec<Origin>,
}

impl KlientoClientLayer {
    /// A layer that attaches the bundles of this source to every request.
    pub fn new(source: impl TokenBundleSource) -> Self {
        Self(Arc::new(Shared { supply: Supply::new(source), origins: Vec::new() }))
    }

    /// Attaches only to requests that go to this origin, such as `https://api.example.com`, or to
    /// another one that is given so.
    ///
    /// # Errors
    /// [`OriginError`] unless it is an absolute `http` or `https` URL without a path.
    pub fn with_origin(mut self, origin: &str) -> Result<Self, OriginError> {
        Arc::make_mut(&mut self.0).origins.push(origin.parse()?);
        Ok(self)
    }

    /// Sets how long before it lapses a bundle is replaced; by default it is a tenth of the time
    /// that it is valid for when it is obtained, and at most 60 seconds.
    #[must_use]
    pub fn with_refresh_margin(self, margin: Duration) -> Self {
        self.with(|supply| supply.margin = Some(margin))
    }

    /// Sets how long the source may take; 30 seconds by default.
    #[must_use]
    pub fn with_source_timeout(self, timeout: Duration) -> Self {
        self.with(|supply| supply.source_timeout = timeout)
    }

    /// Sets the clock; by default it is the [system's](crate::SystemClock).
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.with(|supply| supply.clock = Arc::new(clock))
    }

    fn with(mut self, change: impl FnOnce(&mut Supply)) -> Self {
        change(&mut Arc::make_mut(&mut self.0).supply);
        self
    }
}

impl Shared {
    /// Whether a bundle has to be attached.
    pub(super) fn concerns(&self, request: &impl OutgoingRequest) -> bool {
        let is_destined =
            self.origins.is_empty() || self.origins.iter().any(|origin| request.goes_to(origin));
        is_destined && !request.headers().contains_key(AUTHORIZATION)
    }
}

impl<S> Layer<S> for KlientoClientLayer {
    type Service = KlientoClient<S>;

    fn layer(&self, inner: S) -> Self::Service {
        KlientoClient::new(inner, Arc::clone(&self.0))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KlientoClient").field("origins", &self.origins).finish_non_exhaustive()
    }
}
