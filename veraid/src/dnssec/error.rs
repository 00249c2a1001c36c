//! Why a chain proves nothing.

use super::response::MalformedMessage;
use crate::{LimitExceeded, Period, Timestamp};

/// Why a chain does not prove the records of its owner.
///
/// Names are absolute, in presentation form, with the final dot; `record_type` is the type of the set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnssecError {
    /// The owner is no domain name.
    #[error("{0:?} is no domain name")]
    InvalidOwner(String),
    /// There are no trust anchors, so that nothing can be proven.
    #[error("there is no trust anchor")]
    NoTrustAnchor,
    /// A message is not in the form of DNS.
    #[error("message {position} of the chain can't be read: {reason}")]
    Message {
        /// Which one, counted from 0.
        position: usize,
        /// What was wrong with it.
        reason: MalformedMessage,
    },
    /// There is not exactly one response about the owner's TXT records.
    #[error("the chain has {found} responses about TXT of {owner}, not 1")]
    TxtResponses {
        /// Whose records.
        owner: String,
        /// How many there are.
        found: usize,
    },
    /// The response about the owner's TXT records is an error.
    #[error("the response about TXT of {owner} has code {found}, not 0")]
    ResponseCode {
        /// Whose records.
        owner: String,
        /// The response code (RFC 1035, 4.1.1).
        found: u8,
    },
    /// A response that is needed is missing.
    #[error("the chain has no response about {record_type} of {owner}")]
    MissingResponse {
        /// Whose records.
        owner: String,
        /// Their type.
        record_type: &'static str,
    },
    /// A response has no records of the type that was asked for.
    #[error("the response about {record_type} of {owner} has no such record")]
    NoRecords {
        /// Whose records.
        owner: String,
        /// Their type.
        record_type: &'static str,
    },
    /// The owner is an alias, which VeraId does not follow.
    #[error("{owner} is an alias")]
    Alias {
        /// Whose records.
        owner: String,
    },
    /// A zone's delegation has only digests or algorithms that can't be checked.
    #[error("the delegation of {zone} has no digest and algorithm that can be checked")]
    UnusableDelegation {
        /// The zone.
        zone: String,
    },
    /// None of a zone's keys is one that its parent, or the trust anchors, name.
    #[error("no key of {zone} (tags {found:?}) is one that is trusted (tags {expected:?})")]
    UntrustedKeys {
        /// The zone.
        zone: String,
        /// The tags of the trusted keys.
        expected: Vec<u16>,
        /// The tags of the keys that are there and can be used.
        found: Vec<u16>,
    },
    /// There is no signature over a set of records.
    #[error("{record_type} of {owner} is not signed")]
    Unsigned {
        /// Whose records.
        owner: String,
        /// Their type.
        record_type: &'static str,
    },
    /// The signatures are by another zone than the one that must sign.
    #[error("{record_type} of {owner} is signed by {found}, not by {expected}")]
    Signer {
        /// Whose records.
        owner: String,
        /// Their type.
        record_type: &'static str,
        /// The zone that must sign.
        expected: String,
        /// The zone that signed.
        found: String,
    },
    /// The records come from a wildcard, which VeraId does not take.
    #[error("{record_type} of {owner} is signed for {found} labels, not {expected}")]
    Wildcard {
        /// Whose records.
        owner: String,
        /// Their type.
        record_type: &'static str,
        /// The labels of the owner.
        expected: u8,
        /// The labels of the signature.
        found: u8,
    },
    /// The signatures are by keys that are unknown, revoked or of unknown algorithms.
    #[error("{record_type} of {owner} is signed by no key that can be used (tag {found})")]
    UnknownKey {
        /// Whose records.
        owner: String,
        /// Their type.
        record_type: &'static str,
        /// The tag of the key that signed.
        found: u16,
    },
    /// No signature holds at the instant.
    #[error("{record_type} of {owner} is signed from {validity}, which misses {at}")]
    OutsideValidity {
        /// Whose records.
        owner: String,
        /// Their type.
        record_type: &'static str,
        /// The instant.
        at: Timestamp,
        /// When the signature holds.
        validity: Period,
    },
    /// The signatures don't match the records and the keys.
    #[error("the signature over {record_type} of {owner} does not match")]
    Signature {
        /// Whose records.
        owner: String,
        /// Their type.
        record_type: &'static str,
    },
    /// There is too much of something.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}
