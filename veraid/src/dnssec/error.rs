//! The error of an invalid chain.

use super::response::MalformedMessage;
use crate::{Excerpt, LimitExceeded, Period, Timestamp};

/// The error of an invalid chain.
///
/// Names are absolute, in presentation form, with the final dot. `record_type` is the type of the
/// RRset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnssecError {
    /// The owner is not a valid domain name.
    #[error("invalid domain name {:?}", Excerpt(.0))]
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
    #[error("expected 1 response for the TXT RRset of {}, found {found}", Excerpt(.owner))]
    TxtResponses {
        /// The owner of the RRset.
        owner: String,
        /// The number found.
        found: usize,
    },
    /// The response to the TXT question is an error.
    #[error("response code {found} for the TXT RRset of {}, expected 0", Excerpt(.owner))]
    ResponseCode {
        /// The owner of the RRset.
        owner: String,
        /// The response code (RFC 1035, 4.1.1).
        found: u8,
    },
    /// A required response is missing.
    #[error("missing response for the {record_type} RRset of {}", Excerpt(.owner))]
    MissingResponse {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
    },
    /// A response has no records of the requested type.
    #[error("no records in the response for the {record_type} RRset of {}", Excerpt(.owner))]
    NoRecords {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
    },
    /// The owner is an alias, which VeraId does not follow.
    #[error("{} is an alias", Excerpt(.owner))]
    Alias {
        /// The owner of the RRset.
        owner: String,
    },
    /// No DS record of a zone has a supported digest type and algorithm.
    #[error("no DS record of {} with a supported digest type and algorithm", Excerpt(.zone))]
    UnusableDelegation {
        /// The zone.
        zone: String,
    },
    /// No key of a zone matches a DS record or a trust anchor.
    #[error(
        "no trusted DNSKEY of {}: expected tags {}, found {}",
        Excerpt(.zone),
        Excerpt(format_args!("{expected:?}")),
        Excerpt(format_args!("{found:?}"))
    )]
    UntrustedKeys {
        /// The zone.
        zone: String,
        /// The tags of the trusted keys.
        expected: Vec<u16>,
        /// The tags of the usable keys.
        found: Vec<u16>,
    },
    /// The RRset is unsigned.
    #[error("unsigned {record_type} RRset of {}", Excerpt(.owner))]
    Unsigned {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
    },
    /// The RRset is signed by another zone than the one it belongs to.
    #[error(
        "{record_type} RRset of {} signed by another zone: expected {}, found {}",
        Excerpt(.owner),
        Excerpt(.expected),
        Excerpt(.found)
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
    #[error(
        "wildcard {record_type} RRset of {}: expected {expected} labels, found {found}",
        Excerpt(.owner)
    )]
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
    #[error("no usable DNSKEY with tag {found} for the {record_type} RRset of {}", Excerpt(.owner))]
    UnknownKey {
        /// The owner of the RRset.
        owner: String,
        /// The record type.
        record_type: &'static str,
        /// The tag of the key that signed.
        found: u16,
    },
    /// No signature is valid at the instant.
    #[error("RRSIG of the {record_type} RRset of {} valid {validity}, not at {at}", Excerpt(.owner))]
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
    #[error("invalid RRSIG of the {record_type} RRset of {}", Excerpt(.owner))]
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
