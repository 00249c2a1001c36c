//! The accounts of a service, and the state that their operations share.

mod factor_settings;
mod hook_calls;
mod layers;
mod operator;

use std::fmt;
use std::sync::{Arc, Once};
use std::time::Duration;

use http_guard::stream::StreamSettings;
use secrecy::SecretString;

use self::hook_calls::HookCalls;
use super::code_delivery::RecoveryRequests;
use super::{AccountError, AccountSettings, CodeDelivery, FactorSettings};
use crate::access_token::{Claims, ExtraClaims, KeyProvider, KeyRing, issue};
use crate::audit::{AuditEvent, AuditIdentity, AuditSinks, AuditTrail, EventKind, Outcome};
use crate::lockout::AttemptRecord;
use crate::opaque_token::OpaqueToken;
use crate::password::{BreachedPasswords, PasswordHasher};
use crate::rate_limit::RateLimiter;
use crate::rbac::{Policy, PolicyProvider};
use crate::session::{LastSeenWriter, SessionStreams, SessionView, streams};
use crate::store::{ChangeContext, Committed, Store};
use crate::telemetry::log_unknown_address;
use crate::{ClientInfo, Clock, SystemClock, Timestamp, UserId, time};

/// The accounts of a service: login, refresh, logout, password changes, and administration.
///
/// It owns the store, the keys of access tokens, the password hasher and the policy, and makes the
/// layers that protect routes: [`session_layer`](Self::session_layer) and
/// [`require`](Self::require). It is cheap to clone; clones share all state.
///
/// ```
/// use kleidia_tower::account::Accounts;
/// use kleidia_tower::rbac::Requirement;
/// use tower::ServiceBuilder;
/// # use kleidia_tower::{rbac::RbacLayer, session::JwtSessionLayer};
/// # use tower::layer::util::{Identity, Stack};
///
/// # type Layers = ServiceBuilder<Stack<RbacLayer, Stack<JwtSessionLayer, Identity>>>;
/// # fn layers(accounts: &Accounts) -> Result<Layers, Box<dyn std::error::Error>> {
/// let layers = ServiceBuilder::new()
///     .layer(accounts.session_layer())
///     .layer(accounts.require(Requirement::permission("reports:read".parse()?)));
/// # Ok(layers) }
/// ```
///
/// Creating an account and logging in, without HTTP:
///
/// ```
/// use std::sync::Arc;
///
/// use kleidia_tower::access_token::{KeyRing, SigningKey};
/// use kleidia_tower::account::{Accounts, LoginRequest};
/// use kleidia_tower::password::PasswordHasher;
/// use kleidia_tower::rbac::RoleName;
/// use kleidia_tower::store::MemoryStore;
/// use kleidia_tower::ClientInfo;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hasher = PasswordHasher::new()?;
/// let keys = KeyRing::new([SigningKey::generate()?])?;
/// let accounts = Accounts::new(Arc::new(MemoryStore::default()), Arc::new(keys), hasher);
///
/// let password = "correct horse battery staple";
/// let roles = [RoleName::user()].into();
/// accounts.create_user(None, "alice", password.into(), roles, ClientInfo::default()).await?;
/// let request = LoginRequest {
///     user_name: "Alice".to_owned(),
///     password: password.into(),
///     client: ClientInfo::new("192.0.2.1".parse()?),
///     device_token: None,
/// };
/// let alice = accounts.log_in(request).await?;
/// assert_eq!(alice.session.account.name.as_str(), "alice");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    store: Arc<dyn Store>,
    keys: Arc<dyn KeyProvider>,
    hasher: PasswordHasher,
    clock: Arc<dyn Clock>,
    settings: AccountSettings,
    factor_settings: FactorSettings,
    /// The refreshes of each account.
    refreshes: Arc<RateLimiter>,
    breached: Option<Arc<dyn BreachedPasswords>>,
    audit: AuditTrail,
    policy: Arc<dyn PolicyProvider>,
    recovery_requests: Option<RecoveryRequests>,
    hooks: HookCalls,
    logs_unknown_address: Arc<Once>,
    /// The actor of changes that no principal makes.
    operator: Option<AuditIdentity>,
    last_seen: LastSeenWriter,
    streams: SessionStreams,
}

/// The tokens of a login or a refresh, and their session.
#[derive(Debug)]
pub struct TokenSet {
    /// The access token: a JWT.
    pub access_token: SecretString,
    /// The lifetime of the access token.
    pub expires_in: Duration,
    /// The refresh token, for a single use.
    pub refresh_token: SecretString,
    /// The lifetime of the refresh token.
    pub refresh_expires_in: Duration,
    /// The opaque session token of a session that was opened by this login or refresh: for services
    /// that keep sessions in cookies.
    pub session_token: Option<SecretString>,
    /// The device token, after a login: present it in [`LoginRequest`](super::LoginRequest) at the
    /// next login from this device.
    pub device_token: Option<SecretString>,
    /// The session and its account.
    pub session: SessionView,
}

impl Accounts {
    /// Uses this store, these keys to sign access tokens, and this password hasher.
    pub fn new(store: Arc<dyn Store>, keys: Arc<dyn KeyProvider>, hasher: PasswordHasher) -> Self {
        let (sessions, events): (Arc<dyn Store>, Arc<dyn Store>) = (store.clone(), store.clone());
        let streamed: Arc<dyn Store> = store.clone();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let settings = AccountSettings::default();
        Self(Arc::new(Inner {
            last_seen: LastSeenWriter::new(sessions),
            streams: streams(streamed, StreamSettings::default()),
            audit: AuditTrail::new(events, AuditSinks::default(), Arc::clone(&clock)),
            store,
            keys,
            hasher,
            clock,
            refreshes: Arc::new(RateLimiter::new(settings.refresh_limit())),
            settings,
            factor_settings: FactorSettings::default(),
            breached: None,
            policy: Arc::new(Policy::default()),
            recovery_requests: None,
            hooks: HookCalls::default(),
            operator: None,
            logs_unknown_address: Arc::new(Once::new()),
        }))
    }

    /// Sets lifetimes, the lockout, the password policy, and the limits of recorded rejections.
    #[must_use]
    pub fn with_settings(self, settings: AccountSettings) -> Self {
        self.with(|inner| {
            inner.audit = inner.audit.clone().with_rejection_limits(settings.rejection_limits);
            inner.refreshes = Arc::new(RateLimiter::new(settings.refresh_limit()));
            inner.settings = settings;
        })
    }

    /// Sets the clock; the system clock by default.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.with(|inner| {
            inner.clock = Arc::new(clock);
            inner.audit = inner.audit.clone().with_clock(Arc::clone(&inner.clock));
        })
    }

    /// Rejects new passwords that are known from breaches; none are known by default.
    #[must_use]
    pub fn with_breached_passwords(self, breached: impl BreachedPasswords) -> Self {
        self.with(|inner| inner.breached = Some(Arc::new(breached)))
    }

    /// Sends audit records to these sinks once the store has committed them.
    #[must_use]
    pub fn with_audit_sinks(self, sinks: AuditSinks) -> Self {
        self.with(|inner| {
            let store: Arc<dyn Store> = Arc::clone(&inner.store);
            inner.audit = AuditTrail::new(store, sinks, Arc::clone(&inner.clock))
                .with_rejection_limits(inner.settings.rejection_limits);
        })
    }

    /// Sets which roles grant which permissions; [`Policy::default`] by default.
    #[must_use]
    pub fn with_policy(self, policy: impl PolicyProvider) -> Self {
        self.with(|inner| inner.policy = Arc::new(policy))
    }

    /// Delivers the codes that users request themselves
    /// ([`request_recovery`](Self::request_recovery)); none are delivered by default.
    #[must_use]
    pub fn with_code_delivery(self, delivery: impl CodeDelivery) -> Self {
        self.with(|inner| inner.recovery_requests = Some(RecoveryRequests::new(delivery)))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Returns the policy.
    #[must_use]
    pub fn policy(&self) -> &Arc<dyn PolicyProvider> {
        &self.0.policy
    }

    /// Returns the sinks of the audit log.
    #[must_use]
    pub fn audit_sinks(&self) -> &AuditSinks {
        self.0.audit.sinks()
    }

    /// Returns the audit trail, which records denials and other events without a change.
    #[must_use]
    pub fn audit_trail(&self) -> AuditTrail {
        self.0.audit.clone()
    }

    /// Waits until what is written in the background is written, or until the store fails to write
    /// it: denials and `last_seen_at`. Call it when the service shuts down, before the store is
    /// closed.
    pub async fn flush(&self) {
        self.0.audit.flush().await;
        self.0.last_seen.flush().await;
    }

    /// Returns the source of the keys of access tokens.
    #[must_use]
    pub fn key_provider(&self) -> &Arc<dyn KeyProvider> {
        &self.0.keys
    }

    pub(super) fn hasher(&self) -> &PasswordHasher {
        &self.0.hasher
    }

    pub(crate) fn settings(&self) -> &AccountSettings {
        &self.0.settings
    }

    pub(super) fn refresh_limiter(&self) -> &RateLimiter {
        &self.0.refreshes
    }

    pub(super) fn recovery_requests(&self) -> Option<&RecoveryRequests> {
        self.0.recovery_requests.as_ref()
    }

    pub(super) fn breached(&self) -> Option<&dyn BreachedPasswords> {
        self.0.breached.as_deref()
    }

    pub(super) fn now(&self) -> Result<Timestamp, AccountError> {
        time::now(&*self.0.clock).ok_or(AccountError::ClockUnavailable)
    }

    /// Fails without a client address, by which the lockout counts failures. The first failure is
    /// logged, since it is a mistake of the service and not of the client.
    pub(super) fn require_address(&self, client: &ClientInfo) -> Result<(), AccountError> {
        if client.address.is_some() {
            return Ok(());
        }
        let error = AccountError::ClientAddressUnknown;
        self.0.logs_unknown_address.call_once(|| log_unknown_address(&error));
        Err(error)
    }

    /// Sends committed records to the sinks.
    pub(super) fn publish<T>(&self, committed: Committed<T>) -> T {
        self.0.audit.sinks().publish(committed.records);
        committed.value
    }

    /// Records an event without a change, or counts it if its source causes too many.
    pub(super) async fn record_rejection(&self, event: AuditEvent) -> Result<(), AccountError> {
        if self.0.audit.allows(&event) {
            self.0.audit.append(event).await?;
        }
        Ok(())
    }

    /// Decides whether a failed attempt is recorded, or counts it: one with a name without an account,
    /// or one that was throttled.
    pub(super) fn audit_attempt(&self, kind: EventKind, change: &ChangeContext) -> AttemptRecord {
        let event = change.event(kind, Outcome::Failure, None);
        if self.0.audit.allows(&event) { AttemptRecord::Recorded } else { AttemptRecord::Omitted }
    }

    pub(super) async fn keys(&self) -> Result<KeyRing, AccountError> {
        match self.0.keys.try_current() {
            Some(keys) => Ok(keys),
            None => Ok(self.0.keys.keys().await?),
        }
    }

    /// Signs an access token that expires no later than its session. If that has expired already,
    /// it rejects the token. The hooks have returned the `extra` claims.
    pub(super) fn issue_access_token(
        &self,
        keys: &KeyRing,
        view: &SessionView,
        extra: ExtraClaims,
        now: Timestamp,
    ) -> Result<(SecretString, Duration), AccountError> {
        let SessionView { session, account } = view;
        let left = time::elapsed(now, session.expires_at).max(Duration::from_secs(1));
        let ttl = self.0.settings.access_ttl().min(left);
        let name = account.name.to_string();
        let claims = Claims::new(account.id, name, account.is_admin(), session.id, now, ttl)?;
        let issued = issue(keys, claims.with_extra(extra))?;
        Ok((issued.token, ttl))
    }

    pub(super) async fn require_account(
        &self,
        id: UserId,
    ) -> Result<Arc<super::Account>, AccountError> {
        self.0.store.account(id).await?.ok_or(AccountError::UserNotFound)
    }
}

pub(super) fn random_token() -> Result<OpaqueToken, AccountError> {
    OpaqueToken::generate().map_err(|_| AccountError::RandomUnavailable)
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
