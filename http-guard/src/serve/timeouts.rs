//! The timeouts of a connection.

use std::time::Duration;

use super::rate::RateTimeout;

/// The timeouts of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) head: Duration,
    pub(super) idle: Duration,
    pub(super) write: RateTimeout,
}

impl Timeouts {
    /// Returns the timeouts for a connection without open requests, none longer than `max`.
    pub(super) fn at_most(self, max: Duration) -> Self {
        Self { head: self.head.min(max), idle: self.idle.min(max), ..self }
    }
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    /// The head of a request did not arrive in time.
    Head,
    /// No request was open for too long.
    Idle,
    /// The client accepted too slowly what the server has to send.
    Write,
}
