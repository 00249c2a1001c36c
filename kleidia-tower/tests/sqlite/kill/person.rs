//! What there should be of somebody, by what they did.

use std::collections::{BTreeMap, BTreeSet};

use kleidia_tower::audit::EventKind;

use super::operation::Operation;

/// Somebody's account, sessions and tokens, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) is_disabled: bool,
    pub(super) hash: u32,
    /// The sessions that go on, each with the refresh token that can be used, if there is one.
    pub(super) sessions: BTreeMap<u32, Option<u32>>,
    pub(super) ended_sessions: BTreeSet<u32>,
    /// The refresh tokens of families that were revoked.
    pub(super) revoked: BTreeSet<u32>,
}

impl Person {
    /// What is told of an operation, in the order in which it is recorded.
    pub(super) fn play(&mut self, operation: Operation) -> Vec<EventKind> {
        use EventKind as Event;

        match operation {
            Operation::LoginRequest { session } => {
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
                let ended = self.end_all_but(None);
                [vec![Event::Logout; ended], vec![Event::SessionEnded; ended]].concat()
            }
            Operation::Disable => {
                self.is_disabled = true;
                let ended = self.end_all_but(None);
                [vec![Event::UserDisabled], vec![Event::SessionEnded; ended]].concat()
            }
            Operation::Enable => {
                self.is_disabled = false;
                vec![Event::UserEnabled]
            }
            Operation::ChangePassword { hash, kept } => {
                self.hash = hash;
                let ended = self.end_all_but(kept);
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

    fn end_all_but(&mut self, kept: Option<u32>) -> usize {
        let others = self.sessions.keys().copied().filter(|session| Some(*session) != kept);
        let others: Vec<u32> = others.collect();
        for session in &others {
            self.end(*session);
        }
        others.len()
    }
}
