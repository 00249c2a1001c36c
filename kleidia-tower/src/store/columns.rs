//! Conversion between rows of the database and values. Invalid rows are errors.

mod families;
mod people;

use std::collections::BTreeSet;

pub(super) use families::{ended_sessions, revoked_families};
pub(super) use people::{account_columns, profile_values};

use super::StoreError;
use super::log_reads::{LeafRow, LogState, RegisteredKey};
use super::rows::{FailureRow, UnsealedRecord};
use crate::account::PasswordHash;
use crate::audit::{AuditIdentity, AuditRecord, AuditedRequest, EventKind, LogHash, Outcome};
use crate::rbac::RoleName;
use crate::session::{EndReason, Session, SessionEnd};
use crate::{ClientInfo, FamilyId, SessionId, Timestamp, UserAgent, UserId};

/// A row of an SQL database. The columns are read by name.
pub(super) trait SqlRow {
    fn integer(&self, name: &str) -> Value<Option<i64>>;
    fn boolean(&self, name: &str) -> Value<Option<bool>>;
    fn text(&self, name: &str) -> Value<Option<&str>>;
    fn octets(&self, name: &str) -> Value<Option<&[u8]>>;
}

/// Reads the values of a row.
pub(super) struct Columns<'a, R>(pub(super) &'a R);

type Value<T> = Result<T, StoreError>;

/// A column that is not nullable.
fn required<T>(value: Option<T>) -> Value<T> {
    value.ok_or(StoreError::Corrupt("column"))
}

impl<R: SqlRow> Columns<'_, R> {
    pub(super) fn integer(&self, name: &str) -> Value<i64> {
        required(self.0.integer(name)?)
    }

    pub(super) fn optional_integer(&self, name: &str) -> Value<Option<i64>> {
        self.0.integer(name)
    }

    pub(super) fn boolean(&self, name: &str) -> Value<bool> {
        required(self.0.boolean(name)?)
    }

    pub(super) fn text(&self, name: &str) -> Value<&str> {
        required(self.0.text(name)?)
    }

    pub(super) fn optional_text(&self, name: &str) -> Value<Option<String>> {
        Ok(self.0.text(name)?.map(str::to_owned))
    }

    fn number(&self, name: &str) -> Value<u32> {
        self.integer(name)?.try_into().map_err(|_| StoreError::Corrupt("count"))
    }

    fn time(&self, name: &str) -> Value<Timestamp> {
        time(self.integer(name)?)
    }

    fn optional_time(&self, name: &str) -> Value<Option<Timestamp>> {
        self.0.integer(name)?.map(time).transpose()
    }

    fn digest(&self, name: &str) -> Value<[u8; 32]> {
        required(self.0.octets(name)?)?.try_into().map_err(|_| StoreError::Corrupt("digest"))
    }

    fn client(&self) -> Value<ClientInfo> {
        let address = self.0.text("ip")?.map(str::parse).transpose();
        let address = address.map_err(|_| StoreError::Corrupt("address"))?;
        let user_agent = self.0.text("user_agent")?.map(UserAgent::new);
        Ok(ClientInfo { address, user_agent })
    }

    pub(super) fn session(&self) -> Value<Session> {
        let end = match (self.optional_time("ended_at")?, self.0.text("end_reason")?) {
            (Some(at), Some(reason)) => {
                let reason = EndReason::from_name(reason);
                let reason = reason.ok_or(StoreError::Corrupt("session end"))?;
                Some(SessionEnd { at, reason })
            }
            (None, None) => None,
            _ => return Err(StoreError::Corrupt("session end")),
        };
        let methods = self.text("methods")?.parse();
        Ok(Session {
            id: SessionId::new(self.integer("id")?),
            user: UserId::new(self.integer("user")?),
            family: FamilyId::new(self.integer("family")?),
            client: self.client()?,
            created_at: self.time("created_at")?,
            authenticated_at: self.time("authenticated_at")?,
            methods: methods.map_err(|_| StoreError::Corrupt("authentication method"))?,
            last_seen_at: self.time("last_seen_at")?,
            expires_at: self.time("expires_at")?,
            end,
            agent_key: self.0.text("agent_key")?.map(str::to_owned),
        })
    }

    pub(super) fn failures(&self) -> Value<FailureRow> {
        Ok(FailureRow {
            failures: self.number("failures")?,
            pending: self.number("pending")?,
            pending_at: self.time("pending_at")?,
            last_failure_at: self.time("last_failure_at")?,
            locked_until: self.time("locked_until")?,
            forgotten_at: self.time("forgotten_at")?,
            succeeded_at: self.optional_time("succeeded_at")?,
            expires_at: self.time("expires_at")?,
        })
    }

    pub(super) fn record(&self) -> Value<AuditRecord> {
        let corrupt = StoreError::Corrupt("audit record");
        let kind = EventKind::from_name(self.text("kind")?);
        let outcome = Outcome::from_name(self.text("outcome")?);
        let (Some(kind), Some(outcome)) = (kind, outcome) else { return Err(corrupt) };
        Ok(AuditRecord {
            sequence: sequence(self.integer("sequence")?)?,
            at: self.time("at")?,
            kind,
            outcome,
            user: self.audit_identity("user_id", "user_name")?,
            actor: self.audit_identity("actor_id", "actor_name")?,
            session: self.0.integer("session")?.map(SessionId::new),
            client: self.audited_client()?,
            request: self.audited_request()?,
            reason: self.0.text("reason")?.map(str::to_owned),
            mac: self.digest("mac")?,
        })
    }

    /// Reads the record of a left join.
    fn joined_record(&self) -> Value<Option<Value<AuditRecord>>> {
        Ok(self.0.integer("sequence")?.map(|_| self.record()))
    }

    /// Reads a leaf of the audit log, and its record.
    pub(super) fn leaf(&self) -> Value<LeafRow> {
        Ok(LeafRow {
            leaf_index: self.unsigned("leaf")?,
            sequence: self.unsigned("record")?,
            record: self.joined_record()?,
        })
    }

    /// Reads an unsealed record, which may have a leaf.
    pub(super) fn unsealed_record(&self) -> Value<UnsealedRecord> {
        Ok(UnsealedRecord {
            sequence: self.unsigned("record")?,
            record: self.joined_record()?,
            is_sealed: self.0.integer("leaf")?.is_some(),
        })
    }

    /// Reads a record that is neither sealed nor unsealed.
    pub(super) fn orphan_record(&self) -> Value<(u64, Value<AuditRecord>)> {
        Ok((self.unsigned("sequence")?, self.record()))
    }

    /// Reads a hash of the audit log, and its position.
    pub(super) fn log_hash(&self) -> Value<(u64, LogHash)> {
        Ok((self.unsigned("position")?, self.digest("hash")?))
    }

    /// Reads the state of the audit log.
    pub(super) fn log_state(&self) -> Value<LogState> {
        let last = self.0.integer("last_leaf")?.map(sequence).transpose()?;
        Ok(LogState {
            checkpoint: self.optional_text("note")?,
            checkpoint_size: self.0.integer("checkpoint_size")?.map(sequence).transpose()?,
            key: self.optional_registered_key()?,
            last_position: self.0.integer("last_position")?.map(sequence).transpose()?,
            leaves: last.map_or(0, |last| last + 1),
            detached: self.0.integer("detached")?.map_or(Ok(0), sequence)?,
            detachment: self.optional_text("detachment")?,
            has_unsealed: self.boolean("has_unsealed")?,
        })
    }

    pub(super) fn registered_key(&self) -> Value<RegisteredKey> {
        required(self.optional_registered_key()?)
    }

    fn optional_registered_key(&self) -> Value<Option<RegisteredKey>> {
        let Some(key) = self.0.text("verifier_key")? else { return Ok(None) };
        let (first_leaf, verifier_key) = (self.unsigned("first_leaf")?, key.to_owned());
        let checkpoint = self.0.text("checkpoint")?.map(str::to_owned);
        Ok(Some(RegisteredKey { first_leaf, verifier_key, checkpoint }))
    }

    fn unsigned(&self, name: &str) -> Value<u64> {
        sequence(self.integer(name)?)
    }

    /// Reads the client of a record. A text in another form than the stored one is an alteration.
    fn audited_client(&self) -> Value<ClientInfo> {
        let client = self.client()?;
        let address = client.address.map(|address| address.to_string());
        let user_agent = client.user_agent.as_ref().map(UserAgent::as_str);
        let is_stored =
            address.as_deref() == self.0.text("ip")? && user_agent == self.0.text("user_agent")?;
        if is_stored { Ok(client) } else { Err(StoreError::Corrupt("audit record")) }
    }

    /// Reads the request of a record, as [`Self::audited_client`] does.
    fn audited_request(&self) -> Value<Option<AuditedRequest>> {
        let corrupt = StoreError::Corrupt("audit record");
        match (self.0.text("method")?, self.0.text("route")?) {
            (Some(method), route) => {
                let request = AuditedRequest::new(method, route);
                let is_stored = (request.method(), request.route()) == (method, route);
                if is_stored { Ok(Some(request)) } else { Err(corrupt) }
            }
            (None, None) => Ok(None),
            (None, Some(_)) => Err(corrupt),
        }
    }

    fn audit_identity(&self, id: &str, name: &str) -> Value<Option<AuditIdentity>> {
        let id = self.0.integer(id)?.map(UserId::new);
        match (id, self.0.text(name)?) {
            (id, Some(name)) => Ok(Some(AuditIdentity { id, name: name.to_owned() })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(StoreError::Corrupt("audit record")),
        }
    }
}

/// Returns a number of the audit log.
pub(super) fn sequence(number: i64) -> Value<u64> {
    number.try_into().map_err(|_| StoreError::Corrupt("record number"))
}

/// Returns ids as one parameter of SQLite, which has no arrays.
#[cfg(feature = "sqlite")]
pub(super) fn json_array(ids: &[impl ToString]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    format!("[{}]", ids.join(","))
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

/// Returns a number of the audit log as databases have it. No record has a larger one.
pub(super) fn sql_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns a limit or an offset.
pub(super) fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Returns the first whole second that is not before a time: records have whole seconds.
pub(super) fn ceil_second(time: Timestamp) -> i64 {
    time.as_second() + i64::from(time.subsec_nanosecond() > 0)
}
