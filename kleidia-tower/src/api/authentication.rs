//! `/auth`: login, refresh, logout and password changes.

use axum::Json;
use axum::extract::State;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::body::JsonBody;
use super::browser_cookies::{CookieRequest, RefreshSource};
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
    /// Whether the response has cookies instead of tokens.
    #[serde(default)]
    cookies: bool,
}

#[derive(Deserialize)]
pub(super) struct RefreshBody {
    refresh_token: Option<SecretString>,
    /// Whether the token is in a cookie, and the response has cookies.
    #[serde(default)]
    cookies: bool,
}

#[derive(Deserialize)]
pub(super) struct ChangePasswordBody {
    current_password: SecretString,
    new_password: SecretString,
}

/// The response to a login or a refresh (RFC 6749, 5.1), with the user.
#[derive(Serialize)]
pub(super) struct TokenResponse {
    /// `None` if they are in cookies.
    #[serde(flatten)]
    tokens: Option<BearerTokens>,
    /// In seconds.
    expires_in: u64,
    /// In seconds.
    refresh_expires_in: u64,
    session_id: SessionId,
    user: UserSummary,
}

#[derive(Serialize)]
struct BearerTokens {
    access_token: String,
    token_type: &'static str,
    refresh_token: String,
}

pub(super) async fn log_in(
    State(accounts): State<Accounts>,
    client: ClientInfo,
    headers: HeaderMap,
    request: CookieRequest,
    JsonBody(LoginBody { username, password, cookies }): JsonBody<LoginBody>,
) -> Result<(HeaderMap, Json<TokenResponse>), ApiRejection> {
    let cookies = request.for_login(cookies)?;
    let device_token = device_token::presented(&headers, &username);
    let attempt = LoginRequest { user_name: username, password, client, device_token };
    let tokens = accounts.log_in(attempt).await?;
    let mut headers =
        cookies.as_ref().map(|cookies| cookies.issue(&tokens)).transpose()?.unwrap_or_default();
    if let Some(token) = &tokens.device_token {
        let max_age = accounts.settings().lockout.familiar_ttl();
        device_token::set_cookie(&mut headers, &tokens.session.account.name, token, max_age);
        if cookies.is_none() {
            device_token::set_header(&mut headers, token);
        }
    }
    let response =
        if cookies.is_some() { TokenResponse::without_tokens(&tokens) } else { tokens.into() };
    Ok((headers, Json(response)))
}

pub(super) async fn refresh(
    State(accounts): State<Accounts>,
    client: ClientInfo,
    request: CookieRequest,
    JsonBody(RefreshBody { refresh_token, cookies }): JsonBody<RefreshBody>,
) -> Result<(HeaderMap, Json<TokenResponse>), (HeaderMap, ApiRejection)> {
    let reject = |rejection: Rejection| (HeaderMap::new(), rejection.into());
    match request.for_refresh(refresh_token, cookies).map_err(reject)? {
        RefreshSource::Body(token) => {
            let tokens = accounts.refresh(&token, client).await;
            let tokens = tokens.map_err(|error| reject(error.into()))?;
            Ok((HeaderMap::new(), Json(tokens.into())))
        }
        RefreshSource::Cookie(cookies, cookie) => {
            let tokens = accounts.refresh(cookie.token(), client).await.map_err(|error| {
                let rejection = Rejection::from(error);
                // No retry with this token works.
                let is_final = rejection.status() == StatusCode::UNAUTHORIZED;
                let headers = if is_final { cookies.clear() } else { HeaderMap::new() };
                (headers, rejection.into())
            })?;
            let response = TokenResponse::without_tokens(&tokens);
            Ok((cookies.renew(&tokens, &cookie), Json(response)))
        }
    }
}

pub(super) async fn log_out(
    State(accounts): State<Accounts>,
    view: SessionView,
    client: ClientInfo,
    request: CookieRequest,
) -> Result<(StatusCode, HeaderMap), ApiRejection> {
    accounts.log_out(&view, client).await?;
    Ok((StatusCode::NO_CONTENT, request.clear()))
}

pub(super) async fn log_out_everywhere(
    State(accounts): State<Accounts>,
    view: SessionView,
    client: ClientInfo,
    request: CookieRequest,
) -> Result<(StatusCode, HeaderMap), ApiRejection> {
    accounts.log_out_everywhere(&view, client).await?;
    Ok((StatusCode::NO_CONTENT, request.clear()))
}

pub(super) async fn change_password(
    State(accounts): State<Accounts>,
    view: SessionView,
    client: ClientInfo,
    request: CookieRequest,
    JsonBody(ChangePasswordBody { current_password, new_password }): JsonBody<ChangePasswordBody>,
) -> Result<(StatusCode, HeaderMap), ApiRejection> {
    let changed =
        accounts.change_password(&view, current_password, new_password, client.clone()).await;
    changed.map_err(|error| match error.into() {
        Rejection::PasswordRejected { violations, .. } => {
            Rejection::PasswordRejected { field: "new_password", violations }
        }
        other => other,
    })?;
    if request.is_authenticated_by_cookie() {
        // Its refresh token is revoked, and no page could end it without its cookies.
        accounts.log_out(&view, client).await?;
    }
    Ok((StatusCode::NO_CONTENT, request.clear()))
}

impl TokenResponse {
    /// Describes tokens that are in cookies.
    fn without_tokens(new: &TokenSet) -> Self {
        Self {
            tokens: None,
            expires_in: new.expires_in.as_secs(),
            refresh_expires_in: new.refresh_expires_in.as_secs(),
            session_id: new.session.session.id,
            user: UserSummary::from(&*new.session.account),
        }
    }
}

impl From<TokenSet> for TokenResponse {
    fn from(new: TokenSet) -> Self {
        let tokens = BearerTokens {
            access_token: new.access_token.expose_secret().to_owned(),
            token_type: "Bearer",
            refresh_token: new.refresh_token.expose_secret().to_owned(),
        };
        Self { tokens: Some(tokens), ..Self::without_tokens(&new) }
    }
}
