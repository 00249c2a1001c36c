//! How slowly a client may send a request body.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::BodyExt as _;
use http_guard::serve::Server;
use hyper::body::{Body, Frame};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::time::{Interval, interval, timeout};

use crate::support::{SHORT, TEST_TIMEOUT, TestServer, VERSIONS};

const TIMED_OUT: &str = "timeout while reading the request body";

/// A body that sends one octet per interval, and never ends if there are no octets.
struct Trickle {
    left: usize,
    interval: Option<Interval>,
}

impl Trickle {
    fn silent() -> Self {
        Self { left: 0, interval: None }
    }

    fn new(octets: usize, period: Duration) -> Self {
        Self { left: octets, interval: Some(interval(period)) }
    }
}

impl Body for Trickle {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(interval) = &mut self.interval else { return Poll::Pending };
        ready!(interval.poll_tick(cx));
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

/// Returns the status and the text of the response, on a connection of its own.
async fn post(
    running: &TestServer,
    version: Version,
    path: &str,
    body: Trickle,
) -> (StatusCode, String) {
    let io = TokioIo::new(running.connect().await);
    let request = Request::post(format!("http://server.example{path}"))
        .header("host", "server.example")
        .body(body)
        .unwrap();
    let response = async {
        if version == Version::HTTP_2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            let (mut sender, connection) =
                builder.timer(TokioTimer::new()).handshake(io).await.unwrap();
            tokio::spawn(async { drop(connection.await) });
            return sender.send_request(request).await.unwrap();
        }
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(async { drop(connection.await) });
        sender.send_request(request).await.unwrap()
    };
    let response = timeout(TEST_TIMEOUT, response).await.unwrap();
    let status = response.status();
    let body = timeout(TEST_TIMEOUT, response.into_body().collect()).await.unwrap().unwrap();
    (status, String::from_utf8(body.to_bytes().to_vec()).unwrap())
}

async fn start(timeout: Duration, min_octets_per_second: u32) -> TestServer {
    let server = Server::new().with_body_timeout(timeout, min_octets_per_second).unwrap();
    TestServer::start(server).await
}

#[tokio::test]
async fn silent_and_trickled_bodies_time_out_and_the_handler_responds() {
    let running = start(SHORT, 1_000).await;
    for version in VERSIONS {
        for body in [Trickle::silent(), Trickle::new(100_000, SHORT / 8)] {
            assert_eq!(
                post(&running, version, "/body", body).await,
                (StatusCode::OK, TIMED_OUT.into())
            );
        }
    }
}

#[tokio::test]
async fn body_at_the_rate_is_read_to_its_end() {
    // 10 octets per second, which take longer than the timeout.
    let running = start(4 * SHORT, 5).await;
    for version in VERSIONS {
        let body = Trickle::new(20, SHORT / 4);
        assert_eq!(post(&running, version, "/body", body).await.1, "20 octets");
    }
}

#[tokio::test]
async fn without_a_rate_any_octet_restarts_the_timeout() {
    let running = start(4 * SHORT, 0).await;
    for version in VERSIONS {
        let body = Trickle::new(10, SHORT / 2);
        assert_eq!(post(&running, version, "/body", body).await.1, "10 octets");
    }
}

/// A stream in both directions may be silent once the handler has responded.
#[tokio::test]
async fn body_has_no_timeout_after_the_head_of_the_response() {
    let running = start(SHORT, 1_000_000).await;
    for version in VERSIONS {
        let body = Trickle::new(3, SHORT);
        assert_eq!(post(&running, version, "/echo", body).await.1, "xxx");
    }
}

#[tokio::test]
async fn only_time_in_which_the_handler_waits_for_the_body_counts() {
    let running = start(SHORT, 0).await;
    for version in VERSIONS {
        let body = Trickle::new(1, SHORT / 8);
        assert_eq!(post(&running, version, "/body-later", body).await.1, "1 octets");
    }
}

#[tokio::test]
async fn timeout_can_be_removed() {
    let running = start(SHORT, 1_000_000).await;
    let without = TestServer::start(Server::new().without_body_timeout()).await;
    for version in VERSIONS {
        let path = "/body-without-timeout";
        assert_eq!(post(&running, version, path, Trickle::new(3, SHORT)).await.1, "3 octets");
        assert_eq!(post(&without, version, "/body", Trickle::new(3, SHORT)).await.1, "3 octets");
    }
}
