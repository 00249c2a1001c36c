//! `/admin/audit`: the audit log.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::query::{QueryParams, parse, parse_with, time};
use super::rejection::ApiRejection;
use super::users::page_size;
use crate::SessionId;
use crate::account::Accounts;
use crate::audit::{AuditQuery, AuditRecord, AuditedRequest, EventKind, Outcome};

/// The query; an empty parameter matches everything.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct AuditParams {
    event: String,
    /// A name of a user or a workload.
    user: String,
    user_id: String,
    outcome: String,
    limit: String,
    /// The `id` of a record, or a time as in RFC 3339.
    before: String,
}

#[derive(Serialize)]
pub(super) struct AuditEntryResponse {
    id: u64,
    time: String,
    event: &'static str,
    outcome: &'static str,
    user: Option<String>,
    /// The actor, if not the user.
    actor: Option<String>,
    session: Option<SessionId>,
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    /// What the request asked for: denials and overrides have it.
    method: Option<String>,
    route: Option<String>,
    reason: Option<String>,
}

pub(super) async fn list(
    State(accounts): State<Accounts>,
    QueryParams(params): QueryParams<AuditParams>,
) -> Result<Json<Vec<AuditEntryResponse>>, ApiRejection> {
    let records = accounts.audit(&params.query()?).await?;
    Ok(Json(records.into_iter().map(AuditEntryResponse::from).collect()))
}

impl AuditParams {
    fn query(&self) -> Result<AuditQuery, ApiRejection> {
        let mut query = AuditQuery {
            kind: parse_with("event", &self.event, EventKind::from_name, "Unknown event")?,
            outcome: parse_with("outcome", &self.outcome, Outcome::from_name, "Unknown outcome")?,
            user: Some(self.user.clone()).filter(|name| !name.is_empty()),
            user_id: parse("user_id", &self.user_id, "Not the id of a user")?,
            limit: page_size(&self.limit)?,
            ..AuditQuery::default()
        };
        if let Ok(sequence) = self.before.parse() {
            query.before = Some(sequence);
        } else {
            let detail = "Neither the id of a record nor a time as in RFC 3339";
            query.until = parse_with("before", &self.before, time, detail)?;
        }
        Ok(query)
    }
}

impl From<AuditRecord> for AuditEntryResponse {
    fn from(record: AuditRecord) -> Self {
        let request = record.request.as_ref();
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
            method: request.map(|request| request.method().to_owned()),
            route: request.and_then(AuditedRequest::route).map(str::to_owned),
            reason: record.reason,
        }
    }
}
