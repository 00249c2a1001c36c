//! The events of a transaction, which are published after its commit.

use std::collections::BTreeSet;
use std::mem;

use async_trait::async_trait;

use crate::UserId;
use crate::session::{AccountChange, SessionEvent, SessionEvents};
use crate::store::StoreError;

/// The events of a transaction.
#[async_trait]
pub trait EventRows: Send {
    /// Adds to the events that are published after the commit. Nodes that share a database must
    /// learn them, too: a notification that is part of the transaction cannot be lost.
    async fn publish(&mut self, events: Vec<SessionEvent>) -> Result<(), StoreError>;
}

/// The events of a transaction that is about to be committed.
///
/// If it is dropped instead of published, it is unknown whether the transaction is committed: then
/// subscribers learn that the accounts [may have changed](AccountChange::Uncertain).
#[derive(Debug)]
#[must_use = "publish it after the commit"]
pub struct Publication {
    events: SessionEvents,
    pending: Vec<SessionEvent>,
}

impl Publication {
    /// Prepares the events of a transaction. Call it before the commit.
    pub fn new(events: &SessionEvents, pending: Vec<SessionEvent>) -> Self {
        Self { events: events.clone(), pending }
    }

    /// Publishes the events. Call it after the commit.
    pub fn publish(mut self) {
        for event in mem::take(&mut self.pending) {
            self.events.publish(event);
        }
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        let users: BTreeSet<_> = self.pending.iter().copied().filter_map(user).collect();
        for user in users {
            let change = AccountChange::Uncertain;
            self.events.publish(SessionEvent::AccountChanged { user, change });
        }
    }
}

const fn user(event: SessionEvent) -> Option<UserId> {
    match event {
        SessionEvent::SessionEnded { user, .. }
        | SessionEvent::AgentRegistered { user, .. }
        | SessionEvent::Authenticated { user, .. }
        | SessionEvent::AccountChanged { user, .. } => Some(user),
        SessionEvent::KeysWithdrawn | SessionEvent::Missed | SessionEvent::UpToDate { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionId;
    use crate::session::EndReason;

    #[test]
    fn uncertain_commit_is_published_once_per_user() {
        let events = SessionEvents::default();
        let mut receiver = events.subscribe();
        let user = UserId::new(7);
        let ended = |id| {
            let (session, reason) = (SessionId::new(id), EndReason::Logout);
            SessionEvent::SessionEnded { session, user, reason }
        };
        Publication::new(&events, vec![ended(1), ended(2)]).publish();
        assert_eq!([receiver.try_next(), receiver.try_next()], [Some(ended(1)), Some(ended(2))]);
        drop(Publication::new(&events, vec![ended(1), ended(2)]));
        let change = AccountChange::Uncertain;
        assert_eq!(receiver.try_next(), Some(SessionEvent::AccountChanged { user, change }));
        assert_eq!(receiver.try_next(), None);
    }
}
