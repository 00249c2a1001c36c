//! What the model says of accounts, of calls, and of what is forgotten.

use std::collections::BTreeSet;

use crate::oracle::{Event, HISTORY, Oracle, RETENTION, Session, User, event};

/// A session is seen once a minute.
const SEEN: i64 = 60;

impl Oracle {
    pub(crate) fn create(&mut self, name: &str, role: &'static str) -> (bool, Vec<Event>) {
        if self.users.iter().any(|user| user.name == name) {
            return (false, vec![]);
        }
        self.users.push(User {
            name: name.to_owned(),
            roles: BTreeSet::from([role]),
            is_disabled: false,
            password: 0,
            previous: vec![],
            created: self.now,
            password_changed: self.now,
        });
        let created = event("user.created", self.users.len() - 1);
        (true, vec![created.because(role)])
    }

    pub(crate) fn update(
        &mut self,
        user: usize,
        is_disabled: Option<bool>,
        roles: Option<BTreeSet<&'static str>>,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(roles) = roles.filter(|roles| *roles != self.users[user].roles) {
            let names =
                |roles: &BTreeSet<&str>| roles.iter().copied().collect::<Vec<_>>().join(",");
            let (before, after) = (names(&self.users[user].roles), names(&roles));
            // Where there were none before, the new ones are named alone.
            let change = if before.is_empty() { after } else { format!("{before} -> {after}") };
            events.push(event("role.changed", user).because(&change));
            self.users[user].roles = roles;
        }
        match is_disabled.filter(|disabled| *disabled != self.users[user].is_disabled) {
            Some(true) => {
                events.push(event("user.disabled", user));
                events.extend(self.end_all("disabled", |_, session| session.user == user));
                self.revoke_families_of(user);
            }
            Some(false) => events.push(event("user.enabled", user)),
            None => return events,
        }
        self.users[user].is_disabled = !self.users[user].is_disabled;
        events
    }

    pub(crate) fn change_password(
        &mut self,
        user: usize,
        expected: u32,
        new: u32,
        kept: Option<usize>,
    ) -> (bool, Vec<Event>) {
        let account = &mut self.users[user];
        if account.password != expected {
            return (false, vec![]);
        }
        account.previous.insert(0, account.password);
        account.previous.truncate(HISTORY);
        account.password = new;
        account.password_changed = self.now;
        let is_meant = |number, session: &Session| session.user == user && Some(number) != kept;
        let mut events = self.end_all("password-changed", is_meant);
        self.revoke_families_of(user);
        events.push(event("password.changed", user));
        (true, events)
    }

    pub(crate) fn register(
        &mut self,
        user: usize,
        session: usize,
        key: &str,
    ) -> (bool, Vec<Event>) {
        if self.sessions[session].user != user || !self.is_active(session) {
            return (false, vec![]);
        }
        self.sessions[session].agent = Some(key.to_owned());
        (true, vec![event("agent.registered", user).of(session)])
    }

    /// What somebody is told who comes with that session, and with a token for it that is good.
    pub(crate) fn admit(&mut self, session: usize) -> &'static str {
        let (is_active, now) = (self.is_active(session), self.now);
        let entry = &mut self.sessions[session];
        let is_disabled = self.users[entry.user].is_disabled;
        let by_disabling = entry.end.is_some_and(|(_, reason)| reason == "disabled");
        if is_disabled && by_disabling && !entry.is_gone {
            return "account_disabled";
        }
        if !is_active {
            return "session_expired";
        }
        if now - entry.seen >= SEEN {
            entry.seen = now;
        }
        "ok"
    }

    /// Tokens are gone once they are over. Whether a session may be gone, and whether it must be.
    pub(crate) fn purge(&mut self) -> Vec<(usize, bool, bool)> {
        let now = self.now;
        for token in &mut self.tokens {
            token.is_gone |= token.expires <= now;
        }
        let mut last_of_session: Vec<i64> =
            self.sessions.iter().map(|session| session.expires).collect();
        for token in &self.tokens {
            let last = &mut last_of_session[token.session];
            *last = (*last).max(token.expires);
        }
        let mut last_of_family = vec![0; self.families.len()];
        for (session, last) in self.sessions.iter().zip(&last_of_session) {
            let last_of_all: &mut i64 = &mut last_of_family[session.family];
            *last_of_all = (*last_of_all).max(*last);
        }
        let is_over = |last: i64| last + RETENTION <= now;
        let kept = self.sessions.iter().enumerate().filter(|(_, session)| !session.is_gone);
        let judged = kept.map(|(number, session)| {
            (number, is_over(last_of_session[number]), is_over(last_of_family[session.family]))
        });
        judged.collect()
    }
}
