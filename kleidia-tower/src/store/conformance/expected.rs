//! What the log must say of a change.

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

/// Something that went as it was meant.
pub(super) const fn success(kind: EventKind) -> Expected {
    Expected { kind, outcome: Outcome::Success, session: None, reason: None }
}

/// Something that was refused.
pub(super) const fn failure(kind: EventKind) -> Expected {
    Expected { kind, outcome: Outcome::Failure, session: None, reason: None }
}

/// That a session was ended.
pub(super) fn ended(session: SessionId, reason: EndReason) -> Expected {
    success(EventKind::SessionEnded).of(session).because(Reason::Ended(reason))
}

/// That sessions were ended.
pub(super) fn all_ended(sessions: &[SessionId], reason: EndReason) -> Vec<Expected> {
    sessions.iter().map(|session| ended(*session, reason)).collect()
}

impl Expected {
    pub(super) fn of(self, session: SessionId) -> Self {
        Self { session: Some(session), ..self }
    }

    pub(super) fn because(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    fn words(&self) -> String {
        let reason = self.reason.as_ref().map(Reason::to_string);
        words(self.kind, self.outcome, self.session, reason.as_deref())
    }
}

/// Whether the records are these, in any order, and each says who did it, when and from where.
pub(super) fn matches(
    records: &[AuditRecord],
    expected: &[Expected],
    user: Option<&Account>,
    change: &ChangeContext,
) -> Result<(), String> {
    let user = user.map(|user| AuditIdentity::account(user.id, &user.name));
    for record in records {
        let common = (record.at, &record.client, &record.actor, &record.user);
        if common != (change.at, &change.client, &change.actor, &user) {
            return Err(format!("{record:#?}\nis not of {change:#?}\nby {user:?}"));
        }
    }
    let found = sorted(records.iter().map(describe).collect());
    let expected = sorted(expected.iter().map(Expected::words).collect());
    if found == expected {
        return Ok(());
    }
    Err(format!("recorded: {found:#?}\nexpected: {expected:#?}"))
}

/// What a record says, in a line.
pub(super) fn describe(record: &AuditRecord) -> String {
    words(record.kind, record.outcome, record.session, record.reason.as_deref())
}

fn words(
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
