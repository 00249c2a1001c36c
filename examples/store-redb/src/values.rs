//! The values of the tables, and their conversion from and to rows.

use std::net::IpAddr;

use kleidia_tower::account::{Account, PasswordHash, StoredPassword};
use kleidia_tower::session::{EndReason, Session, SessionEnd};
use kleidia_tower::store::StoreError;
use kleidia_tower::store::rows::{Consumed, FailureRow, RefreshTokenRow};
use kleidia_tower::{
    ClientInfo, FamilyId, SessionId, Timestamp, TokenDigest, UserAgent, UserId, WrappedToken,
};
use serde::{Deserialize, Serialize};

use crate::tables::corrupt;

#[derive(Serialize, Deserialize)]
pub(crate) struct AccountValue {
    name: String,
    roles: Vec<String>,
    is_disabled: bool,
    must_change_password: bool,
    is_erased: bool,
    created_at: i64,
    password_changed_at: i64,
    /// The current hash, and the previous ones.
    passwords: Vec<String>,
}

impl AccountValue {
    pub(crate) fn new(account: &Account, password: &StoredPassword) -> Self {
        let passwords = [&password.current].into_iter().chain(&password.previous);
        Self {
            name: account.name.to_string(),
            roles: account.roles.iter().map(ToString::to_string).collect(),
            is_disabled: account.is_disabled,
            must_change_password: account.must_change_password,
            is_erased: account.is_erased,
            created_at: account.created_at.as_second(),
            password_changed_at: account.password_changed_at.as_second(),
            passwords: passwords.map(|hash| hash.as_str().to_owned()).collect(),
        }
    }

    pub(crate) fn decode(self, id: UserId) -> Result<(Account, StoredPassword), StoreError> {
        let mut passwords = self.passwords.into_iter().map(PasswordHash::new);
        let password = StoredPassword {
            current: passwords.next().ok_or(corrupt("password"))?,
            previous: passwords.collect(),
        };
        let roles = self.roles.iter().map(|role| role.parse());
        let account = Account {
            id,
            name: self.name.parse().map_err(|_| corrupt("account name"))?,
            roles: roles.collect::<Result<_, _>>().map_err(|_| corrupt("role"))?,
            is_disabled: self.is_disabled,
            must_change_password: self.must_change_password,
            is_erased: self.is_erased,
            created_at: time(self.created_at)?,
            password_changed_at: time(self.password_changed_at)?,
        };
        Ok((account, password))
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct SessionValue {
    user: UserId,
    family: FamilyId,
    pub(crate) token: [u8; 32],
    address: Option<IpAddr>,
    user_agent: Option<String>,
    created_at: i64,
    authenticated_at: i64,
    methods: String,
    last_seen_at: i64,
    pub(crate) expires_at: i64,
    end: Option<(i64, String)>,
    agent_key: Option<String>,
}

impl SessionValue {
    pub(crate) fn new(session: &Session, token: TokenDigest) -> Self {
        let end = session.end.map(|end| (end.at.as_second(), end.reason.as_str().to_owned()));
        Self {
            user: session.user,
            family: session.family,
            token: token.0,
            address: session.client.address,
            user_agent: session.client.user_agent.as_ref().map(ToString::to_string),
            created_at: session.created_at.as_second(),
            authenticated_at: session.authenticated_at.as_second(),
            methods: session.methods.to_string(),
            last_seen_at: session.last_seen_at.as_second(),
            expires_at: session.expires_at.as_second(),
            end,
            agent_key: session.agent_key.clone(),
        }
    }

    pub(crate) fn decode(self, id: SessionId) -> Result<Session, StoreError> {
        let end = |(at, reason): (i64, String)| {
            let reason = EndReason::from_name(&reason).ok_or(corrupt("session end"))?;
            Ok(SessionEnd { at: time(at)?, reason })
        };
        let user_agent = self.user_agent.as_deref().map(UserAgent::new);
        Ok(Session {
            id,
            user: self.user,
            family: self.family,
            client: ClientInfo { address: self.address, user_agent },
            created_at: time(self.created_at)?,
            authenticated_at: time(self.authenticated_at)?,
            methods: self.methods.parse().map_err(|_| corrupt("authentication method"))?,
            last_seen_at: time(self.last_seen_at)?,
            expires_at: time(self.expires_at)?,
            end: self.end.map(end).transpose()?,
            agent_key: self.agent_key,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct FamilyValue {
    pub(crate) user: UserId,
    pub(crate) is_revoked: bool,
    /// When the last of its refresh tokens expires.
    pub(crate) expires_at: i64,
    /// How many refresh tokens are stored.
    pub(crate) tokens: u64,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RefreshTokenValue {
    pub(crate) family: FamilyId,
    pub(crate) session: SessionId,
    pub(crate) expires_at: i64,
    /// The time, the digest of the successor, and the wrapped successor.
    consumed: Option<(i64, [u8; 32], [u8; 32])>,
}

impl RefreshTokenValue {
    pub(crate) fn new(row: &RefreshTokenRow) -> Self {
        let consumed = row.consumed.as_ref();
        Self {
            family: row.family,
            session: row.session,
            expires_at: row.expires_at.as_second(),
            consumed: consumed.map(|used| (used.at.as_second(), used.successor.0, used.wrapped.0)),
        }
    }

    pub(crate) fn decode(self, digest: TokenDigest) -> Result<RefreshTokenRow, StoreError> {
        let consumed = |(at, successor, wrapped)| {
            let (successor, wrapped) = (TokenDigest(successor), WrappedToken(wrapped));
            Ok(Consumed { at: time(at)?, successor, wrapped })
        };
        Ok(RefreshTokenRow {
            digest,
            family: self.family,
            session: self.session,
            expires_at: time(self.expires_at)?,
            consumed: self.consumed.map(consumed).transpose()?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct FailureValue {
    failures: u32,
    pending: u32,
    pending_at: i64,
    last_failure_at: i64,
    locked_until: i64,
    forgotten_at: i64,
    pub(crate) succeeded_at: Option<i64>,
    pub(crate) expires_at: i64,
}

impl From<&FailureRow> for FailureValue {
    fn from(row: &FailureRow) -> Self {
        Self {
            failures: row.failures,
            pending: row.pending,
            pending_at: row.pending_at.as_second(),
            last_failure_at: row.last_failure_at.as_second(),
            locked_until: row.locked_until.as_second(),
            forgotten_at: row.forgotten_at.as_second(),
            succeeded_at: row.succeeded_at.map(Timestamp::as_second),
            expires_at: row.expires_at.as_second(),
        }
    }
}

impl TryFrom<FailureValue> for FailureRow {
    type Error = StoreError;

    fn try_from(value: FailureValue) -> Result<Self, StoreError> {
        Ok(Self {
            failures: value.failures,
            pending: value.pending,
            pending_at: time(value.pending_at)?,
            last_failure_at: time(value.last_failure_at)?,
            locked_until: time(value.locked_until)?,
            forgotten_at: time(value.forgotten_at)?,
            succeeded_at: value.succeeded_at.map(time).transpose()?,
            expires_at: time(value.expires_at)?,
        })
    }
}

pub(crate) fn time(second: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_second(second).map_err(|_| corrupt("time"))
}
