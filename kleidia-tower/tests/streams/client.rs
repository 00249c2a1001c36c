//! The clients of streams: hyper for server-sent events, tonic for gRPC, and tungstenite for
//! WebSockets.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Streaming};
use tonic_prost::ProstCodec;

use crate::TEST_TIMEOUT;
use crate::ticks::{METHOD, Tick};

/// A kind of stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Events,
    Grpc,
    WebSocket,
}

pub(crate) const KINDS: [Kind; 3] = [Kind::Events, Kind::Grpc, Kind::WebSocket];

/// The connections of a client: its event streams share one of HTTP/2, and so do its calls.
pub(crate) struct Client {
    server: SocketAddr,
    authorization: String,
    events: SendRequest<Empty<Bytes>>,
    calls: Channel,
}

/// An open stream.
pub(crate) enum Subscription {
    Events(EventReader),
    Grpc(Streaming<u64>),
    WebSocket(Box<WebSocketStream<TcpStream>>),
}

/// What a stream delivers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Message(Tick),
    /// The last one, after which nothing came.
    End(End),
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) code: String,
    /// The status of gRPC, the close code of a WebSocket, or 0.
    pub(crate) status: u16,
}

/// What a stream delivered.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) messages: usize,
    /// The messages that were produced after the end of the stream on the server.
    pub(crate) late: usize,
    /// When the last message was produced.
    pub(crate) last_produced: Instant,
    pub(crate) end: End,
    pub(crate) ended: Instant,
}

impl Client {
    pub(crate) async fn connect(server: SocketAddr, authorization: &str) -> Self {
        let calls = Endpoint::from_shared(format!("http://{server}")).unwrap();
        let (events, connection) = {
            let stream = TcpStream::connect(server).await.unwrap();
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap()
        };
        tokio::spawn(async { drop(connection.await) });
        let (authorization, calls) = (authorization.to_owned(), calls.connect().await.unwrap());
        Self { server, authorization, events, calls }
    }

    /// Opens a stream.
    pub(crate) async fn subscribe(&mut self, kind: Kind) -> Result<Subscription, u16> {
        match kind {
            Kind::Events => self.get_events("/events").await.map(Subscription::Events),
            Kind::Grpc => self.call().await.map(Subscription::Grpc),
            Kind::WebSocket => {
                let socket = self.open_socket().await;
                socket.map(|socket| Subscription::WebSocket(Box::new(socket)))
            }
        }
    }

    /// Opens a stream of events. Returns the status of another response.
    pub(crate) async fn get_events(&mut self, path: &str) -> Result<EventReader, u16> {
        self.get(path, "text/event-stream").await
    }

    /// Opens a stream of events whose content type is this one.
    pub(crate) async fn get(&mut self, path: &str, content_type: &str) -> Result<EventReader, u16> {
        let request = Request::get(format!("http://{}{path}", self.server));
        let request = request.header(AUTHORIZATION, &self.authorization);
        self.events.ready().await.unwrap();
        let response = self.events.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
        if response.status() != StatusCode::OK {
            return Err(response.status().as_u16());
        }
        assert_eq!(response.headers()[CONTENT_TYPE], content_type);
        Ok(EventReader { body: response.into_body(), text: String::new() })
    }

    async fn call(&self) -> Result<Streaming<u64>, u16> {
        let mut client = tonic::client::Grpc::new(self.calls.clone());
        client.ready().await.unwrap();
        let mut request = tonic::Request::new(());
        request.metadata_mut().insert("authorization", self.authorization.parse().unwrap());
        let codec = ProstCodec::<(), u64>::default();
        let response = client.server_streaming(request, PathAndQuery::from_static(METHOD), codec);
        response.await.map(tonic::Response::into_inner).map_err(|status| status.code() as u16)
    }

    async fn open_socket(&self) -> Result<WebSocketStream<TcpStream>, u16> {
        let mut request = format!("ws://{}/socket", self.server).into_client_request().unwrap();
        request.headers_mut().insert(AUTHORIZATION, self.authorization.parse().unwrap());
        let stream = TcpStream::connect(self.server).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(socket),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                Err(response.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl Subscription {
    pub(crate) async fn next(&mut self) -> Delivery {
        match self {
            Self::Events(reader) => reader.next().await,
            Self::Grpc(stream) => match stream.message().await {
                Ok(message) => Delivery::Message(Tick::decode(message.expect("a message"))),
                Err(status) => Delivery::End(call_end(status.code(), status.message())),
            },
            Self::WebSocket(socket) => next_message(socket).await,
        }
    }

    /// Reads all that follows a message.
    pub(crate) async fn read_to_end(mut self, mut last_produced: Instant) -> Received {
        let (mut messages, mut late) = (0, 0);
        loop {
            match self.next().await {
                Delivery::Message(tick) => {
                    messages += 1;
                    late += usize::from(tick.is_late);
                    last_produced = tick.produced;
                }
                Delivery::End(end) => {
                    let ended = Instant::now();
                    return Received { messages, late, last_produced, end, ended };
                }
            }
        }
    }

    /// Waits for a message, and returns when it was produced.
    pub(crate) async fn message(&mut self) -> Instant {
        match timeout(TEST_TIMEOUT, self.next()).await.expect("a message") {
            Delivery::Message(tick) => tick.produced,
            Delivery::End(end) => panic!("{end:?}"),
        }
    }

    /// Waits for a message that is produced from now on.
    pub(crate) async fn wait_for_new_message(&mut self) {
        let now = Instant::now();
        while self.message().await < now {}
    }

    /// Waits for the end.
    pub(crate) async fn end(self) -> End {
        let reading = self.read_to_end(Instant::now());
        timeout(TEST_TIMEOUT, reading).await.expect("an end").end
    }
}

/// Reads server-sent events.
pub(crate) struct EventReader {
    body: Incoming,
    text: String,
}

impl EventReader {
    pub(crate) async fn next(&mut self) -> Delivery {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if event.starts_with(':') {
                    continue;
                }
                return self.delivery(&event).await;
            }
            let frame = self.body.frame().await.expect("a last event").unwrap();
            self.text.push_str(str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    async fn delivery(&mut self, event: &str) -> Delivery {
        if let Some(message) = event.strip_prefix("data: ") {
            return Delivery::Message(Tick::decode(message.parse().unwrap()));
        }
        let end = event.strip_prefix("event: session-ended\nretry: ").expect("the last event");
        let (_, code) = end.split_once("\ndata: ").expect("a code");
        assert_eq!(self.text, "", "after the end");
        assert!(self.body.frame().await.is_none(), "after the end");
        Delivery::End(End { code: code.to_owned(), status: 0 })
    }
}

/// The code is at the end of the message.
fn call_end(code: Code, message: &str) -> End {
    let (_, text) = message.rsplit_once('(').unwrap_or_else(|| panic!("{code}: {message}"));
    End { code: text.trim_end_matches(')').to_owned(), status: code as u16 }
}

async fn next_message(socket: &mut WebSocketStream<TcpStream>) -> Delivery {
    loop {
        match socket.next().await.expect("a Close frame").unwrap() {
            Message::Text(text) => {
                return Delivery::Message(Tick::decode(text.parse().unwrap()));
            }
            Message::Close(frame) => {
                let frame = frame.expect("a code");
                // Completes the closing handshake.
                assert!(socket.next().await.is_none(), "after the end");
                let (code, status) = (frame.reason.to_string(), frame.code.into());
                return Delivery::End(End { code, status });
            }
            Message::Ping(_) | Message::Pong(_) => {}
            message => panic!("{message:?}"),
        }
    }
}
