//! A proxy between a node and the database that stalls or cuts connections: all, or only those that
//! listen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to the connections that are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Forward,
    /// Nothing is delivered to the node, and everything later.
    Stall,
    /// What is delivered to the node is late by this time.
    Delay(Duration),
    /// The connections are closed.
    Cut,
}

/// A proxy in front of the database.
pub(crate) struct Proxy {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    /// The mode of the connections that listen, and of the others.
    modes: [watch::Sender<Mode>; 2],
    /// How many reads of requests the node has sent on other connections.
    requests: AtomicU64,
}

const LISTENING: usize = 0;
const OTHER: usize = 1;

impl Proxy {
    pub(crate) async fn start(url: &str, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own_port = listener.local_addr().unwrap().port();
        let url = url.replace(&format!(":{port}/"), &format!(":{own_port}/"));
        let modes = [watch::Sender::new(Mode::Forward), watch::Sender::new(Mode::Forward)];
        let shared = Arc::new(Shared { modes, requests: AtomicU64::new(0) });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, port, Arc::clone(&accepting)));
            }
        });
        Self { url, shared }
    }

    /// Sets what happens to the connections that listen.
    pub(crate) fn set_feed(&self, mode: Mode) {
        self.shared.modes[LISTENING].send_replace(mode);
    }

    /// Sets what happens to all connections.
    pub(crate) fn set_all(&self, mode: Mode) {
        self.set_feed(mode);
        self.shared.modes[OTHER].send_replace(mode);
    }

    /// Returns how often the node has sent something that does not belong to the feed.
    pub(crate) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

/// A connection through the proxy.
#[derive(Clone)]
struct Connection {
    shared: Arc<Shared>,
    is_listening: Arc<AtomicBool>,
}

async fn forward(client: TcpStream, port: u16, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let connection = Connection { shared, is_listening: Arc::default() };
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    tokio::select! {
        () = connection.send(from_client, to_server) => {}
        () = connection.deliver(from_server, to_client) => {}
        () = connection.cut() => {}
    }
}

impl Connection {
    fn mode(&self) -> watch::Receiver<Mode> {
        let index = if self.is_listening.load(Ordering::SeqCst) { LISTENING } else { OTHER };
        self.shared.modes[index].subscribe()
    }

    async fn send(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if buffer[..length].windows(7).any(|octets| octets == b"LISTEN ") {
                self.is_listening.store(true, Ordering::SeqCst);
            }
            if !self.is_listening.load(Ordering::SeqCst) {
                self.shared.requests.fetch_add(1, Ordering::SeqCst);
            }
            if to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }

    /// Delivers what the server sends, in the current mode.
    async fn deliver(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            let mode = *self.mode().borrow();
            if let Mode::Delay(time) = mode {
                tokio::time::sleep(time).await;
            }
            let is_forwarded = self.mode().wait_for(|mode| *mode != Mode::Stall).await.is_ok();
            if !is_forwarded || to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }

    /// Returns when the connection is to be cut.
    async fn cut(&self) {
        loop {
            let mut mode = self.mode();
            // A connection may become one that listens meanwhile.
            let changed = tokio::time::timeout(
                Duration::from_millis(5),
                mode.wait_for(|mode| *mode == Mode::Cut),
            );
            if changed.await.is_ok() {
                return;
            }
        }
    }
}

/// The faults of a feed.
pub(crate) const FAULTS: [Mode; 3] =
    [Mode::Stall, Mode::Cut, Mode::Delay(Duration::from_millis(700))];
