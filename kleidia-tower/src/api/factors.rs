//! `/session/factors` and `/session/factor`: factors are enrolled, removed, and presented as step-up.

#[cfg(feature = "passkeys")]
mod passkeys;

use axum::extract::State;
use axum::routing::{MethodRouter, delete, get, post};
use axum::{Json, Router};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::body::JsonBody;
use super::path::PathId;
use super::rejection::ApiRejection;
#[cfg(any(feature = "passkeys", feature = "totp"))]
use crate::InvalidField;
#[cfg(any(feature = "passkeys", feature = "totp"))]
use crate::account::FactorLabel;
#[cfg(feature = "totp")]
use crate::account::TotpEnrolment;
use crate::account::{Accounts, FactorSummary, PresentedFactor};
use crate::rate_limit::RateLimitLayer;
use crate::session::{AuthMethod, Session, SessionView};
use crate::{ClientInfo, FactorId, Principal, Rejection, RequestInfo, UserId};

/// How the user of a session was authenticated (RFC 8176), and when.
#[derive(Serialize)]
pub(super) struct Authentication {
    amr: Vec<&'static str>,
    auth_time: String,
}

/// A factor, for its user and for admins.
#[derive(Serialize)]
struct FactorResponse {
    id: FactorId,
    kind: &'static str,
    label: String,
    created_at: String,
    last_used_at: Option<String>,
    /// How many recovery codes are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    codes_left: Option<usize>,
}

/// The factors of the user, and what the session has.
#[derive(Serialize)]
struct FactorsResponse {
    #[serde(flatten)]
    authentication: Authentication,
    factors: Vec<FactorResponse>,
}

#[cfg(feature = "totp")]
#[derive(Serialize)]
struct TotpResponse {
    enrolment: String,
    /// In Base32.
    secret: String,
    uri: String,
    /// In seconds.
    expires_in: u64,
}

#[derive(Serialize)]
struct RecoveryCodesResponse {
    codes: Vec<String>,
    factor: FactorResponse,
}

#[cfg(feature = "totp")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfirmBody {
    enrolment: SecretString,
    totp: SecretString,
    #[serde(default)]
    label: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PresentBody {
    #[cfg(feature = "totp")]
    totp: Option<SecretString>,
    recovery_code: Option<SecretString>,
    #[cfg(feature = "passkeys")]
    passkey: Option<passkeys::Assertion>,
}

/// Returns the routes of a user. `session` authenticates the user, and does not need a second factor.
pub(super) fn routes(
    login_limit: &RateLimitLayer,
    session: impl Fn(MethodRouter<Accounts>) -> MethodRouter<Accounts>,
) -> Router<Accounts> {
    let limited = |route: MethodRouter<Accounts>| session(route.route_layer(login_limit.clone()));
    let router = Router::new()
        .route("/session/factor", limited(post(present)))
        .route("/session/factors", session(get(list)))
        .route("/session/factors/{id}", session(delete(remove)))
        .route("/session/factors/recovery-codes", session(post(create_recovery_codes)));
    #[cfg(feature = "totp")]
    let router = router
        .route("/session/factors/totp", session(post(enrol_totp)))
        .route("/session/factors/totp/confirm", limited(post(confirm_totp)));
    #[cfg(feature = "passkeys")]
    let router = router
        .route("/session/factor/passkey", limited(post(passkeys::begin_step_up)))
        .route("/session/factors/passkeys", session(post(passkeys::enrol)))
        .route("/session/factors/passkeys/confirm", limited(post(passkeys::confirm)));
    router
}

/// Returns the route on which admins list the factors of a user.
pub(super) fn admin_list() -> MethodRouter<Accounts> {
    get(list_of_user)
}

/// Returns the route on which admins remove the factors of a user.
pub(super) fn admin_removal() -> MethodRouter<Accounts> {
    delete(remove_of_user)
}

async fn present(
    State(accounts): State<Accounts>,
    view: SessionView,
    client: ClientInfo,
    JsonBody(body): JsonBody<PresentBody>,
) -> Result<Json<Authentication>, ApiRejection> {
    let view = accounts.step_up(&view, body.presented()?, client).await?;
    Ok(Json(Authentication::from(&*view.session)))
}

async fn list(
    State(accounts): State<Accounts>,
    view: SessionView,
) -> Result<Json<FactorsResponse>, ApiRejection> {
    let factors = accounts.factors(view.account.id).await?;
    let factors = factors.into_iter().map(FactorResponse::from).collect();
    Ok(Json(FactorsResponse { authentication: Authentication::from(&*view.session), factors }))
}

async fn remove(
    State(accounts): State<Accounts>,
    view: SessionView,
    request: RequestInfo,
    PathId(id): PathId<FactorId>,
) -> Result<StatusCode, ApiRejection> {
    accounts.remove_factor(&view, id, request).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn create_recovery_codes(
    State(accounts): State<Accounts>,
    view: SessionView,
    request: RequestInfo,
) -> Result<(StatusCode, Json<RecoveryCodesResponse>), ApiRejection> {
    let created = accounts.create_recovery_codes(&view, request).await?;
    let codes = created.codes.iter().map(|code| code.expose_secret().to_owned()).collect();
    let response = RecoveryCodesResponse { codes, factor: created.factor.into() };
    Ok((StatusCode::CREATED, Json(response)))
}

#[cfg(feature = "totp")]
async fn enrol_totp(
    State(accounts): State<Accounts>,
    view: SessionView,
    request: RequestInfo,
) -> Result<(StatusCode, Json<TotpResponse>), ApiRejection> {
    let enrolment = accounts.enrol_totp(&view, request).await?;
    Ok((StatusCode::CREATED, Json(enrolment.into())))
}

#[cfg(feature = "totp")]
async fn confirm_totp(
    State(accounts): State<Accounts>,
    view: SessionView,
    request: RequestInfo,
    JsonBody(ConfirmBody { enrolment, totp, label }): JsonBody<ConfirmBody>,
) -> Result<(StatusCode, Json<FactorResponse>), ApiRejection> {
    let label = parse_label(&label)?;
    let factor = accounts.confirm_totp(&view, &enrolment, &totp, label, request).await?;
    Ok((StatusCode::CREATED, Json(factor.into())))
}

#[cfg(any(feature = "passkeys", feature = "totp"))]
fn parse_label(label: &str) -> Result<FactorLabel, Rejection> {
    label.parse().map_err(|_| {
        let detail = "A label has at most 64 visible characters";
        Rejection::InvalidFields(vec![InvalidField::new("label", "invalid", detail)])
    })
}

async fn list_of_user(
    State(accounts): State<Accounts>,
    PathId(id): PathId<UserId>,
) -> Result<Json<Vec<FactorResponse>>, ApiRejection> {
    accounts.user(id).await?.ok_or(Rejection::NotFound)?;
    let factors = accounts.factors(id).await?;
    Ok(Json(factors.into_iter().map(FactorResponse::from).collect()))
}

async fn remove_of_user(
    State(accounts): State<Accounts>,
    actor: Principal,
    request: RequestInfo,
    PathId(id): PathId<UserId>,
) -> Result<StatusCode, ApiRejection> {
    accounts.remove_user_factors(&actor, id, request).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl PresentBody {
    /// Returns the only factor of the body.
    fn presented(self) -> Result<PresentedFactor, Rejection> {
        let codes = self.recovery_code.map(PresentedFactor::RecoveryCode);
        #[cfg(feature = "totp")]
        let passwords = self.totp.map(PresentedFactor::Totp);
        #[cfg(not(feature = "totp"))]
        let passwords = None;
        #[cfg(feature = "passkeys")]
        let passkeys = self.passkey.map(PresentedFactor::from);
        #[cfg(not(feature = "passkeys"))]
        let passkeys = None;
        match (passwords, codes, passkeys) {
            (Some(presented), None, None)
            | (None, Some(presented), None)
            | (None, None, Some(presented)) => Ok(presented),
            _ => Err(Rejection::MalformedRequest("The body must contain one factor")),
        }
    }
}

impl From<&Session> for Authentication {
    fn from(session: &Session) -> Self {
        Self {
            amr: session.methods.iter().map(AuthMethod::as_str).collect(),
            auth_time: session.authenticated_at.to_string(),
        }
    }
}

impl From<FactorSummary> for FactorResponse {
    fn from(factor: FactorSummary) -> Self {
        Self {
            id: factor.id,
            kind: factor.kind.as_str(),
            label: factor.label.to_string(),
            created_at: factor.created_at.to_string(),
            last_used_at: factor.last_used_at.as_ref().map(ToString::to_string),
            codes_left: factor.codes_left,
        }
    }
}

#[cfg(feature = "totp")]
impl From<TotpEnrolment> for TotpResponse {
    fn from(enrolment: TotpEnrolment) -> Self {
        Self {
            enrolment: enrolment.enrolment.expose_secret().to_owned(),
            secret: enrolment.secret.expose_secret().to_owned(),
            uri: enrolment.uri.expose_secret().to_owned(),
            expires_in: enrolment.expires_in.as_secs(),
        }
    }
}
