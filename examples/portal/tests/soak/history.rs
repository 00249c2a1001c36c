//! The history of a run: each request with the times at which it started and ended.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A password of a user by its number. Numbers are never used again.
pub(crate) type Password = u32;

/// The password with which an account is created.
pub(crate) const INITIAL: Password = 0;
/// A password that no account has.
pub(crate) const WRONG: Password = Password::MAX;

/// The id of the login that began a token family.
pub(crate) type Family = usize;

/// A refresh token: equal texts have equal numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Token {
    pub(crate) family: Family,
    pub(crate) number: usize,
}

/// A request and its outcome. Times are of one monotonic clock, since the start of the run.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: usize,
    /// The user that it concerns.
    pub(crate) user: usize,
    /// The portal that received it.
    pub(crate) node: usize,
    pub(crate) call: Call,
    pub(crate) start: Duration,
    /// When the outcome was known. The effect of an unknown one may come later.
    pub(crate) end: Duration,
    pub(crate) outcome: Outcome,
}

/// What a request asks for. A family stands for an access token of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    LogIn {
        password: Password,
    },
    /// A wrong password from a source that never logs in.
    Guess {
        source: usize,
    },
    Refresh {
        token: Token,
    },
    WhoAmI {
        family: Family,
    },
    LogOut {
        family: Family,
    },
    LogOutEverywhere {
        family: Family,
    },
    ChangePassword {
        family: Family,
        new: Password,
    },
    /// By an admin, as the following.
    Disable,
    Enable,
    EndSessions,
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The response was a success; a login and a refresh return a refresh token.
    Done(Option<Token>),
    /// The response was a rejection of the client with this code.
    Rejected(String),
    /// There was no response, or one with a server error: it may take effect at any later time.
    Unknown,
    /// No connection was made.
    NotSent,
}

impl Call {
    /// Returns the name of its kind.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::LogIn { .. } => "login",
            Self::Guess { .. } => "guess",
            Self::Refresh { .. } => "refresh",
            Self::WhoAmI { .. } => "whoami",
            Self::LogOut { .. } => "logout",
            Self::LogOutEverywhere { .. } => "logout everywhere",
            Self::ChangePassword { .. } => "password change",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::EndSessions => "end sessions",
        }
    }
}

impl Request {
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done(_))
    }

    /// Returns whether it may have changed something.
    pub(crate) const fn may_be_done(&self) -> bool {
        matches!(self.outcome, Outcome::Done(_) | Outcome::Unknown)
    }

    pub(crate) fn is_rejected_with(&self, codes: &[&str]) -> bool {
        matches!(&self.outcome, Outcome::Rejected(code) if codes.contains(&code.as_str()))
    }

    /// Returns the time after which it has no effect.
    pub(crate) fn latest_effect(&self) -> Duration {
        if self.outcome == Outcome::Unknown { Duration::MAX } else { self.end }
    }

    /// Returns the family of the token that it presents.
    pub(crate) const fn family(&self) -> Option<Family> {
        match self.call {
            Call::Refresh { token } => Some(token.family),
            Call::WhoAmI { family }
            | Call::LogOut { family }
            | Call::LogOutEverywhere { family }
            | Call::ChangePassword { family, .. } => Some(family),
            _ => None,
        }
    }
}

/// Records requests while clients send them.
pub(crate) struct Recorder {
    started_at: Instant,
    requests: Mutex<Vec<Request>>,
    numbers: Mutex<HashMap<String, usize>>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { started_at: Instant::now(), requests: Mutex::default(), numbers: Mutex::default() }
    }

    /// Records a request that is about to be sent, and returns its id.
    pub(crate) fn start(&self, user: usize, node: usize, call: Call) -> usize {
        let mut requests = self.requests();
        let (id, start) = (requests.len(), self.started_at.elapsed());
        let outcome = Outcome::Unknown;
        requests.push(Request { id, user, node, call, start, end: start, outcome });
        id
    }

    /// Records the outcome of a request.
    pub(crate) fn end(&self, id: usize, outcome: Outcome) {
        // Before the lock, which may take long.
        let end = self.started_at.elapsed();
        let request = &mut self.requests()[id];
        (request.end, request.outcome) = (end, outcome);
    }

    /// Returns the token with this text, of a family.
    pub(crate) fn token(&self, family: Family, text: &str) -> Token {
        let mut numbers = self.numbers.lock().unwrap();
        let next = numbers.len();
        Token { family, number: *numbers.entry(text.to_owned()).or_insert(next) }
    }

    /// Returns all requests; the index of each is its id.
    pub(crate) fn history(&self) -> Vec<Request> {
        self.requests().clone()
    }

    fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap()
    }
}
