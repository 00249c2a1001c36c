//! The records of the audit log.

use std::net::IpAddr;

use async_trait::async_trait;
use kleidia_tower::audit::{
    AuditIdentity, AuditKey, AuditRecord, AuditedRequest, EventKind, LogHash, Outcome,
};
use kleidia_tower::store::StoreError;
use kleidia_tower::store::rows::{AuditRows, RegisteredKey, SealedBatch, UnsealedRecord};
use kleidia_tower::{ClientInfo, SessionId, UserAgent, UserId};
use serde::{Deserialize, Serialize};

use crate::log;
use crate::store::RedbRows;
use crate::tables::{
    CHECKPOINTS, HASHES, KEYS, LEAF_OF_RECORD, RECORDS, UNSEALED, corrupt, decode, next_id, put,
    unavailable,
};
use crate::values::time;

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct RecordValue {
    at: i64,
    kind: String,
    outcome: String,
    user: Option<(Option<UserId>, String)>,
    actor: Option<(Option<UserId>, String)>,
    session: Option<SessionId>,
    address: Option<IpAddr>,
    user_agent: Option<String>,
    request: Option<(String, Option<String>)>,
    reason: Option<String>,
    mac: [u8; 32],
}

impl From<&AuditRecord> for RecordValue {
    fn from(record: &AuditRecord) -> Self {
        let identity = |identity: &AuditIdentity| (identity.id, identity.name.clone());
        let request = record.request.as_ref();
        Self {
            at: record.at.as_second(),
            kind: record.kind.to_string(),
            outcome: record.outcome.to_string(),
            user: record.user.as_ref().map(identity),
            actor: record.actor.as_ref().map(identity),
            session: record.session,
            address: record.client.address,
            user_agent: record.client.user_agent.as_ref().map(ToString::to_string),
            request: request
                .map(|request| (request.method().to_owned(), request.route().map(str::to_owned))),
            reason: record.reason.clone(),
            mac: record.mac,
        }
    }
}

pub(crate) fn decode_record(sequence: u64, value: &[u8]) -> Result<AuditRecord, StoreError> {
    let stored: RecordValue = decode(value)?;
    let value = stored.clone();
    let identity = |(id, name)| AuditIdentity { id, name };
    let request =
        |(method, route): (String, Option<String>)| AuditedRequest::new(&method, route.as_deref());
    let user_agent = value.user_agent.as_deref().map(UserAgent::new);
    let record = AuditRecord {
        sequence,
        at: time(value.at)?,
        kind: EventKind::from_name(&value.kind).ok_or(corrupt("audit record"))?,
        outcome: Outcome::from_name(&value.outcome).ok_or(corrupt("audit record"))?,
        user: value.user.map(identity),
        actor: value.actor.map(identity),
        session: value.session,
        client: ClientInfo { address: value.address, user_agent },
        request: value.request.map(request),
        reason: value.reason,
        mac: value.mac,
    };
    // A text that a record would not have is an alteration.
    if RecordValue::from(&record) == stored { Ok(record) } else { Err(corrupt("audit record")) }
}

#[async_trait]
impl AuditRows for RedbRows {
    fn audit_key(&self) -> Result<AuditKey, StoreError> {
        self.1.recording_key()
    }

    async fn next_sequences(&mut self, count: usize) -> Result<Vec<u64>, StoreError> {
        let ids = (0..count).map(|_| next_id(&self.0, "record"));
        ids.map(|id| u64::try_from(id?).map_err(|_| corrupt("record number"))).collect()
    }

    async fn append_records(&mut self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let mut table = self.0.open_table(RECORDS).map_err(unavailable)?;
        let mut unsealed = self.0.open_table(UNSEALED).map_err(unavailable)?;
        for record in records {
            put(&mut table, record.sequence, &RecordValue::from(record))?;
            unsealed.insert(record.sequence, ()).map_err(unavailable)?;
        }
        Ok(())
    }

    /// The transaction is the only one that writes.
    async fn lock_sealing(&mut self, _waits: bool) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn registered_key(&mut self) -> Result<Option<RegisteredKey>, StoreError> {
        log::registered_key(&self.0.open_table(KEYS).map_err(unavailable)?)
    }

    async fn register_key(&mut self, key: &RegisteredKey) -> Result<(), StoreError> {
        let mut keys = self.0.open_table(KEYS).map_err(unavailable)?;
        let value = (&*key.verifier_key, key.checkpoint.as_deref());
        keys.insert(key.first_leaf, value).map_err(unavailable)?;
        Ok(())
    }

    async fn last_checkpoint(&mut self) -> Result<Option<String>, StoreError> {
        log::checkpoint(&self.0.open_table(CHECKPOINTS).map_err(unavailable)?)
    }

    async fn unsealed_records(
        &mut self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<UnsealedRecord>, StoreError> {
        let unsealed = self.0.open_table(UNSEALED).map_err(unavailable)?;
        let records = self.0.open_table(RECORDS).map_err(unavailable)?;
        let leaf_of = self.0.open_table(LEAF_OF_RECORD).map_err(unavailable)?;
        log::unsealed(&unsealed, &records, &leaf_of, after, limit)
    }

    async fn log_hashes(&mut self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError> {
        log::hashes_at(&self.0.open_table(HASHES).map_err(unavailable)?, positions)
    }

    async fn append_sealed(&mut self, batch: &SealedBatch) -> Result<(), StoreError> {
        log::append(&self.0, batch)
    }
}
