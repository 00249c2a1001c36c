//! The state of a connection, and when its next timeout is due.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::head::Protocol;
use super::rate::{RateTimeout, SendBudget};
use super::timeouts::{Expiry, Timeouts};

/// How long after the end of a response the connection is closed at the latest if its request has
/// an unread body.
const RECENT: Duration = Duration::from_secs(1);

/// The state of a connection, shared by its stream, its requests and its timeouts.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    close_requested: Notify,
}

#[derive(Debug)]
struct State {
    protocol: Protocol,
    /// Requests whose response has not been sent.
    open_requests: usize,
    /// Those of them whose service waits for octets of the body.
    waiting_bodies: usize,
    /// Since when the open requests only wait for their bodies. Octets that arrive do not end it,
    /// the end of a request does.
    bodies_since: Option<Instant>,
    /// Parts of responses that the protocol has not passed on to the stream: in HTTP/2 they wait
    /// until the client opens its window.
    unsent_parts: usize,
    /// The time for unsent parts.
    unsent: SendBudget,
    idle_since: Instant,
    /// When the last response was passed to the operating system, which may still be sending it.
    responded_at: Option<Instant>,
    /// The start of a head that is incomplete.
    head_since: Option<Instant>,
    /// The time for a write that the stream does not accept.
    blocked: SendBudget,
    is_closing: bool,
    /// Whether the last request has a body, which the handler may not read to its end.
    has_body: bool,
    /// Whether the stream belongs to a handler.
    is_upgraded: bool,
}

impl State {
    /// Returns whether the service waits for the bodies of all open requests.
    fn waits_for_bodies(&self) -> bool {
        self.open_requests > 0
            && self.waiting_bodies >= self.open_requests
            && !self.blocked.is_waiting()
    }

    /// Records octets that the stream has accepted.
    fn end_write(&mut self, octets: usize) {
        self.blocked.record(octets, false);
        // In HTTP/1 this is the rest of a response. In HTTP/2 it may be a ping, which is not
        // activity.
        if self.open_requests == 0 && matches!(self.protocol, Protocol::Http1) {
            self.idle_since = Instant::now();
        }
    }
}

impl Activity {
    /// Creates the state of a new connection, on which a handshake or the head of a request is due.
    pub(super) fn new(write: RateTimeout) -> Arc<Self> {
        let now = Instant::now();
        let state = Mutex::new(State {
            protocol: Protocol::new(),
            open_requests: 0,
            waiting_bodies: 0,
            bodies_since: None,
            unsent_parts: 0,
            unsent: SendBudget::new(write),
            idle_since: now,
            responded_at: None,
            head_since: Some(now),
            blocked: SendBudget::new(write),
            is_closing: false,
            has_body: false,
            is_upgraded: false,
        });
        Arc::new(Self { state, close_requested: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the time for the first head, after the handshake.
    pub(super) fn expect_head(&self) {
        let (mut state, now) = (self.state(), Instant::now());
        state.idle_since = now;
        state.head_since = Some(now);
    }

    pub(super) fn record_read(&self, octets: &[u8]) {
        let mut state = self.state();
        let has_open_requests = state.open_requests > 0;
        let progress = state.protocol.read(octets, has_open_requests);
        let known = state.head_since.filter(|_| !progress.has_ended);
        state.head_since = progress.is_incomplete.then(|| known.unwrap_or_else(Instant::now));
    }

    pub(super) fn record_write(&self, octets: usize) {
        self.state().end_write(octets);
    }

    /// Records that the stream has passed on what it had accepted.
    pub(super) fn record_flush(&self) {
        let mut state = self.state();
        if state.blocked.is_waiting() {
            state.end_write(0);
        }
    }

    pub(super) fn record_blocked_write(&self) {
        self.state().blocked.start();
    }

    /// Returns whether the client may still be sending what the server does not read: the body of a
    /// request that was answered early, or the rest of a head that is too large.
    ///
    /// HTTP/1 closes such a connection as soon as the response is written. In HTTP/2 the other
    /// requests continue.
    pub(super) fn may_have_unread_octets(&self) -> bool {
        let state = self.state();
        let is_http1 = matches!(state.protocol, Protocol::Http1);
        let is_recent = state.idle_since.elapsed() < RECENT;
        let is_incomplete = state.has_body && is_recent || state.head_since.is_some();
        is_http1 && !state.is_upgraded && is_incomplete
    }

    /// Opens a request, until the guard is dropped.
    pub(super) fn open_request(self: &Arc<Self>, has_body: bool) -> OpenRequest {
        let mut state = self.state();
        state.open_requests += 1;
        state.has_body = has_body;
        if matches!(state.protocol, Protocol::Http1) {
            state.head_since = None;
        }
        OpenRequest(Arc::clone(self))
    }

    /// Returns how many requests are open. In HTTP/1, the last part of a response may be in the
    /// connection's buffer only.
    pub(super) fn open_requests(&self) -> usize {
        let state = self.state();
        state.open_requests.max(usize::from(state.blocked.is_waiting()))
    }

    pub(super) fn start_body_wait(&self) {
        let mut state = self.state();
        state.waiting_bodies += 1;
        if state.waits_for_bodies() {
            state.bodies_since.get_or_insert_with(Instant::now);
        }
    }

    pub(super) fn end_body_wait(&self) {
        let mut state = self.state();
        state.waiting_bodies = state.waiting_bodies.saturating_sub(1);
    }

    pub(super) fn add_unsent_part(&self) {
        let mut state = self.state();
        state.unsent_parts += 1;
        state.unsent.start();
    }

    pub(super) fn record_sent(&self, octets: usize) {
        self.state().unsent.record(octets, true);
    }

    pub(super) fn remove_unsent_part(&self) {
        let mut state = self.state();
        state.unsent_parts = state.unsent_parts.saturating_sub(1);
        let is_waiting = state.unsent_parts > 0;
        state.unsent.record(0, is_waiting);
    }

    /// Restarts the idle timeout, within which a connection that is being closed has to end.
    pub(super) fn start_closing(&self) {
        let mut state = self.state();
        state.idle_since = Instant::now();
        state.is_closing = true;
    }

    /// Returns since when no request is open; `None` if one is, or the connection is being closed.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let state = self.state();
        let is_waiting = state.open_requests == 0 && !state.blocked.is_waiting();
        (is_waiting && !state.is_closing).then_some(state.idle_since)
    }

    /// Returns since when all open requests only wait for their bodies; `None` if one does not, or
    /// the connection is being closed.
    pub(super) fn waiting_for_bodies_since(&self) -> Option<Instant> {
        let state = self.state();
        let is_waiting = state.waits_for_bodies() && !state.is_closing;
        state.bodies_since.filter(|_| is_waiting)
    }

    /// Returns whether all open requests only wait for their bodies.
    pub(super) fn waits_for_bodies(&self) -> bool {
        self.state().waits_for_bodies()
    }

    /// Returns whether a request has ended within this time.
    pub(super) fn has_responded_within(&self, time: Duration) -> bool {
        self.state().responded_at.is_some_and(|at| at.elapsed() < time)
    }

    /// Asks the task of the connection to close it.
    pub(super) fn request_close(&self) {
        self.state().is_closing = true;
        self.close_requested.notify_one();
    }

    /// Waits for [`Self::request_close`].
    pub(super) async fn close_requested(&self) {
        self.close_requested.notified().await;
    }

    /// Returns the timeout that is due next, which activity may postpone.
    pub(super) fn next_expiry(&self, timeouts: &Timeouts) -> Option<(Instant, Expiry)> {
        let state = self.state();
        let is_blocked = state.blocked.is_waiting();
        let is_idle = state.open_requests == 0 && state.head_since.is_none() && !is_blocked;
        [
            state.head_since.map(|since| (since + timeouts.head, Expiry::Head)),
            state.blocked.deadline().map(|at| (at, Expiry::Write)),
            state.unsent.deadline().map(|at| (at, Expiry::Write)),
            is_idle.then(|| (state.idle_since + timeouts.idle, Expiry::Idle)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }
}

/// A request whose response has not been sent.
#[derive(Debug)]
pub(super) struct OpenRequest(Arc<Activity>);

impl OpenRequest {
    pub(super) fn activity(&self) -> &Activity {
        &self.0
    }

    /// Hands the stream over to the handler.
    pub(super) fn upgrade(&self) {
        self.0.state().is_upgraded = true;
    }

    /// Keeps the request open as long as the connection: it has become a tunnel.
    pub(super) fn keep_open(&self) {
        self.0.state().open_requests += 1;
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.open_requests = state.open_requests.saturating_sub(1);
        let now = Instant::now();
        state.bodies_since = state.waits_for_bodies().then_some(now);
        state.responded_at = Some(now);
        if state.open_requests == 0 {
            state.idle_since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: RateTimeout =
        RateTimeout { timeout: Duration::from_secs(15), min_octets_per_second: 0 };

    /// A TLS stream accepts octets before it has sent them.
    #[test]
    fn flushed_write_is_not_blocked() {
        let activity = Activity::new(WRITE);
        activity.record_blocked_write();
        assert_eq!((activity.open_requests(), activity.waiting_since()), (1, None));
        activity.record_flush();
        assert_eq!(activity.open_requests(), 0);
        assert!(activity.waiting_since().is_some());
    }

    /// Over a slow link, most reads may end in the middle of a head.
    #[test]
    fn each_head_of_http_2_has_its_own_time() {
        const START: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x02\x01\x04\0\0\0\x01\x82";
        const NEXT: &[u8] = b"\x84\0\0\x02\x01\x04\0\0\0\x03\x82";
        let timeouts = Timeouts { head: WRITE.timeout, idle: WRITE.timeout, write: WRITE };
        let activity = Activity::new(WRITE);
        activity.record_read(START);
        let (first, expiry) = activity.next_expiry(&timeouts).unwrap();
        assert_eq!(expiry, Expiry::Head);
        std::thread::sleep(Duration::from_millis(2));
        activity.record_read(NEXT);
        let (second, expiry) = activity.next_expiry(&timeouts).unwrap();
        assert_eq!(expiry, Expiry::Head);
        assert!(second > first);
        activity.record_read(&NEXT[..1]);
        assert_eq!(activity.next_expiry(&timeouts).unwrap().1, Expiry::Idle);
    }
}
