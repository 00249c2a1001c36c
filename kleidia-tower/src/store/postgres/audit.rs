//! The statements on the audit log.

use async_trait::async_trait;

use super::statements::PostgresRows;
use crate::audit::{AuditIdentity, AuditRecord, AuditedRequest, ChainHead};
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

    async fn append_record(&mut self, record: &AuditRecord) -> Result<(), StoreError> {
        let sequence =
            i64::try_from(record.sequence).map_err(|_| StoreError::Corrupt("record number"))?;
        let id = |identity: &Option<AuditIdentity>| identity.as_ref()?.id.map(UserId::get);
        let name = |identity: &Option<AuditIdentity>| Some(identity.as_ref()?.name.clone());
        let request = record.request.as_ref();
        self.execute(
            "WITH appended AS (INSERT INTO audit (sequence, at, kind, outcome, user_id, \
                 user_name, actor_id, actor_name, session, ip, user_agent, method, route, reason, \
                 digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)) \
             UPDATE audit_head SET sequence = $1, digest = $15",
            &[
                &sequence,
                &record.at.as_second(),
                &record.kind.as_str(),
                &record.outcome.as_str(),
                &id(&record.user),
                &name(&record.user),
                &id(&record.actor),
                &name(&record.actor),
                &record.session.map(SessionId::get),
                &record.client.address.map(|address| address.to_string()),
                &record.client.user_agent.as_ref().map(UserAgent::as_str),
                &request.map(AuditedRequest::method),
                &request.and_then(AuditedRequest::route),
                &record.reason,
                &record.digest.as_slice(),
            ],
        )
        .await
        .map(drop)
    }
}
