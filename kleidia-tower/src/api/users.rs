//! `/users` and `/admin/users`: the user's own account, and all accounts for admins.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::body::JsonBody;
use super::path::PathId;
use super::query::{QueryParams, parse};
use super::recovery::CodeResponse;
use super::rejection::ApiRejection;
use crate::account::{Account, AccountError, AccountUpdate, Accounts, NewUser};
use crate::rbac::{Denial, RoleChangeError, RoleName};
use crate::{ClientInfo, InvalidField, Principal, Rejection, RequestInfo, UserId};

const DEFAULT_PAGE_SIZE: usize = 100;
const MAX_PAGE_SIZE: usize = 1000;

/// An account, for its user and for admins.
#[derive(Serialize)]
pub(super) struct UserSummary {
    id: UserId,
    username: String,
    roles: Vec<String>,
    is_admin: bool,
}

/// An account, for admins.
#[derive(Serialize)]
pub(super) struct UserResponse {
    #[serde(flatten)]
    user: UserSummary,
    disabled: bool,
    must_change_password: bool,
    created_at: String,
    password_changed_at: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct PageParams {
    after: String,
    limit: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateUserBody {
    username: String,
    /// Without it, the response has a one-time code for the first one.
    #[serde(default)]
    password: Option<SecretString>,
    #[serde(default)]
    must_change_password: bool,
    #[serde(default)]
    roles: Option<Vec<String>>,
}

/// A created account.
#[derive(Serialize)]
pub(super) struct CreatedUserResponse {
    #[serde(flatten)]
    user: UserResponse,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_code: Option<CodeResponse>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateUserBody {
    disabled: Option<bool>,
    /// Only `true` has an effect: a new password resets it.
    #[serde(default)]
    must_change_password: bool,
    roles: Option<Vec<String>>,
}

pub(super) async fn one(
    State(accounts): State<Accounts>,
    PathId(id): PathId<UserId>,
) -> Result<Json<UserResponse>, ApiRejection> {
    let account = accounts.user(id).await?.ok_or(Rejection::NotFound)?;
    Ok(Json(UserResponse::from(&*account)))
}

pub(super) async fn list(
    State(accounts): State<Accounts>,
    QueryParams(page): QueryParams<PageParams>,
) -> Result<Json<Vec<UserResponse>>, ApiRejection> {
    let after = parse("after", &page.after, "Not the id of a user")?;
    let users = accounts.users(after, page_size(&page.limit)?).await?;
    Ok(Json(users.iter().map(|account| UserResponse::from(&**account)).collect()))
}

pub(super) async fn create(
    State(accounts): State<Accounts>,
    actor: Principal,
    request: RequestInfo,
    JsonBody(new): JsonBody<CreateUserBody>,
) -> Result<(StatusCode, Json<CreatedUserResponse>), ApiRejection> {
    let roles = match &new.roles {
        Some(roles) => role_names(roles)?,
        None => BTreeSet::from([RoleName::user()]),
    };
    let user = NewUser::new(new.username).with_roles(roles);
    let user = match new.password {
        Some(password) if new.must_change_password => user.with_temporary_password(password),
        Some(password) => user.with_password(password),
        None => user,
    };
    let created = accounts.create(Some(&actor), user, request).await;
    let created = created.map_err(|error| name_roles(error, new.roles.as_deref()))?;
    let user = UserResponse::from(&*created.account);
    let recovery_code = created.code.map(CodeResponse::from);
    Ok((StatusCode::CREATED, Json(CreatedUserResponse { user, recovery_code })))
}

pub(super) async fn update(
    State(accounts): State<Accounts>,
    actor: Principal,
    request: RequestInfo,
    PathId(id): PathId<UserId>,
    JsonBody(body): JsonBody<UpdateUserBody>,
) -> Result<Json<UserResponse>, ApiRejection> {
    let roles = body.roles.as_deref().map(role_names).transpose()?;
    let update = AccountUpdate { is_disabled: body.disabled, roles };
    let client = request.client.clone();
    let updated = accounts.update_user(Some(&actor), id, update, request).await;
    let mut updated = updated.map_err(|error| name_roles(error, body.roles.as_deref()))?;
    if body.must_change_password {
        updated = accounts.require_password_change(Some(&actor), id, client).await?;
    }
    Ok(Json(UserResponse::from(&*updated)))
}

pub(super) async fn unlock(
    State(accounts): State<Accounts>,
    actor: Principal,
    client: ClientInfo,
    PathId(id): PathId<UserId>,
) -> Result<StatusCode, ApiRejection> {
    accounts.unlock(&actor, id, client).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn end_sessions(
    State(accounts): State<Accounts>,
    actor: Principal,
    client: ClientInfo,
    PathId(id): PathId<UserId>,
) -> Result<StatusCode, ApiRejection> {
    accounts.end_user_sessions(Some(&actor), id, client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Denies deletion even under a policy that grants it.
pub(super) async fn deletion_denied(
    State(accounts): State<Accounts>,
    caller: Principal,
    request: RequestInfo,
) -> ApiRejection {
    let denial = Denial::NoRequirement;
    accounts.record_denial(&caller, request, &denial);
    Rejection::PermissionDenied(denial).into()
}

/// Parses `limit`: 100 by default, 1000 at most.
pub(super) fn page_size(limit: &str) -> Result<usize, Rejection> {
    let limit = parse("limit", limit, "Not a number of entries")?;
    Ok(limit.unwrap_or(DEFAULT_PAGE_SIZE).min(MAX_PAGE_SIZE))
}

fn role_names(roles: &[String]) -> Result<BTreeSet<RoleName>, Rejection> {
    let (mut names, mut invalid) = (BTreeSet::new(), Vec::new());
    for (index, role) in roles.iter().enumerate() {
        match role.parse() {
            Ok(name) => drop(names.insert(name)),
            Err(_) => invalid.push(InvalidField::new(
                format!("roles[{index}]"),
                "invalid",
                "A role has 1 to 64 of the characters a-z, 0-9, _, - and .",
            )),
        }
    }
    if invalid.is_empty() { Ok(names) } else { Err(Rejection::InvalidFields(invalid)) }
}

/// Names the unknown roles by their positions in the body.
fn name_roles(error: AccountError, roles: Option<&[String]>) -> Rejection {
    let AccountError::RoleChange(RoleChangeError::UnknownRoles(unknown)) = &error else {
        return error.into();
    };
    let is_unknown = |name: &str| unknown.iter().any(|role| role.as_str() == name);
    let roles = roles.unwrap_or_default().iter().enumerate();
    let unknown = roles.filter(|(_, name)| is_unknown(name)).map(|(index, _)| {
        let detail = "The policy does not have such a role";
        InvalidField::new(format!("roles[{index}]"), "invalid", detail)
    });
    let unknown: Vec<_> = unknown.collect();
    if unknown.is_empty() { error.into() } else { Rejection::InvalidFields(unknown) }
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
            must_change_password: account.must_change_password,
            created_at: account.created_at.to_string(),
            password_changed_at: account.password_changed_at.to_string(),
        }
    }
}
