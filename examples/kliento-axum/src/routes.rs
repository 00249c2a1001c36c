//! The routes: three require credentials, one allows missing ones, one ignores them.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::{Stream, stream};
use kliento_tower::stream::websocket::WatchedWebSocketUpgrade;
use kliento_tower::{CredentialPolicy, KlientoAuthLayer, WorkloadIdentity};
use tokio::time::interval;

use crate::caller::Caller;

/// The time between two events.
const TICK: Duration = Duration::from_secs(1);
/// The maximum size of a message to echo.
const MAX_MESSAGE_OCTETS: usize = 64 * 1024;

/// Each route has the layer that it needs; a route without a layer is public.
pub(crate) fn router(layer: KlientoAuthLayer) -> Router {
    let lenient = layer.clone().with_policy(CredentialPolicy::AllowMissing);
    Router::new()
        .route("/whoami", get(whoami).layer(layer.clone()))
        .route("/ticks", get(ticks).layer(layer.clone()))
        .route("/echo", get(echo).layer(layer))
        .route("/optional", get(optional).layer(lenient))
        .route("/public", get(|| async { "open to all\n" }))
}

async fn whoami(caller: WorkloadIdentity) -> Response {
    Json(Caller::from(&caller)).into_response()
}

/// Sends an event each second. The layer ends the stream when the caller's bundle expires.
async fn ticks(caller: WorkloadIdentity) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold((interval(TICK), caller), async |(mut interval, caller)| {
        interval.tick().await;
        let event = Event::default().event("tick").data(caller.subject());
        Some((Ok(event), (interval, caller)))
    }))
}

/// Sends messages back. At the end the client gets a close code that tells whether to come back.
async fn echo(upgrade: WatchedWebSocketUpgrade) -> Response {
    let upgrade = upgrade.map(|upgrade| upgrade.max_message_size(MAX_MESSAGE_OCTETS));
    upgrade.on_upgrade(async |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                return;
            }
        }
    })
}

async fn optional(caller: Option<WorkloadIdentity>) -> String {
    let name = caller.as_ref().map_or("anonymous", WorkloadIdentity::subject);
    format!("{name}\n")
}
