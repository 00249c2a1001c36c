//! The context of a change, and the result of a committed one.

use crate::audit::{AuditEvent, AuditIdentity, AuditRecord, EventKind, Outcome, Reason};
use crate::{ClientInfo, Timestamp};

/// The actor of a change, its time and its client. Its audit events contain this.
#[derive(Clone, Debug)]
pub struct ChangeContext {
    /// The time of the change, in whole seconds: stores may drop fractions.
    pub at: Timestamp,
    /// The client.
    pub client: ClientInfo,
    /// The actor, if not the affected user.
    pub actor: Option<AuditIdentity>,
}

/// The result of a committed change, and the audit records of the same transaction.
#[derive(Clone, Debug)]
#[must_use = "its records are for the audit sinks"]
pub struct Committed<T> {
    /// The result.
    pub value: T,
    /// The records, in order.
    pub records: Vec<AuditRecord>,
}

impl ChangeContext {
    /// Returns an event of this change.
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
            request: None,
            reason,
        }
    }
}
