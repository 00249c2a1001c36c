//! Authenticates callers by access tokens or session tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http_guard::stream::StreamSettings;

use super::streams::streams;
use super::{
    EndReason, LastSeenWriter, Session, SessionLookup, SessionStore, SessionStreams, SessionView,
};
use crate::access_token::{
    Claims, ExtraClaims, KeyError, KeyProvider, KeyRing, TokenKey, unknown_key_id, verify_with_key,
};
use crate::account::{Account, AccountSettings};
use crate::audit::AuditTrail;
use crate::opaque_token::OpaqueToken;
use crate::store::StoreError;
use crate::{Clock, HealthError, Rejection, SessionId, SystemClock, Timestamp, UserId, time};

/// Authenticates callers by access tokens or session tokens. Cheap to clone.
///
/// It checks the token, then the session, then the account; the first failure is the rejection. On
/// success `last_seen_at` of the session is updated, at most once per [last-seen
/// interval](AccountSettings::with_last_seen_interval), in the background: no request waits for a
/// write. [`Self::flush`] waits for it, as before a shutdown.
#[derive(Clone)]
pub struct SessionAuthenticator {
    store: Arc<dyn SessionStore>,
    keys: Arc<dyn KeyProvider>,
    clock: Arc<dyn Clock>,
    leeway: Duration,
    login_ttl: Duration,
    max_password_age: Option<Duration>,
    last_seen_interval: Duration,
    last_seen: LastSeenWriter,
    streams: SessionStreams,
    audit: Option<AuditTrail>,
}

/// A session that was authenticated by an access token.
#[derive(Debug)]
pub struct AuthenticatedSession {
    pub(crate) view: SessionView,
    /// The key that signed the token.
    pub(crate) key: TokenKey,
    /// What a hook has added to the token.
    pub(crate) claims: ExtraClaims,
}

impl SessionAuthenticator {
    /// Creates an authenticator with the sessions of this store and the keys of access tokens.
    pub fn new(store: Arc<dyn SessionStore>, keys: Arc<dyn KeyProvider>) -> Self {
        let AccountSettings { leeway, last_seen_interval, .. } = AccountSettings::default();
        let clock = Arc::new(SystemClock);
        let last_seen = LastSeenWriter::new(Arc::clone(&store));
        let streams = streams(Arc::clone(&store), StreamSettings::default());
        let (login_ttl, max_password_age) = (Duration::MAX, None);
        Self {
            store,
            keys,
            clock,
            leeway,
            login_ttl,
            max_password_age,
            last_seen_interval,
            last_seen,
            streams,
            audit: None,
        }
    }

    /// Shares the writer of other authenticators, so that their updates are one write.
    pub(crate) fn with_last_seen_writer(self, last_seen: LastSeenWriter) -> Self {
        Self { last_seen, ..self }
    }

    /// Shares the streams of other authenticators with this store.
    pub(crate) fn with_streams(self, streams: SessionStreams) -> Self {
        Self { streams, ..self }
    }

    /// Records the forced ends of streams as `stream.ended` in this audit trail; in none by default.
    #[must_use]
    pub fn with_audit_trail(self, audit: AuditTrail) -> Self {
        Self { audit: Some(audit), ..self }
    }

    pub(super) const fn audit_trail(&self) -> Option<&AuditTrail> {
        self.audit.as_ref()
    }

    /// Sets the limits of streams; [`StreamSettings::default`] by default. The authenticator gets
    /// new streams, which its clones share.
    #[must_use]
    pub fn with_stream_settings(self, settings: StreamSettings) -> Self {
        let streams = streams(Arc::clone(&self.store), settings);
        Self { streams, ..self }
    }

    pub(crate) const fn streams(&self) -> &SessionStreams {
        &self.streams
    }

    /// Ends all streams, with the code `server_shutdown`, and rejects further ones. Returns how many
    /// were open. Call it when the server begins to shut down, which otherwise waits for them.
    /// gRPC calls that are not answered may go on for 5 seconds.
    #[expect(clippy::must_use_candidate, reason = "it is called to end them")]
    pub fn shut_down_streams(&self) -> usize {
        self.streams.shut_down()
    }

    /// Waits until the pending updates of `last_seen_at` are written.
    pub async fn flush(&self) {
        self.last_seen.flush().await;
    }

    /// Checks that `last_seen_at` is written, for the health route.
    ///
    /// # Errors
    /// [`HealthError`] if the last write failed.
    pub fn health(&self) -> Result<(), HealthError> {
        self.last_seen.health()
    }

    /// Sets the clock; the system clock by default.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the settings that concern sessions: the leeway, the lifetime of a login, which sessions
    /// that were opened under another one do not exceed, the maximum age of passwords, and the
    /// last-seen interval. By default, leeway and last-seen interval are those of
    /// [`AccountSettings::default`], and the others are unlimited.
    #[must_use]
    pub fn with_settings(mut self, settings: &AccountSettings) -> Self {
        self.leeway = settings.leeway;
        self.login_ttl = settings.login_ttl;
        self.max_password_age = settings.password_policy.max_age();
        self.last_seen_interval = settings.last_seen_interval;
        self
    }

    /// Returns the active session of an access token, and its enabled account.
    ///
    /// # Errors
    /// [`Rejection::AccessToken`], [`Rejection::SessionExpired`] or [`Rejection::AccountDisabled`],
    /// and server errors: the store, the keys or the clock is unavailable.
    pub async fn authenticate(&self, token: &str) -> Result<SessionView, Rejection> {
        Ok(self.authenticate_with_key(token).await?.view)
    }

    /// As [`Self::authenticate`], with the key that signed the token.
    pub(crate) async fn authenticate_with_key(
        &self,
        token: &str,
    ) -> Result<AuthenticatedSession, Rejection> {
        let keys = self.current_keys().await?;
        let rejection = match self.authenticate_with(&keys, token).await {
            Err(rejection @ Rejection::AccessToken(_)) => rejection,
            outcome => return outcome,
        };
        // Another node may have signed it with a key that this node has not read yet.
        let Some(id) = unknown_key_id(&keys, token) else { return Err(rejection) };
        match self.keys.keys_with(&id).await? {
            Some(keys) => self.authenticate_with(&keys, token).await,
            None => Err(rejection),
        }
    }

    async fn authenticate_with(
        &self,
        keys: &KeyRing,
        token: &str,
    ) -> Result<AuthenticatedSession, Rejection> {
        let now = self.now()?;
        let (claims, mut key) = self.verify(keys, token, now)?;
        let view = self.find_session(claims.session_id(), claims.user_id()).await?;
        // The key may have been withdrawn while the request waited for the store.
        if let Some(current) = self.keys.try_current().filter(|current| !current.is_same(keys)) {
            (_, key) = self.verify(&current, token, now)?;
        }
        let view = self.check_session(view, now)?;
        Ok(AuthenticatedSession { view, key, claims: claims.extra().clone() })
    }

    /// Returns the session of this user, active or not.
    async fn find_session(
        &self,
        session: SessionId,
        user: UserId,
    ) -> Result<Option<SessionView>, StoreError> {
        let view = self.store.session(SessionLookup::Id(session)).await?;
        Ok(view.filter(|view| view.session.user == user))
    }

    /// As [`Self::find_session`]. A cache may not know yet that another node has extended a session
    /// which has expired, so that is looked up once more where nothing is cached.
    pub(super) async fn find_extended_session(
        &self,
        id: SessionId,
        user: UserId,
        now: Timestamp,
    ) -> Result<Option<SessionView>, StoreError> {
        let mut view = self.find_session(id, user).await?;
        let expired = view
            .as_mut()
            .filter(|view| view.session.end.is_none() && now >= self.expiry(&view.session));
        if let Some(expired) = expired {
            let sessions = self.store.find_sessions(user, now).await?;
            let extended = sessions.into_iter().find(|session| session.id == id);
            expired.session = extended.unwrap_or_else(|| Arc::clone(&expired.session));
        }
        Ok(view)
    }

    pub(super) async fn current_keys(&self) -> Result<KeyRing, KeyError> {
        match self.keys.try_current() {
            Some(keys) => Ok(keys),
            None => self.keys.keys().await,
        }
    }

    /// Returns the active session of an opaque session token, and its enabled account: for
    /// services that keep the token in a cookie.
    ///
    /// The caller checks the [age of the password](Self::check_password_age), and has
    /// [streams](Self::watch_session) end with the session.
    ///
    /// # Errors
    /// [`Rejection::SessionExpired`] or [`Rejection::AccountDisabled`], and server errors: the
    /// store or the clock is unavailable.
    pub async fn authenticate_session_token(&self, token: &str) -> Result<SessionView, Rejection> {
        let now = self.now()?;
        let token = OpaqueToken::parse(token).ok_or(Rejection::SessionExpired)?;
        let view = self.store.session(SessionLookup::Token(token.digest())).await?;
        self.check_session(view, now)
    }

    /// Checks that the user need not change the password: it is younger than its maximum age, and no
    /// admin requires a change.
    ///
    /// # Errors
    /// [`Rejection::PasswordExpired`], or [`Rejection::Unavailable`] without a clock.
    pub fn check_password_age(&self, account: &Account) -> Result<(), Rejection> {
        if account.must_change_password {
            return Err(Rejection::PasswordExpired);
        }
        let Some(max_age) = self.max_password_age else { return Ok(()) };
        let expires_at = time::add(account.password_changed_at, max_age);
        if self.now()? < expires_at { Ok(()) } else { Err(Rejection::PasswordExpired) }
    }

    /// Returns the time with its fraction of a second.
    pub(super) fn precise_now(&self) -> Option<Timestamp> {
        self.clock.now()
    }

    fn now(&self) -> Result<Timestamp, Rejection> {
        time::now(&*self.clock).ok_or(Rejection::Unavailable("clock unavailable"))
    }

    fn verify(
        &self,
        keys: &KeyRing,
        token: &str,
        now: Timestamp,
    ) -> Result<(Claims, TokenKey), Rejection> {
        let verified = verify_with_key(keys, token, now, self.leeway);
        verified.map_err(|error| Rejection::AccessToken(Arc::new(error)))
    }

    fn check_session(
        &self,
        view: Option<SessionView>,
        now: Timestamp,
    ) -> Result<SessionView, Rejection> {
        let view = view.ok_or(Rejection::SessionExpired)?;
        let SessionView { session, .. } = self.check_active(Some(&view), now)?;
        if time::elapsed(session.last_seen_at, now) >= self.last_seen_interval {
            self.last_seen.add(session.id, now);
        }
        Ok(view)
    }

    /// Checks that a session is active, and its account enabled.
    pub(super) fn check_active<'v>(
        &self,
        view: Option<&'v SessionView>,
        now: Timestamp,
    ) -> Result<&'v SessionView, Rejection> {
        let view = view.ok_or(Rejection::SessionExpired)?;
        let SessionView { session, account } = view;
        let ended_by_disabling = session.end.is_some_and(|end| end.reason == EndReason::Disabled);
        let is_inactive = now >= self.expiry(session) || session.end.is_some();
        if is_inactive && !(account.is_disabled && ended_by_disabling) {
            return Err(Rejection::SessionExpired);
        }
        if account.is_disabled {
            return Err(Rejection::AccountDisabled);
        }
        Ok(view)
    }

    /// Returns when a session expires, unless a refresh extends it.
    pub(super) fn expiry(&self, session: &Session) -> Timestamp {
        session.expires_at.min(time::add(session.authenticated_at, self.login_ttl))
    }
}

impl fmt::Debug for SessionAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionAuthenticator")
            .field("leeway", &self.leeway)
            .field("login_ttl", &self.login_ttl)
            .field("max_password_age", &self.max_password_age)
            .field("last_seen_interval", &self.last_seen_interval)
            .finish_non_exhaustive()
    }
}
