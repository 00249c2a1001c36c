//! What the model says is true, in lists and plain rules: written from the model, not from the
//! code that it judges.

use std::collections::BTreeSet;

pub(crate) const SESSION: i64 = 3600;
pub(crate) const REFRESH: i64 = 7 * 24 * 3600;
pub(crate) const ACCESS: i64 = 1800;
pub(crate) const HISTORY: usize = 3;
/// For how long what is over is kept.
pub(crate) const RETENTION: i64 = 24 * 3600;

/// All that is true. Users, sessions, families and tokens are numbered from 0.
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
    pub(crate) seen: i64,
    pub(crate) expires: i64,
    pub(crate) end: Option<(i64, &'static str)>,
    pub(crate) agent: Option<String>,
    pub(crate) is_gone: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) session: usize,
    pub(crate) expires: i64,
    /// When, and for which token.
    pub(crate) spent: Option<(i64, usize)>,
    pub(crate) is_gone: bool,
}

/// What the log must say; who, when and from where is known to whoever asked.
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
    In(usize),
    Disabled,
    Changed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refresh {
    Granted { session: usize, token: usize },
    Refused(&'static str),
}

pub(crate) fn event(what: &'static str, user: usize) -> Event {
    Event { what, outcome: "success", user, session: None, reason: None }
}

impl Event {
    pub(crate) fn of(self, session: usize) -> Self {
        Self { session: Some(session), ..self }
    }

    pub(crate) fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }

    fn failed(self) -> Self {
        Self { outcome: "failure", ..self }
    }
}

impl Oracle {
    pub(crate) fn is_active(&self, session: usize) -> bool {
        let session = &self.sessions[session];
        !session.is_gone && session.end.is_none() && self.now < session.expires
    }

    /// The newest first.
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
        let refused = event("login.failure", user).failed();
        if self.users[user].password != password {
            return (Login::Changed, vec![refused.because("password-changed")]);
        }
        if self.users[user].is_disabled {
            return (Login::Disabled, vec![refused.because("account-disabled")]);
        }
        if let Some(rehashed) = rehashed {
            self.users[user].password = rehashed;
        }
        self.families.push(false);
        let session = self.open(user, self.families.len() - 1, self.now, client);
        self.offer(session);
        let events = ["login.success", "session.created"].map(|what| event(what, user).of(session));
        (Login::In(session), events.into())
    }

    fn open(&mut self, user: usize, family: usize, authenticated: i64, client: usize) -> usize {
        self.sessions.push(Session {
            user,
            family,
            client,
            created: self.now,
            authenticated,
            seen: self.now,
            expires: self.now + SESSION,
            end: None,
            agent: None,
            is_gone: false,
        });
        self.sessions.len() - 1
    }

    fn offer(&mut self, session: usize) -> usize {
        let expires = self.now + REFRESH;
        self.tokens.push(Token { session, expires, spent: None, is_gone: false });
        self.tokens.len() - 1
    }

    /// A refresh with a token, or with something that is none.
    pub(crate) fn refresh(
        &mut self,
        token: Option<usize>,
        grace: i64,
        client: usize,
    ) -> (Refresh, Vec<Event>) {
        let invalid = (Refresh::Refused("refresh_invalid"), vec![]);
        let Some(number) = token.filter(|token| !self.tokens[*token].is_gone) else {
            return invalid;
        };
        let token = self.tokens[number].clone();
        let Session { user, family, .. } = self.sessions[token.session];
        if self.users[user].is_disabled {
            let refused = event("token.refresh", user).of(token.session).failed();
            let events = vec![refused.because("account-disabled")];
            return (Refresh::Refused("account_disabled"), events);
        }
        if self.now >= token.expires || self.families[family] {
            return invalid;
        }
        let Some((at, successor)) = token.spent else { return self.spend(number, client) };
        if (self.now - at).abs() >= grace {
            let reused = event("token.reuse", user).of(token.session).failed();
            let mut events = self.end_all("reuse", |_, session| session.family == family);
            self.families[family] = true;
            events.push(reused);
            return (Refresh::Refused("refresh_reused"), events);
        }
        if self.tokens[successor].is_gone {
            return invalid;
        }
        let session = self.tokens[successor].session;
        let retry = event("token.refresh", user).of(session).because("retry");
        (Refresh::Granted { session, token: successor }, vec![retry])
    }

    fn spend(&mut self, token: usize, client: usize) -> (Refresh, Vec<Event>) {
        let before = self.tokens[token].session;
        let (now, entry) = (self.now, &self.sessions[before]);
        let (user, family, authenticated) = (entry.user, entry.family, entry.authenticated);
        let mut events = Vec::new();
        let session = if self.is_active(before) {
            let session = &mut self.sessions[before];
            session.expires = session.expires.max(now + SESSION);
            session.seen = session.seen.max(now);
            before
        } else {
            let session = self.open(user, family, authenticated, client);
            events.push(event("session.created", user).of(session).because("session-expired"));
            session
        };
        events.push(event("token.refresh", user).of(session));
        let successor = self.offer(session);
        self.tokens[token].spent = Some((now, successor));
        (Refresh::Granted { session, token: successor }, events)
    }

    /// Ends what was not ended, and revokes its families; only what went on is told of.
    pub(crate) fn end_all(
        &mut self,
        reason: &'static str,
        is_meant: impl Fn(usize, &Session) -> bool,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for number in 0..self.sessions.len() {
            let is_active = self.is_active(number);
            let session = &mut self.sessions[number];
            if session.is_gone || session.end.is_some() || !is_meant(number, session) {
                continue;
            }
            session.end = Some((self.now, reason));
            session.agent = None;
            self.families[session.family] = true;
            if is_active {
                events.push(event("session.ended", session.user).of(number).because(reason));
            }
        }
        events
    }

    /// A user has left: no token of theirs is good any more.
    pub(crate) fn revoke_families_of(&mut self, user: usize) {
        for session in self.sessions.iter().filter(|session| session.user == user) {
            self.families[session.family] = true;
        }
    }

    pub(crate) fn end_one(
        &mut self,
        user: usize,
        session: usize,
        reason: &'static str,
    ) -> Vec<Event> {
        let is_it = |number, entry: &Session| number == session && entry.user == user;
        let events = self.end_all(reason, is_it);
        with_logout(events, reason)
    }

    pub(crate) fn end_every(&mut self, user: usize, reason: &'static str) -> Vec<Event> {
        let events = self.end_all(reason, |_, session| session.user == user);
        self.revoke_families_of(user);
        with_logout(events, reason)
    }
}

/// Each session that a logout ended is told of twice.
fn with_logout(mut events: Vec<Event>, reason: &str) -> Vec<Event> {
    if reason == "logout" {
        let logout = |ended: &Event| Event { what: "logout", reason: None, ..ended.clone() };
        events.extend(events.iter().map(logout).collect::<Vec<_>>());
    }
    events
}
