//! One connection, from its handshake until it ends or a timeout closes it.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::iter;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Body;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tower_service::Service;

use super::activity::Activity;
use super::body::RequestBody;
use super::limits::ConnectionSlot;
use super::listener::Peer;
use super::open_connections::OpenConnections;
use super::rate::RateTimeout;
use super::request::ConnectionService;
use super::shutdown::Phase;
use super::stream::ServedStream;
use super::timeouts::{Expiry, Timeouts};
use crate::{event, log_text, log_text_up_to};

/// An accepted connection, with its share of the server's state.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Peer,
    pub(super) slot: ConnectionSlot,
    pub(super) protocols: Arc<Builder<TokioExecutor>>,
    pub(super) timeouts: Timeouts,
    pub(super) body_timeout: Option<RateTimeout>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) open_connections: Arc<OpenConnections>,
}

/// How long a connection that has not responded recently may be without an open request while the
/// server shuts down: an HTTP/2 client that answers no ping would delay it.
///
/// A client may read a recent response slowly, and answers the ping afterwards. If the connection was
/// dropped before, the next `WINDOW_UPDATE` would reset it, and the rest of the response be lost.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection may take to end if another one needs its place.
const REPLACEMENT_TIMEOUT: Duration = Duration::from_millis(100);

/// The maximum length of an error in the log.
const MAX_ERROR_CHARACTERS: usize = 300;

impl Connection {
    /// Serves the connection. Returns how many requests were open when the server dropped it.
    pub(super) async fn run<T, S, B>(
        mut self,
        handshake: impl Future<Output = std::io::Result<T>>,
        service: S,
    ) -> usize
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let peer = self.peer;
        let activity = Activity::new(self.timeouts.write);
        let _registration =
            self.open_connections.register(self.slot.counted.client, Arc::clone(&activity));
        let stream = tokio::select! {
            biased;
            _ = self.phase.changed() => return 0,
            () = activity.close_requested() => {
                event!(debug, ?peer, "connection replaced during its handshake");
                return 0;
            }
            stream = timeout(self.timeouts.head, handshake) => stream,
        };
        let stream = match stream {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                event!(debug, ?peer, error = log_text(error), "handshake failed");
                return 0;
            }
            Err(_) => {
                event!(debug, ?peer, "handshake timed out");
                return 0;
            }
        };
        activity.expect_head();
        let stream = ServedStream::new(stream, Arc::clone(&activity), self.slot);
        let service =
            ConnectionService::new(service, peer, Arc::clone(&activity), self.body_timeout);
        let connection =
            self.protocols.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut watchdog = Watchdog::new(Arc::clone(&activity), self.timeouts);
        let (mut is_closing, mut is_draining) = (false, false);
        loop {
            tokio::select! {
                // The connection is polled first: reads may postpone its timeouts.
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        let error = log_text_up_to(MAX_ERROR_CHARACTERS, with_causes(&*error));
                        event!(debug, ?peer, error, "connection failed");
                    }
                    return 0;
                }
                _ = self.phase.changed() => {
                    if *self.phase.borrow_and_update() == Phase::Dropping {
                        return activity.open_requests();
                    }
                    activity.start_closing();
                    watchdog.timeouts.idle = watchdog.timeouts.idle.min(DRAIN_TIMEOUT);
                    connection.as_mut().graceful_shutdown();
                    (is_closing, is_draining) = (true, true);
                }
                () = activity.close_requested() => {
                    event!(debug, ?peer, "connection replaced");
                    if activity.waits_for_bodies() {
                        return 0;
                    }
                    activity.start_closing();
                    watchdog.timeouts = watchdog.timeouts.at_most(REPLACEMENT_TIMEOUT);
                    connection.as_mut().graceful_shutdown();
                    is_closing = true;
                }
                expiry = watchdog.expired() => {
                    let response_time = self.timeouts.write.timeout;
                    let is_quiet = !activity.has_responded_within(response_time);
                    if expiry == Expiry::Idle && is_draining && !is_quiet {
                        is_draining = false;
                        watchdog.timeouts.idle = self.timeouts.idle;
                        continue;
                    }
                    if expiry != Expiry::Idle || is_closing {
                        event!(debug, ?peer, ?expiry, "connection timed out");
                        return 0;
                    }
                    // GOAWAY lets HTTP/2 clients finish or retry their requests (RFC 9113, 6.8).
                    activity.start_closing();
                    connection.as_mut().graceful_shutdown();
                    is_closing = true;
                }
            }
        }
    }
}

/// Waits for the timeouts of a connection.
///
/// It is polled after the connection, in the same task, so that one timer is enough: activity only
/// changes what is due next, and the timer is set again when it fires too early.
struct Watchdog {
    activity: Arc<Activity>,
    timeouts: Timeouts,
    timer: Pin<Box<Sleep>>,
}

impl Watchdog {
    fn new(activity: Arc<Activity>, timeouts: Timeouts) -> Self {
        Self { activity, timeouts, timer: Box::pin(sleep(timeouts.head)) }
    }

    async fn expired(&mut self) -> Expiry {
        poll_fn(|cx| self.poll_expired(cx)).await
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<Expiry> {
        loop {
            let next = self.activity.next_expiry(&self.timeouts);
            if let Some((at, _)) = next.filter(|(at, _)| *at < self.timer.deadline()) {
                self.timer.as_mut().reset(at);
            }
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            match next {
                Some((at, expiry)) if at <= now => return Poll::Ready(expiry),
                Some((at, _)) => self.timer.as_mut().reset(at),
                // Nothing is due; the next timeout to become due is the idle one.
                None => self.timer.as_mut().reset(now + self.timeouts.idle),
            }
        }
    }
}

/// Returns an error with its causes: hyper's own text does not say what has failed.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let errors = iter::successors(Some(error), |&error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
