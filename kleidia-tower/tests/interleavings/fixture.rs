//! Two administrators, one with sessions, tokens and failures, and their rows after operations.

use std::sync::Arc;
use std::time::Duration;

use kleidia_tower::account::{Account, AccountStore as _, NewAccount};
use kleidia_tower::audit::{AuditEvent, AuditIdentity};
use kleidia_tower::lockout::{
    AttemptRecord, Evidence, FailureStore as _, LockoutPolicy, LoginAttempt, LoginSource,
};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::session::SessionStore as _;
use kleidia_tower::store::{ChangeContext, PostgresStore};
use kleidia_tower::{SessionId, Timestamp, TokenDigest, UserId};
use tokio_postgres::Client;

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
        monitor.batch_execute(include_str!("clone_fixture.sql")).await.unwrap();
        let sessions = [first, second];
        Self { number, start: NOW, last_record: 0, log: None, account, other, sessions }
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
        let rows = monitor.query(ROWS, &[&account, &other, &base]).await.unwrap();
        let records =
            monitor.query(RECORDS, &[&account, &other, &self.last_record, &base]).await.unwrap();
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

/// Returns an attempt from another address than that of the logins.
fn attempt(account: &Account) -> LoginAttempt {
    let source = LoginSource::new("192.0.2.9".parse().ok());
    LoginAttempt { name: account.name.clone(), source, evidence: Evidence::None }
}

/// Sessions and families are named by the numbers of their tokens.
const ROWS: &str = "\
WITH numbered AS (SELECT sessions.*, ('x' || substr(encode(token, 'hex'), 1, 8))::bit(32)::int - $3 AS number
    FROM sessions WHERE \"user\" IN ($1, $2)),
groups AS (SELECT families.*, (SELECT min(number) FROM numbered WHERE family = families.id) AS number
    FROM families WHERE \"user\" IN ($1, $2)),
names AS (SELECT id, name, name_digest FROM accounts WHERE id IN ($1, $2))
SELECT concat_ws(' ', 'account', id <> $1, roles, is_disabled, password_changed_at, password,
    'before', previous_passwords) FROM accounts WHERE id IN ($1, $2)
UNION ALL SELECT concat_ws(' ', 'new account', roles, is_disabled) FROM accounts
    WHERE name = 'new-' || (SELECT name FROM names WHERE id = $1)
UNION ALL SELECT concat_ws(' ', 'family', number, is_revoked, expires_at) FROM groups
UNION ALL SELECT concat_ws(' ', 'session', numbered.number, 'of', groups.number, created_at, authenticated_at,
    last_seen_at, numbered.expires_at, 'ended', ended_at, end_reason, 'agent', agent_key)
    FROM numbered JOIN groups ON groups.id = family
UNION ALL SELECT concat_ws(' ', 'token', ('x' || substr(encode(digest, 'hex'), 1, 8))::bit(32)::int - $3,
    'of', numbered.number, groups.number, refresh_tokens.expires_at, 'consumed', consumed_at,
    ('x' || substr(encode(successor, 'hex'), 1, 8))::bit(32)::int - $3)
    FROM refresh_tokens JOIN numbered ON numbered.id = session JOIN groups ON groups.id = refresh_tokens.family
UNION ALL SELECT concat_ws(' ', 'failures', left(source, 7), failures, pending, pending_at, last_failure_at,
    locked_until, forgotten_at, succeeded_at, expires_at)
    FROM failures JOIN names USING (name_digest)";

const RECORDS: &str = "\
SELECT concat_ws(' ', 'record', at, kind, outcome, CASE user_id WHEN $1 THEN 'account' WHEN $2 THEN 'other' ELSE 'new' END,
    reason, 'session', (SELECT ('x' || substr(encode(token, 'hex'), 1, 8))::bit(32)::int - $4
        FROM sessions WHERE sessions.id = audit.session))
    FROM audit WHERE sequence > $3 AND user_id IS NOT NULL ORDER BY sequence";
