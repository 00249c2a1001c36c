//! `/whoami`: the caller and its permissions.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};

use super::factors::Authentication;
use super::rejection::ApiRejection;
use crate::account::Accounts;
use crate::rbac::{Policy, RoleName};
use crate::telemetry::log_unavailable;
use crate::{Principal, Rejection};

#[derive(Serialize)]
pub(super) struct WhoamiResponse {
    /// `user` or `workload`.
    kind: &'static str,
    subject: String,
    /// `None` for workloads.
    username: Option<String>,
    #[serde(flatten)]
    access: Access,
    /// `None` for workloads.
    #[serde(flatten)]
    authentication: Option<Authentication>,
    claims: Value,
}

/// Roles, and the permissions that they grant.
#[derive(PartialEq, Eq, Serialize)]
pub(super) struct Access {
    roles: Vec<String>,
    permissions: Vec<String>,
}

pub(super) async fn whoami(
    State(accounts): State<Accounts>,
    principal: Principal,
) -> Result<Json<WhoamiResponse>, ApiRejection> {
    let policy = accounts.policy().policy().await.map_err(|error| {
        log_unavailable("policy", &error);
        Rejection::Unavailable("policy unavailable")
    })?;
    Ok(Json(WhoamiResponse::new(&principal, &policy)))
}

impl WhoamiResponse {
    fn new(principal: &Principal, policy: &Policy) -> Self {
        Self {
            kind: if principal.session().is_some() { "user" } else { "workload" },
            subject: principal.subject(),
            username: principal.session().map(|view| view.account.name.to_string()),
            access: Access::new(policy, principal.roles()),
            authentication: principal.session().map(|view| Authentication::from(&*view.session)),
            claims: claims(principal),
        }
    }
}

impl Access {
    pub(super) fn new(policy: &Policy, roles: &BTreeSet<RoleName>) -> Self {
        Self {
            roles: roles.iter().map(ToString::to_string).collect(),
            permissions: policy.permissions(roles).iter().map(ToString::to_string).collect(),
        }
    }
}

/// The claims of a workload's token; for users, the ids of the session.
fn claims(principal: &Principal) -> Value {
    match principal.session() {
        Some(view) => json!({
            "user_id": view.account.id,
            "session_id": view.session.id,
            "is_admin": view.account.is_admin(),
        }),
        None => json!(principal.claims()),
    }
}
