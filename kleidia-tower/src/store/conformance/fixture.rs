//! A store under test, and the checks of its audit log.

use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;

use super::expected::{Expected, compare, failure, success};
use crate::account::{
    Account, AccountChangeError, AccountLookup, AccountUpdate, NewAccount, PasswordHash,
    StoredPassword,
};
use crate::audit::{AuditIdentity, AuditQuery, AuditRecord, Checkpoint, EventKind, Reason};
use crate::lockout::{Evidence, LockoutPolicy, LoginAttempt, LoginSource};
use crate::rbac::{Policy, RoleName, RoleRules};
use crate::session::{NewSession, OpenOutcome, Session, SessionLookup, SessionView};
use crate::store::{ChangeContext, Committed, Store, StoreError};
use crate::{ClientInfo, SessionId, Timestamp, TokenDigest, UserAgent, UserId};

/// The time at which cases start.
pub(super) const NOW: Timestamp = Timestamp::constant(1_795_370_580, 0);
/// The lifetime of sessions, in seconds.
pub(super) const SESSION: i64 = 3600;
/// The lifetime of refresh tokens, in seconds.
pub(super) const REFRESH: i64 = 7 * 24 * 3600;

/// A store under test. Each record of its audit log has to be expected by the case.
pub(super) struct StoreFixture {
    pub(super) store: Arc<dyn Store>,
    seen: Mutex<SeenRecords>,
    /// Whether the key of the store was replaced, so that it seals nothing more.
    pub(super) is_key_replaced: AtomicBool,
}

/// The records that the case has seen.
#[derive(Clone, Copy, Default)]
struct SeenRecords {
    /// The largest number of one.
    last: u64,
    count: u64,
}

/// Returns the time so many seconds after the start.
pub(super) fn time(second: i64) -> Timestamp {
    NOW + SignedDuration::from_secs(second)
}

/// Returns the seconds from the start to a time.
pub(super) fn second(time: Timestamp) -> i64 {
    time.duration_since(NOW).as_secs()
}

/// Returns a change by a user, so many seconds after the start.
pub(super) fn at(second: i64) -> ChangeContext {
    let client = ClientInfo {
        address: "192.0.2.1".parse().ok(),
        user_agent: Some(UserAgent::new("Laptop/1.0")),
    };
    ChangeContext { at: time(second), client, actor: None }
}

/// Returns the same change from another client.
pub(super) fn elsewhere(change: &ChangeContext) -> ChangeContext {
    let client = ClientInfo {
        address: "2001:db8::7".parse().ok(),
        user_agent: Some(UserAgent::new("Phone/2.0")),
    };
    ChangeContext { client, ..change.clone() }
}

/// Returns the same change by another user, from another client.
pub(super) fn by(actor: &Account, change: &ChangeContext) -> ChangeContext {
    ChangeContext {
        actor: Some(AuditIdentity::account(actor.id, &actor.name)),
        ..elsewhere(change)
    }
}

/// Returns the digest of a refresh token.
pub(super) fn refresh_token(number: u32) -> TokenDigest {
    digest(1, number)
}

/// Returns the digest of a session token.
pub(super) fn session_token(number: u32) -> TokenDigest {
    digest(2, number)
}

/// Returns the digest of a device token.
pub(super) fn device_token(number: u32) -> TokenDigest {
    digest(3, number)
}

fn digest(kind: u8, number: u32) -> TokenDigest {
    let mut octets = [kind; 32];
    octets.iter_mut().zip(number.to_be_bytes()).for_each(|(octet, byte)| *octet = byte);
    TokenDigest(octets)
}

/// Returns the hash of a password.
pub(super) fn hash(number: u32) -> PasswordHash {
    PasswordHash::new(format!("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHQ${number}"))
}

/// Returns an id that no account has.
pub(super) fn unknown_user(known: &Account) -> UserId {
    UserId::new(known.id.get() + 100)
}

/// Returns an id that no session has.
pub(super) fn unknown_session(known: &Session) -> SessionId {
    SessionId::new(known.id.get() + 100)
}

pub(super) fn roles(names: &[RoleName]) -> BTreeSet<RoleName> {
    names.iter().cloned().collect()
}

/// Returns the rules for changes without a principal, under a policy with another role.
pub(super) fn operator() -> RoleRules {
    RoleRules::for_operator(policy())
}

/// Returns the rules for changes by a user.
pub(super) fn assigned_by(user: &Account) -> RoleRules {
    RoleRules::for_user(policy(), user.id)
}

fn policy() -> Policy {
    Policy::default().with_role("auditor".parse().expect("a role"), [])
}

pub(super) fn new_account(name: &str) -> NewAccount {
    let name = name.parse().expect("a name");
    NewAccount::new(name, roles(&[RoleName::user()]), hash(1))
}

/// Returns a session to open. Its token and its refresh token have the same number.
pub(super) fn new_session(account: &Account, token: u32, second: i64) -> NewSession {
    NewSession {
        user: account.id,
        expected_hash: hash(1),
        rehashed: None,
        token: session_token(token),
        refresh_token: refresh_token(token),
        expires_at: time(second + SESSION),
        refresh_expires_at: time(second + REFRESH),
        attempt: attempt(account, &at(second)),
        device: device_token(token),
        lockout: LockoutPolicy::default(),
        max_sessions: usize::MAX,
    }
}

pub(super) fn attempt(account: &Account, change: &ChangeContext) -> LoginAttempt {
    let source = LoginSource::new(change.client.address);
    LoginAttempt { name: account.name.clone(), source, evidence: Evidence::None }
}

impl StoreFixture {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, seen: Mutex::default(), is_key_replaced: AtomicBool::new(false) }
    }

    /// Returns the result of a change after checking that it recorded exactly the expected events.
    #[track_caller]
    pub(super) fn expect<T: Send>(
        &self,
        done: Result<Committed<T>, StoreError>,
        change: &ChangeContext,
        user: &Account,
        expected: &[Expected],
    ) -> impl Future<Output = T> + Send {
        let here = Location::caller();
        async move {
            let done = done.unwrap_or_else(|error| panic!("{here}: {error}"));
            self.expect_at(here, done, change, Some(user), expected).await
        }
    }

    /// Returns the result of a change after checking its records, for the caller at `here`.
    pub(super) async fn expect_at<T>(
        &self,
        here: &Location<'_>,
        done: Committed<T>,
        change: &ChangeContext,
        user: Option<&Account>,
        expected: &[Expected],
    ) -> T {
        let Committed { value, records } = done;
        assert_eq!(
            records,
            self.new_records().await,
            "{here}: returned records, and those in the log"
        );
        let compared = compare(&records, expected, user, change);
        compared.unwrap_or_else(|difference| panic!("{here}: {difference}"));
        value
    }

    /// Returns the records since the last call, in order. No operation may be running.
    #[track_caller]
    pub(super) fn new_records(&self) -> impl Future<Output = Vec<AuditRecord>> + Send {
        let here = Location::caller();
        async move {
            let SeenRecords { last, count } = *self.seen.lock().expect("the records");
            let query = AuditQuery { limit: usize::MAX, ..AuditQuery::default() };
            let mut records = self.store.records(&query).await.expect("records");
            records.retain(|record| record.sequence > last);
            records.reverse();
            let is_ascending = records.is_sorted_by(|one, next| one.sequence < next.sequence);
            assert!(is_ascending, "{here}: not in order: {records:#?}");
            let last = records.last().map_or(last, |record| record.sequence);
            let count = count + records.len() as u64;
            *self.seen.lock().expect("the records") = SeenRecords { last, count };
            records
        }
    }

    /// Returns the kinds of the records since the last call, sorted.
    pub(super) async fn new_kinds(&self) -> Vec<EventKind> {
        let records = self.new_records().await;
        let mut kinds: Vec<_> = records.iter().map(|record| record.kind).collect();
        kinds.sort_unstable();
        kinds
    }

    /// Seals the log and verifies it: it must have the records seen so far. Returns its checkpoint.
    #[track_caller]
    pub(super) fn sealed(&self) -> impl Future<Output = Option<Checkpoint>> + Send {
        let here = Location::caller();
        async move {
            let sealed = self.store.seal().await.expect("a checkpoint");
            let verification = self.store.verify(sealed.as_ref()).await.expect("a verification");
            assert!(verification.is_intact(), "{here}: {:?}", verification.faults());
            assert_eq!(verification.checkpoint(), sealed.as_ref(), "{here}");
            let size = sealed.as_ref().map_or(0, Checkpoint::size);
            assert_eq!(size, self.seen.lock().expect("the records").count, "{here}");
            sealed
        }
    }

    /// Creates an account with the role `user`.
    pub(super) async fn account(&self, name: &str) -> Arc<Account> {
        self.create(new_account(name)).await
    }

    /// Creates an account with the role `admin`.
    pub(super) async fn admin(&self, name: &str) -> Arc<Account> {
        self.create(NewAccount { roles: roles(&[RoleName::admin()]), ..new_account(name) }).await
    }

    async fn create(&self, new: NewAccount) -> Arc<Account> {
        let to = new.roles.iter().cloned().collect();
        let created = self.store.create_account(new, &operator(), &at(0)).await;
        let created = created.expect("an account");
        let account = created.value.clone().expect("the name is free");
        let event = success(EventKind::UserCreated).with_reason(Reason::Roles { from: vec![], to });
        let created = self.expect(Ok(created), &at(0), &account, &[event]).await;
        created.expect("the name is free")
    }

    /// Logs in at the start.
    pub(super) async fn login(&self, account: &Account, token: u32) -> Arc<Session> {
        self.login_at(account, token, 0).await
    }

    /// Logs in so many seconds after the start.
    pub(super) async fn login_at(
        &self,
        account: &Account,
        token: u32,
        second: i64,
    ) -> Arc<Session> {
        self.open(new_session(account, token, second), account, &at(second)).await.session
    }

    /// Opens a session, which must succeed.
    pub(super) async fn open(
        &self,
        new: NewSession,
        account: &Account,
        change: &ChangeContext,
    ) -> SessionView {
        let opened = self.store.open_session(new, change).await.expect("a result");
        let OpenOutcome::Opened { session: view, displaced, .. } = opened.value.clone() else {
            panic!("{:?}", opened.value)
        };
        assert!(displaced.is_empty(), "displaced {displaced:?}");
        let id = view.session.id;
        let events = [EventKind::LoginSuccess, EventKind::SessionCreated]
            .map(|kind| success(kind).with_session(id));
        self.expect(Ok(opened), change, account, &events).await;
        view
    }

    /// Asserts that a login is rejected for this reason.
    pub(super) async fn reject_login(
        &self,
        new: NewSession,
        account: &Account,
        change: &ChangeContext,
        reason: Reason,
    ) {
        let done = self.store.open_session(new, change).await;
        let event = failure(EventKind::LoginFailure).with_reason(reason.clone());
        let rejected = match self.expect(done, change, account, &[event]).await {
            OpenOutcome::PasswordChanged => Reason::PasswordChanged,
            OpenOutcome::AccountDisabled => Reason::AccountDisabled,
            OpenOutcome::Opened { session, .. } => panic!("opened {session:?}"),
        };
        assert_eq!(rejected, reason);
    }

    /// Disables or enables an account. The caller checks the events.
    pub(super) async fn set_disabled(
        &self,
        account: &Account,
        is_disabled: bool,
        change: &ChangeContext,
    ) -> Result<Committed<Result<Arc<Account>, AccountChangeError>>, StoreError> {
        let update = AccountUpdate { is_disabled: Some(is_disabled), ..AccountUpdate::default() };
        self.store.update_account(account.id, update, &operator(), change).await
    }

    /// Returns the stored account and password.
    pub(super) async fn stored(&self, account: &Account) -> (Arc<Account>, StoredPassword) {
        let key = AccountLookup::Id(account.id);
        self.store.account_with_password(key).await.expect("a result").expect("the account")
    }

    /// Returns the stored session.
    pub(super) async fn session(&self, session: &Session) -> Arc<Session> {
        let view = self.store.session(SessionLookup::Id(session.id)).await.expect("a result");
        view.expect("the session").session
    }

    /// Returns the ids of the active sessions, as the store lists them.
    pub(super) async fn active(&self, user: UserId, second: i64) -> Vec<SessionId> {
        let sessions = self.store.find_sessions(user, time(second)).await.expect("a result");
        sessions.iter().map(|session| session.id).collect()
    }
}
