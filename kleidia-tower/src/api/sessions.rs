//! `/session`: the user's own sessions, and the agents bound to them.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use super::body::JsonBody;
use super::browser_cookies::CookieRequest;
use super::factors::Authentication;
use super::path::PathId;
use super::rejection::ApiRejection;
use crate::account::Accounts;
use crate::agent::{AgentPublicKey, PublicKeyError};
use crate::session::{Session, SessionView};
use crate::{ClientInfo, InvalidField, Rejection, SessionId};

/// A session, for its user.
#[derive(Serialize)]
pub(super) struct SessionResponse {
    id: SessionId,
    /// Whether it is the session of this request.
    current: bool,
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    created_at: String,
    last_seen_at: String,
    expires_at: String,
    #[serde(flatten)]
    authentication: Authentication,
    /// In PEM.
    agent_key: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RegisterAgentBody {
    public_key: String,
}

pub(super) async fn list(
    State(accounts): State<Accounts>,
    view: SessionView,
) -> Result<Json<Vec<SessionResponse>>, ApiRejection> {
    let sessions = accounts.sessions(view.account.id).await?;
    let responses = sessions.iter().map(|session| SessionResponse::new(session, view.session.id));
    Ok(Json(responses.collect()))
}

pub(super) async fn end(
    State(accounts): State<Accounts>,
    view: SessionView,
    client: ClientInfo,
    request: CookieRequest,
    PathId(id): PathId<SessionId>,
) -> Result<(StatusCode, HeaderMap), ApiRejection> {
    accounts.end_session(&view, id, client).await?;
    let is_own = id == view.session.id;
    let headers = if is_own { request.clear() } else { HeaderMap::new() };
    Ok((StatusCode::NO_CONTENT, headers))
}

pub(super) async fn register_agent(
    State(accounts): State<Accounts>,
    view: SessionView,
    client: ClientInfo,
    PathId(id): PathId<SessionId>,
    JsonBody(RegisterAgentBody { public_key }): JsonBody<RegisterAgentBody>,
) -> Result<StatusCode, ApiRejection> {
    let public_key: AgentPublicKey = public_key.parse().map_err(|error| invalid_key(&error))?;
    accounts.register_agent(&view, id, &public_key, client).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn invalid_key(error: &PublicKeyError) -> Rejection {
    let detail = format!("The public key is not accepted: {error}");
    Rejection::InvalidFields(vec![InvalidField::new("public_key", "invalid", detail)])
}

impl SessionResponse {
    fn new(session: &Session, current: SessionId) -> Self {
        Self {
            id: session.id,
            current: session.id == current,
            ip: session.client.address,
            user_agent: session.client.user_agent.as_ref().map(ToString::to_string),
            created_at: session.created_at.to_string(),
            last_seen_at: session.last_seen_at.to_string(),
            expires_at: session.expires_at.to_string(),
            authentication: Authentication::from(session),
            agent_key: session.agent_key.clone(),
        }
    }
}
