//! The store trait for the audit log.

use async_trait::async_trait;

use super::{
    AuditEvent, AuditKey, AuditRecord, Checkpoint, Detachment, EventKind, ExportError,
    InclusionProof, LogVerification, Outcome,
};
use crate::store::{ChangeContext, StoreError};
use crate::visible_text::escape_invisible;
use crate::{HealthError, Timestamp, UserId, UserName};

/// Stores the audit log, which is append-only.
///
/// The operations of the other traits record the events of their changes, in the same transaction.
/// A background task of the store seals committed records within a second: it appends them to a
/// Merkle log (RFC 6962), and signs a checkpoint of that.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Records events that belong to no change, in one transaction and in order. Returns their
    /// records.
    async fn append(&self, events: Vec<AuditEvent>) -> Result<Vec<AuditRecord>, StoreError>;

    /// Records events like [`Self::append`], for background work, which runs one at a time: a store
    /// that limits how many operations wait does not limit this one. By default it is `append`.
    ///
    /// # Errors
    /// As [`Self::append`].
    async fn append_in_background(
        &self,
        events: Vec<AuditEvent>,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.append(events).await
    }

    /// Returns the matching records, newest first.
    async fn records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError>;

    /// Seals all committed records, and returns the checkpoint; `None` for an empty log. The
    /// background task does it, so this is for tests, and before a process ends.
    ///
    /// # Errors
    /// [`StoreError::Log`] if the log does not continue the newest checkpoint that the store has
    /// signed or verified, or has another key. [`StoreError::Corrupt`] if the stored checkpoint is
    /// not signed by the log's key, the hashes do not have its root, or a record is not authentic.
    /// All authentic records are sealed if there are others.
    async fn seal(&self) -> Result<Option<Checkpoint>, StoreError>;

    /// Replaces the key of the log. Stop all nodes before: those with the old key are rejected
    /// later.
    ///
    /// All records are sealed, then a record of the replacement. The last checkpoint is signed by
    /// both keys, which must have the same name, and the new key is registered. If the store was
    /// opened with the verifier key alone, since the secret key was lost, only the new key signs,
    /// and records that were not sealed are sealed although it cannot be checked that they are
    /// authentic. The file of the new key's newest checkpoint has this one then.
    ///
    /// It can be repeated after an interruption: if the log has the new key already, the same
    /// checkpoint is returned. Open the store with [`LogKey::Inspect`](super::LogKey::Inspect) for
    /// that, since it does not open with a replaced key that may record events.
    ///
    /// # Errors
    /// As for [`Self::seal`], also if the log has a third key, or has had the new one from its
    /// start; [`StoreError::Unavailable`] if the file of the checkpoint cannot be written, and by
    /// default, for stores that do not have it.
    async fn replace_key(
        &self,
        _successor: &AuditKey,
        _change: &ChangeContext,
    ) -> Result<Checkpoint, StoreError> {
        Err(StoreError::unavailable("this store does not replace the key of its log"))
    }

    /// Returns the latest checkpoint, to be retained outside the database; `None` for an empty log.
    ///
    /// # Errors
    /// [`StoreError::Log`] as for [`Self::seal`]. [`StoreError::Corrupt`] if it is not signed by
    /// the log's key.
    async fn checkpoint(&self) -> Result<Option<Checkpoint>, StoreError>;

    /// Verifies the log: each record, the Merkle tree over them, and its checkpoint; and that it
    /// continues the newest checkpoint that the store has signed or verified, and one that was kept
    /// elsewhere.
    ///
    /// It reads all records in batches. It waits some seconds for those that are not yet sealed,
    /// and no task of its own seals them: another process must.
    async fn verify(&self, since: Option<&Checkpoint>) -> Result<LogVerification, StoreError>;

    /// Proves that the record with this number is in the log. Returns `None` if there is no such
    /// record, or if it is not yet sealed.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the log was altered so that there is no proof.
    async fn prove(&self, sequence: u64) -> Result<Option<InclusionProof>, StoreError>;

    /// Proves that the log of a checkpoint has the leaves from an index to another (exclusive), at
    /// most 1,000, and returns their records in order. Use [`export`](super::export()).
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if there is no proof of one of them, also if it is detached;
    /// [`StoreError::Unavailable`] by default, for stores that do not have it.
    async fn prove_leaves(
        &self,
        _checkpoint: &Checkpoint,
        _from: u64,
        _until: u64,
    ) -> Result<Vec<InclusionProof>, StoreError> {
        Err(StoreError::unavailable("this store does not export audit records"))
    }

    /// Returns what of the log is detached; `None` if all of it is in the store, as by default.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if it is not signed by the log's key.
    async fn detachment(&self) -> Result<Option<Detachment>, StoreError> {
        Ok(None)
    }

    /// Deletes the first records of the log from the store, which these are, and signs that. Use
    /// [`detach`](super::detach()), which verifies the whole export before.
    ///
    /// # Errors
    /// [`ExportError`] if these are not the first records in the store, if they are not
    /// [old enough](Detachment::MIN_AGE) now, or if the log does not continue their checkpoint;
    /// nothing was deleted then. [`StoreError::Unavailable`] if the caller may not delete records,
    /// and by default, for stores that do not have it.
    async fn detach(
        &self,
        _exported: &[InclusionProof],
        _now: Timestamp,
    ) -> Result<Detachment, ExportError> {
        Err(StoreError::unavailable("this store does not detach audit records").into())
    }

    /// Checks that records are sealed, for the health route.
    ///
    /// # Errors
    /// [`HealthError`] if the last attempt failed, or was too long ago.
    fn log_health(&self) -> Result<(), HealthError>;
}

/// A filter for audit records. A record matches if it meets all conditions that are not `None`.
#[derive(Clone, Debug)]
pub struct AuditQuery {
    /// The kind of the event.
    pub kind: Option<EventKind>,
    /// The name of the user or the actor: an account or a workload. Variants of a user name match
    /// too, as for [`UserName`].
    pub user: Option<String>,
    /// The id of the account that is the user or the actor.
    pub user_id: Option<UserId>,
    /// The outcome.
    pub outcome: Option<Outcome>,
    /// The earliest time (inclusive).
    pub from: Option<Timestamp>,
    /// The latest time (exclusive).
    pub until: Option<Timestamp>,
    /// An upper bound of the sequence number (exclusive), for paging.
    pub before: Option<u64>,
    /// The maximum number of records; 100 by default.
    pub limit: usize,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self {
            kind: None,
            user: None,
            user_id: None,
            outcome: None,
            from: None,
            until: None,
            before: None,
            limit: Self::DEFAULT_LIMIT,
        }
    }
}

impl AuditQuery {
    /// The default of [`limit`](Self::limit).
    pub const DEFAULT_LIMIT: usize = 100;

    /// Returns whether a record meets all conditions. `limit` is ignored.
    #[must_use]
    pub fn matches(&self, record: &AuditRecord) -> bool {
        let identities = || [&record.user, &record.actor].into_iter().flatten();
        let is_named = |names: [String; 2]| identities().any(|found| names.contains(&found.name));
        let has_id = |id: UserId| identities().any(|found| found.id == Some(id));
        self.kind.is_none_or(|kind| kind == record.kind)
            && self.names().is_none_or(is_named)
            && self.user_id.is_none_or(has_id)
            && self.outcome.is_none_or(|outcome| outcome == record.outcome)
            && self.from.is_none_or(|from| from <= record.at)
            && self.until.is_none_or(|until| record.at < until)
            && self.before.is_none_or(|before| record.sequence < before)
    }

    /// Returns the names that match [`Self::user`]: as it is, for workloads, and in the canonical
    /// form of user names.
    pub(crate) fn names(&self) -> Option<[String; 2]> {
        let text = self.user.as_ref()?;
        let exact = escape_invisible(text).into_owned();
        let canonical =
            text.parse().map_or_else(|_| exact.clone(), |name: UserName| name.to_string());
        Some([exact, canonical])
    }
}
