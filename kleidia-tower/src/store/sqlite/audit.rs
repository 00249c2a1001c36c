//! The statements on the audit log.

use async_trait::async_trait;
use sqlx::query;

use super::statements::SqliteRows;
use crate::audit::{AuditRecord, AuditedRequest, ChainHead};
use crate::store::StoreError;
use crate::store::columns::chain_head;
use crate::store::rows::AuditRows;
use crate::{SessionId, UserAgent, UserId};

#[async_trait]
impl AuditRows for SqliteRows<'_> {
    async fn lock_chain(&mut self) -> Result<ChainHead, StoreError> {
        let row = self.fetch_optional(query("SELECT sequence, digest FROM audit_head")).await?;
        chain_head(row.as_ref())
    }

    async fn append_records(&mut self, records: &[AuditRecord]) -> Result<(), StoreError> {
        for record in records {
            self.append_record(record).await?;
        }
        Ok(())
    }
}

impl SqliteRows<'_> {
    async fn append_record(&mut self, record: &AuditRecord) -> Result<(), StoreError> {
        let out_of_range = || StoreError::Corrupt("record number");
        let sequence = i64::try_from(record.sequence).map_err(|_| out_of_range())?;
        let (user, actor) = (record.user.as_ref(), record.actor.as_ref());
        let request = record.request.as_ref();
        let insert =
            query("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
                .bind(sequence)
                .bind(record.at.as_second())
                .bind(record.kind.as_str())
                .bind(record.outcome.as_str())
                .bind(user.and_then(|identity| identity.id).map(UserId::get))
                .bind(user.map(|identity| identity.name.as_str()))
                .bind(actor.and_then(|identity| identity.id).map(UserId::get))
                .bind(actor.map(|identity| identity.name.as_str()))
                .bind(record.session.map(SessionId::get))
                .bind(record.client.address.map(|address| address.to_string()))
                .bind(record.client.user_agent.as_ref().map(UserAgent::as_str))
                .bind(request.map(AuditedRequest::method))
                .bind(request.and_then(AuditedRequest::route))
                .bind(record.reason.as_deref())
                .bind(record.digest.to_vec());
        self.execute(insert).await.map(drop)
    }
}
