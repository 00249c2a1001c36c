//! What audit asks of a store.

use async_trait::async_trait;

use super::{AuditEvent, AuditRecord, ChainHead, EventKind, Outcome};
use crate::Timestamp;
use crate::store::StoreError;

/// Keeps the audit log: records are added, and never changed or removed.
///
/// Events of changes are written by the operations of the other traits, in their transactions.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Records events that come with no change.
    async fn append(&self, events: Vec<AuditEvent>) -> Result<Vec<AuditRecord>, StoreError>;

    /// The records that match, the newest first.
    async fn records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError>;

    /// Verifies the whole chain, or what follows a head that was noted earlier.
    async fn verify_chain(&self, since: ChainHead) -> Result<ChainCheck, StoreError>;
}

/// Which records are asked for: all that match each of these.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// Which concern, or were caused by, the account or workload of this name.
    pub user: Option<String>,
    /// That ended so.
    pub outcome: Option<Outcome>,
    /// From this second on.
    pub from: Option<Timestamp>,
    /// Before this second.
    pub until: Option<Timestamp>,
    /// Whose numbers come before this one.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

impl AuditQuery {
    /// Whether a record is asked for.
    #[must_use]
    pub fn matches(&self, record: &AuditRecord) -> bool {
        let is_named = |name: &String| {
            [&record.user, &record.actor].into_iter().flatten().any(|party| party.name == *name)
        };
        self.kind.is_none_or(|kind| kind == record.kind)
            && self.user.as_ref().is_none_or(is_named)
            && self.outcome.is_none_or(|outcome| outcome == record.outcome)
            && self.from.is_none_or(|from| from <= record.at)
            && self.until.is_none_or(|until| record.at < until)
            && self.before.is_none_or(|before| record.sequence < before)
    }
}

/// Whether a chain holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainCheck {
    /// It does, up to this end.
    Intact(ChainHead),
    /// The record of this number is missing or is not the one that was written.
    Broken {
        /// The number.
        sequence: u64,
    },
}
