//! The error of an invalid chain.

use super::response::MalformedMessage;
use crate::{LimitExceeded, Period, Timestamp};

/// The error of an invalid chain.
///
/// Names are absolute, in presentation form, with the final dot. `record_type` is the type of the
/// RRset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnssecError {
    /// The owner is not a valid domain name.
    #[error("invalid domain name {0:?}")]
    InvalidOwner(String),
    /// The set of trust anchors is empty.
    #[error("no trust anchor")]
    NoTrustAnchor,
    /// A message of the chain is malformed.
    #[error("malformed message {position} of the chain: {reason}")]
    Message {
        /// Its position, from 0.
        position: usize,
        /// The reason.
        reason: MalformedMessage,
    },
    /// The number of responses to the TXT question is not one.
    #[error("expected 1 response for the TXT RRset of {owner}, found {found}")]
    TxtResponses {
        /// The owner of the RRset.
        owner: String,
        /// The number found.
        found: usize,
    },
    /// The response to the TXT question is an error.
    #[error("response code {found} for the TXT RRset of {owner}, expected 0")]
    ResponseCode {
        /// The owner of the RRset.
        owner: String,
        /// The response code (RFC 1035, 4.1.1).
        found: u8,
    },
    /// A required response is missing.
    #[error("missing response for the {record_type} RRset of {owner}")]
    MissingResponse {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
    },
    /// A response has no records of the requested type.
    #[error("no records in the response for the {record_type} RRset of {owner}")]
    NoRecords {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
    },
    /// The owner is an alias, which VeraId does not follow.
    #[error("{owner} is an alias")]
    Alias {
        /// The owner of the RRset.
        owner: String,
    },
    /// No DS record of a zone has a supported digest type and algorithm.
    #[error("no DS record of {zone} with a supported digest type and algorithm")]
    UnusableDelegation {
        /// The zone.
        zone: String,
    },
    /// No key of a zone matches a DS record or a trust anchor.
    #[error("no trusted DNSKEY of {zone}: expected tags {expected:?}, found {found:?}")]
    UntrustedKeys {
        /// The zone.
        zone: String,
        /// The tags of the trusted keys.
        expected: Vec<u16>,
        /// The tags of the usable keys.
        found: Vec<u16>,
    },
    /// The RRset is unsigned.
    #[error("unsigned {record_type} RRset of {owner}")]
    Unsigned {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
    },
    /// The RRset is signed by another zone than the one it belongs to.
    #[error(
        "{record_type} RRset of {owner} signed by another zone: expected {expected}, found {found}"
    )]
    Signer {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
        /// The zone that must sign.
        expected: String,
        /// The zone that signed.
        found: String,
    },
    /// The records come from a wildcard, which VeraId does not support.
    #[error("wildcard {record_type} RRset of {owner}: expected {expected} labels, found {found}")]
    Wildcard {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
        /// The labels of the owner.
        expected: u8,
        /// The labels of the signature.
        found: u8,
    },
    /// The keys of the signatures are unknown, revoked or of unsupported algorithms.
    #[error("no usable DNSKEY with tag {found} for the {record_type} RRset of {owner}")]
    UnknownKey {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
        /// The tag of the key that signed.
        found: u16,
    },
    /// No signature is valid at the instant.
    #[error("RRSIG of the {record_type} RRset of {owner} valid {validity}, not at {at}")]
    OutsideValidity {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
        /// The instant.
        at: Timestamp,
        /// The validity of the signature.
        validity: Period,
    },
    /// No signature matches the records and a key.
    #[error("invalid RRSIG of the {record_type} RRset of {owner}")]
    Signature {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
    },
    /// A limit is exceeded.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}
