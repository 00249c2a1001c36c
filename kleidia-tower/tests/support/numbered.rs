//! Accounts, sessions and tokens by number, for tests of stores.

#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::account::{Account, NewAccount, PasswordHash};
use kleidia_tower::audit::{AuditKey, Checkpoint};
use kleidia_tower::lockout::{Evidence, LockoutPolicy, LoginAttempt, LoginSource};
use kleidia_tower::rbac::{Policy, RoleName, RoleRules};
use kleidia_tower::session::{NewSession, OpenOutcome, Rotation, SessionView};
use kleidia_tower::store::{ChangeContext, Store};
use kleidia_tower::{ClientInfo, Timestamp, TokenDigest, UserAgent, WrappedToken};

pub(crate) const NOW: Timestamp = Timestamp::constant(1_795_370_580, 0);

pub(crate) fn at(second: u64) -> ChangeContext {
    let user_agent = Some(UserAgent::new("Laptop/1.0"));
    let client = ClientInfo { address: "192.0.2.1".parse().ok(), user_agent };
    ChangeContext { at: NOW + Duration::from_secs(second), client, actor: None }
}

pub(crate) fn session_token(number: u32) -> TokenDigest {
    digest(1, number)
}

pub(crate) fn refresh_token(number: u32) -> TokenDigest {
    digest(2, number)
}

fn digest(kind: u8, number: u32) -> TokenDigest {
    let mut octets = [kind; 32];
    octets[..4].copy_from_slice(&number.to_be_bytes());
    TokenDigest(octets)
}

pub(crate) fn hash(number: u32) -> PasswordHash {
    PasswordHash::new(format!("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHQ${number}"))
}

/// The key of the audit log in all tests and their child processes.
pub(crate) fn audit_key() -> AuditKey {
    const TEXT: &str = "PRIVATE+KEY+tests+c6e90742+\
        AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
    TEXT.parse().unwrap()
}

/// Seals the audit log and verifies it. Returns its checkpoint, if there are records.
pub(crate) async fn verified(store: &(impl Store + ?Sized)) -> Option<Checkpoint> {
    let sealed = store.seal().await.unwrap();
    let verification = store.verify(sealed.as_ref()).await.unwrap();
    assert!(verification.is_intact(), "{:?}", verification.faults());
    sealed
}

/// Seals the audit log and verifies it. Returns the number of its records.
pub(crate) async fn verified_size(store: &(impl Store + ?Sized)) -> u64 {
    verified(store).await.map_or(0, |checkpoint| checkpoint.size())
}

/// Returns the rules for changes without a principal.
pub(crate) fn operator() -> RoleRules {
    RoleRules::for_operator(Policy::default())
}

pub(crate) fn new_account(name: &str) -> NewAccount {
    let roles = BTreeSet::from([RoleName::user()]);
    NewAccount::new(name.parse().unwrap(), roles, hash(0))
}

pub(crate) async fn create(store: &(impl Store + ?Sized), name: &str) -> Arc<Account> {
    store.create_account(new_account(name), &operator(), &at(0)).await.unwrap().value.unwrap()
}

/// Creates a session whose tokens have this number.
pub(crate) fn new_session(account: &Account, password: PasswordHash, token: u32) -> NewSession {
    NewSession {
        user: account.id,
        expected_hash: password,
        rehashed: None,
        token: session_token(token),
        refresh_token: refresh_token(token),
        expires_at: NOW + Duration::from_secs(3600),
        refresh_expires_at: NOW + Duration::from_secs(7 * 24 * 3600),
        attempt: LoginAttempt {
            name: account.name.clone(),
            source: LoginSource::new(None),
            evidence: Evidence::None,
        },
        device: digest(3, token),
        lockout: LockoutPolicy::default(),
        max_sessions: usize::MAX,
    }
}

pub(crate) async fn log_in(store: &impl Store, account: &Account, token: u32) -> SessionView {
    let opened = store.open_session(new_session(account, hash(0), token), &at(0)).await.unwrap();
    match opened.value {
        OpenOutcome::Opened { session, .. } => session,
        other => panic!("{other:?}"),
    }
}

/// Creates a rotation without a grace period.
pub(crate) fn rotation(presented: u32, successor: u32) -> Rotation {
    Rotation {
        presented: refresh_token(presented),
        successor: refresh_token(successor),
        wrapped: WrappedToken([7; 32]),
        session_token: session_token(successor),
        expires_at: NOW + Duration::from_secs(3600),
        refresh_expires_at: NOW + Duration::from_secs(7 * 24 * 3600),
        login_ttl: Duration::MAX,
        grace: Duration::ZERO,
    }
}
