//! The audit log.

use std::net::IpAddr;

use async_trait::async_trait;
use kleidia_tower::audit::{
    AuditIdentity, AuditRecord, AuditedRequest, ChainCheck, ChainHead, EventKind, Outcome,
};
use kleidia_tower::store::StoreError;
use kleidia_tower::store::rows::AuditRows;
use kleidia_tower::{ClientInfo, SessionId, UserAgent, UserId};
use redb::ReadableTable;
use serde::{Deserialize, Serialize};

use crate::store::RedbRows;
use crate::tables::{RECORDS, corrupt, decode, put, unavailable};
use crate::values::time;

#[derive(Serialize, Deserialize)]
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
    digest: [u8; 32],
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
            digest: record.digest,
        }
    }
}

pub(crate) fn decode_record(sequence: u64, value: &[u8]) -> Result<AuditRecord, StoreError> {
    let value: RecordValue = decode(value)?;
    let identity = |(id, name)| AuditIdentity { id, name };
    let request =
        |(method, route): (String, Option<String>)| AuditedRequest::new(&method, route.as_deref());
    let user_agent = value.user_agent.as_deref().map(UserAgent::new);
    Ok(AuditRecord {
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
        digest: value.digest,
    })
}

/// Verifies the chain after a head.
pub(crate) fn verify(
    records: &impl ReadableTable<u64, &'static [u8]>,
    since: ChainHead,
) -> Result<ChainCheck, StoreError> {
    let known = match since.sequence {
        0 => Some(ChainHead::default()),
        sequence => {
            let found = records.get(sequence).map_err(unavailable)?;
            let record = found.map(|value| decode_record(sequence, value.value())).transpose()?;
            record.map(|record| record.head())
        }
    };
    if known != Some(since) {
        return Ok(ChainCheck::Broken { sequence: since.sequence });
    }
    let mut verified = since;
    for row in records.range(since.sequence + 1..).map_err(unavailable)? {
        let (sequence, value) = row.map_err(unavailable)?;
        let record = decode_record(sequence.value(), value.value()).ok();
        let next = record.and_then(|record| verified.verify_next(&record));
        let broken = ChainCheck::Broken { sequence: verified.sequence + 1 };
        let Some(next) = next else { return Ok(broken) };
        verified = next;
    }
    Ok(ChainCheck::Intact(verified))
}

#[async_trait]
impl AuditRows for RedbRows {
    async fn lock_chain(&mut self) -> Result<ChainHead, StoreError> {
        let records = self.0.open_table(RECORDS).map_err(unavailable)?;
        let last = records.last().map_err(unavailable)?;
        let Some((sequence, value)) = last else { return Ok(ChainHead::default()) };
        Ok(decode_record(sequence.value(), value.value())?.head())
    }

    async fn append_records(&mut self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let mut table = self.0.open_table(RECORDS).map_err(unavailable)?;
        for record in records {
            put(&mut table, record.sequence, &RecordValue::from(record))?;
        }
        Ok(())
    }
}
