//! `/session/factors/passkeys` and `/session/factor/passkey`: the ceremonies of passkeys.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FactorResponse, parse_label};
use crate::RequestInfo;
use crate::account::{Accounts, PasskeyCeremony, PresentedFactor};
use crate::api::body::JsonBody;
use crate::api::rejection::ApiRejection;
use crate::session::SessionView;

/// A ceremony, with the options of the browser.
#[derive(Serialize)]
pub(super) struct CeremonyResponse {
    ceremony: String,
    options: Value,
    /// In seconds.
    expires_in: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfirmBody {
    ceremony: SecretString,
    /// The JSON form of the browser's `PublicKeyCredential`.
    credential: Value,
    #[serde(default)]
    label: String,
}

/// The answer of an authenticator to a challenge.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assertion {
    ceremony: SecretString,
    /// The JSON form of the browser's `PublicKeyCredential`.
    credential: Value,
}

pub(super) async fn enrol(
    State(accounts): State<Accounts>,
    view: SessionView,
    request: RequestInfo,
) -> Result<(StatusCode, Json<CeremonyResponse>), ApiRejection> {
    let ceremony = accounts.enrol_passkey(&view, request).await?;
    Ok((StatusCode::CREATED, Json(ceremony.into())))
}

pub(super) async fn confirm(
    State(accounts): State<Accounts>,
    view: SessionView,
    request: RequestInfo,
    JsonBody(ConfirmBody { ceremony, credential, label }): JsonBody<ConfirmBody>,
) -> Result<(StatusCode, Json<FactorResponse>), ApiRejection> {
    let label = parse_label(&label)?;
    let factor = accounts.confirm_passkey(&view, &ceremony, &credential, label, request).await?;
    Ok((StatusCode::CREATED, Json(factor.into())))
}

pub(super) async fn begin_step_up(
    State(accounts): State<Accounts>,
    view: SessionView,
) -> Result<(StatusCode, Json<CeremonyResponse>), ApiRejection> {
    let ceremony = accounts.begin_passkey_step_up(&view).await?;
    Ok((StatusCode::CREATED, Json(ceremony.into())))
}

impl From<Assertion> for PresentedFactor {
    fn from(Assertion { ceremony, credential }: Assertion) -> Self {
        Self::Passkey { ceremony, credential }
    }
}

impl From<PasskeyCeremony> for CeremonyResponse {
    fn from(ceremony: PasskeyCeremony) -> Self {
        Self {
            ceremony: ceremony.ceremony.expose_secret().to_owned(),
            options: ceremony.options,
            expires_in: ceremony.expires_in.as_secs(),
        }
    }
}
