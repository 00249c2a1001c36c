//! The personal data and the names of accounts, for admins.

use axum::extract::State;
use axum::routing::{MethodRouter, get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::body::JsonBody;
use super::path::PathId;
use super::rejection::ApiRejection;
use crate::account::{Accounts, Attributes, Profile, ProfileEmail};
use crate::rbac::Permission;
use crate::{ClientInfo, InvalidField, Principal, Rejection, UserId};

/// The personal data of an account, in a request and in a response.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct ProfileBody {
    display_name: Option<String>,
    email: Option<String>,
    email_verified: bool,
    attributes: Attributes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RenameBody {
    username: String,
}

/// Returns the routes, each with the permission that it requires.
pub(super) fn routes(
    require: impl Fn(MethodRouter<Accounts>, Permission) -> MethodRouter<Accounts>,
) -> Router<Accounts> {
    let update = || Permission::built_in("users:update");
    let read = require(get(read), Permission::built_in("users:read"));
    // No wildcard grants it: an erasure cannot be undone.
    let erase_permission = Permission::built_in_destructive("users:erase");
    Router::new()
        .route("/admin/users/{id}/profile", read.merge(require(put(replace), update())))
        .route("/admin/users/{id}/rename", require(post(rename), update()))
        .route("/admin/users/{id}/erase", require(post(erase), erase_permission))
}

async fn read(
    State(accounts): State<Accounts>,
    PathId(id): PathId<UserId>,
) -> Result<Json<ProfileBody>, ApiRejection> {
    Ok(Json(ProfileBody::from(&accounts.profile(id).await?)))
}

async fn replace(
    State(accounts): State<Accounts>,
    actor: Principal,
    client: ClientInfo,
    PathId(id): PathId<UserId>,
    JsonBody(body): JsonBody<ProfileBody>,
) -> Result<Json<ProfileBody>, ApiRejection> {
    let profile = Profile::try_from(body)?;
    accounts.replace_profile(Some(&actor), id, profile.clone(), client).await?;
    Ok(Json(ProfileBody::from(&profile)))
}

async fn rename(
    State(accounts): State<Accounts>,
    actor: Principal,
    client: ClientInfo,
    PathId(id): PathId<UserId>,
    JsonBody(RenameBody { username }): JsonBody<RenameBody>,
) -> Result<StatusCode, ApiRejection> {
    accounts.rename(Some(&actor), id, &username, client).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn erase(
    State(accounts): State<Accounts>,
    actor: Principal,
    client: ClientInfo,
    PathId(id): PathId<UserId>,
) -> Result<StatusCode, ApiRejection> {
    accounts.erase(Some(&actor), id, client).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<&Profile> for ProfileBody {
    fn from(profile: &Profile) -> Self {
        Self {
            display_name: profile.display_name.as_ref().map(ToString::to_string),
            email: profile.email.as_ref().map(|email| email.address.to_string()),
            email_verified: profile.verified_email().is_some(),
            attributes: profile.attributes.clone(),
        }
    }
}

impl TryFrom<ProfileBody> for Profile {
    type Error = Rejection;

    fn try_from(body: ProfileBody) -> Result<Self, Rejection> {
        let mut invalid = Vec::new();
        let mut check = |field: &'static str, detail: &'static str| {
            invalid.push(InvalidField::new(field, "invalid", detail));
        };
        let display_name = body.display_name.map(|name| name.parse()).transpose();
        if display_name.is_err() {
            check("display_name", "A name has 1 to 128 visible characters");
        }
        let address = body.email.map(|address| address.parse()).transpose();
        if address.is_err() {
            check("email", "Not a mail address");
        }
        let (Ok(display_name), Ok(address)) = (display_name, address) else {
            return Err(Rejection::InvalidFields(invalid));
        };
        let is_verified = body.email_verified;
        let email = address.map(|address| ProfileEmail { address, is_verified });
        Ok(Self { display_name, email, attributes: body.attributes })
    }
}
