//! The store trait for the audit log.

use async_trait::async_trait;

use super::{AuditEvent, AuditRecord, ChainHead, EventKind, Outcome};
use crate::store::StoreError;
use crate::visible_text::escape_invisible;
use crate::{Timestamp, UserId, UserName};

/// Stores the audit log, which is append-only.
///
/// The operations of the other traits record the events of their changes, in the same transaction.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Records events that belong to no change, in one transaction and in order. Returns their
    /// records.
    async fn append(&self, events: Vec<AuditEvent>) -> Result<Vec<AuditRecord>, StoreError>;

    /// Returns the matching records, newest first.
    async fn records(&self, query: &AuditQuery) -> Result<Vec<AuditRecord>, StoreError>;

    /// Verifies the chain after a head that was stored elsewhere. With the default head it verifies
    /// the whole chain.
    async fn verify_chain(&self, since: ChainHead) -> Result<ChainCheck, StoreError>;
}

/// A filter for audit records. A record matches if it meets all conditions that are not `None`.
#[derive(Clone, Debug, Default)]
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
    /// The maximum number of records. The default of 0 returns none.
    pub limit: usize,
}

impl AuditQuery {
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

/// The result of verifying a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainCheck {
    /// The chain is intact, and ends with this head.
    Intact(ChainHead),
    /// A record is missing or was altered.
    Broken {
        /// The sequence number of the record.
        sequence: u64,
    },
}
