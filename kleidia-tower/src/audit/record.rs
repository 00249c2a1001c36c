//! The records of the audit log: numbered events, each authenticated by the log's key.

use super::{AuditEvent, AuditIdentity, AuditKey, AuditedRequest, EventKind, Outcome};
use crate::{ClientInfo, SessionId, Timestamp, time};

/// A stored event with its number and its authentication code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The number of the record, which no other record has. Numbers have gaps. Concurrent changes
    /// may be committed in another order, in which the log has them.
    pub sequence: u64,
    /// The time of the event, in whole seconds.
    pub at: Timestamp,
    /// The kind of the event.
    pub kind: EventKind,
    /// Whether the operation succeeded.
    pub outcome: Outcome,
    /// The affected account or workload.
    pub user: Option<AuditIdentity>,
    /// The account or workload that caused the event, if it is not the user.
    pub actor: Option<AuditIdentity>,
    /// The session that the event is about.
    pub session: Option<SessionId>,
    /// The client that sent the request.
    pub client: ClientInfo,
    /// What the request asked for. Denials and overrides have it.
    pub request: Option<AuditedRequest>,
    /// The reason of the outcome, as text.
    pub reason: Option<String>,
    /// The authentication code: see [`Self::leaf`].
    pub mac: RecordMac,
}

/// The authentication code of a record (HMAC with SHA-256).
pub type RecordMac = [u8; 32];

impl AuditRecord {
    /// Creates the record of an event, with this number.
    #[must_use]
    pub fn new(sequence: u64, event: AuditEvent, key: &AuditKey) -> Self {
        let AuditEvent { at, kind, outcome, user, actor, session, client, request, reason } = event;
        let (at, reason) = (time::whole_seconds(at), reason.map(|reason| reason.to_string()));
        let mac = RecordMac::default();
        let mut record = Self {
            sequence,
            at,
            kind,
            outcome,
            user,
            actor,
            session,
            client,
            request,
            reason,
            mac,
        };
        record.mac = key.authenticate(&record.encoding());
        record
    }

    /// Returns the leaf of this record in the Merkle tree: the encoding of its fields, and the
    /// authentication code.
    ///
    /// Each field is prefixed with its length in 8 octets, big-endian, which is 2^64 - 1 for a
    /// field without a value. The fields are: the number, the time in seconds since 1970, the names
    /// of the kind and of the outcome, the id and the name of the user and of the actor, the
    /// session, the address, the `User-Agent`, the reason, the method, the route, and the
    /// authentication code. Integers have 8 octets, big-endian. The code is HMAC-SHA256 over what
    /// precedes it.
    #[must_use]
    pub fn leaf(&self) -> Vec<u8> {
        let mut leaf = self.encoding();
        push_field(&mut leaf, Some(&self.mac));
        leaf
    }

    /// Returns whether the holder of the key has created this record.
    #[must_use]
    pub fn is_authentic(&self, key: &AuditKey) -> bool {
        key.is_authentic(&self.encoding(), &self.mac)
    }

    /// Returns the fields that the code authenticates.
    fn encoding(&self) -> Vec<u8> {
        let mut encoding = Vec::with_capacity(256);
        let mut field = |octets: Option<&[u8]>| push_field(&mut encoding, octets);
        let number = |number: i64| number.to_be_bytes();
        field(Some(&self.sequence.to_be_bytes()));
        field(Some(&number(self.at.as_second())));
        field(Some(self.kind.as_str().as_bytes()));
        field(Some(self.outcome.as_str().as_bytes()));
        for identity in [&self.user, &self.actor] {
            let id = identity.as_ref().and_then(|identity| identity.id).map(|id| number(id.get()));
            field(id.as_ref().map(<[u8; 8]>::as_slice));
            field(identity.as_ref().map(|identity| identity.name.as_bytes()));
        }
        field(self.session.map(|id| number(id.get())).as_ref().map(<[u8; 8]>::as_slice));
        let address = self.client.address.map(|address| address.to_string());
        field(address.as_ref().map(String::as_bytes));
        field(self.client.user_agent.as_ref().map(|agent| agent.as_str().as_bytes()));
        field(self.reason.as_ref().map(String::as_bytes));
        let request = self.request.as_ref();
        field(request.map(|request| request.method().as_bytes()));
        field(request.and_then(AuditedRequest::route).map(str::as_bytes));
        encoding
    }
}

fn push_field(encoding: &mut Vec<u8>, octets: Option<&[u8]>) {
    let length = octets.map_or(u64::MAX, |octets| octets.len() as u64);
    encoding.extend(length.to_be_bytes());
    encoding.extend(octets.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{UserAgent, UserId};

    fn record(key: &AuditKey) -> AuditRecord {
        let identity = |id, name: &str| {
            Some(AuditIdentity { id: Some(UserId::new(id)), name: name.to_owned() })
        };
        let user_agent = Some(UserAgent::new("Agent/1"));
        let client = ClientInfo { address: "192.0.2.1".parse().ok(), user_agent };
        let event = AuditEvent {
            at: Timestamp::constant(1_795_370_580, 0),
            kind: EventKind::SessionEnded,
            outcome: Outcome::Success,
            user: identity(1, "alice"),
            actor: identity(2, "root"),
            session: Some(SessionId::new(3)),
            client,
            request: Some(AuditedRequest::new("DELETE", Some("/users/{id}"))),
            reason: None,
        };
        let record = AuditRecord::new(1, event, key);
        AuditRecord { reason: Some("logout".to_owned()), ..record }
    }

    #[test]
    fn leaf_and_code_cover_every_field() {
        let key = AuditKey::generate("log").unwrap();
        let changes: [fn(&mut AuditRecord); 22] = [
            |record| record.sequence += 1,
            |record| record.at += Duration::from_secs(1),
            |record| record.kind = EventKind::SessionCreated,
            |record| record.outcome = Outcome::Failure,
            |record| record.user = None,
            |record| record.user.as_mut().unwrap().id = None,
            |record| record.user.as_mut().unwrap().name.clear(),
            |record| record.actor = None,
            |record| record.actor.as_mut().unwrap().id = Some(UserId::new(7)),
            |record| record.actor.as_mut().unwrap().name.push('x'),
            |record| std::mem::swap(&mut record.user, &mut record.actor),
            |record| record.session = None,
            |record| record.session = Some(SessionId::new(4)),
            |record| record.client.address = "192.0.2.2".parse().ok(),
            |record| record.client.address = None,
            |record| record.client.user_agent = None,
            |record| record.reason = None,
            |record| record.reason = Some(String::new()),
            |record| record.request = None,
            |record| record.request = Some(AuditedRequest::new("GET", Some("/users/{id}"))),
            |record| record.request = Some(AuditedRequest::new("DELETE", Some("/users"))),
            |record| record.request = Some(AuditedRequest::new("DELETE", None)),
        ];
        let record = record(&key);
        let mac = key.authenticate(&record.encoding());
        let record = AuditRecord { mac, ..record };
        assert!(record.is_authentic(&key));
        assert!(!record.is_authentic(&AuditKey::generate("log").unwrap()));
        let mut leaves = vec![record.leaf(), AuditRecord { mac: [1; 32], ..record.clone() }.leaf()];
        for change in changes {
            let mut record = record.clone();
            change(&mut record);
            assert!(!record.is_authentic(&key), "{record:?}");
            leaves.push(record.leaf());
        }
        let different: std::collections::BTreeSet<_> = leaves.iter().collect();
        assert_eq!(different.len(), leaves.len(), "two records have the same leaf");
    }
}
