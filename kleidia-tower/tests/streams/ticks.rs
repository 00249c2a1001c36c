//! The streams that a node serves: each message is a tick.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ws::Message;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt as _};
use http_guard::stream::StreamWatch;
use http_guard::stream::websocket::WatchedWebSocketUpgrade;
use tokio::time::MissedTickBehavior;
use tonic::Status;
use tonic::server::ServerStreamingService;
use tonic_prost::ProstCodec;

/// The path of the method.
pub(crate) const METHOD: &str = "/ticks.v1.Ticks/Watch";

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What a message says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    pub(crate) produced: Instant,
    /// Whether the stream had ended on the server when the handler produced it.
    pub(crate) is_late: bool,
}

/// Returns the routes of streams with a message in each interval, of one that the layer does not end,
/// and of others that never wait or always do.
pub(crate) fn routes(interval: Duration) -> Router {
    Router::new()
        .route("/events", get(events))
        .route(METHOD, post(calls))
        .route("/socket", any(socket))
        .route("/unwatched", get(unwatched))
        .route("/silent", get(async || respond(EVENTS, stream::pending())))
        .route("/flood", get(async || respond(EVENTS, stream::repeat_with(flood))))
        .with_state(interval)
}

impl Tick {
    fn now(watch: &StreamWatch) -> Self {
        Self { produced: Instant::now(), is_late: watch.try_ended().is_some() }
    }

    pub(crate) fn decode(message: u64) -> Self {
        let produced = *EPOCH + Duration::from_micros(message / 2);
        Self { produced, is_late: message % 2 == 1 }
    }

    fn encode(self) -> u64 {
        let elapsed = self.produced.saturating_duration_since(*EPOCH);
        2 * u64::try_from(elapsed.as_micros()).unwrap() + u64::from(self.is_late)
    }
}

/// The messages of a stream, the first at once. One poll produces one message at most.
fn ticks(interval: Duration, watch: StreamWatch) -> impl Stream<Item = u64> {
    let mut interval = tokio::time::interval(interval);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((interval, watch), async |(mut interval, watch)| {
        interval.tick().await;
        Some((Tick::now(&watch).encode(), (interval, watch)))
    })
}

/// The content type of streams that the layer ends.
const EVENTS: &str = "text/event-stream";

fn respond(content_type: &str, events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let body = Body::from_stream(events.map(Ok::<_, Infallible>));
    Response::builder().header("content-type", content_type).body(body).unwrap()
}

fn tick_events(interval: Duration, watch: StreamWatch) -> impl Stream<Item = Bytes> {
    ticks(interval, watch).map(|tick| format!("data: {tick}\n\n").into())
}

async fn events(
    State(interval): State<Duration>,
    Extension(watch): Extension<StreamWatch>,
) -> Response {
    respond(EVENTS, tick_events(interval, watch))
}

/// Opens a stream, and goes on after its end.
async fn unwatched(
    State(interval): State<Duration>,
    Extension(watch): Extension<StreamWatch>,
) -> Response {
    watch.open().unwrap();
    respond("text/plain", tick_events(interval, watch))
}

/// An event of 16 KiB, which clients ignore.
fn flood() -> Bytes {
    static COMMENT: LazyLock<Bytes> = LazyLock::new(|| format!(":{:16382}\n\n", "").into());
    COMMENT.clone()
}

async fn socket(
    State(interval): State<Duration>,
    Extension(watch): Extension<StreamWatch>,
    upgrade: WatchedWebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(async move |mut socket| {
        let mut ticks = std::pin::pin!(ticks(interval, watch));
        while let Some(tick) = ticks.next().await {
            if socket.send(Message::text(tick.to_string())).await.is_err() {
                return;
            }
        }
    })
}

async fn calls(
    State(interval): State<Duration>,
    Extension(watch): Extension<StreamWatch>,
    request: Request,
) -> Response {
    let mut server = tonic::server::Grpc::new(ProstCodec::<u64, ()>::default());
    server.server_streaming(Ticks(interval, watch), request).await.map(Body::new)
}

/// The method of gRPC.
struct Ticks(Duration, StreamWatch);

impl ServerStreamingService<()> for Ticks {
    type Response = u64;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<u64, Status>> + Send>>;
    type Future = Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _: tonic::Request<()>) -> Self::Future {
        let ticks = ticks(self.0, self.1.clone());
        ready(Ok(tonic::Response::new(Box::pin(ticks.map(Ok)))))
    }
}
