//! The audit log, for those who may read it.

use std::net::IpAddr;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::time::{parse, rfc3339};
use crate::Rejection;
use crate::access_token::SessionId;
use crate::account::Accounts;
use crate::audit::{AuditQuery, AuditRecord, EventKind, Outcome};

/// How many records are told at once.
const DEFAULT_PAGE_SIZE: usize = 100;
const MAX_PAGE_SIZE: usize = 1000;

/// What is asked for; an empty text asks for anything.
#[derive(Deserialize)]
pub(super) struct AuditParams {
    #[serde(default)]
    event: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    limit: Option<usize>,
    /// The `id` of a record, or a time.
    #[serde(default)]
    before: String,
}

#[derive(Serialize)]
pub(super) struct AuditEntryResponse {
    id: u64,
    time: String,
    event: &'static str,
    outcome: &'static str,
    user: Option<String>,
    /// Who caused it, where that is not the user.
    actor: Option<String>,
    session: Option<SessionId>,
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    reason: Option<String>,
}

pub(super) async fn list(
    State(accounts): State<Accounts>,
    filter: Result<Query<AuditParams>, QueryRejection>,
) -> Result<Json<Vec<AuditEntryResponse>>, Rejection> {
    let Query(filter) = filter.map_err(|_| Rejection::MalformedRequest("the query"))?;
    let mut query = filter.query()?;
    query.user = user_name(&accounts, &filter.user).await?;
    let records = accounts.audit(&query).await?;
    Ok(Json(records.into_iter().map(AuditEntryResponse::from).collect()))
}

/// The name of a user who is named by name or by number.
async fn user_name(accounts: &Accounts, text: &str) -> Result<Option<String>, Rejection> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Ok(id) = text.parse()
        && let Some(account) = accounts.user(id).await?
    {
        return Ok(Some(account.name.to_string()));
    }
    // Names of workloads are no names of users, and are looked for as they are.
    let name = text.parse::<crate::UserName>().map(|name| name.to_string());
    Ok(Some(name.unwrap_or_else(|_| text.to_owned())))
}

impl AuditParams {
    fn query(&self) -> Result<AuditQuery, Rejection> {
        let mut query = AuditQuery {
            kind: named(&self.event, EventKind::from_name, "the event")?,
            outcome: named(&self.outcome, Outcome::from_name, "the outcome")?,
            limit: self.limit.unwrap_or(DEFAULT_PAGE_SIZE).min(MAX_PAGE_SIZE),
            ..AuditQuery::default()
        };
        if let Ok(sequence) = self.before.parse() {
            query.before = Some(sequence);
        } else if !self.before.is_empty() {
            query.until = Some(parse(&self.before)?);
        }
        Ok(query)
    }
}

fn named<T>(
    name: &str,
    from_name: impl Fn(&str) -> Option<T>,
    what: &'static str,
) -> Result<Option<T>, Rejection> {
    if name.is_empty() {
        return Ok(None);
    }
    from_name(name).map(Some).ok_or(Rejection::MalformedRequest(what))
}

impl From<AuditRecord> for AuditEntryResponse {
    fn from(record: AuditRecord) -> Self {
        Self {
            id: record.sequence,
            time: rfc3339(record.at),
            event: record.kind.as_str(),
            outcome: record.outcome.as_str(),
            user: record.user.map(|party| party.name),
            actor: record.actor.map(|party| party.name),
            session: record.session,
            ip: record.client.address,
            user_agent: record.client.user_agent.map(|agent| agent.to_string()),
            reason: record.reason,
        }
    }
}
