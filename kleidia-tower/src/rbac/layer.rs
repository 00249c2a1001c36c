//! The layer that lets principals do what they may.

use std::sync::Arc;

use http::{HeaderValue, Request, Uri};
use tower_layer::Layer;

use super::decision::{Case, Decider};
use super::ownership::{Known, Ownership, owner_path};
use super::{Circumstances, OwnerPathError, Permit, PolicyProvider, Requirement};
use crate::answer::Answer;
use crate::audit::AuditTrail;
use crate::guard::{Guard, Passed, Progress, Verdict};
use crate::rate_limit::RequestHead;
use crate::{Guarded, Principal, Rejection, Responder, Unauthenticated};

/// Lets in requests whose [`Principal`] meets a [`Requirement`], and refuses all others.
///
/// It goes inside the layer that tells who is calling, such as
/// [`JwtSessionLayer`](crate::session::JwtSessionLayer). Requests without a principal get 401, those
/// of one who may not get 403, and 503 if the policy or the owner can't be had. The extensions of a
/// request that passes have a [`Permit`].
///
/// Denials are recorded as `permission.denied` before they are answered, also if the client hangs
/// up; they stand where that can't be done, which is an error in the log. It needs a Tokio runtime.
///
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
/// let layer = RbacLayer::new(Policy::default(), readers.clone(), audit.clone());
///
/// let own_or_all = Requirement::any_of([Requirement::own(), readers]);
/// let layer = RbacLayer::new(Policy::default(), own_or_all, audit)
///     .with_owner_parameter("/users/{id}")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RbacLayer {
    guard: Arc<RbacGuard>,
}

/// What [`RbacLayer`] checks.
#[derive(Clone, Debug)]
pub struct RbacGuard {
    decider: Decider,
    ownership: Ownership,
    answer: Answer,
}

impl RbacLayer {
    /// A layer that asks for this, under this policy, and records denials there.
    pub fn new(policy: impl PolicyProvider, requirement: Requirement, audit: AuditTrail) -> Self {
        let decider = Decider::new(Arc::new(policy), requirement, audit);
        let (ownership, answer) = (Ownership::default(), Answer::default());
        Self { guard: Arc::new(RbacGuard { decider, ownership, answer }) }
    }

    /// Takes a resource for a user's own if the parameter of this path is the user's number, as it
    /// is written: `7`, and not `07` or `%37`.
    ///
    /// The path is matched as the layer sees it: within axum's `nest` without the prefix.
    ///
    /// # Errors
    /// [`OwnerPathError`] if the path can't be matched or has not one parameter, as `/users/{id}`
    /// has.
    pub fn with_owner_parameter(self, path: &str) -> Result<Self, OwnerPathError> {
        let router = Arc::new(owner_path(path)?);
        Ok(self.with(|guard| guard.ownership = Ownership::Parameter(router)))
    }

    /// The same, for paths of ours; one that can't be matched is nobody's own.
    #[cfg(feature = "axum")]
    pub(crate) fn owned_by(self, path: &'static str) -> Self {
        let unowned = self.clone();
        self.with_owner_parameter(path).unwrap_or(unowned)
    }

    /// Takes a resource for a principal's own if this function says so.
    #[must_use]
    pub fn with_owner(
        self,
        owns: impl Fn(&Principal, &RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.with(|guard| guard.ownership = Ownership::Function(Arc::new(owns)))
    }

    /// Takes a resource for a principal's own if this function finds out that it is. What it can't
    /// find out is refused with its rejection.
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

    /// Lets who has the permission `policy:override` pass all the same, with the headers
    /// `X-Admin-Override: true` and `X-Override-Reason` of 1 to 256 visible characters.
    ///
    /// That is recorded first, as `policy.override`, and answered with 503 if it can't be. An
    /// override that is refused is recorded as `policy.violation`. Deletion can't be overridden,
    /// nor [step-up](Requirement::step_up), which is no matter of policies.
    #[must_use]
    pub fn overridable(self) -> Self {
        self.with(|guard| guard.decider.is_overridable = true)
    }

    /// Names another scheme that would do in challenges, such as `Kliento`.
    #[must_use]
    pub fn with_other_scheme(self, challenge: HeaderValue) -> Self {
        self.with(|guard| guard.answer.others.push(challenge))
    }

    /// Sets the realm of challenges (RFC 9110, 11.5); `kleidia` by default.
    #[must_use]
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        self.with(|guard| guard.answer.realm = realm.into())
    }

    /// Sets what refusals look like; [`ProblemResponder`](crate::ProblemResponder) by default.
    #[must_use]
    pub fn with_responder(self, responder: impl Responder) -> Self {
        self.with(|guard| guard.answer.responder = Arc::new(responder))
    }

    fn with(mut self, change: impl FnOnce(&mut RbacGuard)) -> Self {
        change(Arc::make_mut(&mut self.guard));
        self
    }
}

impl<S> Layer<S> for RbacLayer {
    type Service = Guarded<S, RbacGuard>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded::new(inner, Arc::clone(&self.guard))
    }
}

impl Guard for RbacGuard {
    type Finding = Result<Permit, Rejection>;

    fn begin<B>(&self, request: &mut Request<B>) -> Progress<Self::Finding> {
        let extensions = request.extensions();
        let Some(principal) = extensions.get::<Principal>() else {
            let known = extensions.get::<Unauthenticated>();
            let reason =
                known.map_or(Rejection::MissingCredentials, |known| known.rejection().clone());
            return Progress::Decided(Err(reason));
        };
        let head = RequestHead::of(request);
        let known = self.ownership.find(principal, &head);
        if let (Some(policy), Known::Known(is_own)) = (self.decider.policy.current(), &known) {
            let circumstances = Circumstances { is_own: *is_own, now: self.decider.now() };
            let decided = policy.decide(principal, &self.decider.requirement, &circumstances);
            if let Ok(permit) = decided {
                return Progress::Decided(self.finish(request, Ok(permit)));
            }
        }
        let case = Case::of(principal, &head);
        let decider = self.decider.clone();
        Progress::Waiting(Box::pin(async move { decider.decide(case, known).await }))
    }

    fn finish<B>(&self, request: &mut Request<B>, finding: Self::Finding) -> Verdict {
        request.extensions_mut().insert(finding?);
        Ok(Passed::default())
    }

    fn answer(&self) -> &Answer {
        &self.answer
    }
}
