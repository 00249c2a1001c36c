//! Who is calling, proven: a session's user, or a workload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::audit::AuditIdentity;
use crate::rbac::RoleName;
use crate::session::SessionView;
use crate::{SessionId, UserId};

/// Who is calling. Only the layers of these crates make one, of what they have verified; it is in
/// the extensions of the requests that pass.
#[derive(Clone, Debug)]
pub struct Principal(Identity);

#[derive(Clone, Debug)]
enum Identity {
    User(SessionView),
    #[cfg_attr(
        not(any(feature = "kliento", feature = "testing", test)),
        expect(dead_code, reason = "made of verified bundles")
    )]
    Workload(Arc<Workload>),
}

/// A workload that proved who it is, and in which roles the service's rules put it.
#[derive(Debug)]
struct Workload {
    subject: String,
    claims: BTreeMap<String, String>,
    roles: BTreeSet<RoleName>,
}

impl Principal {
    /// The user of a session that was found active, of an account that was found enabled.
    pub(crate) const fn user(view: SessionView) -> Self {
        Self(Identity::User(view))
    }

    /// A workload whose bundle was verified, with the claims of its token.
    #[cfg(any(feature = "kliento", feature = "testing", test))]
    pub(crate) fn workload(
        subject: String,
        claims: BTreeMap<String, String>,
        roles: BTreeSet<RoleName>,
    ) -> Self {
        Self(Identity::Workload(Arc::new(Workload { subject, claims, roles })))
    }

    /// The session and account of a user; `None` for workloads.
    #[must_use]
    pub const fn session(&self) -> Option<&SessionView> {
        match &self.0 {
            Identity::User(view) => Some(view),
            Identity::Workload(_) => None,
        }
    }

    /// A user's number; `None` for workloads.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.session().map(|view| view.account.id)
    }

    /// The number of a user's session; `None` for workloads.
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId> {
        self.session().map(|view| view.session.id)
    }

    /// A user's number as text, or a workload's subject, such as `alice@example.com`.
    #[must_use]
    pub fn subject(&self) -> String {
        match &self.0 {
            Identity::User(view) => view.account.id.to_string(),
            Identity::Workload(workload) => workload.subject.clone(),
        }
    }

    /// A user's name, or a workload's subject.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Identity::User(view) => view.account.name.as_str(),
            Identity::Workload(workload) => &workload.subject,
        }
    }

    /// The roles.
    #[must_use]
    pub fn roles(&self) -> &BTreeSet<RoleName> {
        match &self.0 {
            Identity::User(view) => &view.account.roles,
            Identity::Workload(workload) => &workload.roles,
        }
    }

    /// The claims of a workload's token; `None` for users.
    #[must_use]
    pub fn claims(&self) -> Option<&BTreeMap<String, String>> {
        match &self.0 {
            Identity::User(_) => None,
            Identity::Workload(workload) => Some(&workload.claims),
        }
    }

    /// As the audit log names it.
    #[must_use]
    pub fn audit_identity(&self) -> AuditIdentity {
        AuditIdentity { id: self.user_id(), name: self.name().to_owned() }
    }
}
