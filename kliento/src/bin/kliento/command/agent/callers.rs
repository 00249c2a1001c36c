//! The Unix socket's callers: those whom no rule names take no place from others.

use std::future::{Ready, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use http_guard::serve::{Listener, Peer};
use tokio::io::AsyncWrite as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::allow::Caller;
use super::api::{UNKNOWN_CALLER, log_denial, problem_body};
use super::service::Service;

/// How many callers without a rule are told so at a time; the connections of others are closed.
const MAX_UNKNOWN: usize = 16;
/// How long a caller without a rule has to read its response.
const UNKNOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Accepts the connections of callers that a rule names.
///
/// Others get 403 before their request is read, and are not among the connections of the server.
pub(super) struct CallerListener {
    listener: UnixListener,
    service: Arc<ArcSwap<Service>>,
    unknown: Arc<Semaphore>,
}

impl CallerListener {
    pub(super) fn new(listener: UnixListener, service: Arc<ArcSwap<Service>>) -> Self {
        Self { listener, service, unknown: Arc::new(Semaphore::new(MAX_UNKNOWN)) }
    }

    fn reject(&self, caller: Option<Caller>, stream: UnixStream) {
        log_denial(caller, "no rule for this user");
        let Ok(permit) = Arc::clone(&self.unknown).try_acquire_owned() else { return };
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: a panic ends the connection, and the panic hook reports it"
        )]
        tokio::spawn(timeout(UNKNOWN_TIMEOUT, respond(stream, permit)));
    }
}

impl Listener for CallerListener {
    type Stream = UnixStream;
    type Handshake = Ready<io::Result<UnixStream>>;

    async fn accept(&mut self) -> io::Result<(Self::Handshake, Peer)> {
        loop {
            let (handshake, peer) = Listener::accept(&mut self.listener).await?;
            let caller = match peer {
                Peer::Unix(Some(credentials)) => Some(Caller::User(credentials.uid())),
                _ => None,
            };
            if caller.is_some_and(|caller| self.service.load().allow.knows(caller)) {
                return Ok((handshake, peer));
            }
            self.reject(caller, handshake.await?);
        }
    }
}

/// Writes the response, which the buffer of a new socket has room for, and waits for the client's
/// end: what it has not read would be lost if the connection were closed while it sends.
async fn respond(mut stream: UnixStream, _permit: OwnedSemaphorePermit) -> io::Result<()> {
    let body = problem_body(&UNKNOWN_CALLER);
    let head = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/problem+json\r\n\
                cache-control: no-store\r\nconnection: close\r\ncontent-length: ";
    stream.writable().await?;
    stream.try_write(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes())?;
    poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await?;
    let mut discarded = [0; 1024];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut discarded) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
