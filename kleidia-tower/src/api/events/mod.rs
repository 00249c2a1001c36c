//! `/session/events`: what a client that is open has to learn at once, as server-sent events.

mod audit_feed;
mod audit_reader;
mod subscriber;

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_guard::stream::StreamWatch;
use serde::Deserialize;

use self::audit_feed::AuditFeed;
use self::subscriber::Subscriber;
use super::query::{QueryParams, parse};
use super::rejection::ApiRejection;
use crate::account::Accounts;
use crate::session::SessionStream;
use crate::store::Store;
use crate::{InvalidField, Rejection};

/// The query; an empty parameter counts as missing.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EventsParams {
    /// The `id` of an event, for clients that do not send it in `Last-Event-ID`.
    after: String,
}

/// Sent by clients that reconnect (WHATWG HTML, 9.2.4).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx to deliver events at once.
const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// Returns the route; with a store, its audit log is sent to those who may read it.
pub(super) fn route(store: Option<Arc<dyn Store>>) -> MethodRouter<Accounts> {
    let feed = store.map(|store| Arc::new(AuditFeed::new(store)));
    get(move |accounts, watch, headers, params| {
        events(accounts, watch, headers, params, feed.clone())
    })
}

/// Sends the roles of the account, their changes, and the audit log to those who may read it. The
/// session layer ends the response with the session.
async fn events(
    State(accounts): State<Accounts>,
    Extension(watch): Extension<StreamWatch>,
    headers: HeaderMap,
    QueryParams(params): QueryParams<EventsParams>,
    feed: Option<Arc<AuditFeed>>,
) -> Result<Response, ApiRejection> {
    let after = last_event_id(&headers, &params)?;
    let session = watch.stream::<SessionStream>();
    let session = session.ok_or(Rejection::Unavailable("nothing watches the session"))?;
    let subscriber = Subscriber::new(accounts, session.views(), feed, after).await?;
    let events = stream::unfold(subscriber, async |mut subscriber| {
        let event = subscriber.next().await?;
        Some((event, subscriber))
    });
    Ok(([NO_BUFFERING], Sse::new(events)).into_response())
}

/// Returns the `id` of the last event that the client has received. That of a reconnection is newer
/// than the one in the target.
fn last_event_id(headers: &HeaderMap, params: &EventsParams) -> Result<Option<u64>, Rejection> {
    let detail = "Not the id of an event";
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return parse("after", &params.after, detail);
    };
    let invalid =
        || Rejection::InvalidFields(vec![InvalidField::new("Last-Event-ID", "invalid", detail)]);
    parse("Last-Event-ID", value.to_str().map_err(|_| invalid())?, detail)
}
