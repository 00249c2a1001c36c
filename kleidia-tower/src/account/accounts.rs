//! The accounts of a service: the parts that all of its use cases share.

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

use super::AccountSettings;
use crate::access_token::{Claims, KeyProvider, KeyRing, UserId, issue};
use crate::audit::{AuditEvent, AuditSinks, AuditTrail};
use crate::opaque_token::OpaqueToken;
use crate::password::{BreachedPasswords, PasswordHasher};
use crate::session::{SessionAuthenticator, SessionView};
use crate::store::{Change, Committed, Store};
use crate::{Clock, Origin, Principal, Rejection, SystemClock, UnixTime};

/// The accounts of a service, and all that people do with them: get in, stay in, get out. Cheap
/// to clone.
///
/// ```
/// use std::sync::Arc;
///
/// use kleidia_tower::access_token::{KeyRing, SigningKey};
/// use kleidia_tower::account::{Accounts, LogIn};
/// use kleidia_tower::password::PasswordHasher;
/// use kleidia_tower::rbac::RoleName;
/// use kleidia_tower::store::MemoryStore;
/// use kleidia_tower::Origin;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let hasher = PasswordHasher::new()?;
/// let keys = KeyRing::new([SigningKey::generate()?])?;
/// let accounts = Accounts::new(Arc::new(MemoryStore::default()), Arc::new(keys), hasher);
///
/// let password = "correct horse battery staple";
/// let roles = [RoleName::user()].into();
/// accounts.create_user(None, "alice", password.into(), roles, Origin::default()).await?;
/// let log_in = LogIn {
///     user_name: "Alice".to_owned(),
///     password: password.into(),
///     origin: Origin::default(),
/// };
/// let alice = accounts.log_in(log_in).await?;
/// assert_eq!(alice.session.account.name.as_str(), "alice");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Accounts(Arc<Parts>);

#[derive(Clone)]
struct Parts {
    store: Arc<dyn Store>,
    keys: Arc<dyn KeyProvider>,
    hasher: PasswordHasher,
    clock: Arc<dyn Clock>,
    settings: AccountSettings,
    breached: Option<Arc<dyn BreachedPasswords>>,
    sinks: AuditSinks,
}

/// What somebody gets who is let in: credentials, and the session that they belong to.
#[derive(Debug)]
pub struct LoggedIn {
    /// The access token: a JWT.
    pub access_token: SecretString,
    /// For how many seconds it is valid.
    pub expires_in: UnixTime,
    /// The refresh token, which is used once.
    pub refresh_token: SecretString,
    /// For how many seconds it is valid.
    pub refresh_expires_in: UnixTime,
    /// The session's own token, after a login: for services that keep it in a cookie.
    pub session_token: Option<SecretString>,
    /// The session and its account.
    pub session: SessionView,
}

impl Accounts {
    /// Accounts in this store, whose access tokens these keys sign.
    pub fn new(store: Arc<dyn Store>, keys: Arc<dyn KeyProvider>, hasher: PasswordHasher) -> Self {
        Self(Arc::new(Parts {
            store,
            keys,
            hasher,
            clock: Arc::new(SystemClock),
            settings: AccountSettings::default(),
            breached: None,
            sinks: AuditSinks::default(),
        }))
    }

    /// Sets lifetimes, lockout and what passwords must be like.
    #[must_use]
    pub fn with_settings(self, settings: AccountSettings) -> Self {
        self.with(|parts| parts.settings = settings)
    }

    /// Sets the clock; the system's by default.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        self.with(|parts| parts.clock = Arc::new(clock))
    }

    /// Refuses new passwords that are known from breaches; none are known by default.
    #[must_use]
    pub fn with_breached_passwords(self, breached: impl BreachedPasswords) -> Self {
        self.with(|parts| parts.breached = Some(Arc::new(breached)))
    }

    /// Tells these sinks of all that is recorded, once the store has it.
    #[must_use]
    pub fn with_audit_sinks(self, sinks: AuditSinks) -> Self {
        self.with(|parts| parts.sinks = sinks)
    }

    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// What tells who is calling, by these accounts' sessions and keys.
    #[must_use]
    pub fn authenticator(&self) -> SessionAuthenticator {
        let Parts { store, keys, clock, settings, .. } = &*self.0;
        let max_age = settings.password_policy.max_age();
        let max_age = max_age.map(|age| UnixTime::try_from(age.as_secs()).unwrap_or(UnixTime::MAX));
        let sessions: Arc<dyn Store> = Arc::clone(store);
        let clock = Arc::clone(clock);
        SessionAuthenticator::new(sessions, Arc::clone(keys))
            .with_clock(move || clock.now())
            .with_leeway(settings.leeway)
            .with_max_password_age(max_age)
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// The sinks of the audit log.
    #[must_use]
    pub fn audit_sinks(&self) -> &AuditSinks {
        &self.0.sinks
    }

    /// Where events that come with no change are recorded.
    #[must_use]
    pub fn audit_trail(&self) -> AuditTrail {
        let store: Arc<dyn Store> = Arc::clone(&self.0.store);
        AuditTrail::new(store, self.0.sinks.clone(), Arc::clone(&self.0.clock))
    }

    pub(super) fn hasher(&self) -> &PasswordHasher {
        &self.0.hasher
    }

    pub(super) fn settings(&self) -> &AccountSettings {
        &self.0.settings
    }

    pub(super) fn breached(&self) -> Option<&dyn BreachedPasswords> {
        self.0.breached.as_deref()
    }

    pub(super) fn now(&self) -> Result<UnixTime, Rejection> {
        self.0.clock.now().ok_or(Rejection::Unavailable("the clock tells no time"))
    }

    /// A change by somebody, now; `None` where the user whom it concerns is the one.
    pub(super) fn change(
        &self,
        origin: Origin,
        actor: Option<&Principal>,
    ) -> Result<Change, Rejection> {
        Ok(Change { at: self.now()?, origin, actor: actor.map(Principal::party) })
    }

    /// Tells the sinks of what was committed.
    pub(super) fn published<T>(&self, committed: Committed<T>) -> T {
        self.0.sinks.publish(committed.records);
        committed.value
    }

    /// Records an event that comes with no change.
    pub(super) async fn append(&self, event: AuditEvent) -> Result<(), Rejection> {
        self.0.sinks.publish(self.0.store.append(vec![event]).await?);
        Ok(())
    }

    pub(super) async fn keys(&self) -> Result<KeyRing, Rejection> {
        match self.0.keys.current() {
            Some(keys) => Ok(keys),
            None => Ok(self.0.keys.keys().await?),
        }
    }

    /// Signs an access token, which ends with its session at the latest.
    pub(super) fn signed(
        &self,
        keys: &KeyRing,
        view: &SessionView,
        now: UnixTime,
    ) -> Result<(SecretString, UnixTime), Rejection> {
        let SessionView { session, account } = view;
        let exp = now.saturating_add(self.0.settings.access_ttl).min(session.expires_at);
        let claims = Claims {
            user_id: account.id,
            username: account.name.to_string(),
            is_admin: account.is_admin(),
            session_id: session.id,
            exp,
            iat: now,
            iss: Claims::ISSUER.to_owned(),
            sub: account.id.to_string(),
            jti: unique()?,
        };
        let issued = issue(keys, claims);
        let issued = issued.map_err(|error| Rejection::AccessToken(Arc::new(error)))?;
        Ok((issued.token, exp - now))
    }

    pub(super) async fn existing(&self, id: UserId) -> Result<Arc<super::Account>, Rejection> {
        self.0.store.account(id).await?.ok_or(Rejection::NotFound)
    }
}

/// A name that no other token has.
fn unique() -> Result<String, Rejection> {
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|_| no_random_octets())?;
    Ok(format!("{:032x}", u128::from_be_bytes(octets)))
}

pub(super) fn random_token() -> Result<OpaqueToken, Rejection> {
    OpaqueToken::generate().map_err(|_| no_random_octets())
}

const fn no_random_octets() -> Rejection {
    Rejection::Unavailable("the operating system gives no random octets")
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}
