//! The streams that a node serves: each message is the time at which it was produced.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::ws::Message;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{any, get, post};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use http_guard::stream::websocket::WatchedWebSocketUpgrade;
use tonic::Status;
use tonic::server::ServerStreamingService;
use tonic_prost::ProstCodec;

/// The path of the method.
pub(crate) const METHOD: &str = "/ticks.v1.Ticks/Watch";

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Returns the routes of streams with a message in each interval, and of others that never wait or
/// always do.
pub(crate) fn routes(interval: Duration) -> Router {
    Router::new()
        .route("/events", get(events))
        .route(METHOD, post(calls))
        .route("/socket", any(socket))
        .route("/silent", get(async || event_stream(stream::pending())))
        .route("/flood", get(async || event_stream(stream::repeat_with(flood))))
        .with_state(interval)
}

/// Returns when a message was produced.
pub(crate) fn produced_at(message: &str) -> Instant {
    from_micros(message.parse().unwrap())
}

pub(crate) fn from_micros(micros: u64) -> Instant {
    *EPOCH + Duration::from_micros(micros)
}

fn micros() -> u64 {
    u64::try_from(EPOCH.elapsed().as_micros()).unwrap()
}

/// The times at which messages are produced, the first at once.
fn ticks(interval: Duration) -> impl Stream<Item = u64> {
    stream::unfold(tokio::time::interval(interval), |mut interval| async {
        interval.tick().await;
        Some((micros(), interval))
    })
}

fn event_stream(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let body = Body::from_stream(events.map(Ok::<_, Infallible>));
    Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
}

async fn events(State(interval): State<Duration>) -> Response {
    event_stream(ticks(interval).map(|micros| format!("data: {micros}\n\n").into()))
}

/// An event of 16 KiB, which clients ignore.
fn flood() -> Bytes {
    static COMMENT: LazyLock<Bytes> = LazyLock::new(|| format!(":{:16382}\n\n", "").into());
    COMMENT.clone()
}

async fn socket(State(interval): State<Duration>, upgrade: WatchedWebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        let mut ticks = std::pin::pin!(ticks(interval));
        while let Some(micros) = ticks.next().await {
            if socket.send(Message::text(micros.to_string())).await.is_err() {
                return;
            }
        }
    })
}

async fn calls(State(interval): State<Duration>, request: Request) -> Response {
    let mut server = tonic::server::Grpc::new(ProstCodec::<u64, ()>::default());
    server.server_streaming(Ticks(interval), request).await.map(Body::new)
}

/// The method of gRPC.
struct Ticks(Duration);

impl ServerStreamingService<()> for Ticks {
    type Response = u64;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<u64, Status>> + Send>>;
    type Future = Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _: tonic::Request<()>) -> Self::Future {
        ready(Ok(tonic::Response::new(Box::pin(ticks(self.0).map(Ok)))))
    }
}
