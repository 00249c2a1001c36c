//! What an operation publishes: an event for each change that it records and that others have to
//! learn.

use std::collections::BTreeSet;

use crate::UserId;
use crate::audit::{AuditEvent, EventKind, Reason};
use crate::session::{AccountChange, SessionEvent};

/// The maximum number of ended sessions that are published one by one. More are published as one
/// event for each user, so that there are few notifications to other nodes.
const MAX_SESSIONS: usize = 16;

/// Returns what has to be published about the recorded changes of one operation.
pub(super) fn session_events(recorded: &[AuditEvent]) -> Vec<SessionEvent> {
    let mut events: Vec<_> = recorded.iter().filter_map(session_event).collect();
    let ended = events.iter().filter_map(|event| match event {
        SessionEvent::SessionEnded { user, .. } => Some(*user),
        _ => None,
    });
    let ended: Vec<UserId> = ended.collect();
    if ended.len() > MAX_SESSIONS {
        events.retain(|event| !matches!(event, SessionEvent::SessionEnded { .. }));
        let (users, change) = (BTreeSet::from_iter(ended), AccountChange::SessionsEnded);
        events.extend(users.into_iter().map(|user| SessionEvent::AccountChanged { user, change }));
    }
    events
}

/// The end of expired sessions is not published: no cache accepts them, and no stream has them.
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
        (EventKind::FactorAdded | EventKind::FactorUsed, Some(session), _) => {
            Some(SessionEvent::Authenticated { session, user })
        }
        (EventKind::UserDisabled, ..) => account_changed(AccountChange::Disabled),
        (EventKind::UserEnabled, ..) => account_changed(AccountChange::Enabled),
        (EventKind::RoleChanged, ..) => account_changed(AccountChange::Roles),
        (EventKind::PasswordChanged | EventKind::PasswordExpired, ..) => {
            account_changed(AccountChange::Password)
        }
        (EventKind::UserRenamed | EventKind::UserErased, ..) => {
            account_changed(AccountChange::Name)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{AuditIdentity, Outcome};
    use crate::session::EndReason;
    use crate::store::ChangeContext;
    use crate::{ClientInfo, SessionId, Timestamp};

    fn ended(user: i64, session: i64) -> AuditEvent {
        let change =
            ChangeContext { at: Timestamp::UNIX_EPOCH, client: ClientInfo::default(), actor: None };
        let reason = Some(Reason::Ended(EndReason::Logout));
        let event = change.event(EventKind::SessionEnded, Outcome::Success, reason);
        let user = Some(AuditIdentity { id: Some(UserId::new(user)), name: "alice".into() });
        AuditEvent { user, session: Some(SessionId::new(session)), ..event }
    }

    #[test]
    fn many_ended_sessions_are_one_event_for_each_user() {
        let mut recorded: Vec<_> = (1..=16).map(|session| ended(session % 2, session)).collect();
        assert_eq!(session_events(&recorded).len(), 16, "one by one");
        recorded.push(ended(7, 17));
        let change = AccountChange::SessionsEnded;
        let events = [0, 1, 7].map(UserId::new);
        let events = events.map(|user| SessionEvent::AccountChanged { user, change });
        assert_eq!(session_events(&recorded), events);
    }
}
