//! Two administrators, one with sessions, tokens and failures, and their rows after operations.

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::account::{
    Account, AccountStore as _, CodePurpose, FactorKind, FactorStore as _, NewAccount, NewFactor,
    OneTimeCode, RecoveryStore as _,
};
use kleidia_tower::audit::{AuditEvent, AuditIdentity};
use kleidia_tower::lockout::{
    AttemptRecord, Evidence, FailureStore as _, LockoutPolicy, LoginAttempt, LoginSource,
};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::session::{AuthMethod, AuthMethods, SessionStore as _};
use kleidia_tower::store::{ChangeContext, PostgresStore};
use kleidia_tower::{FactorId, SessionId, Timestamp, TokenDigest, UserId};
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::log_base::LogBase;
use crate::numbered::{NOW, at, log_in, new_account, operator, rotation};

/// How many numbers of tokens a fixture has.
const TOKENS: u32 = 100;
/// The session whose first refresh token is consumed.
pub(crate) const ACTIVE: usize = 0;
pub(crate) const SECOND: usize = 1;
/// The number of that token, and of its successor.
pub(crate) const CONSUMED: u32 = 1;
pub(crate) const SUCCESSOR: u32 = 3;
/// The number of the code that sets the password, and of the ceremony.
pub(crate) const RECOVERY: u32 = 40;
pub(crate) const CEREMONY: u32 = 41;
/// The data of the factor.
pub(crate) const UNUSED: &str = "0";

/// The day on which the tokens of the operations expire, but not those of the fixture.
pub(crate) const EXPIRY: u64 = 40;
/// The day on which all that the fixture has is expired for a day, but its accounts.
pub(crate) const PURGE: u64 = 20;

/// Returns the start of a day.
pub(crate) fn day(number: u64) -> Timestamp {
    NOW + Duration::from_secs(number * 24 * 3600)
}

/// The accounts of a schedule, and the audit log if an operation seals or changes it.
#[derive(Clone)]
pub(crate) struct Fixture {
    number: u32,
    /// When the operations run.
    start: Timestamp,
    /// The number of the last audit record before the operations.
    last_record: i64,
    log: Option<Arc<LogBase>>,
    pub(crate) account: Arc<Account>,
    pub(crate) other: Arc<Account>,
    pub(crate) sessions: [SessionId; 2],
    pub(crate) factor: FactorId,
}

impl Fixture {
    /// Creates the accounts by operations, to be cloned.
    pub(crate) async fn create(store: &PostgresStore, monitor: &Client) -> Self {
        let number = 1;
        let admin =
            |name: String| NewAccount { roles: [RoleName::admin()].into(), ..new_account(&name) };
        let mut accounts = Vec::new();
        for name in [format!("user{number}"), format!("other{number}")] {
            let created = store.create_account(admin(name), &operator(), &at(0)).await;
            accounts.push(created.unwrap().value.unwrap());
        }
        let [account, other] = accounts.try_into().unwrap();
        let token = |token| TOKENS * number + token;
        let first = log_in(store, &account, token(CONSUMED)).await.session.id;
        let second = log_in(store, &account, token(2)).await.session.id;
        let rotation = rotation(token(CONSUMED), token(SUCCESSOR));
        drop(store.rotate_refresh_token(&rotation, &at(0)).await.unwrap());
        let (policy, attempt) = (LockoutPolicy::default(), attempt(&account));
        // One more pending attempt reaches the threshold.
        for _ in 0..3 {
            store.reserve_attempt(&attempt, &policy, NOW).await.unwrap();
            drop(
                store
                    .record_failure(&attempt, &policy, &at(0), AttemptRecord::Recorded)
                    .await
                    .unwrap(),
            );
        }
        store.reserve_attempt(&attempt, &policy, NOW).await.unwrap();
        let mut fixture = Self {
            number,
            start: NOW,
            last_record: 0,
            log: None,
            account,
            other,
            sessions: [first, second],
            factor: FactorId::new(0),
        };
        fixture.prepare_personal(store).await;
        monitor.batch_execute(include_str!("clone_fixture.sql")).await.unwrap();
        fixture
    }

    /// Adds a factor, a code that sets the password, and a ceremony.
    async fn prepare_personal(&mut self, store: &PostgresStore) {
        let expires_at = self.time(3600);
        let recovery = self.one_time_code(RECOVERY, CodePurpose::Recovery, expires_at);
        let ceremony = self.one_time_code(CEREMONY, CodePurpose::TotpEnrolment, expires_at);
        drop(store.issue_recovery_code(recovery, &operator(), &at(0)).await.unwrap());
        store.begin_ceremony(&ceremony).await.unwrap();
        let added = store.add_factor(&self.new_factor(UNUSED), &at(0)).await;
        self.factor = added.unwrap().value.unwrap().id;
    }

    /// Lets the account be disabled, as its erasure requires.
    pub(crate) async fn disable_account(&self, monitor: &Client) {
        let update = "UPDATE accounts SET is_disabled = TRUE WHERE id = $1";
        monitor.execute(update, &[&self.account.id.get()]).await.unwrap();
    }

    /// Returns the digest of a one-time code with this number.
    pub(crate) fn code(&self, number: u32) -> TokenDigest {
        let mut octets = [5; 32];
        octets[..4].copy_from_slice(&self.token(number).to_be_bytes());
        TokenDigest(octets)
    }

    pub(crate) fn one_time_code(
        &self,
        number: u32,
        purpose: CodePurpose,
        expires_at: Timestamp,
    ) -> OneTimeCode {
        OneTimeCode {
            digest: self.code(number),
            user: Some(self.account.id),
            purpose,
            data: String::new(),
            created_at: self.time(0),
            expires_at,
        }
    }

    /// Returns a factor that is the last one which the account can have, after that of the fixture.
    pub(crate) fn new_factor(&self, data: &str) -> NewFactor {
        NewFactor {
            user: self.account.id,
            session: self.sessions[ACTIVE],
            kind: FactorKind::Totp,
            credential: None,
            label: "Phone".parse().unwrap(),
            data: data.to_owned(),
            presented: Some(second_factor()),
            ceremony: None,
            max_factors: 2,
        }
    }

    /// Creates the same accounts again, with another number.
    pub(crate) async fn clone_as(&self, number: u32, monitor: &Client) -> Self {
        let template = vec![self.account.id.get(), self.other.id.get()];
        let [new, shift] = [number, TOKENS * (number - self.number)];
        let [new, shift] = [new, shift].map(|number| i32::try_from(number).unwrap());
        let clone = "SELECT * FROM pg_temp.clone_fixture($1, $2, $3)";
        let row = monitor.query_one(clone, &[&template, &new, &shift]).await.unwrap();
        let account = |template: &Account, column, name: String| {
            let (id, name) = (UserId::new(row.get(column)), name.parse().unwrap());
            Arc::new(Account { id, name, ..template.clone() })
        };
        let sessions: Vec<i64> = row.get("session_ids");
        Self {
            number,
            start: NOW,
            last_record: row.get("last_record"),
            log: None,
            account: account(&self.account, "account", format!("user{number}")),
            other: account(&self.other, "other", format!("other{number}")),
            sessions: [sessions[ACTIVE], sessions[SECOND]].map(SessionId::new),
            factor: FactorId::new(row.get("factor")),
        }
    }

    /// Prepares the audit log, too.
    pub(crate) async fn with_log(self, store: &PostgresStore) -> Self {
        Self { log: Some(Arc::new(LogBase::create(store).await)), ..self }
    }

    /// Lets the operations run at the time of the purge, as they do with the clock of one database: what
    /// it deletes has expired for the others too.
    ///
    /// An operation that has read the clock before may find that its token or session, which expired
    /// since, is deleted. Then it does what it does after the expiry, which is harmless: a logout
    /// revokes the family, if that is left, and records an expired session.
    pub(crate) fn at_purge(self) -> Self {
        Self { start: day(PURGE), ..self }
    }

    /// Returns a time in seconds after the start.
    pub(crate) fn time(&self, second: u64) -> Timestamp {
        self.start + Duration::from_secs(second)
    }

    /// Returns the context of a node's operation. The records of the nodes have different times.
    pub(crate) fn change(&self, number: u32, second: u64) -> ChangeContext {
        ChangeContext { at: self.time(second + u64::from(number / 10)), ..at(0) }
    }

    /// Returns the names of accounts that operations create.
    pub(crate) fn new_names(&self) -> [String; 2] {
        [&self.account, &self.other].map(|account| format!("new-{}", account.name))
    }

    /// Returns an attempt that fails.
    pub(crate) fn attempt(&self) -> LoginAttempt {
        attempt(&self.account)
    }

    pub(crate) fn log(&self) -> &LogBase {
        self.log.as_ref().expect("a fixture with a log")
    }

    /// Returns the event as one of the account.
    pub(crate) fn event_of_account(&self, event: AuditEvent) -> AuditEvent {
        let user = Some(AuditIdentity::account(self.account.id, &self.account.name));
        AuditEvent { user, ..event }
    }

    /// Returns the number of a token in the database, where it is unique.
    pub(crate) const fn token(&self, number: u32) -> u32 {
        TOKENS * self.number + number
    }

    /// Returns the number of a token in the fixture.
    pub(crate) fn number(&self, digest: &TokenDigest) -> u32 {
        let octets = digest.0[..4].try_into().unwrap();
        u32::from_be_bytes(octets).wrapping_sub(TOKENS * self.number)
    }

    /// Returns all rows of the accounts, without the ids and names that differ between fixtures, and
    /// their audit records: in the order of their numbers, or in any.
    pub(crate) async fn rows(&self, monitor: &Client, is_ordered: bool) -> Vec<String> {
        let (account, other) = (self.account.id.get(), self.other.id.get());
        let base = i32::try_from(self.token(0)).unwrap();
        let (name, names) = (self.account.name.as_str(), self.new_names().to_vec());
        let rows = monitor.query(ROWS, &[&account, &other, &base, &names]).await.unwrap();
        let values: [&(dyn ToSql + Sync); 5] = [&account, &other, &self.last_record, &base, &name];
        let records = monitor.query(RECORDS, &values).await.unwrap();
        let [mut rows, mut records] =
            [rows, records].map(|rows| rows.iter().map(|row| row.get(0)).collect::<Vec<String>>());
        rows.sort();
        if !is_ordered {
            records.sort();
        }
        rows.extend(records);
        rows
    }
}

/// Returns what a second factor adds to a session.
pub(crate) fn second_factor() -> AuthMethods {
    AuthMethods::none().with(AuthMethod::OneTimePassword).with(AuthMethod::MultipleFactors)
}

/// Returns an attempt from another address than that of the logins.
fn attempt(account: &Account) -> LoginAttempt {
    let source = LoginSource::new("192.0.2.9".parse().ok());
    LoginAttempt { name: account.name.clone(), source, evidence: Evidence::None }
}

const ROWS: &str = include_str!("rows.sql");

const RECORDS: &str = "\
SELECT concat_ws(' ', 'record', at, kind, outcome, CASE user_id WHEN $1 THEN 'account' WHEN $2 THEN 'other' ELSE 'new' END,
    regexp_replace(replace(reason, $5, 'account'), '^erased-.*', 'erased'), 'session', (SELECT ('x' || substr(encode(token, 'hex'), 1, 8))::bit(32)::int - $4
        FROM sessions WHERE sessions.id = audit.session))
    FROM audit WHERE sequence > $3 AND user_id IS NOT NULL ORDER BY sequence";
