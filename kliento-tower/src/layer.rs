//! `KlientoAuthLayer`: its configuration, and all that its services share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tower_layer::Layer;

use crate::admission::Admission;
use crate::answer::Answer;
use crate::authenticator::Authenticator;
use crate::{
    BundleCache, Clock, CredentialPolicy, KlientoAuth, Responder, SignatureMemo, TrustAnchorStore,
    WorkloadIdentity,
};

/// Authenticates the workloads that call a service, by their Kliento token bundles.
///
/// Requests whose `Authorization: Kliento <base64>` proves who is calling pass, with a
/// [`WorkloadIdentity`] in their extensions. Others are refused, unless the
/// [`CredentialPolicy`] says otherwise: 401 where it is not proven who is calling, 403 where that
/// one is not admitted, 503 where it could not be found out. The response's body is problem
/// details unless a [`Responder`] makes another; a gRPC request is answered with a gRPC status.
/// The typed [`Rejection`](crate::Rejection) is in the response's extensions.
///
/// # Rules
/// - A bundle is verified once and remembered for as long as it holds. Requests with a known one
///   cost a comparison, or a digest of the header and a look-up.
/// - A bundle must be for one of the audiences, octet for octet; nothing that the request says,
///   such as `Host`, plays a part.
/// - The trust anchors are asked for at each request, so a change takes effect on the next one.
/// - Verification runs on the worker that polls the request, for about 0.3 ms, at most about 3 ms
///   (the bounds of [`veraid::Limits`]), and on no more than half of the processors at once; some
///   requests may wait, further ones are refused with 503.
/// - All state is the layer's. Clones, and the services of all of them, share it.
///
/// # Deployment
/// - A bundle takes up to 21,856 characters of header: raise the server's limit to 32 KiB at
///   least. hyper's for HTTP/2 is 16 KiB by default (`max_header_list_size`).
/// - `Authorization` is marked as sensitive for all that is inside. What logs headers outside needs
///   that before: see `docs/deployment.md`, on the order of layers.
/// - A bundle can be replayed for its audience until it lapses. See `SECURITY.md`.
/// - The clock must be in step.
///
/// # Examples
/// The default: the DNS root's keys as IANA publishes them, the system's clock.
///
/// ```
/// use http::{Request, Response, StatusCode, header::WWW_AUTHENTICATE};
/// use kliento_tower::{KlientoAuthLayer, WorkloadIdentity};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let service = ServiceBuilder::new()
///     .layer(KlientoAuthLayer::new("https://api.example.com"))
///     .service_fn(|request: Request<String>| async move {
///         let caller = request.extensions().get::<WorkloadIdentity>();
///         Ok::<_, std::convert::Infallible>(Response::new(format!("{caller:?}")))
///     });
///
/// let response = service.oneshot(Request::new(String::new())).await.unwrap();
/// assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
/// assert_eq!(response.headers()[WWW_AUTHENTICATE], r#"Kliento realm="https://api.example.com""#);
/// # }
/// ```
///
/// Configured: tokens of at most 5 minutes, workloads of one organisation, and people with bearer
/// tokens, whom another layer authenticates.
///
/// ```
/// use std::time::Duration;
/// use http::HeaderValue;
/// use kliento_tower::{BundleCache, KlientoAuthLayer};
///
/// let layer = KlientoAuthLayer::new("https://api.example.com")
///     .with_audience("https://api.example.net")
///     .with_max_validity(Duration::from_secs(300))
///     .with_min_modulus_bits(3072)
///     .with_cache(BundleCache::new(64 * 1024 * 1024))
///     .with_admission(|caller| caller.organisation().as_str() == "partner.example")
///     .with_other_scheme(HeaderValue::from_static(r#"Bearer realm="people""#));
/// ```
#[derive(Clone)]
pub struct KlientoAuthLayer(Arc<Shared>);

/// All that the services of a layer share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) authenticator: Authenticator,
    pub(crate) admission: Admission,
    /// The extractors answer too.
    pub(crate) answer: Arc<Answer>,
    pub(crate) removes_credentials: bool,
}

impl KlientoAuthLayer {
    /// A layer for the tokens of one audience, which is also the realm of its challenges.
    pub fn new(audience: impl Into<String>) -> Self {
        let audience = audience.into();
        Self(Arc::new(Shared {
            answer: Arc::new(Answer::new(audience.clone())),
            authenticator: Authenticator::new(audience),
            admission: Admission::default(),
            removes_credentials: false,
        }))
    }

    /// Takes tokens of this audience too.
    #[must_use]
    pub fn with_audience(self, audience: impl Into<String>) -> Self {
        self.with(|shared| shared.authenticator.audiences.push(audience.into()))
    }

    /// Sets where trust anchors come from; by default they are [IANA's](crate::TrustAnchors::iana).
    #[must_use]
    pub fn with_trust_anchors(self, store: impl TrustAnchorStore) -> Self {
        self.with(|shared| shared.authenticator.trust_anchors = Arc::new(store))
    }

    /// Sets the clock; by default it is the [system's](crate::SystemClock).
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.with(|shared| shared.authenticator.clock = Arc::new(clock))
    }

    /// Sets how long a token may be valid, from its start to its end; 60 minutes by default.
    #[must_use]
    pub fn with_max_validity(self, validity: Duration) -> Self {
        self.with(|shared| shared.authenticator.max_validity = validity)
    }

    /// Sets the least size of RSA keys in certificates, in bits; 2048 by default.
    #[must_use]
    pub fn with_min_modulus_bits(self, bits: usize) -> Self {
        self.with(|shared| shared.authenticator.min_modulus_bits = bits)
    }

    /// Sets how many verifications run at once, at least 1; half of the processors by default.
    #[must_use]
    pub fn with_concurrency(self, verifications: usize) -> Self {
        self.with(|shared| {
            let gate = &mut shared.authenticator.gate;
            *gate = gate.with_concurrency(verifications);
        })
    }

    /// Sets how many verifications may wait for their turn; 1,024 by default.
    ///
    /// Requests that carry the same bundle count as one. What finds no place is refused with 503.
    #[must_use]
    pub fn with_queue(self, verifications: usize) -> Self {
        self.with(|shared| {
            let gate = &mut shared.authenticator.gate;
            *gate = gate.with_queue(verifications);
        })
    }

    /// Sets the cache of verified bundles, which other layers may share.
    #[must_use]
    pub fn with_cache(self, cache: BundleCache) -> Self {
        self.with(|shared| shared.authenticator.cache = cache)
    }

    /// Sets the memo of verified signatures, which other layers may share.
    #[must_use]
    pub fn with_signature_memo(self, memo: SignatureMemo) -> Self {
        self.with(|shared| shared.authenticator.memo = memo)
    }

    /// Sets the realm of the challenges; by default it is the first audience.
    #[must_use]
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        self.with_answer(|answer| answer.realm = realm.into())
    }

    /// Sets what becomes of requests that don't prove who is calling.
    #[must_use]
    pub fn with_policy(self, policy: CredentialPolicy) -> Self {
        self.with(|shared| shared.admission.policy = policy)
    }

    /// Admits only the workloads for which this is true; others are refused with 403.
    ///
    /// It is asked at every request that proves who is calling, so it should be quick.
    #[must_use]
    pub fn with_admission(
        self,
        admits: impl Fn(&WorkloadIdentity) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|shared| shared.admission.predicate = Some(Arc::new(admits)))
    }

    /// Leaves the credentials of another scheme to the next layer, which has to check them.
    ///
    /// `challenge` is that scheme's, such as `Bearer realm="people"`: a 401 names it too.
    #[must_use]
    pub fn with_other_scheme(self, challenge: HeaderValue) -> Self {
        self.with_answer(|answer| answer.others.push(challenge))
    }

    /// Sets what refusals look like; [problem details](crate::ProblemResponder) by default.
    #[must_use]
    pub fn with_responder(self, responder: impl Responder) -> Self {
        self.with_answer(|answer| answer.responder = Arc::new(responder))
    }

    /// Removes the `Authorization` header of authenticated requests before the service sees it.
    ///
    /// By default it stays, marked as [sensitive](HeaderValue::set_sensitive).
    #[must_use]
    pub fn with_credentials_removed(self) -> Self {
        self.with(|shared| shared.removes_credentials = true)
    }

    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        let shared = Arc::make_mut(&mut self.0);
        change(shared);
        shared.authenticator.configure();
        self
    }

    fn with_answer(self, change: impl FnOnce(&mut Answer)) -> Self {
        self.with(|shared| change(Arc::make_mut(&mut shared.answer)))
    }
}

impl<S> Layer<S> for KlientoAuthLayer {
    type Service = KlientoAuth<S>;

    fn layer(&self, inner: S) -> Self::Service {
        KlientoAuth::new(inner, Arc::clone(&self.0))
    }
}

impl fmt::Debug for KlientoAuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KlientoAuth")
            .field("audiences", &self.authenticator.audiences)
            .field("policy", &self.admission.policy)
            .field("cache", &self.authenticator.cache)
            .field("signature_memo", &self.authenticator.memo)
            .finish_non_exhaustive()
    }
}
