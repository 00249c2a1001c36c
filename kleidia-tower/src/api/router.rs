//! The router: the routes of each group, with what each requires of the caller.

mod protection;

use std::collections::BTreeSet;

use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{delete, get, patch, post};
use axum::{Extension, Router};
use http_guard::RejectionRenderer;

use super::browser_cookies::ApiCookies;
use super::health::HealthChecks;
use super::no_store::no_store;
use super::rejection::{ApiRejection, render};
use super::{
    ApiRoutes, audit, authentication, body, events, factors, profile, recovery, sessions, users,
    whoami,
};
use crate::account::Accounts;
use crate::rate_limit::{Key, Limit, RateLimitLayer, SharedLimits, TrustedProxies};
use crate::rbac::{Permission, Requirement};
use crate::rejection::default_renderer;
use crate::session::SessionCookies;
use crate::{HealthError, Rejection, Responder};

/// The routes of an HTTP API over accounts, to nest below a path such as `/api`.
///
/// | route | requires |
/// |---|---|
/// | `POST /auth/login`, `/auth/refresh`, `/auth/recover`, `/auth/recovery`, `GET /health` | nothing |
/// | `POST /auth/logout`, `/auth/logout-all`, `/auth/password` | a session |
/// | `GET /session`, `GET /session/events`, `DELETE /session/{id}`, `POST /session/{id}/register-agent` | a session; the user's own sessions only |
/// | `POST /session/factor`, `GET /session/factors` and the routes below them | a session, also without the second factor that the [policy](crate::rbac::Policy::with_second_factor) requires |
/// | `GET /whoami` | a user or a workload |
/// | `GET /users/{id}` | the user's own id, or `users:read` |
/// | `GET /admin/users`, `POST /admin/users` | `users:read`, `users:create` |
/// | `PATCH /admin/users/{id}`, `POST /admin/users/{id}/unlock` | `users:update`, `users:unlock` |
/// | `GET`, `PUT /admin/users/{id}/profile`, `POST /admin/users/{id}/rename`, `/erase` | `users:read`, `users:update`, `users:update`, `users:erase` |
/// | `POST /admin/users/{id}/recovery-code` | `users:recover`, and all that the roles of the user grant |
/// | other roles than `user` for a new or newly enabled account, and changes of roles | also `roles:assign`, and all that the roles grant |
/// | `DELETE /admin/users/{id}/sessions` | `sessions:revoke` |
/// | `GET`, `DELETE /admin/users/{id}/factors` | `users:read`; `factors:remove`, and all that the roles of the user grant |
/// | `GET /admin/audit` | `audit:read` |
/// | `DELETE /admin/users/{id}`, `DELETE /admin/audit` | always denied: accounts and records are not deleted |
///
/// - Bodies are JSON of at most 16 KiB. Responses are never cached (`Cache-Control: no-store`).
/// - Rejections are problem details (RFC 9457) with a code of [`Rejection::code`]. So are the 404
///   of an unknown path and the 405 of an unsupported method, which has `Allow`.
/// - The [policy](Accounts::with_policy) and the audit log are those of the accounts.
/// - There is no rate limit by default.
/// - A login responds with a device token, which makes the device familiar to the
///   [lockout](crate::lockout::LockoutPolicy): in an `HttpOnly` cookie per user, and in the header
///   `X-Device-Token` for clients without cookies. The next login presents it in either of them.
/// - Browsers keep tokens in cookies with [`with_cookies`](Self::with_cookies).
/// - `GET /session/events` is a stream: see the [module](super#events).
///
/// ```
/// # use std::sync::Arc;
/// # use kleidia_tower::access_token::{KeyRing, SigningKey};
/// # use kleidia_tower::account::Accounts;
/// # use kleidia_tower::password::PasswordHasher;
/// # use kleidia_tower::store::MemoryStore;
/// use axum::Router;
/// use kleidia_tower::api::{Api, ApiRoutes};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let hasher = PasswordHasher::new()?;
/// # let keys = KeyRing::new([SigningKey::generate()?])?;
/// # let accounts = Accounts::new(Arc::new(MemoryStore::default()), Arc::new(keys), hasher);
/// // Each client address has 60 logins, password changes and new accounts per 60 seconds.
/// let api = Api::new(accounts.clone()).with_login_limit("60/60".parse()?);
/// let router: Router = Router::new().nest("/api", api.into_router());
///
/// // Login and sessions only:
/// let api = Api::new(accounts)
///     .with_routes([ApiRoutes::Authentication, ApiRoutes::Sessions])
///     .with_realm("example");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Api {
    accounts: Accounts,
    routes: BTreeSet<ApiRoutes>,
    renderer: RejectionRenderer<Rejection>,
    cookies: Option<SessionCookies>,
    login_limit: RateLimitLayer,
    requests_by_address: RateLimitLayer,
    requests_by_principal: RateLimitLayer,
    health_checks: HealthChecks,
    #[cfg(feature = "kliento")]
    workloads: Option<(kliento_tower::KlientoAuthLayer, crate::rbac::WorkloadRules)>,
}

impl Api {
    /// Creates an API of all routes over these accounts.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self {
            accounts,
            routes: ApiRoutes::ALL.into(),
            renderer: default_renderer(),
            cookies: None,
            login_limit: RateLimitLayer::new(),
            requests_by_address: RateLimitLayer::new(),
            requests_by_principal: RateLimitLayer::new(),
            health_checks: HealthChecks::default(),
            #[cfg(feature = "kliento")]
            workloads: None,
        }
    }

    /// Sets the groups of routes; [all](ApiRoutes::ALL) by default.
    #[must_use]
    pub fn with_routes(mut self, routes: impl IntoIterator<Item = ApiRoutes>) -> Self {
        self.routes = routes.into_iter().collect();
        self
    }

    /// Also keeps sessions in the cookies of browsers: see the [module](super#cookies). None by default.
    ///
    /// The path of the cookies is that of `/auth/refresh`, as browsers see it.
    ///
    /// ```
    /// # use kleidia_tower::account::Accounts;
    /// use axum::Router;
    /// use kleidia_tower::api::Api;
    /// use kleidia_tower::session::{CookieError, SessionCookies};
    ///
    /// # fn router(accounts: Accounts) -> Result<Router, CookieError> {
    /// let cookies = SessionCookies::new("/api/auth/refresh")?;
    /// let api = Api::new(accounts).with_cookies(cookies);
    /// Ok(Router::new().nest("/api", api.into_router()))
    /// # }
    /// ```
    #[must_use]
    pub fn with_cookies(mut self, cookies: SessionCookies) -> Self {
        self.cookies = Some(cookies);
        self
    }

    /// Sets the realm of challenges (RFC 9110, 11.5); `kleidia` by default.
    #[must_use]
    pub fn with_realm(mut self, realm: impl Into<String>) -> Self {
        self.renderer = self.renderer.with_realm(realm);
        self
    }

    /// Sets the responder to rejected requests; [`ProblemResponder`](crate::ProblemResponder) by
    /// default.
    #[must_use]
    pub fn with_responder(mut self, responder: impl Responder<Rejection>) -> Self {
        self.renderer = self.renderer.with_responder(responder);
        self
    }

    /// Limits the requests of each client address that verify or hash a password: logins, password
    /// changes, recoveries and new accounts together. Unlimited by default.
    #[must_use]
    pub fn with_login_limit(mut self, limit: Limit) -> Self {
        self.login_limit = self.login_limit.with_limit(Key::address(), limit);
        self
    }

    /// Limits the requests of each client address, and of each user or workload; unlimited by
    /// default.
    #[must_use]
    pub fn with_request_limit(mut self, limit: Limit) -> Self {
        self.requests_by_address =
            self.requests_by_address.with_limit(Key::address(), limit.clone());
        self.requests_by_principal = self.requests_by_principal.with_limit(Key::principal(), limit);
        self
    }

    /// Shares the limits of logins and of requests with other nodes; by default each process has
    /// its own budgets.
    ///
    /// `GET /health` names `shared-limits` while their store is unavailable. Several APIs with the
    /// same store and the same secret share their budgets.
    #[must_use]
    pub fn with_shared_limits(mut self, limits: &SharedLimits) -> Self {
        for (layer, scope) in [
            (&mut self.login_limit, "api/login"),
            (&mut self.requests_by_address, "api/address"),
            (&mut self.requests_by_principal, "api/principal"),
        ] {
            *layer = std::mem::take(layer).with_shared_limits(scope, limits.clone());
        }
        self.health_checks.add("shared-limits", limits.health_check());
        self
    }

    /// Sets the proxies that are trusted to report the client's address; none by default.
    #[must_use]
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.requests_by_address = self.requests_by_address.with_trusted_proxies(proxies);
        self
    }

    /// Adds a check to `GET /health`, which names it in its response while it fails.
    ///
    /// The keys of access tokens, the audit sinks, and the background writes of denials and of
    /// `last_seen_at` are always checked. The status stays 200: it depends on the store alone.
    #[must_use]
    pub fn with_health_check(
        mut self,
        name: &'static str,
        check: impl Fn() -> Result<(), HealthError> + Send + Sync + 'static,
    ) -> Self {
        self.health_checks.add(name, check);
        self
    }

    /// Also authenticates workloads, with the roles that the rules assign; none by default.
    #[cfg(feature = "kliento")]
    #[must_use]
    pub fn with_workloads(
        mut self,
        layer: kliento_tower::KlientoAuthLayer,
        rules: crate::rbac::WorkloadRules,
    ) -> Self {
        self.workloads = Some((layer, rules));
        self
    }

    /// Returns the router.
    pub fn into_router(mut self) -> Router {
        for limits in
            [&mut self.login_limit, &mut self.requests_by_address, &mut self.requests_by_principal]
        {
            *limits = std::mem::take(limits).with_renderer(self.renderer.clone());
        }
        let routes = self.routes.iter().map(|group| self.group_routes(*group));
        routes
            .fold(Router::new(), Router::merge)
            .fallback(async || ApiRejection::from(Rejection::NotFound))
            .method_not_allowed_fallback(async || ApiRejection::from(Rejection::MethodNotAllowed))
            .layer(DefaultBodyLimit::max(body::MAX_OCTETS))
            .layer(from_fn_with_state(self.renderer.clone(), render))
            .layer(Extension(ApiCookies(self.cookies.clone())))
            .layer(self.requests_by_address.clone())
            // Responses contain tokens and personal data (RFC 6749, 5.1).
            .layer(map_response(no_store))
            .with_state(self.accounts)
    }

    fn group_routes(&self, group: ApiRoutes) -> Router<Accounts> {
        let router = Router::new();
        match group {
            ApiRoutes::Authentication => self.authentication_routes(),
            ApiRoutes::Sessions => self.session_routes(),
            ApiRoutes::Factors => {
                let session = self.session_layer().with_expired_passwords_allowed();
                factors::routes(&self.login_limit, |route| {
                    self.with_session(route, session.clone())
                })
            }
            ApiRoutes::Whoami => {
                let caller = Requirement::authenticated();
                router.route("/whoami", self.with_requirement(get(whoami::whoami), caller, None))
            }
            ApiRoutes::Users => {
                let requirement =
                    Requirement::any_of([Requirement::owner(), requires("users:read")]);
                let path = "/users/{id}";
                router.route(path, self.with_requirement(get(users::one), requirement, Some(path)))
            }
            ApiRoutes::Administration => self.administration_routes(),
            ApiRoutes::Audit => {
                let list = self.with_permission(get(audit::list), "audit:read");
                let denied = self.with_permission(delete(users::deletion_denied), "audit:delete");
                router.route("/admin/audit", list.merge(denied))
            }
            ApiRoutes::Health => {
                let checks = self.health_checks.clone();
                router.route("/health", get(move |accounts| checks.run(accounts)))
            }
        }
    }

    fn authentication_routes(&self) -> Router<Accounts> {
        let session = self.session_layer().with_expired_passwords_allowed();
        let with_session = |route| self.with_session(route, session.clone());
        // These verify passwords. They share the budget of an address with new accounts.
        let login = post(authentication::log_in).route_layer(self.login_limit.clone());
        let password = post(authentication::change_password).route_layer(self.login_limit.clone());
        Router::new()
            .route("/auth/login", login)
            .route("/auth/refresh", post(authentication::refresh))
            .route("/auth/logout", with_session(post(authentication::log_out)))
            .route("/auth/logout-all", with_session(post(authentication::log_out_everywhere)))
            .route("/auth/password", with_session(self.authorized(password)))
            .merge(recovery::public_routes(&self.login_limit))
    }

    fn session_routes(&self) -> Router<Accounts> {
        let with_session = |route| self.with_session(self.authorized(route), self.session_layer());
        let has_audit = self.routes.contains(&ApiRoutes::Audit);
        let events = events::route(has_audit.then(|| self.accounts.store().clone()));
        Router::new()
            .route("/session", with_session(get(sessions::list)))
            .route("/session/events", with_session(events))
            .route("/session/{id}", with_session(delete(sessions::end)))
            .route("/session/{id}/register-agent", with_session(post(sessions::register_agent)))
    }

    fn administration_routes(&self) -> Router<Accounts> {
        let route = |route, permission| self.with_permission(route, permission);
        let create = post(users::create).route_layer(self.login_limit.clone());
        let users = route(get(users::list), "users:read").merge(route(create, "users:create"));
        let user = route(patch(users::update), "users:update")
            .merge(route(delete(users::deletion_denied), "users:delete"));
        let sessions = route(delete(users::end_sessions), "sessions:revoke");
        let factors = route(factors::admin_list(), "users:read")
            .merge(route(factors::admin_removal(), "factors:remove"));
        Router::new()
            .route("/admin/users", users)
            .route("/admin/users/{id}", user)
            .route(
                "/admin/users/{id}/recovery-code",
                route(recovery::issue_route(), "users:recover"),
            )
            .route("/admin/users/{id}/unlock", route(post(users::unlock), "users:unlock"))
            .route("/admin/users/{id}/sessions", sessions)
            .route("/admin/users/{id}/factors", factors)
            .merge(profile::routes(|route, permission| {
                self.with_requirement(route, Requirement::permission(permission), None)
            }))
    }
}

fn requires(permission: &'static str) -> Requirement {
    Requirement::permission(Permission::built_in(permission))
}
