//! `/auth/recover`, `/auth/recovery` and recovery codes: the owner of an account sets a password with a one-time code.

use axum::extract::State;
use axum::routing::{MethodRouter, post};
use axum::{Json, Router};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::body::JsonBody;
use super::path::PathId;
use super::rejection::ApiRejection;
use crate::account::{Accounts, IssuedCode, RecoveryRequest};
use crate::rate_limit::RateLimitLayer;
use crate::{ClientInfo, Principal, RequestInfo, UserId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecoverBody {
    code: SecretString,
    password: SecretString,
    #[serde(default)]
    username: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestBody {
    /// A user name, or a mail address.
    username: String,
}

/// A one-time code, which is shown once.
#[derive(Serialize)]
pub(super) struct CodeResponse {
    code: String,
    expires_at: String,
}

/// Adds the routes that need no session.
pub(super) fn public_routes(login_limit: &RateLimitLayer) -> Router<Accounts> {
    Router::new()
        .route("/auth/recover", post(recover).route_layer(login_limit.clone()))
        .route("/auth/recovery", post(request).route_layer(login_limit.clone()))
}

/// Returns the route of an admin.
pub(super) fn issue_route() -> MethodRouter<Accounts> {
    post(issue)
}

async fn recover(
    State(accounts): State<Accounts>,
    client: ClientInfo,
    JsonBody(RecoverBody { code, password, username }): JsonBody<RecoverBody>,
) -> Result<StatusCode, ApiRejection> {
    accounts.recover(RecoveryRequest { code, user_name: username, password, client }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Responds alike whether there is such an account or not.
async fn request(
    State(accounts): State<Accounts>,
    client: ClientInfo,
    JsonBody(RequestBody { username }): JsonBody<RequestBody>,
) -> StatusCode {
    accounts.request_recovery(&username, client);
    StatusCode::ACCEPTED
}

async fn issue(
    State(accounts): State<Accounts>,
    actor: Principal,
    request: RequestInfo,
    PathId(id): PathId<UserId>,
) -> Result<(StatusCode, Json<CodeResponse>), ApiRejection> {
    let issued = accounts.issue_recovery_code(Some(&actor), id, request).await?;
    Ok((StatusCode::CREATED, Json(issued.into())))
}

impl From<IssuedCode> for CodeResponse {
    fn from(issued: IssuedCode) -> Self {
        let (code, expires_at) = (issued.code.expose_secret().to_owned(), issued.expires_at);
        Self { code, expires_at: expires_at.to_string() }
    }
}
