//! Clients that send prepared requests on open connections, and count the responses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

/// The number of concurrent requests.
const CONNECTIONS: usize = 64;

/// Connections to one server.
#[derive(Debug)]
pub struct Load<'r> {
    runtime: &'r Runtime,
    connections: Vec<Arc<Mutex<Connection>>>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    request: Arc<[u8]>,
    /// A buffer for a response: all responses have the same length.
    response: Vec<u8>,
}

impl<'r> Load<'r> {
    /// Opens connections to a server, whose requests have this header line.
    pub fn new(runtime: &'r Runtime, server: SocketAddr, header: &str) -> Self {
        Self::with_connections(CONNECTIONS, runtime, server, header)
    }

    /// Opens one connection, whose requests wait for one another.
    pub fn single(runtime: &'r Runtime, server: SocketAddr, header: &str) -> Self {
        Self::with_connections(1, runtime, server, header)
    }

    fn with_connections(
        connections: usize,
        runtime: &'r Runtime,
        server: SocketAddr,
        header: &str,
    ) -> Self {
        let request = format!("GET / HTTP/1.1\r\nHost: {server}\r\n{header}\r\n\r\n");
        let request: Arc<[u8]> = request.into_bytes().into();
        let connections = (0..connections)
            .map(|_| runtime.block_on(Connection::open(server, Arc::clone(&request))))
            .map(|connection| Arc::new(Mutex::new(connection)));
        let connections = connections.collect();
        Self { runtime, connections }
    }

    /// Returns the number of responses per second.
    #[must_use]
    pub fn throughput(&self, time: Duration) -> f64 {
        let start = Instant::now();
        let end = start + time;
        let clients = self.connections.iter().map(|connection| {
            let connection = Arc::clone(connection);
            self.runtime.spawn(async move { connection.lock().await.send_until(end).await })
        });
        let clients: Vec<_> = clients.collect();
        let responses: u32 = clients
            .into_iter()
            .map(|client| self.runtime.block_on(client).expect("responses"))
            .sum();
        f64::from(responses) / start.elapsed().as_secs_f64()
    }
}

impl Connection {
    async fn open(server: SocketAddr, request: Arc<[u8]>) -> Self {
        let mut stream = TcpStream::connect(server).await.expect("a connection");
        stream.set_nodelay(true).expect("a connection");
        stream.write_all(&request).await.expect("a request");
        // The first response determines the length of all.
        let mut response = vec![0; 4096];
        let length = stream.read(&mut response).await.expect("a response");
        response.truncate(length);
        assert!(response.starts_with(b"HTTP/1.1 200") && response.ends_with(b"\r\n\r\nhello"));
        Self { stream, request, response }
    }

    async fn send_until(&mut self, end: Instant) -> u32 {
        let mut responses = 0;
        while Instant::now() < end {
            self.stream.write_all(&self.request).await.expect("a request");
            self.stream.read_exact(&mut self.response).await.expect("a response");
            assert!(self.response.starts_with(b"HTTP/1.1 200"), "a response of another length");
            responses += 1;
        }
        responses
    }
}
