//! The statements on the audit log.

use async_trait::async_trait;

use super::statements::PostgresRows;
use crate::audit::{AuditRecord, AuditedRequest, ChainHead};
use crate::store::StoreError;
use crate::store::columns::chain_head;
use crate::store::rows::AuditRows;
use crate::{SessionId, UserAgent, UserId};

#[async_trait]
impl AuditRows for PostgresRows<'_> {
    async fn lock_chain(&mut self) -> Result<ChainHead, StoreError> {
        let select = "SELECT sequence, digest FROM audit_head FOR NO KEY UPDATE";
        chain_head(self.fetch_optional(select, &[]).await?.as_ref())
    }

    /// One statement for all records, since other nodes wait for the head meanwhile.
    async fn append_records(&mut self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let Some(last) = records.last() else { return Ok(()) };
        let columns = Columns::of(records)?;
        self.execute(
            "WITH appended AS (INSERT INTO audit (sequence, at, kind, outcome, user_id, \
                 user_name, actor_id, actor_name, session, ip, user_agent, method, route, reason, \
                 digest) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], \
                 $5::bigint[], $6::text[], $7::bigint[], $8::text[], $9::bigint[], $10::text[], \
                 $11::text[], $12::text[], $13::text[], $14::text[], $15::bytea[])) \
             UPDATE audit_head SET sequence = $16, digest = $17",
            &[
                &columns.sequence,
                &columns.at,
                &columns.kind,
                &columns.outcome,
                &columns.user_id,
                &columns.user_name,
                &columns.actor_id,
                &columns.actor_name,
                &columns.session,
                &columns.ip,
                &columns.user_agent,
                &columns.method,
                &columns.route,
                &columns.reason,
                &columns.digest,
                &number(last)?,
                &last.digest.as_slice(),
            ],
        )
        .await
        .map(drop)
    }
}

/// The values of records by column.
#[derive(Default)]
struct Columns<'a> {
    sequence: Vec<i64>,
    at: Vec<i64>,
    kind: Vec<&'a str>,
    outcome: Vec<&'a str>,
    user_id: Vec<Option<i64>>,
    user_name: Vec<Option<&'a str>>,
    actor_id: Vec<Option<i64>>,
    actor_name: Vec<Option<&'a str>>,
    session: Vec<Option<i64>>,
    ip: Vec<Option<String>>,
    user_agent: Vec<Option<&'a str>>,
    method: Vec<Option<&'a str>>,
    route: Vec<Option<&'a str>>,
    reason: Vec<Option<&'a str>>,
    digest: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of(records: &'a [AuditRecord]) -> Result<Self, StoreError> {
        let mut columns = Self::default();
        for record in records {
            columns.push(record)?;
        }
        Ok(columns)
    }

    fn push(&mut self, record: &'a AuditRecord) -> Result<(), StoreError> {
        let (user, actor) = (record.user.as_ref(), record.actor.as_ref());
        let (client, request) = (&record.client, record.request.as_ref());
        self.sequence.push(number(record)?);
        self.at.push(record.at.as_second());
        self.kind.push(record.kind.as_str());
        self.outcome.push(record.outcome.as_str());
        self.user_id.push(user.and_then(|identity| identity.id).map(UserId::get));
        self.user_name.push(user.map(|identity| identity.name.as_str()));
        self.actor_id.push(actor.and_then(|identity| identity.id).map(UserId::get));
        self.actor_name.push(actor.map(|identity| identity.name.as_str()));
        self.session.push(record.session.map(SessionId::get));
        self.ip.push(client.address.map(|address| address.to_string()));
        self.user_agent.push(client.user_agent.as_ref().map(UserAgent::as_str));
        self.method.push(request.map(AuditedRequest::method));
        self.route.push(request.and_then(AuditedRequest::route));
        self.reason.push(record.reason.as_deref());
        self.digest.push(record.digest.as_slice());
        Ok(())
    }
}

fn number(record: &AuditRecord) -> Result<i64, StoreError> {
    i64::try_from(record.sequence).map_err(|_| StoreError::Corrupt("record number"))
}
