//! `RbacLayer` and its configuration.

use std::sync::Arc;

use http::{HeaderValue, Request, Uri};
use http_guard::{Allowed, Check, Decision, Guard, RejectionRenderer};
use tower_layer::Layer;

use super::authorizer::{AccessRequest, Authorizer};
use super::ownership::{OwnerCheck, Ownership, owner_path};
use super::{AccessContext, OwnerPathError, Permit, PolicyProvider, Requirement, permit_check};
use crate::audit::AuditTrail;
use crate::instruments;
use crate::rate_limit::RequestHead;
use crate::rejection::default_renderer;
use crate::telemetry::log_rejection;
use crate::{GuardedService, Principal, Rejection, Responder, Unauthenticated};

/// Allows a request if its [`Principal`] meets a [`Requirement`].
///
/// # Rules
/// 1. A request without a principal is rejected with 401.
/// 2. A request whose principal does not meet the requirement is rejected with 403,
///    `permission_denied`. The client does not see the reason. If the user can mend it by being
///    authenticated further, it is a 401 (RFC 9470): `second_factor_required`, or
///    `authentication_too_old` with the `max_age`.
/// 3. If the policy or the owner lookup is unavailable, the request is rejected with 503, even if
///    the principal could meet the requirement otherwise.
/// 4. An allowed request has a [`Permit`] in its extensions.
/// 5. Each denial is recorded as `permission.denied`, with the method and the route, in the
///    background: see [`AuditTrail`](AuditTrail#denials). If recording fails, the request is denied
///    all the same, and an error is logged.
/// 6. A [stream](http_guard::stream) ends when the policy or the roles of the principal no longer
///    permit it: at once after a change of an account's roles, and within half a lease after one of
///    the policy or of the roles that rules assign to a workload, plus the TTL of a
///    [`CachedPolicy`](super::CachedPolicy). Whether the principal is the owner, and how long
///    ago the user was authenticated, matters when the request starts.
///
/// A gRPC request is rejected with `UNAUTHENTICATED`, `PERMISSION_DENIED` or `UNAVAILABLE`. The
/// typed [`Rejection`] is in the extensions of the response.
///
/// # Deployment caveats
/// - Place the layer inside the layer that authenticates the caller, such as
///   [`JwtSessionLayer`](crate::session::JwtSessionLayer). Without that layer every request is
///   rejected.
/// - The layer wraps whole services: in axum, use `route_layer` or a layer per method router.
/// - It needs a Tokio runtime with its timer. Wait for [`AuditTrail::flush`] at shutdown.
/// - The route in records of denials is the one that axum matched (feature `axum`). With another
///   router, insert a [`MatchedRoute`](crate::audit::MatchedRoute) into the extensions of requests.
///
/// # Example
/// ```
/// use std::sync::Arc;
///
/// use kleidia_tower::SystemClock;
/// use kleidia_tower::audit::{AuditSinks, AuditTrail};
/// use kleidia_tower::rbac::{Policy, RbacLayer, Requirement};
/// use kleidia_tower::store::MemoryStore;
///
/// let store = Arc::new(MemoryStore::default());
/// let audit = AuditTrail::new(store, AuditSinks::default(), Arc::new(SystemClock));
/// let readers = Requirement::permission("users:read".parse()?);
/// let layer = RbacLayer::new(Policy::default(), readers, audit);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Configured example
/// Users read their own data. Auditors read all data, under a policy that is loaded again every
/// minute. Admins can override a denial.
///
/// ```
/// # use std::sync::Arc;
/// use std::time::Duration;
/// # use kleidia_tower::SystemClock;
/// # use kleidia_tower::audit::{AuditSinks, AuditTrail};
/// use kleidia_tower::rbac::{CachedPolicy, Policy, RbacLayer, Requirement};
/// # use kleidia_tower::store::MemoryStore;
/// # let store = Arc::new(MemoryStore::default());
/// # let audit = AuditTrail::new(store, AuditSinks::default(), Arc::new(SystemClock));
///
/// let policy = Policy::default().with_role("auditor".parse()?, ["users:read".parse()?]);
/// let policy = CachedPolicy::new(policy).with_ttl(Duration::from_secs(60))?;
/// let owner_or_reader = Requirement::any_of([
///     Requirement::owner(),
///     Requirement::permission("users:read".parse()?),
/// ]);
/// let layer = RbacLayer::new(policy, owner_or_reader, audit)
///     .with_owner_parameter("/users/{id}")?
///     .with_overrides();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RbacLayer {
    guard: Arc<RbacGuard>,
}

/// The state that all services of an [`RbacLayer`] share.
#[derive(Clone, Debug)]
pub struct RbacGuard {
    authorizer: Arc<Authorizer>,
    ownership: Ownership,
    renderer: RejectionRenderer<Rejection>,
}

impl RbacLayer {
    /// Creates a layer that enforces a requirement under a policy, and records denials in an audit
    /// trail.
    pub fn new(policy: impl PolicyProvider, requirement: Requirement, audit: AuditTrail) -> Self {
        let authorizer = Arc::new(Authorizer::new(Arc::new(policy), requirement, audit));
        let (ownership, renderer) = (Ownership::default(), default_renderer());
        Self { guard: Arc::new(RbacGuard { authorizer, ownership, renderer }) }
    }

    /// Makes the user whose id is the parameter of this path the owner. Only the canonical form of
    /// an id matches: `7`, but not `07` or `%37`.
    ///
    /// The path is the one that the layer sees: inside axum's `nest`, without the prefix.
    ///
    /// # Errors
    /// [`OwnerPathError`] if the path is not a valid pattern with one parameter, such as
    /// `/users/{id}`.
    pub fn with_owner_parameter(self, path: &str) -> Result<Self, OwnerPathError> {
        let router = Arc::new(owner_path(path)?);
        Ok(self.with(|guard| guard.ownership = Ownership::Parameter(router)))
    }

    /// As [`Self::with_owner_parameter`]. With an invalid path, no principal is the owner.
    #[cfg(feature = "axum")]
    pub(crate) fn with_static_owner_path(self, path: &'static str) -> Self {
        let unowned = self.clone();
        self.with_owner_parameter(path).unwrap_or(unowned)
    }

    /// Sets a function that decides whether the principal owns the requested resource.
    #[must_use]
    pub fn with_owner(
        self,
        owns: impl Fn(&Principal, &RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|guard| guard.ownership = Ownership::Function(Arc::new(owns)))
    }

    /// Sets an async function that decides whether the principal owns the requested resource. If it
    /// fails, the request is rejected with its rejection.
    #[must_use]
    pub fn with_owner_lookup<F>(
        self,
        owns: impl Fn(Principal, Uri) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<bool, Rejection>> + Send + 'static,
    {
        let lookup = move |principal, uri| Box::pin(owns(principal, uri)) as _;
        self.with(|guard| guard.ownership = Ownership::Lookup(Arc::new(lookup)))
    }

    /// Allows principals with the permission `policy:override` to override a denial, with the
    /// headers `X-Admin-Override: true` and `X-Override-Reason` of 1 to 256 visible characters.
    ///
    /// An override is recorded as `policy.override` before the request is allowed; if recording
    /// fails, the request is rejected with 503. A rejected override is recorded as
    /// `policy.violation`, in one transaction with `permission.denied`. What requires a
    /// [destructive](super::Permission::destructive) permission or
    /// [step-up](crate::rbac::StepUp) cannot be overridden.
    #[must_use]
    pub fn with_overrides(self) -> Self {
        self.with(|guard| Arc::make_mut(&mut guard.authorizer).is_overridable = true)
    }

    /// Adds a challenge of another scheme to 401 responses, such as `Kliento`.
    #[must_use]
    pub fn with_additional_challenge(self, challenge: HeaderValue) -> Self {
        self.map_renderer(|renderer| renderer.with_additional_challenge(challenge))
    }

    /// Sets the realm of challenges (RFC 9110, 11.5); `kleidia` by default.
    #[must_use]
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        self.map_renderer(|renderer| renderer.with_realm(realm))
    }

    /// Sets how rejections are rendered; [problem details](crate::ProblemResponder) by default.
    #[must_use]
    pub fn with_responder(self, responder: impl Responder<Rejection>) -> Self {
        self.map_renderer(|renderer| renderer.with_responder(responder))
    }

    pub(crate) fn map_renderer(
        self,
        change: impl FnOnce(RejectionRenderer<Rejection>) -> RejectionRenderer<Rejection>,
    ) -> Self {
        self.with(|guard| guard.renderer = change(guard.renderer.clone()))
    }

    fn with(mut self, change: impl FnOnce(&mut RbacGuard)) -> Self {
        change(Arc::make_mut(&mut self.guard));
        self
    }
}

impl<S> Layer<S> for RbacLayer {
    type Service = GuardedService<S, RbacGuard>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardedService::new(inner, Arc::clone(&self.guard))
    }
}

impl Guard for RbacGuard {
    type Rejection = Rejection;
    type Lookup = Result<(Permit, AccessContext), Rejection>;

    fn start<B>(&self, request: &mut Request<B>) -> Check<Self::Lookup, Rejection> {
        let extensions = request.extensions();
        let Some(principal) = extensions.get::<Principal>() else {
            let reason = extensions.get::<Unauthenticated>();
            let rejection =
                reason.map_or(Rejection::MissingCredentials, |reason| reason.rejection().clone());
            return Check::Ready(Err(rejection));
        };
        let head = RequestHead::from_request(request);
        let owner = self.ownership.start(principal, &head);
        let authorizer = &self.authorizer;
        if let (Some(policy), OwnerCheck::Ready(is_owner)) =
            (authorizer.policy.try_current(), &owner)
        {
            let context = AccessContext { is_owner: *is_owner, now: authorizer.now() };
            if let Ok(permit) = policy.decide(principal, &authorizer.requirement, &context) {
                return Check::Ready(self.finish(request, Ok((permit, context))));
            }
        }
        let access_request = AccessRequest::new(principal, &head);
        let authorizer = Arc::clone(authorizer);
        Check::Pending(Box::pin(authorizer.authorize(access_request, owner)))
    }

    fn finish<B>(&self, request: &mut Request<B>, lookup: Self::Lookup) -> Decision<Rejection> {
        let (permit, context) = lookup?;
        let extensions = request.extensions_mut();
        permit_check::watch(extensions, &self.authorizer, context, &permit);
        extensions.insert(permit);
        Ok(Allowed::default())
    }

    fn renderer(&self) -> &RejectionRenderer<Rejection> {
        &self.renderer
    }

    fn on_rejection(&self, rejection: &Rejection) {
        instruments::count_rejection("rbac", rejection.code());
        log_rejection(rejection);
    }
}
