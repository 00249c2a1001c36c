//! `Accounts` with a `MemoryStore`, and real hashes at low cost.

#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

mod administration;
mod cancellation;
mod cleanup;
mod evaluations;
#[cfg(all(feature = "testing", feature = "totp"))]
mod factors;
#[cfg(feature = "imported-hashes")]
mod imports;
mod lockout;
mod order;
#[cfg(feature = "passkeys")]
mod passkeys;
mod passwords;
mod recovery;
mod refresh;
mod sessions;
mod settling;
mod sinks;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{
    Account, AccountError, AccountSettings, Accounts, LoginRequest, TokenSet,
};
use kleidia_tower::audit::{AuditQuery, AuditRecord, EventKind, RejectionLimits};
use kleidia_tower::password::{Argon2Parameters, PasswordHasher};
use kleidia_tower::rbac::{Policy, RoleName, RoleRules};
use kleidia_tower::store::MemoryStore;
use kleidia_tower::{ClientInfo, Rejection, Timestamp, clock_fn};
use secrecy::{ExposeSecret as _, SecretString};

const NOW: Timestamp = Timestamp::constant(1_795_370_580, 0);
const PERMITS: usize = 2;
const PASSWORD: &str = "correct horse battery staple";

/// A service with one user, alice, and a manual clock.
struct Service {
    accounts: Accounts,
    hasher: PasswordHasher,
    clock: Arc<AtomicI64>,
    alice: Arc<Account>,
}

impl Service {
    async fn new() -> Self {
        // Tests count the records of many failures.
        let limits = RejectionLimits::default().with_per_source(1000).unwrap();
        Self::with_settings(AccountSettings::default().with_rejection_limits(limits)).await
    }

    async fn with_settings(settings: AccountSettings) -> Self {
        let keys = KeyRing::new([SigningKey::generate().unwrap()]).unwrap();
        Self::with_keys(keys, settings).await
    }

    async fn with_keys(keys: KeyRing, settings: AccountSettings) -> Self {
        let options = PasswordHasher::options().with_parameters(Argon2Parameters::MINIMUM);
        let options = options.with_permits(PERMITS).unwrap().with_queue_limit(2000).unwrap();
        let hasher = options.start().unwrap();
        let clock = Arc::new(AtomicI64::new(NOW.as_second()));
        let seconds = Arc::clone(&clock);
        let accounts =
            Accounts::new(Arc::new(MemoryStore::default()), Arc::new(keys), hasher.clone())
                .with_settings(settings)
                .with_clock(clock_fn(move || {
                    Timestamp::from_second(seconds.load(Ordering::Relaxed)).ok()
                }));
        let roles = [RoleName::user()].into();
        let alice = accounts.create_user(None, "alice", PASSWORD.into(), roles, at("192.0.2.1"));
        let alice = alice.await.unwrap();
        Self { accounts, hasher, clock, alice }
    }

    fn advance_clock(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    async fn log_in(
        &self,
        name: &str,
        password: &str,
        from: &str,
    ) -> Result<TokenSet, AccountError> {
        let (user_name, password) = (name.to_owned(), password.into());
        self.accounts
            .log_in(LoginRequest { user_name, password, client: at(from), device_token: None })
            .await
    }

    /// Opens a session of alice.
    async fn alice(&self) -> TokenSet {
        self.log_in("alice", PASSWORD, "192.0.2.1").await.unwrap()
    }

    async fn refresh(&self, token: &SecretString) -> Result<TokenSet, AccountError> {
        self.accounts.refresh(token, at("192.0.2.1")).await
    }

    /// Authenticates with an access token, and returns `ok` or the code of the rejection.
    async fn authenticate(&self, token: &SecretString) -> &'static str {
        let known = self.accounts.authenticator().authenticate(token.expose_secret()).await;
        known.map_or_else(|rejection| rejection.code(), |_| "ok")
    }

    async fn count(&self, kind: EventKind) -> usize {
        self.records(Some(kind)).await.len()
    }

    /// Returns the records of a kind, or all of them, newest first.
    async fn records(&self, kind: Option<EventKind>) -> Vec<AuditRecord> {
        self.accounts.flush().await;
        let query = AuditQuery { kind, limit: usize::MAX, ..AuditQuery::default() };
        self.accounts.audit(&query).await.unwrap()
    }
}

/// Returns the time this many seconds after [`NOW`].
fn later(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

/// Returns the rules for changes without a principal.
fn operator() -> RoleRules {
    RoleRules::for_operator(Policy::default())
}

fn at(address: &str) -> ClientInfo {
    ClientInfo { address: address.parse().ok(), user_agent: None }
}

fn code<T, E: Into<Rejection>>(outcome: Result<T, E>) -> &'static str {
    outcome.map_or_else(|error| error.into().code(), |_| "ok")
}

#[tokio::test]
async fn each_check_has_its_own_code() {
    let service = Service::new().await;
    let alice = service.alice().await;
    assert_eq!(service.authenticate(&alice.access_token).await, "ok");
    assert_eq!(service.authenticate(&"not a token".into()).await, "token_invalid");
    assert_eq!(service.authenticate(&alice.refresh_token).await, "token_invalid");

    service.accounts.log_out(&alice.session, ClientInfo::default()).await.unwrap();
    assert_eq!(service.authenticate(&alice.access_token).await, "session_expired");
    let alice = service.alice().await;
    service.advance_clock(1800);
    assert_eq!(service.authenticate(&alice.access_token).await, "token_expired");
    assert_eq!(code(service.refresh(&alice.access_token).await), "refresh_invalid");
    assert_eq!(code(service.refresh(&alice.refresh_token).await), "ok");
}

#[tokio::test]
async fn disabling_ends_sessions_immediately_and_permanently() {
    let service = Service::new().await;
    let alice = service.alice().await;
    let view = service.accounts.authenticator();
    let view = view.authenticate(alice.access_token.expose_secret()).await.unwrap();
    assert_eq!(view.account.id, service.alice.id);
    let update = |is_disabled| kleidia_tower::account::AccountUpdate {
        is_disabled: Some(is_disabled),
        roles: None,
    };
    let change =
        kleidia_tower::store::ChangeContext { at: NOW, client: ClientInfo::default(), actor: None };
    let store = service.accounts.store();
    let _ =
        store.update_account(view.account.id, update(true), &operator(), &change).await.unwrap();
    assert_eq!(service.authenticate(&alice.access_token).await, "account_disabled");
    assert_eq!(code(service.refresh(&alice.refresh_token).await), "account_disabled");
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "account_disabled");
    assert_eq!(code(service.log_in("alice", "wrong", "192.0.2.1").await), "invalid_credentials");
    let _ =
        store.update_account(view.account.id, update(false), &operator(), &change).await.unwrap();
    assert_eq!(service.authenticate(&alice.access_token).await, "session_expired");
    assert_eq!(code(service.refresh(&alice.refresh_token).await), "refresh_invalid");
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "ok");
}

#[tokio::test]
async fn session_token_is_found_by_its_digest() {
    let service = Service::new().await;
    let alice = service.alice().await;
    let token = alice.session_token.unwrap();
    let authenticator = service.accounts.authenticator();
    let known = authenticator.authenticate_session_token(token.expose_secret()).await.unwrap();
    assert_eq!(known.session.id, alice.session.session.id);
    service.accounts.log_out_everywhere(&known, ClientInfo::default()).await.unwrap();
    let gone = authenticator.authenticate_session_token(token.expose_secret()).await;
    assert_eq!(code(gone), "session_expired");
}

#[tokio::test]
async fn login_and_password_change_need_a_client_address() {
    let service = Service::new().await;
    let alice = service.alice().await.session;
    let evaluations = service.hasher.evaluations();
    for _ in 0..2 {
        let login = service.log_in("alice", PASSWORD, "").await;
        assert!(matches!(login, Err(AccountError::ClientAddressUnknown)), "{login:?}");
        assert_eq!(code(login), "unavailable");
    }
    let (current, new) = (PASSWORD.into(), "another passphrase".into());
    let change = service.accounts.change_password(&alice, current, new, ClientInfo::default());
    assert_eq!(code(change.await), "unavailable");
    assert_eq!(service.hasher.evaluations(), evaluations);
}
