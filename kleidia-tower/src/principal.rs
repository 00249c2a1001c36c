//! The authenticated caller: the user of a session, or a workload.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::access_token::ExtraClaims;
use crate::audit::AuditIdentity;
use crate::rbac::RoleName;
#[cfg(feature = "kliento")]
use crate::rbac::RoleSource;
use crate::session::SessionView;
use crate::visible_text::escape_invisible;
use crate::{SessionId, UserId};

/// The authenticated caller of a request: the user of a session, or a workload.
///
/// Only the layers of this crate create it, after a successful verification, and insert it into the
/// extensions of the request. The feature `testing` creates it for tests of handlers.
#[derive(Clone, Debug)]
pub struct Principal(Identity);

#[derive(Clone, Debug)]
enum Identity {
    User(SessionView, ExtraClaims),
    #[cfg_attr(
        not(any(feature = "kliento", feature = "testing", test)),
        expect(dead_code, reason = "created from verified bundles")
    )]
    Workload(Arc<Workload>),
}

/// A verified workload, with the roles that the rules of the service assign.
#[derive(Debug)]
struct Workload {
    subject: String,
    claims: BTreeMap<String, String>,
    roles: BTreeSet<RoleName>,
    /// What assigns the roles.
    #[cfg(feature = "kliento")]
    source: Option<RoleSource>,
}

impl Principal {
    /// Creates the principal of an active session, whose account is enabled.
    pub(crate) fn user(view: SessionView) -> Self {
        Self(Identity::User(view, ExtraClaims::default()))
    }

    /// Adds the claims that a hook has added to the access token.
    pub(crate) fn with_extra_claims(mut self, claims: ExtraClaims) -> Self {
        if let Identity::User(_, extra) = &mut self.0 {
            *extra = claims;
        }
        self
    }

    /// Creates the principal of a workload whose bundle was verified, with the claims of its token.
    #[cfg(any(feature = "kliento", feature = "testing", test))]
    pub(crate) fn workload(
        subject: String,
        claims: BTreeMap<String, String>,
        roles: BTreeSet<RoleName>,
    ) -> Self {
        Self(Identity::Workload(Arc::new(Workload {
            subject,
            claims,
            roles,
            #[cfg(feature = "kliento")]
            source: None,
        })))
    }

    /// Keeps the rules that assign the roles of a workload, for [`Self::with_current_roles`].
    #[cfg(feature = "kliento")]
    pub(crate) fn with_role_source(mut self, source: RoleSource) -> Self {
        if let Identity::Workload(workload) = &mut self.0
            && let Some(workload) = Arc::get_mut(workload)
        {
            workload.source = Some(source);
        }
        self
    }

    /// Returns a workload with the roles that its rules assign now.
    pub(crate) fn with_current_roles(&self) -> Self {
        #[cfg(feature = "kliento")]
        if let Identity::Workload(workload) = &self.0
            && let Some(source) = &workload.source
        {
            return source.principal();
        }
        self.clone()
    }

    /// Returns the session and the account of a user; `None` for workloads.
    #[must_use]
    pub const fn session(&self) -> Option<&SessionView> {
        match &self.0 {
            Identity::User(view, _) => Some(view),
            Identity::Workload(_) => None,
        }
    }

    /// Returns the id of a user; `None` for workloads.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.session().map(|view| view.account.id)
    }

    /// Returns the id of a user's session; `None` for workloads.
    #[must_use]
    pub fn session_id(&self) -> Option<SessionId> {
        self.session().map(|view| view.session.id)
    }

    /// Returns the id of a user as text, or the subject of a workload, such as `alice@example.com`.
    #[must_use]
    pub fn subject(&self) -> String {
        match &self.0 {
            Identity::User(view, _) => view.account.id.to_string(),
            Identity::Workload(workload) => workload.subject.clone(),
        }
    }

    /// Returns the name of a user, or the subject of a workload.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Identity::User(view, _) => view.account.name.as_str(),
            Identity::Workload(workload) => &workload.subject,
        }
    }

    /// Returns the roles: those of the account, or those that the rules assign to the workload.
    #[must_use]
    pub fn roles(&self) -> &BTreeSet<RoleName> {
        match &self.0 {
            Identity::User(view, _) => &view.account.roles,
            Identity::Workload(workload) => &workload.roles,
        }
    }

    /// Returns the claims of a workload's token; `None` for users.
    #[must_use]
    pub fn claims(&self) -> Option<&BTreeMap<String, String>> {
        match &self.0 {
            Identity::User(..) => None,
            Identity::Workload(workload) => Some(&workload.claims),
        }
    }

    /// Returns the claims that a [hook](crate::account::AccountHooks::access_token_claims) has added
    /// to the access token of a user; `None` for workloads. They are as old as the token.
    #[must_use]
    pub const fn extra_claims(&self) -> Option<&ExtraClaims> {
        match &self.0 {
            Identity::User(_, claims) => Some(claims),
            Identity::Workload(_) => None,
        }
    }

    /// Returns the identity that the audit log records. Invisible characters in the subject of a
    /// workload are escaped, as in `\u{202e}`.
    #[must_use]
    pub fn audit_identity(&self) -> AuditIdentity {
        AuditIdentity { id: self.user_id(), name: escape_invisible(self.name()).into_owned() }
    }
}
