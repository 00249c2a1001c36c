//! The roles of verified workloads.

use std::fmt;
use std::sync::Arc;

use http::Request;
use http_guard::{Allowed, Check, Decision, Guard, RejectionRenderer};
use kliento_tower::WorkloadIdentity;
use tower_layer::Layer;

use super::RoleName;
use crate::rejection::default_renderer;
use crate::session::SessionView;
use crate::{GuardedService, Principal, Rejection, Unauthenticated};

/// Assigns roles to verified workloads. A workload that no rule matches has no roles. Cheap to
/// clone.
///
/// As a layer inside [`KlientoAuthLayer`](kliento_tower::KlientoAuthLayer) it creates a
/// [`Principal`] from the identity of a verified workload, so one route can serve people and
/// workloads. It rejects no requests.
///
/// ```
/// use kleidia_tower::rbac::{RoleName, WorkloadRules};
///
/// let reporter: RoleName = "reporter".parse()?;
/// let rules = WorkloadRules::default()
///     .with_subject("backup@example.com", [RoleName::admin()])
///     .with_organisation("example.org", [reporter.clone()])
///     .with_rule(move |workload| {
///         let may_read = workload.claim("permission") == Some("read-only");
///         may_read.then(|| reporter.clone()).into_iter().collect()
///     });
/// # Ok::<(), kleidia_tower::rbac::RoleNameError>(())
/// ```
#[derive(Clone, Default)]
pub struct WorkloadRules {
    rules: Arc<Vec<Arc<Rule>>>,
}

type Rule = dyn Fn(&WorkloadIdentity) -> Vec<RoleName> + Send + Sync;

/// The guard of [`WorkloadRules`], which allows all requests.
pub struct WorkloadGuard {
    rules: WorkloadRules,
    renderer: RejectionRenderer<Rejection>,
}

/// The rules that have assigned the roles of a workload.
#[derive(Clone, Debug)]
pub(crate) struct RoleSource {
    rules: WorkloadRules,
    workload: WorkloadIdentity,
}

impl RoleSource {
    /// Returns the principal with the roles that the rules assign now.
    pub(crate) fn principal(&self) -> Principal {
        self.rules.principal(&self.workload)
    }
}

impl WorkloadRules {
    /// Assigns roles to the workload with this subject, such as `alice@example.com`.
    #[must_use]
    pub fn with_subject(
        self,
        subject: impl Into<String>,
        roles: impl IntoIterator<Item = RoleName>,
    ) -> Self {
        let (subject, roles) = (subject.into(), Vec::from_iter(roles));
        self.with_rule(
            move |workload| {
                if workload.subject() == subject { roles.clone() } else { Vec::new() }
            },
        )
    }

    /// Assigns roles to all workloads of this organisation, including its members.
    #[must_use]
    pub fn with_organisation(
        self,
        organisation: impl Into<String>,
        roles: impl IntoIterator<Item = RoleName>,
    ) -> Self {
        let (organisation, roles) = (organisation.into(), Vec::from_iter(roles));
        self.with_rule(move |workload| {
            let is_member = workload.organisation().as_str() == organisation;
            if is_member { roles.clone() } else { Vec::new() }
        })
    }

    /// Assigns the roles that a function returns for a workload.
    #[must_use]
    pub fn with_rule(
        mut self,
        rule: impl Fn(&WorkloadIdentity) -> Vec<RoleName> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.rules).push(Arc::new(rule));
        self
    }

    /// Returns the principal of a verified workload.
    #[must_use]
    pub fn principal(&self, workload: &WorkloadIdentity) -> Principal {
        let roles = self.rules.iter().flat_map(|rule| rule(workload)).collect();
        let claims = workload.claims().iter();
        let claims = claims.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let source = RoleSource { rules: self.clone(), workload: workload.clone() };
        Principal::workload(workload.subject().to_owned(), claims, roles).with_role_source(source)
    }
}

impl<S> Layer<S> for WorkloadRules {
    type Service = GuardedService<S, WorkloadGuard>;

    fn layer(&self, inner: S) -> Self::Service {
        let guard = WorkloadGuard { rules: self.clone(), renderer: default_renderer() };
        GuardedService::new(inner, Arc::new(guard))
    }
}

impl Guard for WorkloadGuard {
    type Rejection = Rejection;
    type Lookup = std::convert::Infallible;

    fn start<B>(&self, request: &mut Request<B>) -> Check<Self::Lookup, Rejection> {
        let extensions = request.extensions_mut();
        if let Some(workload) = extensions.get::<WorkloadIdentity>() {
            let principal = self.rules.principal(workload);
            extensions.remove::<Unauthenticated>();
            extensions.remove::<SessionView>();
            extensions.insert(principal);
        }
        Check::Ready(Ok(Allowed::default()))
    }

    fn finish<B>(&self, _: &mut Request<B>, lookup: Self::Lookup) -> Decision<Rejection> {
        match lookup {}
    }

    fn renderer(&self) -> &RejectionRenderer<Rejection> {
        &self.renderer
    }
}

impl fmt::Debug for WorkloadRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkloadRules").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}
