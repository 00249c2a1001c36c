//! Clients over HTTP/1 and HTTP/2 that send headers unchanged.

use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::process::Server;

pub(crate) const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// A connection over HTTP/1 or HTTP/2.
pub(crate) struct Connection {
    sender: Sender,
    host: String,
    /// Completes when the connection ends.
    pub(crate) ended: JoinHandle<hyper::Result<()>>,
}

enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// A response with its body.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Connection {
    pub(crate) async fn open(server: &Server, version: Version) -> Self {
        Self::open_at(&server.address, version).await
    }

    pub(crate) async fn open_at(address: &str, version: Version) -> Self {
        let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (sender, ended) = if version == Version::HTTP_2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
            (Sender::Http2(sender), tokio::spawn(connection))
        } else {
            let (sender, connection) = http1::handshake(io).await.unwrap();
            (Sender::Http1(sender), tokio::spawn(connection))
        };
        Self { sender, ended, host: address.to_owned() }
    }

    /// Requests a path with these `Authorization` headers.
    pub(crate) async fn get(&mut self, path: &str, authorizations: &[&str]) -> HttpResponse {
        self.try_get(path, authorizations).await.unwrap()
    }

    pub(crate) async fn try_get(
        &mut self,
        path: &str,
        authorizations: &[&str],
    ) -> hyper::Result<HttpResponse> {
        let mut request = self.request(Method::GET, path);
        for value in authorizations {
            request.headers_mut().append(AUTHORIZATION, value.parse().unwrap());
        }
        self.send(request).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Request<Empty<Bytes>> {
        let request = Request::builder().method(method);
        let request = match &self.sender {
            Sender::Http1(_) => request.uri(path).header(HOST, &self.host),
            Sender::Http2(_) => request.uri(format!("http://{}{path}", self.host)),
        };
        request.body(Empty::new()).unwrap()
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> hyper::Result<HttpResponse> {
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (parts, body) = response.into_parts();
        Ok(HttpResponse {
            status: parts.status,
            version: parts.version,
            headers: parts.headers,
            body: body.collect().await?.to_bytes(),
        })
    }
}

impl HttpResponse {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("no {name}")).to_str().unwrap();
        assert!(values.next().is_none(), "several {name}");
        value
    }
}
