//! A proxy in front of PostgreSQL that holds each statement of a node until it may proceed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use crate::locks::Lock;

/// What happens on the connection of a node.
#[derive(Debug)]
pub(crate) enum Event {
    /// A statement waits until it may proceed.
    Held(String),
    /// The server has answered a statement, and is ready for the next.
    Answered,
    /// The operation of the node has returned this.
    Finished(String),
}

/// A proxy for the connection of one node.
pub(crate) struct StatementProxy {
    pub(crate) port: u16,
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    pub(crate) sender: mpsc::UnboundedSender<Event>,
    shared: Arc<Shared>,
}

struct Shared {
    is_closed: AtomicBool,
    /// A permit for a statement that may proceed.
    permits: Semaphore,
    /// Whether a statement has proceeded, and is not answered yet.
    is_running: AtomicBool,
    backend: AtomicI32,
    /// The lock that no statement of the node takes.
    removed: Option<Lock>,
}

impl StatementProxy {
    /// Listens on a free port for the connection to a server on 127.0.0.1. The proxy is open. It
    /// removes a lock from the statements that it forwards.
    pub(crate) async fn start(server: u16, removed: Option<Lock>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, events) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            is_closed: AtomicBool::new(false),
            permits: Semaphore::new(0),
            is_running: AtomicBool::new(false),
            backend: AtomicI32::new(0),
            removed,
        });
        let (to_connections, of_connections) = (sender.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (sender, shared) = (to_connections.clone(), Arc::clone(&of_connections));
                tokio::spawn(forward(client, server, sender, shared));
            }
        });
        Self { port, events, sender, shared }
    }

    /// Holds the statements from now on.
    pub(crate) fn close(&mut self) {
        self.shared.permits.forget_permits(self.shared.permits.available_permits());
        while self.events.try_recv().is_ok() {}
        self.shared.is_closed.store(true, Ordering::SeqCst);
    }

    /// Lets all statements proceed.
    pub(crate) fn open(&self) {
        self.shared.is_closed.store(false, Ordering::SeqCst);
        // One may be held that is of no operation.
        self.allow_one();
    }

    /// Lets the statement that is held proceed.
    pub(crate) fn allow_one(&self) {
        self.shared.permits.add_permits(1);
    }

    /// Returns the number of the server's process of the connection.
    pub(crate) fn backend(&self) -> i32 {
        self.shared.backend.load(Ordering::Relaxed)
    }
}

async fn forward(
    client: TcpStream,
    server: u16,
    sender: mpsc::UnboundedSender<Event>,
    shared: Arc<Shared>,
) {
    let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        _ = forward_statements(from_client, to_server, &sender, &shared) => {}
        _ = forward_answers(from_server, to_client, &sender, &shared) => {}
    }
}

/// Returns `None` when the connection is closed.
async fn forward_statements(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    sender: &mpsc::UnboundedSender<Event>,
    shared: &Shared,
) -> Option<()> {
    let (mut batch, mut texts) = (Vec::new(), HashMap::new());
    // The first message has no type.
    to.write_all(&read_message(&mut from, false).await?).await.ok()?;
    loop {
        let message = read_message(&mut from, true).await?;
        let kind = message[0];
        batch.push(message);
        if !matches!(kind, b'S' | b'Q' | b'X' | b'p') {
            continue;
        }
        if let Some(text) = statement(&batch, &mut texts)
            && shared.is_closed.load(Ordering::SeqCst)
        {
            sender.send(Event::Held(text)).ok()?;
            shared.permits.acquire().await.ok()?.forget();
            shared.is_running.store(true, Ordering::SeqCst);
        }
        if let Some(lock) = shared.removed {
            for message in &mut batch {
                remove_lock(lock, message);
            }
        }
        to.write_all(&batch.concat()).await.ok()?;
        batch.clear();
    }
}

async fn forward_answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    sender: &mpsc::UnboundedSender<Event>,
    shared: &Shared,
) -> Option<()> {
    loop {
        let message = read_message(&mut from, true).await?;
        if message[0] == b'K' {
            let backend = message[5..9].try_into().unwrap();
            shared.backend.store(i32::from_be_bytes(backend), Ordering::Relaxed);
        }
        to.write_all(&message).await.ok()?;
        if message[0] == b'Z' && shared.is_running.swap(false, Ordering::SeqCst) {
            sender.send(Event::Answered).ok()?;
        }
    }
}

/// Reads a message with its type and length.
async fn read_message(from: &mut OwnedReadHalf, has_type: bool) -> Option<Vec<u8>> {
    let mut message = vec![0; 4 + usize::from(has_type)];
    from.read_exact(&mut message).await.ok()?;
    let length = message[message.len() - 4..].try_into().unwrap();
    let rest = usize::try_from(i32::from_be_bytes(length)).unwrap() - 4;
    let start = message.len();
    message.resize(start + rest, 0);
    from.read_exact(&mut message[start..]).await.ok()?;
    Some(message)
}

/// Returns the text of the statement that a batch executes. What only prepares a statement, or
/// begins a transaction, has no effect on others.
fn statement(batch: &[Vec<u8>], texts: &mut HashMap<Vec<u8>, String>) -> Option<String> {
    let mut executed = None;
    for message in batch {
        let mut words = message[5..].split(|octet| *octet == 0);
        let mut next = || words.next().unwrap_or_default();
        match message[0] {
            b'P' => {
                let (name, text) = (next().to_vec(), next());
                texts.insert(name, String::from_utf8_lossy(text).into_owned());
            }
            b'B' => {
                let (_portal, name) = (next(), next());
                executed = texts.get(name).cloned();
            }
            b'Q' => executed = Some(String::from_utf8_lossy(next()).into_owned()),
            _ => {}
        }
    }
    executed.filter(|text| !text.starts_with("START TRANSACTION"))
}

/// Removes a lock from a message that prepares a statement which takes it.
fn remove_lock(lock: Lock, message: &mut Vec<u8>) {
    if message[0] != b'P' {
        return;
    }
    let mut parts = message[5..].splitn(3, |octet| *octet == 0);
    let [name, text, types] = [(); 3].map(|()| parts.next().unwrap());
    if let Some(text) = lock.remove_from(&String::from_utf8_lossy(text)) {
        let content = [name, &[0], text.as_bytes(), &[0], types].concat();
        let length = i32::try_from(content.len() + 4).unwrap();
        *message = [&[b'P'][..], &length.to_be_bytes(), &content].concat();
    }
}
