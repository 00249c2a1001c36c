//! `POST /login`: exchanges a user name and a password for tokens.

use std::convert::Infallible;
use std::error::Error;

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use http_guard::RejectionRenderer;
use http_guard::serve::{RequestBody, RequestBodyError};
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::{ClientInfo, Rejection};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::response::{HttpResponse, boxed, empty, json};

/// The maximum size of the body.
const MAX_BODY_OCTETS: usize = 4096;

#[derive(Deserialize)]
struct LoginBody {
    username: String,
    password: SecretString,
}

pub(crate) async fn log_in(
    accounts: Accounts,
    request: Request<RequestBody>,
) -> Result<HttpResponse, Infallible> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY_OCTETS).collect().await {
        Ok(body) => body,
        Err(error) => return Ok(empty(body_status(&*error))),
    };
    let Ok(LoginBody { username, password }) = serde_json::from_slice(&body.to_bytes()) else {
        return Ok(empty(StatusCode::BAD_REQUEST));
    };
    // The client's address separates the lockouts of this source from those of others.
    let client = ClientInfo::from_request(&head.extensions, &head.headers);
    Ok(
        match accounts
            .log_in(LoginRequest { user_name: username, password, client, device_token: None })
            .await
        {
            Ok(tokens) => json(&json!({
                "access_token": tokens.access_token.expose_secret(),
                "token_type": "Bearer",
                "expires_in": tokens.expires_in.as_secs(),
                "refresh_token": tokens.refresh_token.expose_secret(),
            })),
            Err(error) => {
                let renderer = RejectionRenderer::new("Bearer", "people-hyper");
                boxed(renderer.render(&head, Rejection::from(error)).map(Full::new))
            }
        },
    )
}

fn body_status(error: &(dyn Error + 'static)) -> StatusCode {
    if error.is::<LengthLimitError>() {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    match error.downcast_ref() {
        Some(RequestBodyError::Timeout) => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::BAD_REQUEST,
    }
}
