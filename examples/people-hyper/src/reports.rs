//! The routes behind the session: what the layers put into the extensions of requests.

use std::convert::Infallible;

use http::{Request, StatusCode};
use http_guard::serve::RequestBody;
use kleidia_tower::Principal;
use kleidia_tower::rbac::Permit;
use serde_json::json;

use crate::response::{HttpResponse, empty, json};

/// `GET /me`: the user of the session.
pub(crate) async fn me(request: Request<RequestBody>) -> Result<HttpResponse, Infallible> {
    Ok(match request.extensions().get::<Principal>() {
        Some(principal) => json(&json!({ "username": principal.name() })),
        // `JwtSessionLayer` always inserts a principal.
        None => empty(StatusCode::INTERNAL_SERVER_ERROR),
    })
}

/// `GET /reports`: the reports, for principals with the permission `reports:read`.
pub(crate) async fn list(request: Request<RequestBody>) -> Result<HttpResponse, Infallible> {
    Ok(match request.extensions().get::<Permit>() {
        Some(permit) => {
            let reader = permit.principal().name();
            json(&json!({ "reader": reader, "reports": ["2026-10", "2026-11"] }))
        }
        // `RbacLayer` always inserts a permit.
        None => empty(StatusCode::INTERNAL_SERVER_ERROR),
    })
}
