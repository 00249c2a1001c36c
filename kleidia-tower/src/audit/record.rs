//! The records of the audit log: numbered events, chained by their digests.

use aws_lc_rs::digest;

use super::{AuditEvent, AuditIdentity, AuditedRequest, EventKind, Outcome};
use crate::{ClientInfo, SessionId, Timestamp, time};

/// A stored event with its sequence number and its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// The sequence number: 1 for the first record, without gaps.
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
    /// The digest of this record and the previous one: see [`Self::chained_digest`].
    pub digest: ChainDigest,
}

/// A SHA-256 digest of the chain; 32 zero octets before the first record.
pub type ChainDigest = [u8; 32];

/// The end of a chain. Store it elsewhere, and later verify the chain from there with
/// [`AuditStore::verify_chain`](super::AuditStore::verify_chain).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainHead {
    /// The sequence number of the last record; 0 if there is none.
    pub sequence: u64,
    /// The digest of the last record.
    pub digest: ChainDigest,
}

impl ChainHead {
    /// Verifies the next record and returns the head after it, or `None` if the record does not
    /// continue the chain.
    #[must_use]
    pub fn verify_next(self, record: &AuditRecord) -> Option<Self> {
        let is_next = record.sequence == self.sequence + 1
            && record.digest == record.chained_digest(&self.digest);
        is_next.then(|| record.head())
    }
}

impl AuditRecord {
    /// Creates the record of an event that follows this head.
    #[must_use]
    pub fn append_to(head: &ChainHead, event: AuditEvent) -> Self {
        let AuditEvent { at, kind, outcome, user, actor, session, client, request, reason } = event;
        let (at, reason) = (time::whole_seconds(at), reason.map(|reason| reason.to_string()));
        let (sequence, digest) = (head.sequence + 1, ChainDigest::default());
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
            digest,
        };
        record.digest = record.chained_digest(&head.digest);
        record
    }

    /// Returns the head of a chain that ends with this record.
    #[must_use]
    pub const fn head(&self) -> ChainHead {
        ChainHead { sequence: self.sequence, digest: self.digest }
    }

    /// Computes the digest of this record after a record with the digest `previous`.
    ///
    /// It covers `previous` and all fields, each prefixed with its length, so the encoding is
    /// unambiguous.
    #[must_use]
    pub fn chained_digest(&self, previous: &ChainDigest) -> ChainDigest {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut field = |octets: Option<&[u8]>| {
            let length = octets.map_or(u64::MAX, |octets| octets.len() as u64);
            context.update(&length.to_be_bytes());
            context.update(octets.unwrap_or_default());
        };
        let number = |number: i64| number.to_be_bytes();
        field(Some(previous));
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
        let mut digest = ChainDigest::default();
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{UserAgent, UserId};

    fn record() -> AuditRecord {
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
        let record = AuditRecord::append_to(&ChainHead::default(), event);
        AuditRecord { reason: Some("logout".to_owned()), ..record }
    }

    #[test]
    fn digest_covers_every_field() {
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
        let mut digests =
            vec![record().chained_digest(&[0; 32]), record().chained_digest(&[1; 32])];
        for change in changes {
            let mut record = record();
            change(&mut record);
            digests.push(record.chained_digest(&[0; 32]));
        }
        let different: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(different.len(), digests.len(), "two records have the same digest");
    }

    #[test]
    fn verifies_records_in_order() {
        let first = AuditRecord { digest: record().chained_digest(&[0; 32]), ..record() };
        let head = ChainHead::default().verify_next(&first).unwrap();
        assert_eq!(head, first.head());
        assert_eq!(head.verify_next(&first), None, "repeated");
        let second = AuditRecord { sequence: 2, ..record() };
        let second = AuditRecord { digest: second.chained_digest(&head.digest), ..second };
        assert_eq!(head.verify_next(&second), Some(second.head()));
        assert_eq!(ChainHead::default().verify_next(&second), None, "missing record");
        let changed = AuditRecord { at: second.at + Duration::from_secs(1), ..second };
        assert_eq!(head.verify_next(&changed), None, "changed record");
    }
}
