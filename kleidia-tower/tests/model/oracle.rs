//! The oracle: the expected state in lists, and the rules that change it. It is written from the
//! documented behaviour, not from the code under test.

use std::collections::BTreeSet;

pub(crate) const SESSION: i64 = 3600;
pub(crate) const REFRESH: i64 = 7 * 24 * 3600;
pub(crate) const ACCESS: i64 = 1800;
/// The lifetime of a login, however often it is refreshed.
const LOGIN: i64 = 30 * 24 * 3600;
pub(crate) const HISTORY: usize = 3;
/// For how long expired sessions are retained.
pub(crate) const RETENTION: i64 = 24 * 3600;

/// The expected state. Users, sessions, families and tokens are numbered from 0.
#[derive(Default)]
pub(crate) struct Oracle {
    pub(crate) now: i64,
    pub(crate) users: Vec<User>,
    pub(crate) sessions: Vec<Session>,
    /// Whether each family is revoked.
    pub(crate) families: Vec<bool>,
    pub(crate) tokens: Vec<Token>,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) roles: BTreeSet<&'static str>,
    pub(crate) is_disabled: bool,
    pub(crate) password: u32,
    pub(crate) previous: Vec<u32>,
    pub(crate) created: i64,
    pub(crate) password_changed: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) user: usize,
    pub(crate) family: usize,
    pub(crate) client: usize,
    pub(crate) created: i64,
    pub(crate) authenticated: i64,
    pub(crate) last_seen: i64,
    pub(crate) expires: i64,
    pub(crate) end: Option<(i64, &'static str)>,
    pub(crate) agent: Option<String>,
    pub(crate) is_purged: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) session: usize,
    pub(crate) expires: i64,
    /// The time of its first use, and its successor.
    pub(crate) consumed: Option<(i64, usize)>,
    pub(crate) is_purged: bool,
}

/// An expected audit event, without its time, client and actor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    pub(crate) what: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) user: usize,
    pub(crate) session: Option<usize>,
    pub(crate) reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    LoggedIn(usize),
    AccountDisabled,
    PasswordChanged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    Granted { session: usize, token: usize },
    Rejected(&'static str),
}

pub(crate) fn event(what: &'static str, user: usize) -> Event {
    Event { what, outcome: "success", user, session: None, reason: None }
}

impl Event {
    pub(crate) fn for_session(self, session: usize) -> Self {
        Self { session: Some(session), ..self }
    }

    pub(crate) fn with_reason(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }

    fn into_failure(self) -> Self {
        Self { outcome: "failure", ..self }
    }
}

impl Oracle {
    pub(crate) fn is_active(&self, session: usize) -> bool {
        let session = &self.sessions[session];
        !session.is_purged && session.end.is_none() && self.now < session.expires
    }

    /// Returns the active sessions of a user, newest first.
    pub(crate) fn active_of(&self, user: usize) -> Vec<usize> {
        let sessions = (0..self.sessions.len()).rev();
        sessions.filter(|id| self.sessions[*id].user == user && self.is_active(*id)).collect()
    }

    pub(crate) fn log_in(
        &mut self,
        user: usize,
        password: u32,
        rehashed: Option<u32>,
        client: usize,
    ) -> (Login, Vec<Event>) {
        let failure = event("login.failure", user).into_failure();
        if self.users[user].password != password {
            return (Login::PasswordChanged, vec![failure.with_reason("password-changed")]);
        }
        if self.users[user].is_disabled {
            return (Login::AccountDisabled, vec![failure.with_reason("account-disabled")]);
        }
        if let Some(rehashed) = rehashed {
            self.users[user].password = rehashed;
        }
        self.families.push(false);
        let session = self.open(user, self.families.len() - 1, self.now, client);
        self.issue_refresh_token(session);
        let events =
            ["login.success", "session.created"].map(|what| event(what, user).for_session(session));
        (Login::LoggedIn(session), events.into())
    }

    fn open(&mut self, user: usize, family: usize, authenticated: i64, client: usize) -> usize {
        self.sessions.push(Session {
            user,
            family,
            client,
            created: self.now,
            authenticated,
            last_seen: self.now,
            expires: (self.now + SESSION).min(authenticated + LOGIN),
            end: None,
            agent: None,
            is_purged: false,
        });
        self.sessions.len() - 1
    }

    fn issue_refresh_token(&mut self, session: usize) -> usize {
        let login_end = self.sessions[session].authenticated + LOGIN;
        let expires = (self.now + REFRESH).min(login_end);
        self.tokens.push(Token { session, expires, consumed: None, is_purged: false });
        self.tokens.len() - 1
    }

    /// Refreshes with a refresh token, or with a value that is not one (`None`).
    pub(crate) fn refresh(
        &mut self,
        token: Option<usize>,
        grace: i64,
        client: usize,
    ) -> (Refresh, Vec<Event>) {
        let invalid = (Refresh::Rejected("refresh_invalid"), vec![]);
        let Some(number) = token.filter(|token| !self.tokens[*token].is_purged) else {
            return invalid;
        };
        let token = self.tokens[number].clone();
        let Session { user, family, .. } = self.sessions[token.session];
        if self.users[user].is_disabled {
            let failure = event("token.refresh", user).for_session(token.session).into_failure();
            let events = vec![failure.with_reason("account-disabled")];
            return (Refresh::Rejected("account_disabled"), events);
        }
        let rejected = |reason| {
            let failure = event("token.refresh", user).for_session(token.session).into_failure();
            (Refresh::Rejected("refresh_invalid"), vec![failure.with_reason(reason)])
        };
        if self.families[family] {
            return rejected("token-revoked");
        }
        if self.now >= self.sessions[token.session].authenticated + LOGIN {
            return rejected("login-expired");
        }
        if self.now >= token.expires {
            return rejected("token-expired");
        }
        let Some((at, successor)) = token.consumed else { return self.consume(number, client) };
        // A use that began before the first one has lost a race.
        let max = if self.now < at { grace.max(60) } else { grace };
        if grace == 0 || (self.now - at).abs() >= max {
            let reused = event("token.reuse", user).for_session(token.session).into_failure();
            let mut events = self.end_families(user, &[family], None, "reuse");
            events.push(reused);
            return (Refresh::Rejected("refresh_reused"), events);
        }
        if self.tokens[successor].is_purged {
            return rejected("token-expired");
        }
        let session = self.tokens[successor].session;
        let retry = event("token.refresh", user).for_session(session).with_reason("retry");
        (Refresh::Granted { session, token: successor }, vec![retry])
    }

    fn consume(&mut self, token: usize, client: usize) -> (Refresh, Vec<Event>) {
        let before = self.tokens[token].session;
        let (now, entry) = (self.now, &self.sessions[before]);
        let (user, family, authenticated) = (entry.user, entry.family, entry.authenticated);
        let mut events = Vec::new();
        let session = if self.is_active(before) {
            let session = &mut self.sessions[before];
            session.expires = session.expires.max((now + SESSION).min(authenticated + LOGIN));
            session.last_seen = session.last_seen.max(now);
            before
        } else {
            let session = self.open(user, family, authenticated, client);
            events.push(
                event("session.created", user).for_session(session).with_reason("session-expired"),
            );
            session
        };
        events.push(event("token.refresh", user).for_session(session));
        let successor = self.issue_refresh_token(session);
        self.tokens[token].consumed = Some((now, successor));
        (Refresh::Granted { session, token: successor }, events)
    }

    /// Ends the active sessions of families of a user but the kept one, each with an event, and
    /// revokes the families. Those that could have been refreshed, but have no active session, have
    /// one event together.
    pub(crate) fn end_families(
        &mut self,
        user: usize,
        families: &[usize],
        kept: Option<usize>,
        reason: &'static str,
    ) -> Vec<Event> {
        let ended = |reason: &str| event("session.ended", user).with_reason(reason);
        let expired = families.iter().filter(|family| self.is_reopenable(**family)).count();
        let mut events = match expired {
            0 => vec![],
            1 => vec![ended(&format!("1 expired session: {reason}"))],
            _ => vec![ended(&format!("{expired} expired sessions: {reason}"))],
        };
        for number in 0..self.sessions.len() {
            let is_ended = families.contains(&self.sessions[number].family)
                && self.is_active(number)
                && Some(number) != kept;
            if is_ended {
                let session = &mut self.sessions[number];
                session.end = Some((self.now, reason));
                session.agent = None;
                events.push(ended(reason).for_session(number));
            }
        }
        for family in families {
            self.families[*family] = true;
        }
        events
    }

    /// Returns whether the sessions of a family have expired, and one of its tokens has not.
    fn is_reopenable(&self, family: usize) -> bool {
        // A purge deletes a family with its sessions.
        let is_stored =
            self.sessions.iter().any(|session| session.family == family && !session.is_purged);
        let has_token = self
            .tokens
            .iter()
            .any(|token| self.sessions[token.session].family == family && self.now < token.expires);
        !self.families[family] && is_stored && has_token && !self.has_active(family)
    }

    pub(crate) fn has_active(&self, family: usize) -> bool {
        let mut sessions = 0..self.sessions.len();
        sessions.any(|number| self.sessions[number].family == family && self.is_active(number))
    }

    /// Ends the sessions of a user but the kept one, and revokes all refresh tokens of the user.
    pub(crate) fn end_user(
        &mut self,
        user: usize,
        kept: Option<usize>,
        reason: &'static str,
    ) -> Vec<Event> {
        let sessions = self.sessions.iter().filter(|session| session.user == user);
        let families: BTreeSet<_> = sessions.map(|session| session.family).collect();
        self.end_families(user, &Vec::from_iter(families), kept, reason)
    }

    pub(crate) fn end_one(
        &mut self,
        user: usize,
        session: usize,
        reason: &'static str,
    ) -> Vec<Event> {
        let entry = &self.sessions[session];
        if entry.user != user || entry.is_purged || entry.end.is_some() {
            return vec![];
        }
        let events = self.end_families(user, &[entry.family], None, reason);
        with_logout(events, reason)
    }

    pub(crate) fn end_all_of_user(&mut self, user: usize, reason: &'static str) -> Vec<Event> {
        let events = self.end_user(user, None, reason);
        with_logout(events, reason)
    }
}

/// Adds an event `logout` for each session that a logout ended.
fn with_logout(mut events: Vec<Event>, reason: &str) -> Vec<Event> {
    if reason == "logout" {
        let ended = events.iter().filter(|event| event.session.is_some());
        let logout = |ended: &Event| Event { what: "logout", reason: None, ..ended.clone() };
        events.extend(ended.map(logout).collect::<Vec<_>>());
    }
    events
}
