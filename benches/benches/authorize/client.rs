//! A client that sends prepared octets on an open connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

pub(crate) struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    /// A buffer for a response: all responses have the same length.
    response: Vec<u8>,
}

impl Client {
    /// Opens a connection whose requests have these credentials.
    pub(crate) fn open(address: &str, credentials: &str) -> Self {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a connection");
        let head = format!("GET /authorize HTTP/1.1\r\nHost: {address}\r\nAuthorization: ");
        let request = format!("{head}{credentials}\r\n\r\n").into_bytes();
        stream.write_all(&request).expect("a request");
        // The first response determines the length of all.
        let mut response = vec![0; 4096];
        let length = stream.read(&mut response).expect("a response");
        response.truncate(length);
        assert!(response.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&response));
        assert!(response.ends_with(b"\r\n\r\n"), "no body");
        Self { stream, request, response }
    }

    /// Returns the time of a request, as the mean of some.
    pub(crate) fn latency(&mut self, requests: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..requests {
            self.stream.write_all(&self.request).expect("a request");
            self.stream.read_exact(&mut self.response).expect("a response");
        }
        let duration = start.elapsed() / requests;
        assert!(self.response.starts_with(b"HTTP/1.1 200"), "a response of another length");
        duration
    }
}
