//! The statements on the audit log within a transaction.

use async_trait::async_trait;

use super::log;
use super::statements::{Parameter, PostgresRows};
use crate::audit::{AuditKey, AuditRecord, AuditedRequest, LogHash};
use crate::store::StoreError;
use crate::store::columns::{Columns, sequence, sql_limit, sql_number};
use crate::store::rows::{AuditRows, DetachedBatch, RegisteredKey, SealedBatch, UnsealedRecord};
use crate::{SessionId, UserId};

/// The advisory lock of the transaction that seals ("klaudit").
const SEALING: i64 = i64::from_be_bytes(*b"\0klaudit");

#[async_trait]
impl AuditRows for PostgresRows<'_> {
    fn audit_key(&self) -> Result<AuditKey, StoreError> {
        self.key.recording_key()
    }

    /// The first number is that of the account's lock, which saves a round trip for one record.
    async fn next_sequences(&mut self, count: usize) -> Result<Vec<u64>, StoreError> {
        let mut sequences: Vec<_> = self.reserved.take().into_iter().collect();
        let missing = count.saturating_sub(sequences.len());
        if missing > 0 {
            let select =
                "SELECT nextval('audit_sequence') AS sequence FROM generate_series(1, $1::bigint)";
            for row in self.fetch_all(select, &[&sql_limit(missing)]).await? {
                sequences.push(sequence(Columns(&row).integer("sequence")?)?);
            }
        }
        Ok(sequences)
    }

    async fn append_records(&mut self, records: &[AuditRecord]) -> Result<(), StoreError> {
        for record in records {
            self.execute_later(APPEND_RECORD, record_values(record));
        }
        self.flush().await
    }

    /// A statement of its own, so that the next ones see what the previous holder has committed.
    async fn lock_sealing(&mut self, waits: bool) -> Result<bool, StoreError> {
        if waits {
            let lock = "SELECT pg_advisory_xact_lock($1)";
            return self.fetch_one(lock, &[&SEALING]).await.map(|_| true);
        }
        let lock = "SELECT pg_try_advisory_xact_lock($1) AS is_locked";
        Columns(&self.fetch_one(lock, &[&SEALING]).await?).boolean("is_locked")
    }

    async fn registered_key(&mut self) -> Result<Option<RegisteredKey>, StoreError> {
        let key = self.fetch_optional(log::REGISTERED_KEY, &[]).await?;
        key.map(|row| Columns(&row).registered_key()).transpose()
    }

    async fn register_key(&mut self, key: &RegisteredKey) -> Result<(), StoreError> {
        let insert =
            "INSERT INTO audit_keys (first_leaf, verifier_key, checkpoint) VALUES ($1, $2, $3)";
        let RegisteredKey { first_leaf, verifier_key, checkpoint } = key;
        self.execute(insert, &[&sql_number(*first_leaf), verifier_key, checkpoint]).await.map(drop)
    }

    async fn last_checkpoint(&mut self) -> Result<Option<String>, StoreError> {
        let note = self.fetch_optional(log::LAST_CHECKPOINT, &[]).await?;
        note.map(|row| Columns(&row).text("note").map(str::to_owned)).transpose()
    }

    async fn unsealed_records(
        &mut self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<UnsealedRecord>, StoreError> {
        let parameters = (sql_number(after), sql_limit(limit));
        let unsealed = self.fetch_all(log::UNSEALED, &[&parameters.0, &parameters.1]).await?;
        unsealed.iter().map(|row| Columns(row).unsealed_record()).collect()
    }

    async fn log_hashes(&mut self, positions: &[u64]) -> Result<Vec<LogHash>, StoreError> {
        let numbers = log::numbers(positions);
        log::in_order(positions, &self.fetch_all(log::HASHES_AT, &[&numbers]).await?)
    }

    async fn append_sealed(&mut self, batch: &SealedBatch) -> Result<(), StoreError> {
        let records = log::numbers(&batch.records);
        let hashes: Vec<_> = batch.hashes.iter().map(<[u8; 32]>::as_slice).collect();
        let first = (sql_number(batch.first_leaf), sql_number(batch.first_position));
        let size = sql_number(batch.checkpoint.size());
        self.execute(
            "WITH leaves AS (INSERT INTO audit_leaves (leaf, record) \
                 SELECT $1 + number - 1, record \
                 FROM unnest($2::bigint[]) WITH ORDINALITY AS sealed (record, number)), \
             hashes AS (INSERT INTO audit_hashes (position, hash) \
                 SELECT $3 + number - 1, hash \
                 FROM unnest($4::bytea[]) WITH ORDINALITY AS completed (hash, number)) \
             INSERT INTO audit_checkpoints (hour, size, note) \
                 SELECT greatest(floor(extract(epoch FROM clock_timestamp()) / 3600)::bigint, \
                     (SELECT max(hour) FROM audit_checkpoints)), $5, $6 \
                 ON CONFLICT (hour) DO UPDATE SET size = EXCLUDED.size, note = EXCLUDED.note",
            &[&first.0, &records, &first.1, &hashes, &size, &batch.checkpoint.note()],
        )
        .await?;
        let delete = "DELETE FROM audit_unsealed WHERE record = ANY ($1)";
        self.execute(delete, &[&records]).await.map(drop)
    }

    async fn detachment(&mut self) -> Result<Option<String>, StoreError> {
        let note = self.fetch_optional("SELECT note FROM audit_detached", &[]).await?;
        note.map_or(Ok(None), |row| Columns(&row).optional_text("note"))
    }

    async fn detach(&mut self, batch: &DetachedBatch) -> Result<bool, StoreError> {
        let [first, size, next] =
            [batch.first_leaf, batch.detachment.size(), batch.next_position].map(sql_number);
        let update = "UPDATE audit_detached SET size = $2, next_position = $3, note = $4 \
            WHERE size = $1";
        if !self.changes(update, &[&first, &size, &next, &batch.detachment.note()]).await? {
            return Ok(false);
        }
        let records = log::numbers(&batch.records);
        self.execute("DELETE FROM audit WHERE sequence = ANY ($1)", &[&records]).await?;
        let leaves = "DELETE FROM audit_leaves WHERE leaf >= $1 AND leaf < $2";
        self.execute(leaves, &[&first, &size]).await?;
        let positions = log::numbers(&batch.positions);
        self.execute("DELETE FROM audit_hashes WHERE position = ANY ($1)", &[&positions]).await?;
        Ok(true)
    }
}

/// Values for one record: the server takes much longer for arrays of them.
const APPEND_RECORD: &[&str] = &[
    "INSERT INTO audit (sequence, at, kind, outcome, user_id, user_name, actor_id, \
        actor_name, session, ip, user_agent, method, route, reason, mac) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    "INSERT INTO audit_unsealed VALUES ($1)",
];

/// Returns the values of a record as the database has them.
fn record_values(record: &AuditRecord) -> Vec<Parameter> {
    let (user, actor) = (record.user.as_ref(), record.actor.as_ref());
    let (client, request) = (&record.client, record.request.as_ref());
    vec![
        Box::new(sql_number(record.sequence)),
        Box::new(record.at.as_second()),
        Box::new(record.kind.as_str()),
        Box::new(record.outcome.as_str()),
        Box::new(user.and_then(|identity| identity.id).map(UserId::get)),
        Box::new(user.map(|identity| identity.name.clone())),
        Box::new(actor.and_then(|identity| identity.id).map(UserId::get)),
        Box::new(actor.map(|identity| identity.name.clone())),
        Box::new(record.session.map(SessionId::get)),
        Box::new(client.address.map(|address| address.to_string())),
        Box::new(client.user_agent.as_ref().map(|agent| agent.as_str().to_owned())),
        Box::new(request.map(|request| request.method().to_owned())),
        Box::new(request.and_then(AuditedRequest::route).map(str::to_owned)),
        Box::new(record.reason.clone()),
        Box::new(record.mac.as_slice().to_vec()),
    ]
}
