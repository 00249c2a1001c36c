//! A store under test, and all that its log says.

use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;

use super::expected::{Expected, failure, matches, success};
use crate::account::{
    Account, AccountLookup, AccountUpdate, NewAccount, PasswordHash, StoredPassword,
};
use crate::audit::{
    AuditIdentity, AuditQuery, AuditRecord, ChainCheck, ChainHead, EventKind, Reason,
};
use crate::lockout::{LoginAttempt, LoginSource};
use crate::rbac::RoleName;
use crate::session::{NewSession, OpenOutcome, Session, SessionLookup, SessionView};
use crate::store::{ChangeContext, Committed, Store, StoreError};
use crate::{ClientInfo, SessionId, Timestamp, TokenDigest, UserAgent, UserId};

/// When scenes begin.
pub(super) const NOW: Timestamp = Timestamp::constant(1_795_370_580, 0);
/// How long sessions last.
pub(super) const SESSION: i64 = 3600;
/// How long refresh tokens last.
pub(super) const REFRESH: i64 = 7 * 24 * 3600;

/// A store under test. Whatever it records has to be expected.
pub(super) struct StoreFixture {
    pub(super) store: Arc<dyn Store>,
    head: Mutex<ChainHead>,
}

/// So many seconds after the beginning.
pub(super) fn time(second: i64) -> Timestamp {
    NOW + SignedDuration::from_secs(second)
}

/// How many seconds after the beginning that is.
pub(super) fn second(time: Timestamp) -> i64 {
    time.duration_since(NOW).as_secs()
}

/// A change by a user, so many seconds after the beginning.
pub(super) fn at(second: i64) -> ChangeContext {
    let client = ClientInfo {
        address: "192.0.2.1".parse().ok(),
        user_agent: Some(UserAgent::new("Laptop/1.0")),
    };
    ChangeContext { at: time(second), client, actor: None }
}

/// The same change, from elsewhere.
pub(super) fn elsewhere(change: &ChangeContext) -> ChangeContext {
    let client = ClientInfo {
        address: "2001:db8::7".parse().ok(),
        user_agent: Some(UserAgent::new("Phone/2.0")),
    };
    ChangeContext { client, ..change.clone() }
}

/// The same change, by somebody else.
pub(super) fn by(actor: &Account, change: &ChangeContext) -> ChangeContext {
    ChangeContext {
        actor: Some(AuditIdentity::account(actor.id, &actor.name)),
        ..elsewhere(change)
    }
}

/// The digest of a refresh token.
pub(super) fn refresh_token(number: u32) -> TokenDigest {
    digest(1, number)
}

/// The digest of a session's token.
pub(super) fn session_token(number: u32) -> TokenDigest {
    digest(2, number)
}

fn digest(kind: u8, number: u32) -> TokenDigest {
    let mut octets = [kind; 32];
    octets.iter_mut().zip(number.to_be_bytes()).for_each(|(octet, byte)| *octet = byte);
    TokenDigest(octets)
}

/// The hash of a password.
pub(super) fn hash(number: u32) -> PasswordHash {
    PasswordHash::new(format!("$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHQ${number}"))
}

/// The identifier of no account.
pub(super) fn unknown_user(known: &Account) -> UserId {
    UserId::new(known.id.get() + 100)
}

/// The identifier of no session.
pub(super) fn unknown_session(known: &Session) -> SessionId {
    SessionId::new(known.id.get() + 100)
}

pub(super) fn roles(names: &[RoleName]) -> BTreeSet<RoleName> {
    names.iter().cloned().collect()
}

pub(super) fn new_account(name: &str) -> NewAccount {
    let name = name.parse().expect("a name");
    NewAccount { name, roles: roles(&[RoleName::user()]), password: hash(1) }
}

/// A session to open. Its token and its refresh token have the same number.
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
    }
}

pub(super) fn attempt(account: &Account, change: &ChangeContext) -> LoginAttempt {
    LoginAttempt { name: account.name.clone(), source: LoginSource::new(change.client.address) }
}

impl StoreFixture {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, head: Mutex::default() }
    }

    /// What a change came to, once what was recorded is what was expected, and nothing else.
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
        assert_eq!(records, self.new_records().await, "{here}: returned, and in the log");
        let agreed = matches(&records, expected, user, change);
        agreed.unwrap_or_else(|difference| panic!("{here}: {difference}"));
        value
    }

    /// What was recorded since the last look, in order.
    #[track_caller]
    pub(super) fn new_records(&self) -> impl Future<Output = Vec<AuditRecord>> + Send {
        let here = Location::caller();
        async move {
            let head = *self.head.lock().expect("a head");
            let query = AuditQuery { limit: usize::MAX, ..AuditQuery::default() };
            let mut news = self.store.records(&query).await.expect("records");
            news.retain(|record| record.sequence > head.sequence);
            news.reverse();
            let end = news.iter().try_fold(head, ChainHead::verify_next);
            *self.head.lock().expect("a head") =
                end.unwrap_or_else(|| panic!("{here}: the log does not follow: {news:#?}"));
            news
        }
    }

    /// The kinds of what was recorded since the last look, sorted.
    pub(super) async fn new_kinds(&self) -> Vec<EventKind> {
        let news = self.new_records().await;
        let mut kinds: Vec<_> = news.iter().map(|record| record.kind).collect();
        kinds.sort_unstable();
        kinds
    }

    /// The end of the log so far.
    pub(super) fn head(&self) -> ChainHead {
        *self.head.lock().expect("a head")
    }

    /// Nothing else was recorded, and the chain holds.
    pub(super) async fn close(&self) {
        let news = self.new_records().await;
        assert!(news.is_empty(), "nobody expected {news:#?}");
        let check = self.store.verify_chain(ChainHead::default()).await.expect("a check");
        assert_eq!(check, ChainCheck::Intact(self.head()));
    }

    /// Creates an account in the role `user`.
    pub(super) async fn account(&self, name: &str) -> Arc<Account> {
        let new = new_account(name);
        let to = new.roles.iter().cloned().collect();
        let created = self.store.create_account(new, &at(0)).await.expect("an account");
        let account = created.value.clone().expect("the name is free");
        let event = success(EventKind::UserCreated).because(Reason::Roles { from: vec![], to });
        self.expect(Ok(created), &at(0), &account, &[event]).await;
        account
    }

    /// Signs in at the beginning.
    pub(super) async fn login(&self, account: &Account, token: u32) -> Arc<Session> {
        self.login_at(account, token, 0).await
    }

    /// Signs in so many seconds after the beginning.
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
        let opened = self.store.open_session(new, change).await.expect("an answer");
        let OpenOutcome::Opened(view) = opened.value.clone() else { panic!("{:?}", opened.value) };
        let id = view.session.id;
        let events =
            [EventKind::LoginSuccess, EventKind::SessionCreated].map(|kind| success(kind).of(id));
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
        let event = failure(EventKind::LoginFailure).because(reason.clone());
        let rejected = match self.expect(done, change, account, &[event]).await {
            OpenOutcome::PasswordChanged => Reason::PasswordChanged,
            OpenOutcome::AccountDisabled => Reason::AccountDisabled,
            OpenOutcome::Opened(view) => panic!("opened {view:?}"),
        };
        assert_eq!(rejected, reason);
    }

    /// Disables or enables; the events are expected elsewhere.
    pub(super) async fn disable(
        &self,
        account: &Account,
        is_disabled: bool,
        change: &ChangeContext,
    ) -> Result<Committed<Option<Arc<Account>>>, StoreError> {
        let update = AccountUpdate { is_disabled: Some(is_disabled), ..AccountUpdate::default() };
        self.store.update_account(account.id, update, change).await
    }

    /// The account as it is stored now.
    pub(super) async fn stored(&self, account: &Account) -> (Arc<Account>, StoredPassword) {
        let key = AccountLookup::Id(account.id);
        self.store.account_with_password(key).await.expect("an answer").expect("the account")
    }

    /// The session as it is stored now.
    pub(super) async fn session(&self, session: &Session) -> Arc<Session> {
        let view = self.store.session(SessionLookup::Id(session.id)).await.expect("an answer");
        view.expect("the session").session
    }

    /// The numbers of the sessions that go on, as they are listed.
    pub(super) async fn active(&self, user: UserId, second: i64) -> Vec<SessionId> {
        let sessions = self.store.sessions_of(user, time(second)).await.expect("an answer");
        sessions.iter().map(|session| session.id).collect()
    }
}
