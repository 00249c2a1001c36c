//! A server whose responses depend on the path, and clients.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Collected, Empty, Full};
use http_guard::serve::{RequestBody, RequestBodyError, Server, ShutdownSummary};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, interval, sleep, timeout};

/// Far longer than any step takes, also on a busy machine.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Timeouts that tests wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(400);
/// What an HTTP/2 client sends first: the preface and empty settings.
pub(crate) const HTTP2_START: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The length of a response that the socket of [`TestServer::start_buffering`] takes at once.
pub(crate) const BUFFERED_OCTETS: usize = 192 * 1024;

pub(crate) const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

pub(crate) type BoxBody = UnsyncBoxBody<Bytes, Infallible>;

/// A running server, and how to stop it.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<ShutdownSummary>,
}

impl TestServer {
    pub(crate) async fn start(server: Server) -> Self {
        Self::start_on(server, "127.0.0.1:0").await
    }

    pub(crate) async fn start_on(server: Server, address: &str) -> Self {
        Self::start_with(server, TcpListener::bind(address).await.unwrap())
    }

    /// Starts a server whose sockets take [`BUFFERED_OCTETS`] that the client does not read.
    pub(crate) fn start_buffering(server: Server) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        let octets = u32::try_from(2 * BUFFERED_OCTETS).unwrap();
        socket.set_send_buffer_size(octets).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self::start_with(server, socket.listen(16).unwrap())
    }

    fn start_with(server: Server, listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(async move {
            let shutdown = async { stopped.await.unwrap() };
            server.serve(listener, tower::service_fn(respond), shutdown).await
        });
        Self { address, stop, ended }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub(crate) async fn client(&self, version: Version) -> Client {
        Client::new(self.connect().await, version).await
    }

    /// Asks the server to stop.
    pub(crate) fn stop(self) -> JoinHandle<ShutdownSummary> {
        self.stop.send(()).unwrap();
        self.ended
    }
}

/// The service of all tests.
pub(crate) async fn respond(
    request: Request<RequestBody>,
) -> Result<Response<BoxBody>, Infallible> {
    let body = match request.uri().path() {
        "/slow" => {
            sleep(2 * SHORT).await;
            text("slow")
        }
        "/never" => std::future::pending().await,
        "/early" => {
            let mut response = Response::new(text("too large"));
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return Ok(response);
        }
        "/body" => text(&outcome(request.into_body().collect().await)),
        "/body-later" => {
            sleep(2 * SHORT).await;
            text(&outcome(request.into_body().collect().await))
        }
        "/body-without-timeout" => {
            text(&outcome(request.into_body().without_timeout().collect().await))
        }
        "/echo" => request.into_body().map_err(|error| panic!("{error}")).boxed_unsync(),
        "/panic" => panic!("requested by the client"),
        "/ticks" => Ticks { left: 6, interval: interval(SHORT / 2) }.boxed_unsync(),
        "/buffered" => text(&"x".repeat(BUFFERED_OCTETS)),
        "/large" => text(&"x".repeat(32 * 1024 * 1024)),
        _ => text("hello"),
    };
    Ok(Response::new(body))
}

fn outcome(body: Result<Collected<Bytes>, RequestBodyError>) -> String {
    body.map_or_else(|error| error.to_string(), |body| format!("{} octets", body.to_bytes().len()))
}

pub(crate) fn text(text: &str) -> BoxBody {
    Full::new(Bytes::from(text.to_owned())).boxed_unsync()
}

/// A body that sends its frames slowly.
struct Ticks {
    left: usize,
    interval: Interval,
}

impl Body for Ticks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.interval.poll_tick(cx));
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"tick\n")))))
    }
}

/// A client's connection.
pub(crate) struct Client {
    sender: Sender,
    /// Ends with the connection.
    pub(crate) connection: JoinHandle<()>,
}

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Client {
    pub(crate) async fn new(stream: TcpStream, version: Version) -> Self {
        let io = TokioIo::new(stream);
        if version == Version::HTTP_2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            let connected = builder.timer(TokioTimer::new()).handshake(io).await;
            let (sender, connection) = connected.unwrap();
            let connection = tokio::spawn(async { drop(connection.await) });
            return Self { sender: Sender::Http2(sender), connection };
        }
        let (sender, connection) = http1::handshake(io).await.unwrap();
        let connection = tokio::spawn(async { drop(connection.with_upgrades().await) });
        Self { sender: Sender::Http1(sender), connection }
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }

    pub(crate) fn request(&self, path: &str, headers: HeaderMap) -> Request<Empty<Bytes>> {
        let uri = match self.sender {
            Sender::Http1(_) => path.to_owned(),
            Sender::Http2(_) => format!("http://server.example{path}"),
        };
        let mut request = Request::builder().uri(uri).body(Empty::new()).unwrap();
        *request.headers_mut() = headers;
        request.headers_mut().insert("host", "server.example".parse().unwrap());
        request
    }

    /// Returns the status and the text of the response.
    pub(crate) async fn get(&mut self, path: &str) -> hyper::Result<(StatusCode, String)> {
        let response = self.send(self.request(path, HeaderMap::new())).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8(body.to_vec()).unwrap()))
    }

    pub(crate) async fn ok(&mut self, path: &str) -> String {
        let (status, text) = timeout(TEST_TIMEOUT, self.get(path)).await.unwrap().unwrap();
        assert_eq!(status, StatusCode::OK);
        text
    }

    /// Waits until the connection ends. Returns the elapsed time.
    pub(crate) async fn ended(self) -> Duration {
        let start = Instant::now();
        timeout(TEST_TIMEOUT, self.connection).await.unwrap().unwrap();
        start.elapsed()
    }
}

/// Reads until the server closes the connection. Returns the octets and the elapsed time.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> (Vec<u8>, Duration) {
    let (mut octets, start) = (Vec::new(), Instant::now());
    // A reset is an end as well.
    drop(timeout(TEST_TIMEOUT, stream.read_to_end(&mut octets)).await.expect("an end"));
    (octets, start.elapsed())
}

/// Sends these octets repeatedly and slowly, until the connection is closed.
pub(crate) async fn send_slowly(stream: &mut TcpStream, octets: &[u8]) {
    let start = Instant::now();
    while start.elapsed() < TEST_TIMEOUT {
        if stream.write_all(octets).await.is_err() {
            return;
        }
        sleep(SHORT / 8).await;
        let mut buffer = [0; 1024];
        match stream.try_read(&mut buffer) {
            Ok(0) => return,
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
    panic!("no timeout");
}
