//! A server's settings, with their defaults and bounds.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::limits::Limits;
use super::rate::RateTimeout;
use super::timeouts::Timeouts;
use crate::{SettingError, TrustedProxies};

/// Serves HTTP/1 and HTTP/2 on one listener, with limits and timeouts that fit the Internet.
///
/// The version is detected per connection, so HTTP/2 works with prior knowledge and, over TLS, by
/// ALPN. See the [module](super) for an example and for what the limits mean.
#[derive(Clone, Debug)]
pub struct Server {
    pub(super) timeouts: Timeouts,
    pub(super) body_timeout: Option<RateTimeout>,
    pub(super) limits: Limits,
    pub(super) max_head_octets: u32,
    pub(super) max_concurrent_streams: u32,
    pub(super) keep_alive_interval: Duration,
    pub(super) keep_alive_timeout: Duration,
    pub(super) shutdown_timeout: Duration,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            timeouts: Timeouts {
                head: Duration::from_secs(15),
                idle: Duration::from_secs(75),
                write: RateTimeout { timeout: Duration::from_secs(60), min_octets_per_second: 100 },
            },
            body_timeout: Some(RateTimeout {
                timeout: Duration::from_secs(30),
                min_octets_per_second: 100,
            }),
            limits: Limits::default(),
            max_head_octets: 32 * 1_024,
            max_concurrent_streams: 200,
            keep_alive_interval: Duration::from_secs(20),
            keep_alive_timeout: Duration::from_secs(20),
            shutdown_timeout: Duration::from_secs(8),
        }
    }
}

/// The bounds of timeouts, so that none is due immediately and none overflows.
const TIMES: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(86_400);

const CONNECTIONS: RangeInclusive<u32> = 1..=1_000_000;

impl Server {
    /// Creates a server with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how large the head of a request may be: 8 KiB to 1 MiB, 32 KiB by default.
    ///
    /// The default fits the largest Kliento token bundle (21,856 characters in one header). A
    /// larger head gets 431. HTTP/2 counts 32 octets more per header (RFC 9113, 6.5.2).
    ///
    /// # Errors
    /// [`SettingError`] if `octets` is out of bounds.
    pub fn with_max_head_octets(mut self, octets: u32) -> Result<Self, SettingError> {
        self.max_head_octets =
            SettingError::check("maximum head octets", octets, 8 * 1_024..=1_024 * 1_024)?;
        Ok(self)
    }

    /// Sets how long a client may take to send the head of a request: 1 ms to 24 h, 15 s by
    /// default.
    ///
    /// It is counted from the first octet of the head. For the first request of a connection it is
    /// counted from the beginning, until HTTP/2 is recognised. A handshake has the same time. The
    /// connection is closed.
    ///
    /// # Errors
    /// [`SettingError`] if `timeout` is out of bounds.
    pub fn with_head_timeout(mut self, timeout: Duration) -> Result<Self, SettingError> {
        self.timeouts.head = SettingError::check("head timeout", timeout, TIMES)?;
        Ok(self)
    }

    /// Sets how long a connection may be idle: 1 ms to 24 h, 75 s by default.
    ///
    /// A connection is idle while no request is open and no head is arriving; a request is open
    /// until its response is sent. Pings are not activity. HTTP/2 clients receive `GOAWAY`, and
    /// have the same time again to end the connection.
    ///
    /// Set it above the idle timeout of the proxy in front, so that the proxy closes first:
    /// otherwise a request may meet a connection that is being closed.
    ///
    /// # Errors
    /// [`SettingError`] if `timeout` is out of bounds.
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Result<Self, SettingError> {
        self.timeouts.idle = SettingError::check("idle timeout", timeout, TIMES)?;
        Ok(self)
    }

    /// Sets how slowly a client may accept what the server has to send: it may accept nothing for
    /// `timeout` in all, 1 ms to 24 h, 60 s by default, and earns a second more by each
    /// `min_octets_per_second`, 100 by default, up to `timeout`. With a rate of zero, any octet
    /// restarts the timeout. The connection is closed.
    ///
    /// Only time counts in which octets wait for the client. In HTTP/2 these are also the parts of
    /// responses that wait for a window (RFC 9113, 5.2); the requests of a connection share the
    /// time. For clients that read a stream of messages with long pauses, set a longer timeout.
    ///
    /// # Errors
    /// [`SettingError`] if `timeout` is out of bounds.
    pub fn with_write_timeout(
        mut self,
        timeout: Duration,
        min_octets_per_second: u32,
    ) -> Result<Self, SettingError> {
        let timeout = SettingError::check("write timeout", timeout, TIMES)?;
        self.timeouts.write = RateTimeout { timeout, min_octets_per_second };
        Ok(self)
    }

    /// Sets how slowly a client may send a request body: it may be silent for `timeout` in all, 1
    /// ms to 24 h, 30 s by default, and earns a second more by each `min_octets_per_second`, 100 by
    /// default, up to `timeout`. With a rate of zero, any octet restarts the timeout.
    ///
    /// A body that is slower fails with
    /// [`RequestBodyError::Timeout`](super::RequestBodyError::Timeout), so the handler can still
    /// respond. Only time counts in which the handler waits for the body, and only until the
    /// service returns the head of the response: an upload that a slow handler takes in, and a gRPC
    /// stream in both directions whose handler has responded, have no timeout. A handler that reads
    /// a stream of rare messages before it responds needs a longer timeout, a rate of zero, or
    /// [`RequestBody::without_timeout`](super::RequestBody::without_timeout).
    ///
    /// # Errors
    /// [`SettingError`] if `timeout` is out of bounds.
    pub fn with_body_timeout(
        mut self,
        timeout: Duration,
        min_octets_per_second: u32,
    ) -> Result<Self, SettingError> {
        let timeout = SettingError::check("body timeout", timeout, TIMES)?;
        self.body_timeout = Some(RateTimeout { timeout, min_octets_per_second });
        Ok(self)
    }

    /// Removes the timeout of request bodies: then a client may keep each request open forever,
    /// unless a layer has a timeout.
    #[must_use]
    pub const fn without_body_timeout(mut self) -> Self {
        self.body_timeout = None;
        self
    }

    /// Sets how often HTTP/2 connections without traffic are pinged, and how long the client may
    /// take to answer: 1 ms to 24 h each, 20 s and 20 s by default.
    ///
    /// # Errors
    /// [`SettingError`] if `interval` or `timeout` is out of bounds.
    pub fn with_keep_alive(
        mut self,
        interval: Duration,
        timeout: Duration,
    ) -> Result<Self, SettingError> {
        self.keep_alive_interval = SettingError::check("keep-alive interval", interval, TIMES)?;
        self.keep_alive_timeout = SettingError::check("keep-alive timeout", timeout, TIMES)?;
        Ok(self)
    }

    /// Sets how many connections are open at the same time: 1 to 1,000,000. 4,096 by default, or as
    /// many as one address may have, if that is more.
    ///
    /// If the server is full and another client connects, the connections that have had no open
    /// request for longest, at least a second, are closed. Without such a connection, those are
    /// dropped whose open requests have only waited for their bodies for longest, also bodies
    /// without a timeout. While all others have open requests, clients wait in the operating
    /// system's queue, which is bounded too; beyond it, connecting fails or times out. Clients of a
    /// few addresses can cause it if they can make a handler wait, or read large responses slowly:
    /// limit the time of handlers and the connections of an address. Upgraded connections count.
    /// The process needs a file descriptor for each (`ulimit -n`).
    ///
    /// # Errors
    /// [`SettingError`] if `connections` is out of bounds, or less than
    /// [one address](Self::with_max_connections_per_address) may have.
    pub fn with_max_connections(mut self, connections: u32) -> Result<Self, SettingError> {
        self.limits.total = Some(SettingError::check(Limits::TOTAL, connections, CONNECTIONS)?);
        self.limits.check()?;
        Ok(self)
    }

    /// Sets how many connections one client address may have: 1 to 1,000,000, and at most
    /// [all](Self::with_max_connections). A quarter of all by default, which is 1,024.
    ///
    /// An address is an IPv4 address or an IPv6 network of 64 bits, as in
    /// [`ClientAddress::network_key`](crate::ClientAddress::network_key). A further connection
    /// replaces the one of this address that has had no open request for longest, at least a
    /// second, or else the one whose requests have only waited for their bodies for longest;
    /// without such a connection, it is closed when it is accepted.
    ///
    /// The default is enough for a proxy in front, for which all
    /// clients have one address, and too little for one client to keep the others out. Lower it
    /// where clients connect directly, and exempt proxies with
    /// [`with_exempt_proxies`](Self::with_exempt_proxies).
    ///
    /// # Errors
    /// [`SettingError`] if `connections` is out of bounds, or more than all.
    pub fn with_max_connections_per_address(
        mut self,
        connections: u32,
    ) -> Result<Self, SettingError> {
        let connections = SettingError::check(Limits::PER_ADDRESS, connections, CONNECTIONS)?;
        self.limits.per_address = Some(connections);
        self.limits.check()?;
        Ok(self)
    }

    /// Sets how many connections one user of this machine may have over a Unix socket: 1 to
    /// 1,000,000, and at most [all](Self::with_max_connections). No limit by default: behind a proxy
    /// on the same machine, all clients have its user.
    ///
    /// A further connection replaces another one of the user, as
    /// [that of an address](Self::with_max_connections_per_address) does.
    ///
    /// # Errors
    /// [`SettingError`] if `connections` is out of bounds, or more than all.
    #[cfg(unix)]
    pub fn with_max_connections_per_user(mut self, connections: u32) -> Result<Self, SettingError> {
        let connections = SettingError::check(Limits::PER_USER, connections, CONNECTIONS)?;
        self.limits.per_user = Some(connections);
        self.limits.check()?;
        Ok(self)
    }

    /// Sets the proxies whose connections are not limited per address, only in total. None by
    /// default.
    #[must_use]
    pub fn with_exempt_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.limits.exempt_proxies = proxies;
        self
    }

    /// Sets how many requests one HTTP/2 connection may have open: 1 to 10,000, 200 by default.
    ///
    /// # Errors
    /// [`SettingError`] if `streams` is out of bounds.
    pub fn with_max_concurrent_streams(mut self, streams: u32) -> Result<Self, SettingError> {
        self.max_concurrent_streams =
            SettingError::check("maximum concurrent streams", streams, 1..=10_000)?;
        Ok(self)
    }

    /// Sets how long open requests may take to finish at shutdown: up to 24 h, 8 s by default.
    ///
    /// Within this time, a connection without an open request has a second to end. If it has had a
    /// response within the [write timeout](Self::with_write_timeout), it has the idle timeout: its
    /// client may still be reading what the operating system has buffered, and ends the connection
    /// afterwards. With an incomplete head it has the head timeout.
    ///
    /// The default is below the 10 s after which `docker stop` kills a process.
    ///
    /// # Errors
    /// [`SettingError`] if `timeout` is out of bounds.
    pub fn with_shutdown_timeout(mut self, timeout: Duration) -> Result<Self, SettingError> {
        let bounds = Duration::ZERO..=*TIMES.end();
        self.shutdown_timeout = SettingError::check("shutdown timeout", timeout, bounds)?;
        Ok(self)
    }
}
