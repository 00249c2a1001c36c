//! `JwtSessionLayer` and its configuration.

use std::sync::Arc;

use http::{Extensions, HeaderValue, Request};
use http_guard::stream::StreamWatch;
use http_guard::{
    Allowed, Check, Credentials, Decision, Guard, RejectionRenderer, event, log_text_up_to,
    mark_authorization_sensitive,
};
use tower_layer::Layer;

use super::authenticator::AuthenticatedSession;
use super::cookies::{FoundCookie, mark_cookies_sensitive};
use super::credentials::parse_token68;
use super::{CredentialPolicy, SessionAuthenticator, SessionCookies, SessionStream, SessionView};
use crate::instruments::{self, SESSION_LAYER};
use crate::rate_limit::RequestHead;
use crate::rejection::default_renderer;
use crate::telemetry::{MAX_ERROR_CHARACTERS, log_rejection};
use crate::{GuardedService, Principal, Rejection, Responder, Unauthenticated};

/// Authenticates users by access tokens: `Authorization: Bearer <JWT>` (RFC 6750, 2.1), or a cookie.
///
/// The layer checks a request in this order, and each check has its own code: signature
/// (`token_invalid`), expiry (`token_expired`), session (`session_expired`), account
/// (`account_disabled`), and age of the password (`password_expired`, 403). On success the request
/// has a [`Principal`] and a [`SessionView`] in its extensions. If the [`CredentialPolicy`] allows
/// a request without a session, it has [`Unauthenticated`] instead.
///
/// # Rules
/// - If the store, the keys or the clock is unavailable, the request is rejected with 503 under
///   every [`CredentialPolicy`]. For a request without a token the store is not queried.
/// - A request has at most one `Authorization` header, with a token of at most 4,096 octets. Tokens
///   in the request target or the body are ignored.
/// - Browsers keep tokens where no script can read them: see [`with_cookies`](Self::with_cookies).
/// - The layer marks these headers as sensitive. Tokens are in no log, response or `Debug` output.
/// - The typed [`Rejection`] is in the extensions of the response.
/// - Clones share all state.
///
/// # Deployment caveats
/// - The name and the admin flag in a token are hints for clients. The account in the store
///   decides, for every request.
/// - [Streams](http_guard::stream) end with their session, not with the access token: see
///   [`Accounts::with_stream_settings`](crate::account::Accounts::with_stream_settings).
/// - The store is queried for every request, so ending a session takes effect immediately. With
///   [`SessionCachingStore`](super::SessionCachingStore) it takes effect within the TTL if another
///   process ended the session.
///
/// # Examples
/// ```
/// # use std::sync::Arc;
/// # use kleidia_tower::ClientInfo;
/// # use kleidia_tower::access_token::{KeyRing, SigningKey};
/// # use kleidia_tower::account::{Accounts, LoginRequest};
/// # use kleidia_tower::password::PasswordHasher;
/// # use kleidia_tower::rbac::RoleName;
/// # use kleidia_tower::store::MemoryStore;
/// use http::{Request, Response, StatusCode, header::AUTHORIZATION};
/// use kleidia_tower::Principal;
/// use kleidia_tower::session::JwtSessionLayer;
/// use secrecy::ExposeSecret;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let hasher = PasswordHasher::new()?;
/// # let keys = KeyRing::new([SigningKey::generate()?])?;
/// # let accounts = Accounts::new(Arc::new(MemoryStore::default()), Arc::new(keys), hasher);
/// # let (password, roles) = ("correct horse battery staple", [RoleName::user()].into());
/// # accounts.create_user(None, "alice", password.into(), roles, ClientInfo::default()).await?;
/// # let (user_name, client) = ("alice".to_owned(), ClientInfo::new("192.0.2.1".parse()?));
/// # let alice = accounts.log_in(LoginRequest { user_name, password: password.into(), client, device_token: None }).await?;
/// let service = ServiceBuilder::new()
///     .layer(JwtSessionLayer::new(accounts.authenticator()))
///     .service_fn(|request: Request<String>| async move {
///         let caller = request.extensions().get().map_or("anonymous", Principal::name);
///         Ok::<_, std::convert::Infallible>(Response::new(caller.to_owned()))
///     });
///
/// let token = alice.access_token.expose_secret();
/// let request = Request::builder().header(AUTHORIZATION, format!("Bearer {token}"));
/// let response = service.clone().oneshot(request.body(String::new())?).await?;
/// assert_eq!(response.status(), StatusCode::OK);
///
/// let rejected = service.oneshot(Request::new(String::new())).await?;
/// assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
/// # Ok(()) }
/// ```
///
/// Configured: requests without credentials pass, and so do workloads, which the next layer
/// authenticates.
///
/// ```
/// use http::HeaderValue;
/// use kleidia_tower::session::{CredentialPolicy, JwtSessionLayer, SessionAuthenticator};
///
/// fn layer(authenticator: SessionAuthenticator) -> JwtSessionLayer {
///     JwtSessionLayer::new(authenticator)
///         .with_policy(CredentialPolicy::AllowMissing)
///         .with_realm("people")
///         .with_passthrough_scheme(HeaderValue::from_static(r#"Kliento realm="workloads""#))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct JwtSessionLayer {
    guard: Arc<SessionGuard>,
}

/// The state that all services of a [`JwtSessionLayer`] share.
#[derive(Clone, Debug)]
pub struct SessionGuard {
    authenticator: Arc<SessionAuthenticator>,
    policy: CredentialPolicy,
    cookies: Option<SessionCookies>,
    checks_password_age: bool,
    watches_streams: bool,
    renderer: RejectionRenderer<Rejection>,
}

impl JwtSessionLayer {
    /// Creates a layer that requires an access token of an active session.
    #[must_use]
    pub fn new(authenticator: SessionAuthenticator) -> Self {
        let authenticator = Arc::new(authenticator);
        let (policy, renderer) = (CredentialPolicy::default(), default_renderer());
        let guard = SessionGuard {
            authenticator,
            policy,
            cookies: None,
            checks_password_age: true,
            watches_streams: true,
            renderer,
        };
        Self { guard: Arc::new(guard) }
    }

    /// Sets which requests pass without a session; none by default.
    #[must_use]
    pub fn with_policy(self, policy: CredentialPolicy) -> Self {
        self.with(|guard| guard.policy = policy)
    }

    /// Also accepts access tokens in [cookies](SessionCookies), by their rules; in none by default.
    ///
    /// A request has either a cookie or an `Authorization` header, of whatever scheme. Inside of this
    /// layer, one for workloads needs [`CredentialPolicy::AllowMissing`], since a request with a cookie
    /// has no `Authorization`.
    #[must_use]
    pub fn with_cookies(self, cookies: SessionCookies) -> Self {
        self.with(|guard| guard.cookies = Some(cookies))
    }

    /// Accepts users whose password has expired, or who have to change it: for the routes where they do.
    #[must_use]
    pub fn with_expired_passwords_allowed(self) -> Self {
        self.with(|guard| guard.checks_password_age = false)
    }

    /// Leaves streams to the service. The layer adds no [`StreamWatch`] to requests; that of an outer
    /// layer stays.
    #[must_use]
    pub fn without_streams(self) -> Self {
        self.with(|guard| guard.watches_streams = false)
    }

    /// Passes credentials of another scheme, such as `Kliento`, through to the next layer, and adds
    /// its challenge to every 401.
    ///
    /// The next layer, inside this one, has to reject the credentials that it does not accept.
    #[must_use]
    pub fn with_passthrough_scheme(self, challenge: HeaderValue) -> Self {
        self.map_renderer(|renderer| renderer.with_additional_challenge(challenge))
    }

    /// Sets the realm of challenges (RFC 9110, 11.5); `kleidia` by default.
    #[must_use]
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        self.map_renderer(|renderer| renderer.with_realm(realm))
    }

    /// Sets the responder of rejected requests; [`ProblemResponder`](crate::ProblemResponder) by
    /// default.
    #[must_use]
    pub fn with_responder(self, responder: impl Responder<Rejection>) -> Self {
        self.map_renderer(|renderer| renderer.with_responder(responder))
    }

    fn with(mut self, change: impl FnOnce(&mut SessionGuard)) -> Self {
        change(Arc::make_mut(&mut self.guard));
        self
    }

    pub(crate) fn map_renderer(
        self,
        change: impl FnOnce(RejectionRenderer<Rejection>) -> RejectionRenderer<Rejection>,
    ) -> Self {
        self.with(|guard| guard.renderer = change(guard.renderer.clone()))
    }
}

impl<S> Layer<S> for JwtSessionLayer {
    type Service = GuardedService<S, SessionGuard>;

    fn layer(&self, inner: S) -> Self::Service {
        GuardedService::new(inner, Arc::clone(&self.guard))
    }
}

impl Guard for SessionGuard {
    type Rejection = Rejection;
    type Lookup = Result<AuthenticatedSession, Rejection>;

    fn start<B>(&self, request: &mut Request<B>) -> Check<Self::Lookup, Rejection> {
        mark_authorization_sensitive(request.headers_mut());
        if self.cookies.is_some() {
            mark_cookies_sensitive(request.headers_mut());
        }
        match self.read_token(&RequestHead::from_request(request)) {
            Ok(Some(token)) => Check::Pending(Box::pin(self.authenticate(token))),
            Ok(None) => {
                self.pass_through(request.extensions_mut());
                Check::Ready(Ok(Allowed::default()))
            }
            Err(rejection) => Check::Ready(self.finish(request, Err(rejection))),
        }
    }

    fn finish<B>(&self, request: &mut Request<B>, lookup: Self::Lookup) -> Decision<Rejection> {
        let extensions = request.extensions_mut();
        match lookup {
            Ok(session) => {
                instruments::count_accepted_session();
                Ok(self.set_session(extensions, session))
            }
            Err(rejection) if self.policy.allows(&rejection) => {
                // Outer layers may have inserted them, but this layer authenticated no user.
                extensions.remove::<Principal>();
                extensions.remove::<SessionView>();
                remove_session_stream(extensions);
                self.set_unauthenticated(extensions, rejection);
                Ok(Allowed::default())
            }
            Err(rejection) => Err(rejection),
        }
    }

    fn renderer(&self) -> &RejectionRenderer<Rejection> {
        &self.renderer
    }

    fn on_rejection(&self, rejection: &Rejection) {
        instruments::count_rejection(SESSION_LAYER, rejection.code());
        log_rejection(rejection);
    }
}

impl SessionGuard {
    /// Returns the access token, or `None` for credentials that the next layer checks.
    fn read_token(&self, head: &RequestHead<'_>) -> Result<Option<String>, Rejection> {
        let credentials = Credentials::from_headers(head.headers(), "Bearer");
        if let Some(cookies) = &self.cookies {
            match (cookies.access_cookie(head.headers()), credentials) {
                (FoundCookie::Missing, _) => {}
                (FoundCookie::One(token), Credentials::Missing) => {
                    cookies.check_origin_of(head)?;
                    return parse(token).map(Some);
                }
                _ => return Err(Rejection::AmbiguousCredentials),
            }
        }
        match credentials {
            Credentials::Matching { token, .. } => parse(token).map(Some),
            Credentials::OtherScheme(scheme) if self.renderer.is_passthrough_scheme(scheme) => {
                Ok(None)
            }
            Credentials::OtherScheme(_) => Err(Rejection::UnsupportedScheme),
            Credentials::Missing => Err(Rejection::MissingCredentials),
            Credentials::Multiple => Err(Rejection::MalformedCredentials),
        }
    }

    fn authenticate(
        &self,
        token: String,
    ) -> impl Future<Output = Result<AuthenticatedSession, Rejection>> + use<> {
        let (authenticator, checks_password_age) =
            (Arc::clone(&self.authenticator), self.checks_password_age);
        async move {
            let session = authenticator.authenticate_with_key(&token).await?;
            if checks_password_age {
                authenticator.check_password_age(&session.view.account)?;
            }
            Ok(session)
        }
    }

    fn set_session(&self, extensions: &mut Extensions, session: AuthenticatedSession) -> Allowed {
        let AuthenticatedSession { view, key, claims } = session;
        let (user, id) = (view.account.id, view.session.id);
        event!(debug, user = user.get(), session = id.get(), "authenticated");
        extensions.remove::<Unauthenticated>();
        extensions.insert(Principal::user(view.clone()).with_extra_claims(claims));
        extensions.insert(view.clone());
        if !self.watches_streams {
            return Allowed::default();
        }
        let (authenticator, checks_password_age) = (&self.authenticator, self.checks_password_age);
        let watch = SessionStream::watch(authenticator, checks_password_age, view, Some(key));
        extensions.insert(watch.clone());
        Allowed { watch: Some(watch), ..Allowed::default() }
    }

    /// Keeps the principal of a workload, which an outer layer may have authenticated. Only this
    /// layer authenticates users.
    fn pass_through(&self, extensions: &mut Extensions) {
        remove_session_stream(extensions);
        extensions.remove::<SessionView>();
        if extensions.get().is_some_and(|principal: &Principal| principal.session().is_some()) {
            extensions.remove::<Principal>();
        }
        if extensions.get::<Principal>().is_none() {
            self.set_unauthenticated(extensions, Rejection::UnsupportedScheme);
        }
    }

    fn set_unauthenticated(&self, extensions: &mut Extensions, rejection: Rejection) {
        instruments::count_unauthenticated();
        let error = || log_text_up_to(MAX_ERROR_CHARACTERS, &rejection);
        event!(debug, code = rejection.code(), error = error(), "unauthenticated");
        extensions.insert(Unauthenticated::new(rejection, self.renderer.clone()));
    }
}

fn parse(token: &[u8]) -> Result<String, Rejection> {
    parse_token68(token).map(str::to_owned).ok_or(Rejection::MalformedCredentials)
}

/// Removes the watch of a session from an outer layer. That of a workload stays.
fn remove_session_stream(extensions: &mut Extensions) {
    if SessionStream::from_extensions(extensions).is_some() {
        extensions.remove::<StreamWatch>();
    }
}
