//! Deletion of expired rows: finds them under the read lock, and deletes them under the write lock.

use super::state::State;
use crate::store::Retention;
use crate::store::rows::FailureScope;
use crate::{FamilyId, SessionId, Timestamp, TokenDigest, UserName, time};

/// The rows that were expired when they were found.
pub(super) struct Expired {
    sessions: Vec<(FamilyId, SessionId)>,
    refresh_tokens: Vec<TokenDigest>,
    failures: Vec<(UserName, FailureScope)>,
    codes: Vec<TokenDigest>,
}

impl Expired {
    pub(super) fn find(state: &State, now: Timestamp, retention: &Retention, limit: usize) -> Self {
        let families = state.families.iter();
        let families = families.filter(|(id, _)| is_family_purgeable(state, **id, now, retention));
        let sessions = families
            .flat_map(|(id, family)| family.sessions.iter().map(move |session| (*id, *session)));
        let tokens = state.refresh_tokens.values().filter(|token| token.expires_at <= now);
        let failures = state.failures.iter().flat_map(|(name, rows)| {
            let expired = rows.iter().filter(|(_, row)| row.expires_at <= now);
            expired.map(move |(scope, _)| (name, *scope))
        });
        let codes = state.codes.values().filter(|code| !code.is_valid(now));
        Self {
            codes: codes.map(|code| code.digest).take(limit).collect(),
            sessions: sessions.take(limit).collect(),
            refresh_tokens: tokens.map(|token| token.digest).take(limit).collect(),
            failures: failures.map(|(name, scope)| (name.clone(), scope)).take(limit).collect(),
        }
    }

    /// Deletes the rows that are still expired, and returns how many.
    pub(super) fn remove(self, state: &mut State, now: Timestamp, retention: &Retention) -> usize {
        let mut removed = 0;
        for digest in self.refresh_tokens {
            removed += usize::from(state.remove_refresh_token(&digest));
        }
        for (family, session) in self.sessions {
            // Refresh tokens beyond the limit of this batch still refer to the session.
            let has_tokens = state.families.get(&family).is_some_and(|family| family.tokens > 0);
            if !has_tokens && is_family_purgeable(state, family, now, retention) {
                removed += usize::from(state.remove_session(family, session));
            }
        }
        for digest in self.codes {
            removed += usize::from(state.codes.remove(&digest).is_some());
        }
        for (name, scope) in self.failures {
            let Some(rows) = state.failures.get_mut(&name) else { continue };
            if rows.get(&scope).is_some_and(|row| row.expires_at <= now) {
                removed += usize::from(rows.remove(&scope).is_some());
            }
            if rows.is_empty() {
                state.failures.remove(&name);
            }
        }
        removed
    }
}

impl State {
    fn remove_refresh_token(&mut self, digest: &TokenDigest) -> bool {
        let Some(token) = self.refresh_tokens.remove(digest) else { return false };
        if let Some(family) = self.families.get_mut(&token.family) {
            family.tokens = family.tokens.saturating_sub(1);
        }
        true
    }

    /// Deletes a session, and its family if it was the last one.
    fn remove_session(&mut self, family: FamilyId, id: SessionId) -> bool {
        let Some((session, token)) = self.sessions.remove(&id) else { return false };
        self.tokens.remove(&token);
        if let Some(sessions) = self.find_sessions.get_mut(&session.user) {
            sessions.remove(&id);
        }
        let is_last = self.families.get_mut(&family).is_some_and(|family| {
            family.sessions.remove(&id);
            family.sessions.is_empty()
        });
        if is_last {
            self.families.remove(&family);
            if let Some(families) = self.families_of.get_mut(&session.user) {
                families.remove(&family);
            }
        }
        true
    }
}

/// Returns whether all sessions and tokens of a family expired long enough ago. While a token is
/// stored, the sessions are kept to detect reuse.
fn is_family_purgeable(state: &State, id: FamilyId, now: Timestamp, retention: &Retention) -> bool {
    let Some(family) = state.families.get(&id) else { return false };
    let sessions = family.sessions.iter().filter_map(|session| state.sessions.get(session));
    let ends = sessions.map(|(session, _)| session.expires_at);
    let end = ends.chain([family.expires_at]).max().unwrap_or_default();
    time::add(end, retention.sessions()) <= now
}
