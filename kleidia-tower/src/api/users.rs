//! Accounts: one's own, and for admins all.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::body::JsonBody;
use super::path::PathId;
use super::time::rfc3339;
use crate::access_token::UserId;
use crate::account::{Account, AccountUpdate, Accounts};
use crate::rbac::RoleName;
use crate::{ClientInfo, Principal, Rejection};

/// How many accounts are told at once.
const DEFAULT_PAGE_SIZE: usize = 100;
const MAX_PAGE_SIZE: usize = 1000;

/// An account as its owner and admins see it.
#[derive(Serialize)]
pub(super) struct UserSummary {
    id: UserId,
    username: String,
    roles: Vec<String>,
    is_admin: bool,
}

/// An account as admins see it.
#[derive(Serialize)]
pub(super) struct UserResponse {
    #[serde(flatten)]
    user: UserSummary,
    disabled: bool,
    created_at: String,
    password_changed_at: String,
}

#[derive(Deserialize)]
pub(super) struct PageParams {
    after: Option<UserId>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateUserBody {
    username: String,
    password: SecretString,
    #[serde(default)]
    roles: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateUserBody {
    disabled: Option<bool>,
    roles: Option<Vec<String>>,
}

pub(super) async fn one(
    State(accounts): State<Accounts>,
    PathId(id): PathId,
) -> Result<Json<UserResponse>, Rejection> {
    let account = accounts.user(id).await?.ok_or(Rejection::NotFound)?;
    Ok(Json(UserResponse::from(&*account)))
}

pub(super) async fn list(
    State(accounts): State<Accounts>,
    page: Result<Query<PageParams>, QueryRejection>,
) -> Result<Json<Vec<UserResponse>>, Rejection> {
    let Query(page) = page.map_err(|_| Rejection::MalformedRequest("the query"))?;
    let users = accounts
        .users(page.after, page.limit.unwrap_or(DEFAULT_PAGE_SIZE).min(MAX_PAGE_SIZE))
        .await?;
    Ok(Json(users.iter().map(|account| UserResponse::from(&**account)).collect()))
}

pub(super) async fn create(
    State(accounts): State<Accounts>,
    actor: Principal,
    client: ClientInfo,
    JsonBody(new): JsonBody<CreateUserBody>,
) -> Result<(StatusCode, Json<UserResponse>), Rejection> {
    let roles = match new.roles {
        Some(roles) => named(&roles)?,
        None => BTreeSet::from([RoleName::user()]),
    };
    let created = accounts.create_user(Some(&actor), &new.username, new.password, roles, client);
    Ok((StatusCode::CREATED, Json(UserResponse::from(&*created.await?))))
}

pub(super) async fn update(
    State(accounts): State<Accounts>,
    actor: Principal,
    client: ClientInfo,
    PathId(id): PathId,
    JsonBody(update): JsonBody<UpdateUserBody>,
) -> Result<Json<UserResponse>, Rejection> {
    let roles = update.roles.map(|roles| named(&roles)).transpose()?;
    let update = AccountUpdate { is_disabled: update.disabled, roles };
    Ok(Json(UserResponse::from(&*accounts.update_user(&actor, id, update, client).await?)))
}

pub(super) async fn unlock(
    State(accounts): State<Accounts>,
    actor: Principal,
    client: ClientInfo,
    PathId(id): PathId,
) -> Result<StatusCode, Rejection> {
    accounts.unlock(&actor, id, client).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn end_sessions(
    State(accounts): State<Accounts>,
    actor: Principal,
    client: ClientInfo,
    PathId(id): PathId,
) -> Result<StatusCode, Rejection> {
    accounts.end_sessions_of(&actor, id, client).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn named(roles: &[String]) -> Result<BTreeSet<RoleName>, Rejection> {
    let roles = roles.iter().map(|role| role.parse());
    roles.collect::<Result<_, _>>().map_err(|_| Rejection::MalformedRequest("a role"))
}

impl From<&Account> for UserSummary {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id,
            username: account.name.to_string(),
            roles: account.roles.iter().map(ToString::to_string).collect(),
            is_admin: account.is_admin(),
        }
    }
}

impl From<&Account> for UserResponse {
    fn from(account: &Account) -> Self {
        Self {
            user: account.into(),
            disabled: account.is_disabled,
            created_at: rfc3339(account.created_at),
            password_changed_at: rfc3339(account.password_changed_at),
        }
    }
}
