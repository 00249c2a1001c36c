//! The oracle for accounts, authenticated calls and purging.

use std::collections::BTreeSet;

use crate::oracle::{Event, HISTORY, Oracle, RETENTION, User, event};

/// `last_seen_at` is updated once a minute.
const TOUCH_INTERVAL: i64 = 60;

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
        (true, vec![created.with_reason(role)])
    }

    /// Returns `None` if no enabled admin would remain.
    pub(crate) fn update(
        &mut self,
        user: usize,
        is_disabled: Option<bool>,
        roles: Option<BTreeSet<&'static str>>,
    ) -> Option<Vec<Event>> {
        let was_admin = |user: &User| !user.is_disabled && user.roles.contains("admin");
        let admins = self.users.iter().filter(|user| was_admin(user)).count();
        let remains = !is_disabled.unwrap_or(self.users[user].is_disabled)
            && roles.as_ref().unwrap_or(&self.users[user].roles).contains("admin");
        if admins == 1 && was_admin(&self.users[user]) && !remains {
            return None;
        }
        let mut events = Vec::new();
        if let Some(roles) = roles.filter(|roles| *roles != self.users[user].roles) {
            let names =
                |roles: &BTreeSet<&str>| roles.iter().copied().collect::<Vec<_>>().join(",");
            let (before, after) = (names(&self.users[user].roles), names(&roles));
            // Without previous roles, the event names only the new ones.
            let change = if before.is_empty() { after } else { format!("{before} -> {after}") };
            events.push(event("role.changed", user).with_reason(&change));
            self.users[user].roles = roles;
        }
        match is_disabled.filter(|disabled| *disabled != self.users[user].is_disabled) {
            Some(true) => {
                events.push(event("user.disabled", user));
                events.extend(self.end_user(user, None, "disabled"));
            }
            Some(false) => events.push(event("user.enabled", user)),
            None => return Some(events),
        }
        self.users[user].is_disabled = !self.users[user].is_disabled;
        Some(events)
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
        let mut events = self.end_user(user, kept, "password-changed");
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
        (true, vec![event("agent.registered", user).for_session(session)])
    }

    /// Checks the session of a valid token, and returns `ok` or the code of the rejection.
    pub(crate) fn check_session(&mut self, session: usize) -> &'static str {
        let (is_active, now) = (self.is_active(session), self.now);
        let entry = &mut self.sessions[session];
        let is_disabled = self.users[entry.user].is_disabled;
        let ended_by_disabling = entry.end.is_some_and(|(_, reason)| reason == "disabled");
        let is_rejected_as_disabled = is_disabled && (is_active || ended_by_disabling);
        // A session that had expired when the account was disabled is active again after the clock
        // was set back.
        if is_rejected_as_disabled && !entry.is_purged {
            return "account_disabled";
        }
        if !is_active {
            return "session_expired";
        }
        if now - entry.last_seen >= TOUCH_INTERVAL {
            entry.last_seen = now;
        }
        "ok"
    }

    /// Deletes expired tokens, and returns for each session whether it may and must be purged.
    pub(crate) fn purge(&mut self) -> Vec<(usize, bool, bool)> {
        let now = self.now;
        for token in &mut self.tokens {
            token.is_purged |= token.expires <= now;
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
        let is_purgeable = |last: i64| last + RETENTION <= now;
        let kept = self.sessions.iter().enumerate().filter(|(_, session)| !session.is_purged);
        let purgeable = kept.map(|(number, session)| {
            (
                number,
                is_purgeable(last_of_session[number]),
                is_purgeable(last_of_family[session.family]),
            )
        });
        purgeable.collect()
    }
}
