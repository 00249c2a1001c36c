//! The JSON form of records, in proofs and exports.

use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use super::{AuditIdentity, AuditRecord, AuditedRequest, EventKind, LogHash, Outcome, ProofError};
use crate::{ClientInfo, SessionId, Timestamp, UserAgent, UserId};

/// A record, with the names that the API uses.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordJson {
    sequence: u64,
    time: Timestamp,
    event: String,
    outcome: String,
    user: Option<IdentityJson>,
    actor: Option<IdentityJson>,
    session: Option<i64>,
    ip: Option<IpAddr>,
    user_agent: Option<String>,
    method: Option<String>,
    route: Option<String>,
    reason: Option<String>,
    mac: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityJson {
    id: Option<i64>,
    name: String,
}

impl From<&AuditRecord> for RecordJson {
    fn from(record: &AuditRecord) -> Self {
        let identity = |identity: &AuditIdentity| IdentityJson {
            id: identity.id.map(UserId::get),
            name: identity.name.clone(),
        };
        let request = record.request.as_ref();
        Self {
            sequence: record.sequence,
            time: record.at,
            event: record.kind.as_str().to_owned(),
            outcome: record.outcome.as_str().to_owned(),
            user: record.user.as_ref().map(identity),
            actor: record.actor.as_ref().map(identity),
            session: record.session.map(SessionId::get),
            ip: record.client.address,
            user_agent: record.client.user_agent.as_ref().map(|agent| agent.as_str().to_owned()),
            method: request.map(|request| request.method().to_owned()),
            route: request.and_then(AuditedRequest::route).map(str::to_owned),
            reason: record.reason.clone(),
            mac: BASE64_STANDARD.encode(record.mac),
        }
    }
}

impl TryFrom<RecordJson> for AuditRecord {
    type Error = ProofError;

    fn try_from(json: RecordJson) -> Result<Self, ProofError> {
        let identity = |identity: IdentityJson| AuditIdentity {
            id: identity.id.map(UserId::new),
            name: identity.name,
        };
        let request = match (json.method, json.route) {
            (Some(method), route) => Some(AuditedRequest::new(&method, route.as_deref())),
            (None, None) => None,
            (None, Some(_)) => return Err(ProofError::Malformed),
        };
        let user_agent = json.user_agent.as_deref().map(UserAgent::new);
        Ok(Self {
            sequence: json.sequence,
            at: json.time,
            kind: EventKind::from_name(&json.event).ok_or(ProofError::Malformed)?,
            outcome: Outcome::from_name(&json.outcome).ok_or(ProofError::Malformed)?,
            user: json.user.map(identity),
            actor: json.actor.map(identity),
            session: json.session.map(SessionId::new),
            client: ClientInfo { address: json.ip, user_agent },
            request,
            reason: json.reason,
            mac: octets(&json.mac).ok_or(ProofError::Malformed)?,
        })
    }
}

/// Decodes 32 octets.
fn octets(text: &str) -> Option<[u8; 32]> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok()
}

/// Encodes the hashes of a proof.
pub(super) fn encode_hashes(hashes: &[LogHash]) -> Vec<String> {
    hashes.iter().map(|hash| BASE64_STANDARD.encode(hash)).collect()
}

/// Decodes the hashes of a proof.
pub(super) fn decode_hashes(texts: &[String]) -> Result<Vec<LogHash>, ProofError> {
    let hashes: Option<_> = texts.iter().map(|text| octets(text)).collect();
    hashes.ok_or(ProofError::Malformed)
}
