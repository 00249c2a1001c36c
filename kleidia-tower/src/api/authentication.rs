//! `/auth`: login, refresh, logout and password changes.

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::body::JsonBody;
use super::device_token;
use super::rejection::ApiRejection;
use super::users::UserSummary;
use crate::account::{Accounts, LoginRequest, TokenSet};
use crate::session::SessionView;
use crate::{ClientInfo, Rejection, SessionId};

#[derive(Deserialize)]
pub(super) struct LoginBody {
    username: String,
    password: SecretString,
}

#[derive(Deserialize)]
pub(super) struct RefreshBody {
    refresh_token: SecretString,
}

#[derive(Deserialize)]
pub(super) struct ChangePasswordBody {
    current_password: SecretString,
    new_password: SecretString,
}

/// The response to a login or a refresh (RFC 6749, 5.1), with the user.
#[derive(Serialize)]
pub(super) struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
    refresh_token: String,
    /// In seconds.
    refresh_expires_in: u64,
    session_id: SessionId,
    user: UserSummary,
}

pub(super) async fn log_in(
    State(accounts): State<Accounts>,
    client: ClientInfo,
    headers: HeaderMap,
    JsonBody(LoginBody { username, password }): JsonBody<LoginBody>,
) -> Result<(HeaderMap, Json<TokenResponse>), ApiRejection> {
    let device_token = device_token::presented(&headers, &username);
    let attempt = LoginRequest { user_name: username, password, client, device_token };
    let tokens = accounts.log_in(attempt).await?;
    let mut headers = HeaderMap::new();
    if let Some(token) = &tokens.device_token {
        let max_age = accounts.settings().lockout.familiar_ttl();
        device_token::hand_out(&mut headers, &tokens.session.account.name, token, max_age);
    }
    Ok((headers, Json(tokens.into())))
}

pub(super) async fn refresh(
    State(accounts): State<Accounts>,
    client: ClientInfo,
    JsonBody(RefreshBody { refresh_token }): JsonBody<RefreshBody>,
) -> Result<Json<TokenResponse>, ApiRejection> {
    Ok(Json(accounts.refresh(&refresh_token, client).await?.into()))
}

pub(super) async fn log_out(
    State(accounts): State<Accounts>,
    view: SessionView,
    client: ClientInfo,
) -> Result<StatusCode, ApiRejection> {
    accounts.log_out(&view, client).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn log_out_everywhere(
    State(accounts): State<Accounts>,
    view: SessionView,
    client: ClientInfo,
) -> Result<StatusCode, ApiRejection> {
    accounts.log_out_everywhere(&view, client).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn change_password(
    State(accounts): State<Accounts>,
    view: SessionView,
    client: ClientInfo,
    JsonBody(ChangePasswordBody { current_password, new_password }): JsonBody<ChangePasswordBody>,
) -> Result<StatusCode, ApiRejection> {
    let changed = accounts.change_password(&view, current_password, new_password, client).await;
    changed.map_err(|error| match error.into() {
        Rejection::PasswordRejected { violations, .. } => {
            Rejection::PasswordRejected { field: "new_password", violations }
        }
        other => other,
    })?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<TokenSet> for TokenResponse {
    fn from(new: TokenSet) -> Self {
        Self {
            access_token: new.access_token.expose_secret().to_owned(),
            token_type: "Bearer",
            expires_in: new.expires_in.as_secs(),
            refresh_token: new.refresh_token.expose_secret().to_owned(),
            refresh_expires_in: new.refresh_expires_in.as_secs(),
            session_id: new.session.session.id,
            user: UserSummary::from(&*new.session.account),
        }
    }
}
