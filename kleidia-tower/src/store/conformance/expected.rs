//! The audit events that a change must record.

use crate::SessionId;
use crate::account::Account;
use crate::audit::{AuditIdentity, AuditRecord, EventKind, Outcome, Reason};
use crate::session::EndReason;
use crate::store::ChangeContext;

/// An event that must be recorded.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    kind: EventKind,
    outcome: Outcome,
    session: Option<SessionId>,
    reason: Option<Reason>,
}

/// Returns a success without session and reason.
pub(super) const fn success(kind: EventKind) -> Expected {
    Expected { kind, outcome: Outcome::Success, session: None, reason: None }
}

/// Returns a failure without session and reason.
pub(super) const fn failure(kind: EventKind) -> Expected {
    Expected { kind, outcome: Outcome::Failure, session: None, reason: None }
}

/// Returns the event of an ended session.
pub(super) fn ended(session: SessionId, reason: EndReason) -> Expected {
    success(EventKind::SessionEnded).with_session(session).with_reason(Reason::Ended(reason))
}

/// Returns the events of ended sessions.
pub(super) fn all_ended(sessions: &[SessionId], reason: EndReason) -> Vec<Expected> {
    sessions.iter().map(|session| ended(*session, reason)).collect()
}

/// Returns the event of expired sessions that cannot be reopened any more.
pub(super) fn expired_sessions(sessions: usize, reason: EndReason) -> Expected {
    success(EventKind::SessionEnded).with_reason(Reason::ExpiredSessions { sessions, reason })
}

impl Expected {
    pub(super) fn with_session(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    pub(super) fn with_reason(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    fn describe(&self) -> String {
        let reason = self.reason.as_ref().map(Reason::to_string);
        format_event(self.kind, self.outcome, self.session, reason.as_deref())
    }
}

/// Compares records with the expected events, in any order, and with the context of the change.
pub(super) fn compare(
    records: &[AuditRecord],
    expected: &[Expected],
    user: Option<&Account>,
    change: &ChangeContext,
) -> Result<(), String> {
    let user = user.map(|user| AuditIdentity::account(user.id, &user.name));
    for record in records {
        let common = (record.at, &record.client, &record.actor, &record.user);
        if common != (change.at, &change.client, &change.actor, &user) {
            return Err(format!("{record:#?}\ndoes not match {change:#?}\nand user {user:?}"));
        }
    }
    let found = sorted(records.iter().map(describe).collect());
    let expected = sorted(expected.iter().map(Expected::describe).collect());
    if found == expected {
        return Ok(());
    }
    Err(format!("recorded: {found:#?}\nexpected: {expected:#?}"))
}

/// Returns a record as a line of text.
pub(super) fn describe(record: &AuditRecord) -> String {
    format_event(record.kind, record.outcome, record.session, record.reason.as_deref())
}

fn format_event(
    kind: EventKind,
    outcome: Outcome,
    session: Option<SessionId>,
    reason: Option<&str>,
) -> String {
    let session = session.map_or_else(|| "none".to_owned(), |session| session.to_string());
    format!("{kind} {outcome}, session {session}, reason {}", reason.unwrap_or("none"))
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}
