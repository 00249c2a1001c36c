//! What every change says of itself, and what comes back once it is done.

use crate::audit::{AuditEvent, AuditRecord, EventKind, Outcome, Party, Reason};
use crate::{ClientInfo, Timestamp};

/// Who changes something, when, and from where: what its events say.
#[derive(Clone, Debug)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// From where.
    pub client: ClientInfo,
    /// Who, where that is not the user whom the change concerns.
    pub actor: Option<Party>,
}

/// What a change came to, and what was recorded of it, in one transaction.
#[derive(Clone, Debug)]
#[must_use = "sinks other than the store wait for its records"]
pub struct Committed<T> {
    /// What it came to.
    pub value: T,
    /// What was recorded, in order.
    pub records: Vec<AuditRecord>,
}

impl Change {
    /// An event of this change.
    #[must_use]
    pub fn event(&self, kind: EventKind, outcome: Outcome, reason: Option<Reason>) -> AuditEvent {
        AuditEvent {
            at: self.at,
            kind,
            outcome,
            user: None,
            actor: self.actor.clone(),
            session: None,
            client: self.client.clone(),
            reason,
        }
    }
}
