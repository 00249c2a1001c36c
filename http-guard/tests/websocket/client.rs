//! A client that reads and writes single frames (RFC 6455, 5.2).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Far longer than any step takes, also on a busy machine.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(20);

const TEXT: u8 = 1;
const CLOSE: u8 = 8;

pub(crate) struct Client {
    stream: TcpStream,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    /// The number of octets.
    Binary(usize),
    /// The code and the reason.
    Close(u16, String),
}

impl Frame {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(crate) fn close(code: u16, reason: &str) -> Self {
        Self::Close(code, reason.to_owned())
    }
}

impl Client {
    /// Opens a WebSocket.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let (head, client) = Self::request(address, "upgrade").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    /// Requests a WebSocket, and returns the head of the response.
    pub(crate) async fn request(address: SocketAddr, connection: &str) -> (String, Self) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET /socket HTTP/1.1\r\nhost: a\r\nconnection: {connection}\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-protocol: chat\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(timeout(TEST_TIMEOUT, stream.read_u8()).await.unwrap().unwrap());
        }
        (String::from_utf8(head).unwrap(), Self { stream })
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.write(TEXT, text.as_bytes()).await;
    }

    pub(crate) async fn close(&mut self, code: u16) {
        self.write(CLOSE, &code.to_be_bytes()).await;
    }

    /// Receives a frame; `None` if the connection ends before it is complete.
    pub(crate) async fn receive(&mut self) -> Option<Frame> {
        let (opcode, length) = self.receive_head().await?;
        let payload = self.read(length).await?;
        Some(match opcode {
            TEXT => Frame::Text(String::from_utf8(payload).unwrap()),
            2 => Frame::Binary(payload.len()),
            CLOSE => {
                let (code, reason) = payload.split_first_chunk().unwrap();
                let reason = String::from_utf8(reason.to_vec()).unwrap();
                Frame::Close(u16::from_be_bytes(*code), reason)
            }
            _ => panic!("unexpected frame {opcode}"),
        })
    }

    /// Receives the opcode and the length of a frame.
    pub(crate) async fn receive_head(&mut self) -> Option<(u8, usize)> {
        let head = self.read(2).await?;
        assert_eq!(head[0] & 0xf0, 0x80, "a message in one frame");
        let length = match head[1] {
            126 => u16::from_be_bytes(self.read(2).await?.try_into().unwrap()).into(),
            127 => u64::from_be_bytes(self.read(8).await?.try_into().unwrap()),
            length => length.into(),
        };
        Some((head[0] & 0xf, usize::try_from(length).unwrap()))
    }

    /// Reads so many octets; `None` if the connection ends before.
    pub(crate) async fn read(&mut self, length: usize) -> Option<Vec<u8>> {
        let mut octets = vec![0; length];
        let read = timeout(TEST_TIMEOUT, self.stream.read_exact(&mut octets)).await.unwrap();
        read.is_ok().then_some(octets)
    }

    /// Sends the head of a binary message of this length, which follows.
    pub(crate) async fn send_head(&mut self, length: u64) {
        let head = [&[0x82, 0x80 | 127], &length.to_be_bytes()[..], &[0; 4]].concat();
        self.stream.write_all(&head).await.unwrap();
    }

    pub(crate) async fn send_octets(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    /// Sends a frame, whose mask changes nothing.
    async fn write(&mut self, opcode: u8, payload: &[u8]) {
        let length = u8::try_from(payload.len()).unwrap();
        let frame = [&[0x80 | opcode, 0x80 | length, 0, 0, 0, 0], payload].concat();
        self.stream.write_all(&frame).await.unwrap();
    }
}
