//! Events as stores keep them: numbered, and chained by their digests.

use aws_lc_rs::digest;

use super::{AuditEvent, EventKind, Outcome, Party};
use crate::access_token::SessionId;
use crate::{Origin, UnixTime};

/// An event as stores keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number: 1, 2, 3 and so on, without a gap.
    pub sequence: u64,
    /// When.
    pub at: UnixTime,
    /// What.
    pub kind: EventKind,
    /// How it ended.
    pub outcome: Outcome,
    /// Whom it concerns.
    pub user: Option<Party>,
    /// Who caused it, where that is not the user.
    pub actor: Option<Party>,
    /// In which session.
    pub session: Option<SessionId>,
    /// From where.
    pub origin: Origin,
    /// Why.
    pub reason: Option<String>,
    /// The digest of this record and the one before: see [`Self::digest_after`].
    pub digest: ChainDigest,
}

/// A digest of the chain (SHA-256); 32 zeros before the first record.
pub type ChainDigest = [u8; 32];

/// The end of a chain, to be noted elsewhere and compared with later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChainHead {
    /// How many records there are.
    pub sequence: u64,
    /// The digest of the last one.
    pub digest: ChainDigest,
}

impl ChainHead {
    /// Follows the chain through the next records; `None` once one is missing or another one.
    #[must_use]
    pub fn follow(self, record: &AuditRecord) -> Option<Self> {
        let follows = record.sequence == self.sequence + 1
            && record.digest == record.digest_after(&self.digest);
        follows.then(|| record.head())
    }
}

impl AuditRecord {
    /// The record that follows.
    #[must_use]
    pub fn follow(head: &ChainHead, event: AuditEvent) -> Self {
        let AuditEvent { at, kind, outcome, user, actor, session, origin, reason } = event;
        let reason = reason.map(|reason| reason.to_string());
        let (sequence, digest) = (head.sequence + 1, ChainDigest::default());
        let mut record =
            Self { sequence, at, kind, outcome, user, actor, session, origin, reason, digest };
        record.digest = record.digest_after(&head.digest);
        record
    }

    /// The end of a chain that ends with this record.
    #[must_use]
    pub const fn head(&self) -> ChainHead {
        ChainHead { sequence: self.sequence, digest: self.digest }
    }

    /// The digest that this record must have after that one: of the digest before and all fields,
    /// each with its length in front, so that no two records are written alike.
    #[must_use]
    pub fn digest_after(&self, before: &ChainDigest) -> ChainDigest {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut field = |octets: Option<&[u8]>| {
            let length = octets.map_or(u64::MAX, |octets| octets.len() as u64);
            context.update(&length.to_be_bytes());
            context.update(octets.unwrap_or_default());
        };
        let number = |number: i64| number.to_be_bytes();
        field(Some(before));
        field(Some(&self.sequence.to_be_bytes()));
        field(Some(&number(self.at)));
        field(Some(self.kind.as_str().as_bytes()));
        field(Some(self.outcome.as_str().as_bytes()));
        for party in [&self.user, &self.actor] {
            let id = party.as_ref().and_then(|party| party.id).map(number);
            field(id.as_ref().map(<[u8; 8]>::as_slice));
            field(party.as_ref().map(|party| party.name.as_bytes()));
        }
        field(self.session.map(number).as_ref().map(<[u8; 8]>::as_slice));
        let address = self.origin.address.map(|address| address.to_string());
        field(address.as_ref().map(String::as_bytes));
        field(self.origin.user_agent.as_ref().map(|agent| agent.as_str().as_bytes()));
        field(self.reason.as_ref().map(String::as_bytes));
        let mut digest = ChainDigest::default();
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }
}
