//! The loop that accepts connections until the server stops.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Body;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tower_service::Service;

use super::body::RequestBody;
use super::connection::Connection;
use super::limits::{ConnectionLimiter, ConnectionSlot, CountedClient};
use super::listener::{Listener, Peer};
use super::open_connections::OpenConnections;
use super::server::Server;
use super::shutdown::{Phase, ShutdownSummary};
use crate::{LogLimiter, event, log_text};

/// The pause after the first accept error; it doubles with each further one in a row.
const MIN_ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// The longest pause after an accept error.
const MAX_ACCEPT_RETRY_DELAY: Duration = Duration::from_secs(1);
/// How many connections are closed when the server is full and another client connects.
const REPLACED_CONNECTIONS: usize = 16;
/// The pause before further connections are closed.
const REPLACEMENT_INTERVAL: Duration = Duration::from_millis(200);
/// The shortest time between two log events about a limit.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

impl Server {
    /// Serves until `shutdown` ends and then, until the deadline, the requests that are open.
    ///
    /// `service` is any Tower service for requests with a [`RequestBody`]: an axum `Router`,
    /// tonic's `Routes`, or `tower::service_fn`. It is cloned for each request.
    pub async fn serve<L, S, B>(
        &self,
        listener: L,
        service: S,
        shutdown: impl Future<Output = ()>,
    ) -> ShutdownSummary
    where
        L: Listener,
        S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        S::Future: Send + 'static,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let protocols = Arc::new(self.protocols());
        let phase = watch::Sender::new(Phase::Running);
        let open_connections = Arc::new(OpenConnections::default());
        let limiter = ConnectionLimiter::new(self.limits.clone());
        let mut acceptor = Acceptor::new(listener, limiter, Arc::clone(&open_connections));
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let (handshake, peer, slot) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = acceptor.accept() => accepted,
            };
            let connection = Connection {
                peer,
                slot,
                protocols: Arc::clone(&protocols),
                timeouts: self.timeouts,
                body_timeout: self.body_timeout,
                phase: phase.subscribe(),
                open_connections: Arc::clone(&open_connections),
            };
            #[expect(
                clippy::disallowed_methods,
                reason = "supervised: a panic ends the connection, and the panic hook reports it"
            )]
            connections.spawn(connection.run(handshake, service.clone()));
            while let Some(ended) = connections.try_join_next() {
                dropped_requests(ended);
            }
        }
        event!(info, "stopping");
        let limiter = acceptor.close();
        phase.send_replace(Phase::Draining);
        let drained = async {
            while let Some(ended) = connections.join_next().await {
                dropped_requests(ended);
            }
            limiter.wait_until_empty().await;
        };
        if timeout(self.shutdown_timeout, drained).await.is_ok() {
            return ShutdownSummary::default();
        }
        phase.send_replace(Phase::Dropping);
        let mut summary = ShutdownSummary::default();
        while let Some(ended) = connections.join_next().await {
            summary.dropped_requests += dropped_requests(ended);
        }
        summary.open_upgrades = limiter.open_connections();
        if !summary.is_clean() {
            let (requests, upgrades) = (summary.dropped_requests, summary.open_upgrades);
            event!(warn, requests, upgrades, "shutdown timeout: dropped open requests");
        }
        summary
    }

    fn protocols(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            // `Watchdog` limits the head: hyper's timeout would also close kept-alive connections.
            .header_read_timeout(None)
            .max_buf_size(usize::try_from(self.max_head_octets).unwrap_or(usize::MAX));
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(self.keep_alive_interval)
            .keep_alive_timeout(self.keep_alive_timeout)
            .max_concurrent_streams(self.max_concurrent_streams)
            .max_header_list_size(self.max_head_octets);
        builder
    }
}

fn dropped_requests(ended: Result<usize, JoinError>) -> usize {
    ended.unwrap_or_else(|error| {
        // The panic hook has reported the panic.
        event!(debug, error = log_text(error), "connection task failed");
        0
    })
}

/// Accepts connections within the limits.
struct Acceptor<L> {
    listener: L,
    limiter: ConnectionLimiter,
    open_connections: Arc<OpenConnections>,
    retry_delay: Duration,
    full: LogLimiter,
    client_full: LogLimiter,
}

impl<L: Listener> Acceptor<L> {
    fn new(
        listener: L,
        limiter: ConnectionLimiter,
        open_connections: Arc<OpenConnections>,
    ) -> Self {
        Self {
            listener,
            limiter,
            open_connections,
            retry_delay: MIN_ACCEPT_RETRY_DELAY,
            full: LogLimiter::new(1, LOG_INTERVAL),
            client_full: LogLimiter::new(1, LOG_INTERVAL),
        }
    }

    async fn accept(&mut self) -> (L::Handshake, Peer, ConnectionSlot) {
        loop {
            match self.listener.accept().await {
                Ok((handshake, peer)) => {
                    self.retry_delay = MIN_ACCEPT_RETRY_DELAY;
                    // Before it takes the place of another one: it may be rejected.
                    if let Some((counted, has_replaced)) = self.count(peer) {
                        let permit = self.permit(has_replaced).await;
                        return (handshake, peer, ConnectionSlot::new(counted, permit));
                    }
                }
                Err(error) => self.pause_after(&error).await,
            }
        }
    }

    /// Counts a connection for its client. Returns as well whether another one of the client is
    /// being closed for it.
    fn count(&self, peer: Peer) -> Option<(CountedClient, bool)> {
        let mut has_replaced = false;
        let counted = self.limiter.count(peer, |client| {
            has_replaced = self.open_connections.close_longest_waiting(1, Some(client)) > 0;
            has_replaced
        });
        if counted.is_none() {
            if let Some(suppressed) = self.client_full.allow() {
                event!(warn, ?peer, suppressed, "connection limit of an address or a user reached");
            }
        }
        Some((counted?, has_replaced))
    }

    /// Returns a permit for a connection. If there is none, those that have waited longest are
    /// closed, unless one is being closed already.
    async fn permit(&mut self, mut is_one_closing: bool) -> OwnedSemaphorePermit {
        loop {
            if let Some(permit) = self.limiter.try_permit() {
                return permit;
            }
            if let Some(suppressed) = self.full.allow() {
                event!(warn, suppressed, "connection limit reached");
            }
            if !std::mem::take(&mut is_one_closing) {
                self.open_connections.close_longest_waiting(REPLACED_CONNECTIONS, None);
            }
            if let Ok(Some(permit)) = timeout(REPLACEMENT_INTERVAL, self.limiter.permit()).await {
                return permit;
            }
        }
    }

    /// Waits before the next attempt, unless the error is that of a single connection.
    async fn pause_after(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};

        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            event!(debug, error = log_text(error), "accept failed");
            return;
        }
        // Too few file descriptors, for example: ended connections release theirs.
        event!(error, error = log_text(error), "accept failed");
        sleep(self.retry_delay).await;
        self.retry_delay = (self.retry_delay * 2).min(MAX_ACCEPT_RETRY_DELAY);
    }

    /// Closes the listener.
    fn close(self) -> ConnectionLimiter {
        self.limiter
    }
}
