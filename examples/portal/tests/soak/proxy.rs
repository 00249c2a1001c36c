//! A TCP proxy whose connections can be reset or stalled. In front of PostgreSQL, what the feed of a
//! portal receives can be late or lost.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

use crate::soak::feed::{Feed, Messages};

/// A proxy in front of a server, which ends when dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    task: JoinHandle<()>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    connections: Mutex<Vec<AbortHandle>>,
    is_stalled: watch::Sender<bool>,
    feed: Feed,
}

impl Proxy {
    /// Listens on a free port for connections to a port on 127.0.0.1.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let task = tokio::spawn(accept(listener, port, Arc::clone(&state)));
        Self { address, task, state }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Closes all connections, and discards what is under way.
    pub(crate) fn reset(&self) {
        for connection in self.state.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }

    /// Holds back what is sent in either direction, or forwards it again.
    pub(crate) fn set_stalled(&self, is_stalled: bool) {
        self.state.is_stalled.send_replace(is_stalled);
    }

    /// Returns what happens to what the feed receives.
    pub(crate) fn feed(&self) -> &Feed {
        &self.state.feed
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.reset();
    }
}

async fn accept(listener: TcpListener, port: u16, state: Arc<State>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let connection = tokio::spawn(forward(client, port, Arc::clone(&state)));
        let mut connections = state.connections.lock().unwrap();
        connections.retain(|connection| !connection.is_finished());
        connections.push(connection.abort_handle());
    }
}

/// Forwards a connection until either side closes it. The other side then sees that it is closed.
async fn forward(client: TcpStream, port: u16, state: Arc<State>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    for stream in [&client, &server] {
        drop(stream.set_nodelay(true));
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let is_feed = AtomicBool::new(false);
    tokio::select! {
        () = send(from_client, to_server, &state, &is_feed) => {}
        () = deliver(from_server, to_client, &state, &is_feed) => {}
    }
}

/// Forwards what the client sends.
async fn send(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
    is_feed: &AtomicBool,
) {
    let mut is_stalled = state.is_stalled.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let octets = &buffer[..length];
        // Everything before it was answered.
        if octets.windows(7).any(|octets| octets == b"LISTEN ") {
            is_feed.store(true, Ordering::SeqCst);
        }
        if is_stalled.wait_for(|is_stalled| !is_stalled).await.is_err()
            || to.write_all(octets).await.is_err()
        {
            return;
        }
    }
}

/// Forwards what the server sends.
async fn deliver(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    state: &State,
    is_feed: &AtomicBool,
) {
    let mut is_stalled = state.is_stalled.subscribe();
    let mut messages = Messages::default();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let mut octets = buffer[..length].to_vec();
        if is_feed.load(Ordering::SeqCst) {
            tokio::time::sleep(state.feed.delay()).await;
            octets = messages.filter(&octets, &state.feed);
        }
        if is_stalled.wait_for(|is_stalled| !is_stalled).await.is_err()
            || to.write_all(&octets).await.is_err()
        {
            return;
        }
    }
}
