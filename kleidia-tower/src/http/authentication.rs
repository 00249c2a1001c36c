//! Getting in, staying in, getting out.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::users::User;
use crate::access_token::SessionId;
use crate::account::{Accounts, LogIn, LoggedIn};
use crate::session::SessionView;
use crate::{Origin, Rejection};

#[derive(Deserialize)]
pub(super) struct Credentials {
    username: String,
    password: SecretString,
}

#[derive(Deserialize)]
pub(super) struct Refresh {
    refresh_token: SecretString,
}

#[derive(Deserialize)]
pub(super) struct NewPassword {
    current_password: SecretString,
    new_password: SecretString,
}

/// What a login or a refresh gives (RFC 6749, 5.1, and who it is).
#[derive(Serialize)]
pub(super) struct Tokens {
    access_token: String,
    token_type: &'static str,
    /// In seconds.
    expires_in: i64,
    refresh_token: String,
    /// In seconds.
    refresh_expires_in: i64,
    session_id: SessionId,
    user: User,
}

pub(super) async fn log_in(
    State(accounts): State<Accounts>,
    origin: Origin,
    Body(Credentials { username, password }): Body<Credentials>,
) -> Result<Json<Tokens>, Rejection> {
    let attempt = LogIn { user_name: username, password, origin };
    Ok(Json(accounts.log_in(attempt).await?.into()))
}

pub(super) async fn refresh(
    State(accounts): State<Accounts>,
    origin: Origin,
    Body(Refresh { refresh_token }): Body<Refresh>,
) -> Result<Json<Tokens>, Rejection> {
    Ok(Json(accounts.refresh(&refresh_token, origin).await?.into()))
}

pub(super) async fn log_out(
    State(accounts): State<Accounts>,
    view: SessionView,
    origin: Origin,
) -> Result<StatusCode, Rejection> {
    accounts.log_out(&view, origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn log_out_everywhere(
    State(accounts): State<Accounts>,
    view: SessionView,
    origin: Origin,
) -> Result<StatusCode, Rejection> {
    accounts.log_out_everywhere(&view, origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn change_password(
    State(accounts): State<Accounts>,
    view: SessionView,
    origin: Origin,
    Body(NewPassword { current_password, new_password }): Body<NewPassword>,
) -> Result<StatusCode, Rejection> {
    accounts.change_password(&view, current_password, new_password, origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<LoggedIn> for Tokens {
    fn from(new: LoggedIn) -> Self {
        Self {
            access_token: new.access_token.expose_secret().to_owned(),
            token_type: "Bearer",
            expires_in: new.expires_in,
            refresh_token: new.refresh_token.expose_secret().to_owned(),
            refresh_expires_in: new.refresh_expires_in,
            session_id: new.session.session.id,
            user: User::from(&*new.session.account),
        }
    }
}
