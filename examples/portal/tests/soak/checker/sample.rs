//! Hand-made histories of one user, for tests of the checker. Times are seconds.

use std::ops::Range;
use std::time::Duration;

use super::{Record, Settings};
use crate::soak::history::{Call, Family, INITIAL, Outcome, Request, Token};

#[derive(Default)]
pub(super) struct Sample {
    pub(super) history: Vec<Request>,
    pub(super) records: Vec<Record>,
}

impl Sample {
    pub(super) const SETTINGS: Settings = Settings {
        access_bounds: [Duration::ZERO; 2],
        grace: Duration::from_secs(10),
        max_delay: Duration::from_mins(1),
        max_sessions: 100,
        max_guesses: 6,
    };

    /// Adds a request, and returns its id.
    pub(super) fn request(&mut self, call: Call, outcome: Outcome, time: Range<u64>) -> usize {
        let (id, user, node) = (self.history.len(), 0, 0);
        let (start, end) = (Duration::from_secs(time.start), Duration::from_secs(time.end));
        self.history.push(Request { id, user, node, call, start, end, outcome });
        id
    }

    pub(super) fn done(&mut self, call: Call, time: Range<u64>) -> usize {
        self.request(call, Outcome::Done(None), time)
    }

    pub(super) fn rejected(&mut self, call: Call, code: &str, time: Range<u64>) -> usize {
        self.request(call, Outcome::Rejected(code.to_owned()), time)
    }

    /// Adds a login with the initial password, and returns its refresh token.
    pub(super) fn log_in(&mut self, time: Range<u64>) -> Token {
        let id = self.history.len();
        let token = Token { family: id, number: 1000 * id };
        let call = Call::LogIn { password: INITIAL };
        self.request(call, Outcome::Done(Some(token)), time);
        token
    }

    /// Adds a refresh that returns the token with this number.
    pub(super) fn refresh(&mut self, token: Token, number: usize, time: Range<u64>) -> Token {
        let successor = Token { number, ..token };
        self.request(Call::Refresh { token }, Outcome::Done(Some(successor)), time);
        successor
    }

    pub(super) fn who_am_i(&mut self, family: Family, time: Range<u64>) -> usize {
        self.done(Call::WhoAmI { family }, time)
    }

    /// Adds a record of a request.
    pub(super) fn record(&mut self, request: usize, event: &str, reason: Option<&str>) {
        let is_success = !event.ends_with("failure") && !event.ends_with("reuse");
        let (event, reason) = (event.to_owned(), reason.map(str::to_owned));
        self.records.push(Record { request: Some(request), event, is_success, reason });
    }
}
