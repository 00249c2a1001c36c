//! A client over HTTP/1 and HTTP/2 that sends headers unchanged.

use axum::http::header::{CONTENT_TYPE, HOST, TE};
use axum::http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// A connection over HTTP/1 or HTTP/2.
pub(crate) struct Connection {
    sender: Sender,
    host: String,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A response with its body.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Connection {
    pub(crate) async fn open(address: &str, version: Version) -> Self {
        let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let sender = if version == Version::HTTP_2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            Sender::Http1(sender)
        };
        Self { sender, host: address.to_owned() }
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> HttpResponse {
        self.try_get(path, headers).await.unwrap()
    }

    /// Requests a path. A proxy may reset an HTTP/2 stream in place of a response.
    pub(crate) async fn try_get(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> hyper::Result<HttpResponse> {
        self.send(self.request(Method::GET, path, headers, "")).await
    }

    /// Sends a unary gRPC call with this message.
    pub(crate) async fn call(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        message: &'static str,
    ) -> HttpResponse {
        let mut request = self.request(Method::POST, path, headers, message);
        request.headers_mut().insert(CONTENT_TYPE, "application/grpc".parse().unwrap());
        request.headers_mut().insert(TE, "trailers".parse().unwrap());
        self.send(request).await.unwrap()
    }

    /// Asks for a tunnel. Returns the status, or `None` if the proxy resets the stream or closes the
    /// connection.
    pub(crate) async fn tunnel(
        &mut self,
        authority: &str,
        headers: &[(&str, &str)],
    ) -> Option<StatusCode> {
        let mut request = self.request(Method::CONNECT, "/", headers, "");
        *request.uri_mut() = authority.parse().unwrap();
        let response = match &mut self.sender {
            Sender::Http1(sender) => sender.send_request(request).await,
            Sender::Http2(sender) => sender.send_request(request).await,
        };
        response.ok().map(|response| response.status())
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &'static str,
    ) -> Request<Full<Bytes>> {
        let request = Request::builder().method(method);
        let request = match &self.sender {
            Sender::Http1(_) => request.uri(path).header(HOST, &self.host),
            Sender::Http2(_) => request.uri(format!("http://{}{path}", self.host)),
        };
        let add = |request: axum::http::request::Builder, (name, value): &(&str, &str)| {
            request.header(*name, *value)
        };
        headers.iter().fold(request, add).body(Full::from(body)).unwrap()
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<HttpResponse> {
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.unwrap();
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await.unwrap();
                sender.send_request(request).await
            }
        };
        let (parts, body) = response?.into_parts();
        let body = body.collect().await?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let (status, headers, body) = (parts.status, parts.headers, body.to_bytes());
        Ok(HttpResponse { status, headers, trailers, body })
    }
}

impl HttpResponse {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Returns the headers that the service received.
    pub(crate) fn received(&self) -> Received {
        assert_eq!(self.status, StatusCode::OK, "{self:?}");
        Received::from_json(&self.body)
    }
}

/// The headers that the service received.
#[derive(Debug)]
pub(crate) struct Received(Vec<(String, String)>);

impl Received {
    pub(crate) fn from_json(json: &[u8]) -> Self {
        Self(serde_json::from_slice(json).unwrap())
    }

    /// Returns the value of a header, or nothing if it is missing or empty.
    pub(crate) fn get(&self, name: &str) -> &str {
        let mut values = self.0.iter().filter(|(found, _)| found == name);
        let value = values.next().map_or("", |(_, value)| value);
        assert!(values.next().is_none(), "several {name}: {self:?}");
        value
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, value)| value.as_str())
    }
}
