//! Two administrators, one with sessions, tokens and failures, and their rows after operations.

use std::sync::Arc;

use kleidia_tower::account::{Account, AccountStore as _, NewAccount};
use kleidia_tower::lockout::{AttemptRecord, FailureStore as _, LockoutPolicy};
use kleidia_tower::rbac::RoleName;
use kleidia_tower::session::SessionStore as _;
use kleidia_tower::store::PostgresStore;
use kleidia_tower::{SessionId, TokenDigest};
use tokio_postgres::Client;

use crate::numbered::{NOW, at, hash, log_in, new_account, new_session, operator, rotation};

/// How many numbers of tokens a fixture has.
const TOKENS: u32 = 100;
/// The session whose first refresh token is consumed.
pub(crate) const ACTIVE: usize = 0;
pub(crate) const SECOND: usize = 1;
/// The number of that token, and of its successor.
pub(crate) const CONSUMED: u32 = 1;
pub(crate) const SUCCESSOR: u32 = 3;
/// The number of a token that nothing presents.
pub(crate) const OTHER: u32 = 9;

/// The accounts of a schedule.
#[derive(Clone)]
pub(crate) struct Fixture {
    number: u32,
    pub(crate) account: Arc<Account>,
    pub(crate) other: Arc<Account>,
    pub(crate) sessions: [SessionId; 2],
}

impl Fixture {
    /// Creates the accounts. Administrators of earlier fixtures become users.
    pub(crate) async fn create(store: &PostgresStore, monitor: &Client, number: u32) -> Self {
        monitor
            .execute("UPDATE accounts SET roles = 'user' WHERE roles <> 'user'", &[])
            .await
            .unwrap();
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
        let (policy, attempt) =
            (LockoutPolicy::default(), new_session(&account, hash(0), token(OTHER)).attempt);
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
        Self { number, account, other, sessions: [first, second] }
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

    /// Returns all rows of the accounts, without the ids and names that differ between fixtures.
    pub(crate) async fn rows(&self, monitor: &Client) -> Vec<String> {
        let (account, other) = (self.account.id.get(), self.other.id.get());
        let base = i32::try_from(self.token(0)).unwrap();
        let rows = monitor.query(ROWS, &[&account, &other, &base]).await.unwrap();
        let mut rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        rows.sort();
        rows
    }
}

/// Sessions and families are named by the numbers of their tokens. Audit records have no order,
/// since they may be appended in another than that of the locks.
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
    FROM failures JOIN names USING (name_digest)
UNION ALL SELECT concat_ws(' ', 'record', at, kind, outcome, user_id <> $1, reason, 'session', numbered.number)
    FROM audit LEFT JOIN numbered ON numbered.id = session WHERE user_id IN ($1, $2)";
