//! The routes: one requires credentials, one allows missing ones, one ignores them.

use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use kliento_tower::{CredentialPolicy, KlientoAuthLayer, WorkloadIdentity};

use crate::caller::Caller;

/// Each route has the layer that it needs; a route without a layer is public.
pub(crate) fn router(layer: KlientoAuthLayer) -> Router {
    let lenient = layer.clone().with_policy(CredentialPolicy::AllowMissing);
    Router::new()
        .route("/whoami", get(whoami).layer(layer))
        .route("/optional", get(optional).layer(lenient))
        .route("/public", get(|| async { "open to all\n" }))
}

async fn whoami(caller: WorkloadIdentity) -> Response {
    Json(Caller::from(&caller)).into_response()
}

async fn optional(caller: Option<WorkloadIdentity>) -> String {
    let name = caller.as_ref().map_or("anonymous", WorkloadIdentity::subject);
    format!("{name}\n")
}
