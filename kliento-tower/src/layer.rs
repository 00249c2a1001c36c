//! `KlientoAuthLayer`: the configuration.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http_guard::stream::StreamSettings;
use http_guard::{GuardedService, RejectionRenderer, SettingError};
use kliento_core::TokenVerification;
use tower_layer::Layer;

use crate::access::AccessPolicy;
use crate::authenticator::Authenticator;
use crate::guard::{KlientoGuard, SCHEME};
use crate::streams::streams;
use crate::{
    BundleCache, Clock, CredentialPolicy, KlientoAuth, Rejection, Responder, SignatureCache,
    TrustAnchorStore,
};

/// Authenticates workloads by their Kliento token bundles. **By default it allows every
/// organisation on the Internet whose domain has DNSSEC.** Restrict it with
/// [`Self::with_allowed_organisations`], [`Self::with_allowed_subjects`] or
/// [`Self::with_admission`].
///
/// A request with a valid `Authorization: Kliento <base64>` header reaches the inner service with a
/// [`WorkloadIdentity`](crate::WorkloadIdentity) in its extensions. By default all other requests
/// are rejected: 401 if the credentials are missing or invalid, 403 if the workload is not allowed,
/// 429 if its organisation has exceeded its quota, 503 if the credentials cannot be checked. The
/// response carries problem details, or a gRPC status for gRPC requests, and the typed
/// [`Rejection`](crate::Rejection) in its extensions.
///
/// # Rules
/// - The audience of the token must equal one of the layer's, octet for octet. Request data such as
///   `Host` is never consulted.
/// - Each bundle is verified once and cached until it expires. A request with a cached bundle costs
///   a digest of the header and a lookup. Rejected bundles are not cached.
/// - The trust anchors are queried for each request, so a change takes effect on the next one. They
///   are compared after a verification, too: a bundle is never accepted by anchors that were
///   withdrawn while the request waited.
/// - A token and its certificates may start up to 5 seconds in the future, for clients with faster
///   clocks: see [`Self::with_clock_skew`].
/// - A verification runs on the task that polls the request. It takes about 0.3 ms, and at most
///   about 3 ms within the bounds of [`veraid::Limits`].
/// - At most half of the processors verify at the same time. Up to 1,024 further requests wait,
///   those with the same bundle included; when this queue is full, the layer responds with 503.
/// - Rejections are logged, at most 5 a second of each kind: the client's fault, a full queue, and
///   unavailable anchors or clocks. Further ones have the level debug, and the next event counts
///   them as `suppressed`. Text of clients is cut.
/// - All state belongs to the layer: its clones, layers configured from them, and their services
///   share the caches and these limits. A limit that is set again, and a further clock, are the new
///   layer's own.
///
/// # Caveats
/// - A bundle takes up to 21,856 characters of header. Raise the server's limit to at least 32 KiB:
///   hyper's default for HTTP/2 (`max_header_list_size`) is 16 KiB.
/// - `Authorization` is marked as sensitive for the inner service. Layers outside that log headers
///   belong inside `SetSensitiveRequestHeadersLayer` of `tower-http`, which marks it earlier.
/// - A bundle can be replayed to its audience until it expires: the layer keeps no record of use.
/// - The system's clock must be synchronised.
///
/// # Examples
/// By default the layer trusts the DNS root keys that IANA publishes, and reads the system's clock.
///
/// ```
/// use http::{Request, Response, StatusCode, header::WWW_AUTHENTICATE};
/// use kliento_tower::{KlientoAuthLayer, WorkloadIdentity};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), kliento_tower::AdmissionError> {
/// let layer = KlientoAuthLayer::new("https://api.example.com")
///     .with_allowed_organisations(["partner.example"])?;
/// let service = ServiceBuilder::new()
///     .layer(layer)
///     .service_fn(|request: Request<String>| async move {
///         let caller = request.extensions().get::<WorkloadIdentity>();
///         Ok::<_, std::convert::Infallible>(Response::new(format!("{caller:?}")))
///     });
///
/// let response = service.oneshot(Request::new(String::new())).await.unwrap();
/// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(response.headers()[WWW_AUTHENTICATE], r#"Kliento realm="https://api.example.com""#);
/// # Ok(())
/// # }
/// ```
///
/// A configured layer: tokens of at most 5 minutes, an organisation without one of its workloads,
/// one more subject, and bearer tokens that the next layer authenticates.
///
/// ```
/// use std::time::Duration;
/// use http::HeaderValue;
/// use kliento_tower::{BundleCache, KlientoAuthLayer};
///
/// let layer = KlientoAuthLayer::new("https://api.example.com")
///     .with_audience("https://api.example.net")
///     .with_max_validity(Duration::from_secs(300))?
///     .with_cache(BundleCache::new(64 * 1024 * 1024))
///     .with_clock_skew(Duration::from_secs(2))?
///     .with_allowed_organisations(["partner.example"])?
///     .with_allowed_subjects(["alice@example.com"])?
///     .with_passthrough_scheme(HeaderValue::from_static(r#"Bearer realm="people""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct KlientoAuthLayer(pub(crate) Arc<KlientoGuard>);

impl KlientoAuthLayer {
    /// Creates a layer that accepts tokens for this audience, which is also the challenge's realm.
    /// It allows every organisation: see [`Self::with_allowed_organisations`].
    pub fn new(audience: impl Into<String>) -> Self {
        let audience = audience.into();
        Self(Arc::new(KlientoGuard {
            renderer: RejectionRenderer::new(SCHEME, audience.clone()),
            authenticator: Arc::new(Authenticator::new(audience)),
            access: AccessPolicy::default(),
            removes_authorization: false,
            log_limits: Arc::default(),
            streams: Some(streams(StreamSettings::default())),
        }))
    }

    /// Also accepts tokens for this audience.
    #[must_use]
    pub fn with_audience(self, audience: impl Into<String>) -> Self {
        self.with_policy_change(|authenticator| authenticator.audiences.push(audience.into()))
    }

    /// Accepts tokens for this audience only, which becomes the challenge's realm, in place of the
    /// audiences before: for a part of a service. Caches, limits and quotas are shared with the layer
    /// that this one is made of.
    #[must_use]
    pub fn with_only_audience(self, audience: impl Into<String>) -> Self {
        let audience = audience.into();
        let layer = self.with_realm(audience.clone());
        layer.with_policy_change(|authenticator| authenticator.audiences = vec![audience])
    }

    /// Sets the source of trust anchors; [IANA's](crate::TrustAnchors::iana) by default.
    #[must_use]
    pub fn with_trust_anchors(self, store: impl TrustAnchorStore) -> Self {
        self.with_authenticator(|authenticator| authenticator.trust_anchors = Arc::new(store))
    }

    /// Sets the clock; the [system's](crate::SystemClock) by default.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.with_authenticator(|authenticator| authenticator.set_clock(Arc::new(clock)))
    }

    /// Sets the longest validity of a token, from its start to its end: 1 second to 366 days; 60
    /// minutes by default.
    ///
    /// Tokens with a longer validity are rejected, also in the middle of their period.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_max_validity(self, validity: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 3600);
        let validity = SettingError::check("maximum validity", validity, bounds)?;
        Ok(self.with_policy_change(|authenticator| authenticator.max_validity = validity))
    }

    /// Sets the minimum size of RSA keys in certificates: 2048 to 4096 bits; 2048 by default.
    ///
    /// Other sizes than 2048, 3072 and 4096 are rejected in any case.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_min_modulus_bits(self, bits: usize) -> Result<Self, SettingError> {
        let bits = SettingError::check("minimum modulus bits", bits, 2048..=4096)?;
        Ok(self.with_policy_change(|authenticator| authenticator.min_modulus_bits = bits))
    }

    /// Sets how far in the future a token and its certificates may start: 0 to 5 minutes; 5 seconds
    /// by default.
    ///
    /// It is for clients whose clocks are faster than this one. The end of a token, and the
    /// signatures of the DNSSEC chain, have no such tolerance.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_clock_skew(self, skew: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::ZERO..=TokenVerification::MAX_CLOCK_SKEW;
        let skew = SettingError::check("clock skew", skew, bounds)?;
        Ok(self.with_policy_change(|authenticator| authenticator.clock_skew = skew))
    }

    /// Sets the number of concurrent verifications: 1 to 1,024; half of the processors by default.
    ///
    /// The layer gets a new limiter, which layers configured from it share. Layers that shared the
    /// previous limiter keep it.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_concurrency_limit(self, verifications: usize) -> Result<Self, SettingError> {
        let limit = SettingError::check("concurrency limit", verifications, 1..=1024)?;
        Ok(self.with_authenticator(|authenticator| {
            authenticator.limiter = Arc::new(authenticator.limiter.with_concurrency_limit(limit));
        }))
    }

    /// Sets how many requests may wait: 0 to 1,000,000; 1,024 by default. They wait for their own
    /// verification, for that of another request with the bundle, or for trust anchors. Further
    /// ones get 503. As with [`Self::with_concurrency_limit`], the layer gets a new limiter.
    ///
    /// # Errors
    /// [`SettingError`] outside of these bounds.
    pub fn with_queue_limit(self, requests: usize) -> Result<Self, SettingError> {
        let limit = SettingError::check("queue limit", requests, 0..=1_000_000)?;
        Ok(self.with_authenticator(|authenticator| {
            authenticator.limiter = Arc::new(authenticator.limiter.with_queue_limit(limit));
        }))
    }

    /// Sets the cache of verified bundles, which several layers can share.
    #[must_use]
    pub fn with_cache(self, cache: BundleCache) -> Self {
        self.with_authenticator(|authenticator| authenticator.set_cache(cache))
    }

    /// Sets the cache of verified signatures, which several layers can share.
    #[must_use]
    pub fn with_signature_cache(self, signature_cache: SignatureCache) -> Self {
        self.with_authenticator(|authenticator| authenticator.signature_cache = signature_cache)
    }

    /// Sets the realm of the challenge; the first audience by default.
    #[must_use]
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        self.map_renderer(|renderer| renderer.with_realm(realm))
    }

    /// Sets which requests pass without valid credentials; none by default.
    #[must_use]
    pub fn with_policy(self, policy: CredentialPolicy) -> Self {
        self.with(|guard| guard.access.policy = policy)
    }

    /// Leaves the credentials of another scheme to the next layer, which must check them.
    ///
    /// `challenge` is that scheme's, such as `Bearer realm="people"`. A 401 includes it.
    #[must_use]
    pub fn with_passthrough_scheme(self, challenge: HeaderValue) -> Self {
        self.map_renderer(|renderer| renderer.with_additional_challenge(challenge))
    }

    /// Sets the responder for rejections; [problem details](crate::ProblemResponder) by default.
    ///
    /// The layer still sets the status and the headers that the protocol requires, and responds to
    /// gRPC requests itself.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Response, request::Parts};
    /// use kliento_tower::{KlientoAuthLayer, Rejection};
    ///
    /// let layer = KlientoAuthLayer::new("https://api.example.com")
    ///     .with_responder(|rejection: &Rejection, _request: &Parts| {
    ///         Response::new(Bytes::from_static(rejection.code().as_bytes()))
    ///     });
    /// ```
    #[must_use]
    pub fn with_responder(self, responder: impl Responder<Rejection>) -> Self {
        self.map_renderer(|renderer| renderer.with_responder(responder))
    }

    /// Removes the `Authorization` header from authenticated requests.
    ///
    /// By default it stays, marked as [sensitive](HeaderValue::set_sensitive).
    #[must_use]
    pub fn with_authorization_removed(self) -> Self {
        self.with(|guard| guard.removes_authorization = true)
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut KlientoGuard)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    fn with_authenticator(self, change: impl FnOnce(&mut Authenticator)) -> Self {
        self.with(|guard| change(Arc::make_mut(&mut guard.authenticator)))
    }

    fn with_policy_change(self, change: impl FnOnce(&mut Authenticator)) -> Self {
        self.with_authenticator(|authenticator| {
            change(authenticator);
            authenticator.update_policy_digest();
        })
    }

    fn map_renderer(
        self,
        change: impl FnOnce(RejectionRenderer<Rejection>) -> RejectionRenderer<Rejection>,
    ) -> Self {
        self.with(|guard| guard.renderer = change(guard.renderer.clone()))
    }
}

impl<S> Layer<S> for KlientoAuthLayer {
    type Service = KlientoAuth<S>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardedService::new(inner, Arc::clone(&self.0))
    }
}
