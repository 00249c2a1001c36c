//! What an operation publishes: an event for each change that it records and that others have to
//! learn.

use crate::UserId;
use crate::audit::{AuditEvent, EventKind, Reason};
use crate::session::{AccountChange, SessionEvent};

/// The maximum number of ended sessions that are published one by one, so that a notification to
/// other nodes is short.
const MAX_SESSIONS: usize = 16;

/// Returns what has to be published about the recorded changes of one operation.
pub(super) fn session_events(recorded: &[AuditEvent]) -> Vec<SessionEvent> {
    let mut events: Vec<_> = recorded.iter().filter_map(session_event).collect();
    let ended = events.iter().filter_map(|event| match event {
        SessionEvent::SessionEnded { user, .. } => Some(*user),
        _ => None,
    });
    let ended: Vec<UserId> = ended.collect();
    if let Some(user) = ended.first().copied().filter(|_| ended.len() > MAX_SESSIONS) {
        // An operation changes one account.
        events.retain(|event| !matches!(event, SessionEvent::SessionEnded { .. }));
        let change = AccountChange::SessionsEnded;
        events.push(SessionEvent::AccountChanged { user, change });
    }
    events
}

fn session_event(recorded: &AuditEvent) -> Option<SessionEvent> {
    let user = recorded.user.as_ref()?.id?;
    let account_changed = |change| Some(SessionEvent::AccountChanged { user, change });
    match (recorded.kind, recorded.session, &recorded.reason) {
        (EventKind::SessionEnded, Some(session), Some(Reason::Ended(reason))) => {
            Some(SessionEvent::SessionEnded { session, user, reason: *reason })
        }
        (EventKind::AgentRegistered, Some(session), _) => {
            Some(SessionEvent::AgentRegistered { session, user })
        }
        (EventKind::UserDisabled, ..) => account_changed(AccountChange::Disabled),
        (EventKind::UserEnabled, ..) => account_changed(AccountChange::Enabled),
        (EventKind::RoleChanged, ..) => account_changed(AccountChange::Roles),
        (EventKind::PasswordChanged, ..) => account_changed(AccountChange::Password),
        _ => None,
    }
}
