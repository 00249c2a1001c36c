//! Conversion between rows of the database and values. Invalid rows are errors.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_lc_rs::digest;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::error::store_error;
use crate::account::{Account, PasswordHash, StoredPassword};
use crate::audit::{AuditIdentity, AuditRecord, AuditedRequest, EventKind, Outcome};
use crate::lockout::LoginSource;
use crate::rbac::RoleName;
use crate::session::{EndReason, Session, SessionEnd};
use crate::store::StoreError;
use crate::store::rows::{Consumed, FailureRow, FailureScope, RefreshTokenRow};
use crate::{
    ClientInfo, FamilyId, SessionId, Timestamp, TokenDigest, UserAgent, UserId, UserName,
    WrappedToken,
};

/// Reads the columns of a row by name.
pub(super) struct Columns<'a>(pub(super) &'a SqliteRow);

type Value<T> = Result<T, StoreError>;

impl Columns<'_> {
    pub(super) fn get<'r, T>(&'r self, name: &str) -> Value<T>
    where
        T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        self.0.try_get(name).map_err(store_error)
    }

    fn number(&self, name: &str) -> Value<u32> {
        self.get::<i64>(name)?.try_into().map_err(|_| StoreError::Corrupt("count"))
    }

    fn time(&self, name: &str) -> Value<Timestamp> {
        time(self.get(name)?)
    }

    fn optional_time(&self, name: &str) -> Value<Option<Timestamp>> {
        self.get::<Option<i64>>(name)?.map(time).transpose()
    }

    fn digest(&self, name: &str) -> Value<[u8; 32]> {
        let octets: &[u8] = self.get(name)?;
        octets.try_into().map_err(|_| StoreError::Corrupt("digest"))
    }

    fn client(&self) -> Value<ClientInfo> {
        let address: Option<&str> = self.get("ip")?;
        let address = address.map(str::parse).transpose();
        let address = address.map_err(|_| StoreError::Corrupt("address"))?;
        let user_agent = self.get::<Option<&str>>("user_agent")?.map(UserAgent::new);
        Ok(ClientInfo { address, user_agent })
    }

    /// Reads an account. Its id and creation time have aliases, since a join also has those of a
    /// session.
    pub(super) fn account(&self) -> Value<Account> {
        let name = self.get::<&str>("name")?.parse();
        Ok(Account {
            id: UserId::new(self.get("account")?),
            name: name.map_err(|_| StoreError::Corrupt("account name"))?,
            roles: roles(self.get("roles")?)?,
            is_disabled: self.get("is_disabled")?,
            created_at: self.time("account_created_at")?,
            password_changed_at: self.time("password_changed_at")?,
        })
    }

    pub(super) fn password(&self) -> Value<StoredPassword> {
        let hash = |text: &str| PasswordHash::new(text.to_owned());
        let previous: &str = self.get("previous_passwords")?;
        Ok(StoredPassword {
            current: hash(self.get("password")?),
            previous: previous.lines().map(hash).collect(),
        })
    }

    pub(super) fn session(&self) -> Value<Session> {
        let end = match (self.optional_time("ended_at")?, self.get::<Option<&str>>("end_reason")?) {
            (Some(at), Some(reason)) => {
                let reason = EndReason::from_name(reason);
                let reason = reason.ok_or(StoreError::Corrupt("session end"))?;
                Some(SessionEnd { at, reason })
            }
            (None, None) => None,
            _ => return Err(StoreError::Corrupt("session end")),
        };
        Ok(Session {
            id: SessionId::new(self.get("id")?),
            user: UserId::new(self.get("user")?),
            family: FamilyId::new(self.get("family")?),
            client: self.client()?,
            created_at: self.time("created_at")?,
            authenticated_at: self.time("authenticated_at")?,
            last_seen_at: self.time("last_seen_at")?,
            expires_at: self.time("expires_at")?,
            end,
            agent_key: self.get("agent_key")?,
        })
    }

    pub(super) fn refresh_token(&self) -> Value<RefreshTokenRow> {
        let consumed = match self.optional_time("consumed_at")? {
            Some(at) => Some(Consumed {
                at,
                successor: TokenDigest(self.digest("successor")?),
                wrapped: WrappedToken(self.digest("wrapped")?),
            }),
            None => None,
        };
        Ok(RefreshTokenRow {
            digest: TokenDigest(self.digest("digest")?),
            family: FamilyId::new(self.get("family")?),
            session: SessionId::new(self.get("session")?),
            expires_at: self.time("expires_at")?,
            consumed,
        })
    }

    pub(super) fn failures(&self) -> Value<(FailureScope, FailureRow)> {
        let scope = match self.get("source")? {
            "" => FailureScope::Account,
            source => {
                let source = LoginSource::from_name(source);
                FailureScope::Source(source.ok_or(StoreError::Corrupt("source"))?)
            }
        };
        let row = FailureRow {
            failures: self.number("failures")?,
            consecutive: self.number("consecutive")?,
            pending: self.number("pending")?,
            pending_at: self.time("pending_at")?,
            last_failure_at: self.time("last_failure_at")?,
            locked_until: self.time("locked_until")?,
            succeeded_at: self.optional_time("succeeded_at")?,
        };
        Ok((scope, row))
    }

    pub(super) fn record(&self) -> Value<AuditRecord> {
        let corrupt = StoreError::Corrupt("audit record");
        let kind = EventKind::from_name(self.get("kind")?);
        let outcome = Outcome::from_name(self.get("outcome")?);
        let (Some(kind), Some(outcome)) = (kind, outcome) else { return Err(corrupt) };
        Ok(AuditRecord {
            sequence: sequence(self.get("sequence")?)?,
            at: self.time("at")?,
            kind,
            outcome,
            user: self.audit_identity("user_id", "user_name")?,
            actor: self.audit_identity("actor_id", "actor_name")?,
            session: self.get::<Option<i64>>("session")?.map(SessionId::new),
            client: self.client()?,
            request: self.audited_request()?,
            reason: self.get("reason")?,
            digest: self.digest("digest")?,
        })
    }

    fn audited_request(&self) -> Value<Option<AuditedRequest>> {
        match (self.get::<Option<&str>>("method")?, self.get("route")?) {
            (Some(method), route) => Ok(Some(AuditedRequest::new(method, route))),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(StoreError::Corrupt("audit record")),
        }
    }

    fn audit_identity(&self, id: &str, name: &str) -> Value<Option<AuditIdentity>> {
        let id = self.get::<Option<i64>>(id)?.map(UserId::new);
        let name: Option<String> = self.get(name)?;
        Ok(name.map(|name| AuditIdentity { id, name }))
    }

    pub(super) fn head_digest(&self) -> Value<[u8; 32]> {
        self.digest("digest")
    }

    pub(super) fn shared_account(&self) -> Value<Arc<Account>> {
        self.account().map(Arc::new)
    }
}

pub(super) fn sequence(number: i64) -> Value<u64> {
    number.try_into().map_err(|_| StoreError::Corrupt("record number"))
}

fn time(second: i64) -> Value<Timestamp> {
    Timestamp::from_second(second).map_err(|_| StoreError::Corrupt("timestamp"))
}

fn roles(text: &str) -> Value<BTreeSet<RoleName>> {
    let names = text.split(',').filter(|name| !name.is_empty());
    let roles = names.map(str::parse).collect::<Result<_, _>>();
    roles.map_err(|_| StoreError::Corrupt("account role"))
}

/// Joins roles for one column. Their names have no commas.
pub(super) fn join_roles(roles: &BTreeSet<RoleName>) -> String {
    roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join(",")
}

/// Joins hashes for one column. PHC strings have no line breaks.
pub(super) fn join_hashes(hashes: &[PasswordHash]) -> String {
    hashes.iter().map(PasswordHash::as_str).collect::<Vec<_>>().join("\n")
}

/// Returns the digest under which failures are counted: users type passwords into the name field.
pub(super) fn name_digest(name: &UserName) -> Vec<u8> {
    digest::digest(&digest::SHA256, name.as_str().as_bytes()).as_ref().to_vec()
}
