//! The layers of a route: who is authenticated, and what is required of the caller.

use axum::routing::MethodRouter;
#[cfg(feature = "kliento")]
use http::HeaderValue;

use super::{Api, requires};
use crate::account::Accounts;
use crate::rbac::Requirement;
#[cfg(feature = "kliento")]
use crate::session::CredentialPolicy;
use crate::session::JwtSessionLayer;

impl Api {
    pub(super) fn session_layer(&self) -> JwtSessionLayer {
        let layer = self.accounts.session_layer().map_renderer(|_| self.renderer.clone());
        match &self.cookies {
            Some(cookies) => layer.with_cookies(cookies.clone()),
            None => layer,
        }
    }

    /// Checks that the session has what the policy requires of the roles of its user.
    pub(super) fn authorized(&self, route: MethodRouter<Accounts>) -> MethodRouter<Accounts> {
        let rbac = self.accounts.require(Requirement::authenticated());
        route.route_layer(rbac.map_renderer(|_| self.renderer.clone()))
    }

    // `route_layer`: the 405 of an unsupported method needs no authentication and is not a denial.
    pub(super) fn with_session(
        &self,
        route: MethodRouter<Accounts>,
        session: JwtSessionLayer,
    ) -> MethodRouter<Accounts> {
        route.route_layer(self.requests_by_principal.clone()).route_layer(session)
    }

    pub(super) fn with_permission(
        &self,
        route: MethodRouter<Accounts>,
        permission: &'static str,
    ) -> MethodRouter<Accounts> {
        self.with_requirement(route, requires(permission), None)
    }

    /// Authenticates users and workloads, and checks the requirement.
    pub(super) fn with_requirement(
        &self,
        route: MethodRouter<Accounts>,
        requirement: Requirement,
        owner_path: Option<&'static str>,
    ) -> MethodRouter<Accounts> {
        let rbac = self.accounts.require(requirement);
        let mut rbac = rbac.map_renderer(|_| self.renderer.clone());
        if let Some(path) = owner_path {
            rbac = rbac.with_static_owner_path(path);
        }
        let route = route.route_layer(rbac).route_layer(self.requests_by_principal.clone());
        #[cfg(feature = "kliento")]
        if let Some((layer, rules)) = &self.workloads {
            let challenge = |scheme: &'static str| {
                let challenge = self.renderer.challenge_for(scheme);
                challenge.unwrap_or(HeaderValue::from_static(scheme))
            };
            // A user with a cookie has no `Authorization`. The outer layer rejects requests without
            // credentials.
            let layer = layer.clone().with_policy(CredentialPolicy::AllowMissing);
            let layer = layer.with_passthrough_scheme(challenge("Bearer"));
            let session = self.session_layer().with_passthrough_scheme(challenge("Kliento"));
            return route.route_layer(rules.clone()).route_layer(layer).route_layer(session);
        }
        route.route_layer(self.session_layer())
    }
}
