//! Streams of sessions: they end when their session would no longer be accepted.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use http::Extensions;
use http_guard::Problem;
use http_guard::stream::{
    OpenStream, Reconnection, StreamCheck, StreamCheckFuture, StreamDecision, StreamEnd,
    StreamFollower, StreamRegistry, StreamSettings, StreamWatch, WeakStreamRegistry,
};
use smallvec::SmallVec;
use tokio::sync::watch;

use super::stream_events::follow;
use super::{SessionAuthenticator, SessionStore, SessionView};
use crate::access_token::TokenKey;
use crate::account::Account;
use crate::audit::{AuditIdentity, EndedStreams};
use crate::rbac::PermitCheck;
use crate::{Principal, Rejection, SessionId, Timestamp, UserId, time};

/// The streams of sessions, of all layers that share an authenticator.
pub(crate) type SessionStreams = StreamRegistry<SessionCheck>;

/// Checks the streams of a session as requests are checked.
pub(crate) struct SessionCheck(Arc<dyn SessionStore>);

/// A stream of a session, which the layers inside find by the watch of the request.
pub(crate) struct SessionStream {
    authenticator: Arc<SessionAuthenticator>,
    checks_password_age: bool,
    /// The session when the stream was opened.
    view: SessionView,
    /// The key that signed the access token; `None` after a session token.
    key: Option<TokenKey>,
    /// What the layers inside have allowed.
    permits: Mutex<SmallVec<[PermitCheck; 1]>>,
    /// The session with its latest roles, if something follows them.
    views: OnceLock<watch::Sender<SessionView>>,
}

/// A session, as the store returned it.
struct Found {
    view: Option<SessionView>,
    now: Timestamp,
}

const SESSION_EXPIRED: StreamEnd = StreamEnd::new(
    Problem::unauthorized("session_expired", "The session has expired"),
    Reconnection::Authenticate,
);
pub(super) const SESSION_ENDED: StreamEnd = StreamEnd::new(
    Problem::unauthorized("session_ended", "The session has ended"),
    Reconnection::Never,
);
pub(super) const ACCOUNT_DISABLED: StreamEnd = StreamEnd::new(
    Problem::unauthorized("account_disabled", "The account is disabled"),
    Reconnection::Never,
);
const PASSWORD_EXPIRED: StreamEnd = StreamEnd::new(
    Problem::forbidden("password_expired", "The password has to be changed"),
    Reconnection::Never,
);
/// The key of the access token was withdrawn.
const TOKEN_INVALID: StreamEnd = StreamEnd::new(
    Problem::unauthorized("token_invalid", "The access token is not valid"),
    Reconnection::Authenticate,
);

/// Streams of sessions that are kept in cookies.
impl SessionAuthenticator {
    /// Returns the watch of a request whose session token was authenticated just now: its streams end
    /// with the session, as those of [`JwtSessionLayer`](super::JwtSessionLayer), and when the
    /// password expires.
    ///
    /// Insert it into the extensions of the request, and pass the response through
    /// [`StreamWatch::wrap_response`]. A [`Guard`](http_guard::Guard) returns it in
    /// [`Allowed`](http_guard::Allowed) instead.
    ///
    /// Browsers send cookies with requests of other sites, also to open a WebSocket, whose responses
    /// CORS does not protect. Set `SameSite` on the cookie, and compare the header `Origin` of
    /// WebSockets with your own origins.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use http_guard::ResponseBody;
    /// use kleidia_tower::Rejection;
    /// use kleidia_tower::session::SessionAuthenticator;
    /// use tower::{Service, ServiceExt};
    ///
    /// /// Calls a service for the session of a cookie.
    /// async fn call<S, B>(
    ///     authenticator: &SessionAuthenticator,
    ///     session_token: &str,
    ///     mut request: Request<String>,
    ///     service: S,
    /// ) -> Result<Response<ResponseBody<B>>, Rejection>
    /// where
    ///     S: Service<Request<String>, Response = Response<B>, Error = std::convert::Infallible>,
    /// {
    ///     let session = authenticator.authenticate_session_token(session_token).await?;
    ///     authenticator.check_password_age(&session.account)?;
    ///     let watch = authenticator.watch_session(session);
    ///     request.extensions_mut().insert(watch.clone());
    ///     let Ok(response) = service.oneshot(request).await;
    ///     Ok(watch.wrap_response(response))
    /// }
    /// ```
    #[must_use]
    pub fn watch_session(&self, session: SessionView) -> StreamWatch {
        SessionStream::watch(&Arc::new(self.clone()), true, session, None)
    }
}

pub(crate) fn streams(store: Arc<dyn SessionStore>, settings: StreamSettings) -> SessionStreams {
    StreamRegistry::new(SessionCheck(store), settings)
}

impl SessionStream {
    /// Creates the stream of a request that was authenticated, and its watch.
    pub(super) fn watch(
        authenticator: &Arc<SessionAuthenticator>,
        checks_password_age: bool,
        view: SessionView,
        key: Option<TokenKey>,
    ) -> StreamWatch {
        let (user, session) = (view.account.id, view.session.id);
        let stream = Self {
            authenticator: Arc::clone(authenticator),
            checks_password_age,
            view,
            key,
            permits: Mutex::default(),
            views: OnceLock::new(),
        };
        authenticator.streams().watch(user, session, stream)
    }

    /// Returns the stream of a request whose session was authenticated.
    pub(crate) fn from_extensions(extensions: &Extensions) -> Option<&Self> {
        extensions.get::<StreamWatch>()?.stream()
    }

    /// Ends the stream when the account no longer meets this.
    pub(crate) fn require(&self, permit: PermitCheck) {
        self.permits.lock().unwrap_or_else(PoisonError::into_inner).push(permit);
    }

    /// Follows the roles of the account, as the checks of the stream find them.
    #[cfg(feature = "axum")]
    pub(crate) fn views(&self) -> watch::Receiver<SessionView> {
        self.views.get_or_init(|| watch::Sender::new(self.view.clone())).subscribe()
    }

    fn publish_roles(&self, view: &SessionView) {
        let Some(views) = self.views.get() else { return };
        views.send_if_modified(|last| {
            let is_changed = last.account.roles != view.account.roles;
            if is_changed {
                *last = view.clone();
            }
            is_changed
        });
    }

    async fn check(&self, found: &Found) -> StreamDecision {
        let view = match self.check_session(found) {
            Ok(view) => view,
            Err(decision) => return decision,
        };
        if let Some(key) = &self.key {
            let Ok(keys) = self.authenticator.current_keys().await else {
                return StreamDecision::Unknown;
            };
            if !key.is_in(&keys) {
                return StreamDecision::End(TOKEN_INVALID);
            }
        }
        let permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for permit in permits {
            match permit.decide(&Principal::user(view.clone())).await {
                StreamDecision::Allow { .. } => {}
                decision => return decision,
            }
        }
        self.publish_roles(view);
        StreamDecision::Allow { valid_for: Some(self.left(view, found.now)) }
    }

    /// Returns the session if a request would be accepted, as far as the session matters.
    fn check_session<'f>(&self, found: &'f Found) -> Result<&'f SessionView, StreamDecision> {
        let now = time::whole_seconds(found.now);
        let checked = self.authenticator.check_active(found.view.as_ref(), now).and_then(|view| {
            if self.checks_password_age {
                self.authenticator.check_password_age(&view.account)?;
            }
            Ok(view)
        });
        checked.map_err(|rejection| match rejection {
            Rejection::SessionExpired => {
                let end = found.view.as_ref().and_then(|view| view.session.end);
                StreamDecision::End(if end.is_some() { SESSION_ENDED } else { SESSION_EXPIRED })
            }
            Rejection::AccountDisabled => StreamDecision::End(ACCOUNT_DISABLED),
            Rejection::PasswordExpired => StreamDecision::End(PASSWORD_EXPIRED),
            _ => StreamDecision::Unknown,
        })
    }

    /// Returns how long the session is still valid.
    fn left(&self, view: &SessionView, now: Timestamp) -> Duration {
        time::elapsed(now, self.authenticator.expiry(&view.session))
    }
}

impl StreamCheck for SessionCheck {
    type Principal = UserId;
    type Key = SessionId;
    type Stream = SessionStream;

    fn check(
        &self,
        user: UserId,
        session: SessionId,
        streams: Vec<OpenStream<Self>>,
    ) -> StreamCheckFuture {
        Box::pin(async move {
            // The streams of one session share the store and the clock.
            let Some(first) = streams.first() else { return Vec::new() };
            let Some(now) = first.authenticator.precise_now() else { return Vec::new() };
            let Ok(view) = first.authenticator.find_extended_session(session, user, now).await
            else {
                return Vec::new();
            };
            let found = Found { view, now };
            let mut decisions = Vec::with_capacity(streams.len());
            for stream in &streams {
                decisions.push(stream.check(&found).await);
            }
            decisions
        })
    }

    fn valid_for(&self, stream: &SessionStream) -> Option<Duration> {
        let now = stream.authenticator.precise_now();
        // Without a clock the stream waits for its check.
        Some(now.map_or(Duration::ZERO, |now| stream.left(&stream.view, now)))
    }

    fn on_end(
        &self,
        _: &UserId,
        session: &SessionId,
        streams: &[OpenStream<Self>],
        end: StreamEnd,
    ) {
        // The client may come back with the same token.
        if end.reconnection() == Reconnection::Later {
            return;
        }
        let Some(first) = streams.first() else { return };
        let Some(audit) = first.authenticator.audit_trail() else { return };
        let Account { id, name, .. } = &*first.view.account;
        audit.record_stream_ends(|at| EndedStreams {
            at,
            user: AuditIdentity::account(*id, name),
            session: *session,
            code: end.code(),
            streams: streams.len(),
        });
    }

    fn follow(&self, registry: WeakStreamRegistry<Self>) -> Option<StreamFollower> {
        let receiver = self.0.session_events()?.subscribe();
        Some(Box::pin(follow(receiver, registry)))
    }
}
