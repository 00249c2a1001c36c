//! The expected state of a user.

use std::collections::{BTreeMap, BTreeSet};

use kleidia_tower::audit::EventKind;

use crate::operation::Operation;

/// The account, sessions and tokens of a user, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UserState {
    pub(crate) is_disabled: bool,
    pub(crate) hash: u32,
    /// The active sessions, each with its valid refresh token, if there is one.
    pub(crate) sessions: BTreeMap<u32, Option<u32>>,
    pub(crate) ended_sessions: BTreeSet<u32>,
    /// The refresh tokens of revoked families.
    pub(crate) revoked: BTreeSet<u32>,
}

impl UserState {
    /// Applies an operation, and returns its events in the recorded order.
    pub(crate) fn apply(&mut self, operation: Operation) -> Vec<EventKind> {
        use EventKind as Event;

        match operation {
            Operation::LogIn { session } => {
                self.sessions.insert(session, Some(session));
                vec![Event::LoginSuccess, Event::SessionCreated]
            }
            Operation::Refresh { session, successor, .. } => {
                self.sessions.insert(session, Some(successor));
                vec![Event::TokenRefresh]
            }
            Operation::LogOut { session } => {
                self.end(session);
                vec![Event::Logout, Event::SessionEnded]
            }
            Operation::LogOutEverywhere => {
                let ended = self.end_all_except(None);
                [Event::Logout, Event::SessionEnded].repeat(ended)
            }
            Operation::Disable => {
                self.is_disabled = true;
                let ended = self.end_all_except(None);
                [vec![Event::UserDisabled], vec![Event::SessionEnded; ended]].concat()
            }
            Operation::Enable => {
                self.is_disabled = false;
                vec![Event::UserEnabled]
            }
            Operation::ChangePassword { hash, kept } => {
                self.hash = hash;
                let ended = self.end_all_except(kept);
                let kept = kept.and_then(|kept| self.sessions.get_mut(&kept));
                self.revoked.extend(kept.and_then(Option::take));
                [vec![Event::PasswordChanged], vec![Event::SessionEnded; ended]].concat()
            }
        }
    }

    fn end(&mut self, session: u32) {
        let refresh_token = self.sessions.remove(&session).unwrap();
        self.revoked.extend(refresh_token);
        self.ended_sessions.insert(session);
    }

    fn end_all_except(&mut self, kept: Option<u32>) -> usize {
        let others = self.sessions.keys().copied().filter(|session| Some(*session) != kept);
        let others: Vec<u32> = others.collect();
        for session in &others {
            self.end(*session);
        }
        others.len()
    }
}
