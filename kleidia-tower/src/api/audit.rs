//! `/admin/audit`: the audit log.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::query::{QueryParams, parse_with};
use super::rejection::ApiRejection;
use super::users::page_size;
use crate::SessionId;
use crate::account::Accounts;
use crate::audit::{AuditQuery, AuditRecord, EventKind, Outcome};

/// The query; an empty parameter matches everything.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AuditParams {
    event: String,
    user: String,
    outcome: String,
    limit: String,
    /// The `id` of a record, or a time.
    before: String,
}

#[derive(Serialize)]
pub(super) struct AuditEntryResponse {
    id: u64,
    time: String,
    event: &'static str,
    outcome: &'static str,
    user: Option<String>,
    /// Who caused the event, if not the user.
    actor: Option<String>,
    session: Option<SessionId>,
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    reason: Option<String>,
}

pub(super) async fn list(
    State(accounts): State<Accounts>,
    QueryParams(params): QueryParams<AuditParams>,
) -> Result<Json<Vec<AuditEntryResponse>>, ApiRejection> {
    let mut query = params.query()?;
    query.user = user_name(&accounts, &params.user).await?;
    let records = accounts.audit(&query).await?;
    Ok(Json(records.into_iter().map(AuditEntryResponse::from).collect()))
}

/// Returns the user name for a name or an id.
async fn user_name(accounts: &Accounts, text: &str) -> Result<Option<String>, ApiRejection> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(id) = text.parse()
        && let Some(account) = accounts.user(id).await?
    {
        return Ok(Some(account.name.to_string()));
    }
    // The name of a workload is not a valid user name, and is matched unchanged.
    let name = text.parse::<crate::UserName>().map(|name| name.to_string());
    Ok(Some(name.unwrap_or_else(|_| text.to_owned())))
}

impl AuditParams {
    fn query(&self) -> Result<AuditQuery, ApiRejection> {
        let mut query = AuditQuery {
            kind: parse_with("event", &self.event, EventKind::from_name, "Unknown event")?,
            outcome: parse_with("outcome", &self.outcome, Outcome::from_name, "Unknown outcome")?,
            limit: page_size(&self.limit)?,
            ..AuditQuery::default()
        };
        if let Ok(sequence) = self.before.parse() {
            query.before = Some(sequence);
        } else {
            let detail = "Neither the id of a record nor a time as in RFC 3339";
            let time = |text: &str| text.parse().ok();
            query.until = parse_with("before", &self.before, time, detail)?;
        }
        Ok(query)
    }
}

impl From<AuditRecord> for AuditEntryResponse {
    fn from(record: AuditRecord) -> Self {
        Self {
            id: record.sequence,
            time: record.at.to_string(),
            event: record.kind.as_str(),
            outcome: record.outcome.as_str(),
            user: record.user.map(|identity| identity.name),
            actor: record.actor.map(|identity| identity.name),
            session: record.session,
            ip: record.client.address,
            user_agent: record.client.user_agent.map(|agent| agent.to_string()),
            reason: record.reason,
        }
    }
}
