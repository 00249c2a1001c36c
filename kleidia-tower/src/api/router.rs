//! The router: each route, with what it asks of who calls it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, patch, post};
use http::HeaderValue;
use http::header::CACHE_CONTROL;

use super::{audit, authentication, body, sessions, users, whoami};
use crate::Rejection;
use crate::account::Accounts;
use crate::rate_limit::{Key, Limit, RateLimitLayer, TrustedProxies};
use crate::rbac::{Permission, Policy, PolicyProvider, RbacLayer, Requirement};
use crate::session::JwtSessionLayer;

/// The routes of an HTTP API over accounts, below wherever you nest them.
///
/// | route | for whom |
/// |---|---|
/// | `POST /auth/login`, `POST /auth/refresh`, `GET /health` | everybody |
/// | `POST /auth/logout`, `/auth/logout-all`, `/auth/password` | users |
/// | `GET /session`, `DELETE /session/{id}`, `POST /session/{id}/register-agent` | users, their own |
/// | `GET /whoami` | users and workloads |
/// | `GET /users/{id}` | oneself, and who may `users:read` |
/// | `GET /admin/users`, `POST /admin/users` | `users:read`, `users:create` |
/// | `PATCH /admin/users/{id}`, `POST /admin/users/{id}/unlock` | `users:update`, `users:unlock` |
/// | `DELETE /admin/users/{id}/sessions` | `sessions:revoke` |
/// | `GET /admin/audit` | `audit:read` |
/// | `DELETE /admin/users/{id}`, `DELETE /admin/audit` | nobody: accounts and records stay |
///
/// Bodies are JSON of at most 16 KiB; refusals are problem details (RFC 9457) with the codes of
/// [`Rejection::code`]. Nothing is rate-limited unless you set it.
///
/// ```
/// # use std::sync::Arc;
/// # use kleidia_tower::access_token::{KeyRing, SigningKey};
/// # use kleidia_tower::account::Accounts;
/// # use kleidia_tower::api::Api;
/// # use kleidia_tower::password::PasswordHasher;
/// # use kleidia_tower::store::MemoryStore;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let hasher = PasswordHasher::new()?;
/// # let keys = KeyRing::new([SigningKey::generate()?])?;
/// let accounts = Accounts::new(Arc::new(MemoryStore::default()), Arc::new(keys), hasher);
/// let api = Api::new(accounts).with_login_limit("60/60".parse()?).into_router();
/// let router: axum::Router = axum::Router::new().nest("/api", api);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Api {
    shared: ApiState,
    session: JwtSessionLayer,
    login_limit: RateLimitLayer,
    requests_by_address: RateLimitLayer,
    requests_by_principal: RateLimitLayer,
    #[cfg(feature = "kliento")]
    workloads: Option<(kliento_tower::KlientoAuthLayer, crate::rbac::WorkloadRules)>,
}

/// What handlers share.
#[derive(Clone)]
pub(super) struct ApiState {
    accounts: Accounts,
    pub(super) policy: Arc<dyn PolicyProvider>,
}

impl Api {
    /// Routes over these accounts, under the default policy.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        let session = JwtSessionLayer::new(accounts.authenticator());
        Self {
            shared: ApiState { accounts, policy: Arc::new(Policy::default()) },
            session,
            login_limit: RateLimitLayer::new(),
            requests_by_address: RateLimitLayer::new(),
            requests_by_principal: RateLimitLayer::new(),
            #[cfg(feature = "kliento")]
            workloads: None,
        }
    }

    /// Sets which roles carry which permissions.
    #[must_use]
    pub fn with_policy(mut self, policy: impl PolicyProvider) -> Self {
        self.shared.policy = Arc::new(policy);
        self
    }

    /// Limits how many logins an address may try.
    #[must_use]
    pub fn with_login_limit(mut self, limit: Limit) -> Self {
        self.login_limit = self.login_limit.with_limit(Key::address(), limit);
        self
    }

    /// Limits how many requests an address may make, and how many a user or workload.
    #[must_use]
    pub fn with_request_limit(mut self, limit: Limit) -> Self {
        self.requests_by_address =
            self.requests_by_address.with_limit(Key::address(), limit.clone());
        self.requests_by_principal = self.requests_by_principal.with_limit(Key::principal(), limit);
        self
    }

    /// Sets which proxies are believed when they tell the client's address; none by default.
    #[must_use]
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.requests_by_address = self.requests_by_address.with_trusted_proxies(proxies);
        self
    }

    /// Lets workloads in beside users, in the roles that the rules tell.
    #[cfg(feature = "kliento")]
    #[must_use]
    pub fn with_workloads(
        mut self,
        layer: kliento_tower::KlientoAuthLayer,
        rules: crate::rbac::WorkloadRules,
    ) -> Self {
        let layer =
            layer.with_passthrough_scheme(HeaderValue::from_static("Bearer realm=\"kleidia\""));
        self.workloads = Some((layer, rules));
        self
    }

    /// The router, with all routes.
    pub fn into_router(self) -> Router {
        let requests = self.requests_by_address.clone();
        self.authentication_routes()
            .merge(self.session_routes())
            .merge(self.user_routes())
            .route("/health", get(health))
            .fallback(|| async { Rejection::NotFound })
            .layer(DefaultBodyLimit::max(body::MAX_OCTETS))
            .layer(requests)
            // Tokens are in the answers, and who may see one may not see the next (RFC 6749, 5.1).
            .layer(map_response(no_store))
            .with_state(self.shared)
    }

    fn authentication_routes(&self) -> Router<ApiState> {
        let with_session = |route: MethodRouter<ApiState>| {
            let session = self.session.clone().allowing_expired_passwords();
            let route: MethodRouter<ApiState> = route.layer(self.requests_by_principal.clone());
            route.layer(session)
        };
        let log_in = post(authentication::log_in).layer(self.login_limit.clone());
        Router::new()
            .route("/auth/login", log_in)
            .route("/auth/refresh", post(authentication::refresh))
            .route("/auth/logout", with_session(post(authentication::log_out)))
            .route("/auth/logout-all", with_session(post(authentication::log_out_everywhere)))
            .route("/auth/password", with_session(post(authentication::change_password)))
    }

    fn session_routes(&self) -> Router<ApiState> {
        let with_session = |route: MethodRouter<ApiState>| {
            let route: MethodRouter<ApiState> = route.layer(self.requests_by_principal.clone());
            route.layer(self.session.clone())
        };
        Router::new()
            .route("/session", with_session(get(sessions::list)))
            .route("/session/{id}", with_session(delete(sessions::end)))
            .route("/session/{id}/register-agent", with_session(post(sessions::register_agent)))
    }

    fn user_routes(&self) -> Router<ApiState> {
        let may = |name: &'static str| Requirement::permission(Permission::built_in(name));
        let route = |route, name| self.with_requirement(route, may(name), None);
        let users =
            route(get(users::list), "users:read").merge(route(post(users::create), "users:create"));
        let user = route(patch(users::update), "users:update")
            .merge(route(delete(deletion_denied), "users:delete"));
        let log = route(get(audit::list), "audit:read")
            .merge(route(delete(deletion_denied), "audit:delete"));
        let own_or_all = Requirement::any_of([Requirement::owner(), may("users:read")]);
        let one = self.with_requirement(get(users::one), own_or_all, Some("/users/{id}"));
        let whoami = self.with_requirement(get(whoami::whoami), Requirement::authenticated(), None);
        Router::new()
            .route("/whoami", whoami)
            .route("/users/{id}", one)
            .route("/admin/users", users)
            .route("/admin/users/{id}", user)
            .route("/admin/users/{id}/unlock", route(post(users::unlock), "users:unlock"))
            .route(
                "/admin/users/{id}/sessions",
                route(delete(users::end_sessions), "sessions:revoke"),
            )
            .route("/admin/audit", log)
    }

    /// Asks users and workloads for something.
    fn with_requirement(
        &self,
        route: MethodRouter<ApiState>,
        requirement: Requirement,
        owner: Option<&'static str>,
    ) -> MethodRouter<ApiState> {
        let ApiState { accounts, policy } = &self.shared;
        let mut rbac = RbacLayer::new(Arc::clone(policy), requirement, accounts.audit_trail());
        if let Some(path) = owner {
            rbac = rbac.with_static_owner_path(path);
        }
        let route: MethodRouter<ApiState> = route.layer(rbac);
        let route: MethodRouter<ApiState> = route.layer(self.requests_by_principal.clone());
        #[cfg(feature = "kliento")]
        if let Some((layer, rules)) = &self.workloads {
            let kliento = HeaderValue::from_static("Kliento realm=\"kleidia\"");
            let session = self.session.clone().with_other_scheme(kliento);
            let route: MethodRouter<ApiState> = route.layer(rules.clone());
            let route: MethodRouter<ApiState> = route.layer(layer.clone());
            return route.layer(session);
        }
        route.layer(self.session.clone())
    }
}

impl FromRef<ApiState> for Accounts {
    fn from_ref(shared: &ApiState) -> Self {
        shared.accounts.clone()
    }
}

/// Whatever a policy says.
async fn deletion_denied() -> Rejection {
    Rejection::PermissionDenied(crate::rbac::Denial::NoRequirement)
}

/// Whether the store can be asked.
async fn health(
    axum::extract::State(accounts): axum::extract::State<Accounts>,
) -> Result<&'static str, Rejection> {
    accounts.user(0).await?;
    Ok("ok\n")
}

async fn no_store<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
