//! The zones and records of a chain, valid or not.

mod inspector;

use super::DnssecError;
use crate::Period;
use crate::inspect::CheckResult;

/// The zones of a chain from the root down, and the TXT records of its owner.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedChain {
    /// The zones above the records, from the root down.
    pub zones: Vec<InspectedZone>,
    /// The TXT records, each a list of character-strings, in canonical order.
    pub records: Vec<Vec<Vec<u8>>>,
    /// The TXT RRset, and whether the last zone signed it.
    pub rrset: InspectedRrset,
}

/// A zone of a chain.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedZone {
    /// Its name: absolute, in presentation form, with the final dot.
    pub name: String,
    /// The DS records in the parent zone. `None` for the root.
    pub delegation: Option<InspectedDsRrset>,
    /// The keys of the zone.
    pub keys: Vec<InspectedKey>,
    /// The DNSKEY RRset. It is invalid if none of its keys is trusted.
    pub rrset: InspectedRrset,
}

/// The DS records of a zone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedDsRrset {
    /// The records.
    pub records: Vec<DsFields>,
    /// The DS RRset.
    pub rrset: InspectedRrset,
}

/// The number fields of a DS record (RFC 4034, 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DsFields {
    /// The tag of the key.
    pub key_tag: u16,
    /// The number of the key's algorithm.
    pub algorithm: u8,
    /// The number of the digest's type.
    pub digest_type: u8,
}

/// A DNSKEY record (RFC 4034, 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InspectedKey {
    /// The key's tag.
    pub tag: u16,
    /// The number of its algorithm.
    pub algorithm: u8,
    /// The size of an RSA key's modulus, in bits.
    pub modulus_bits: Option<usize>,
    /// Whether it may sign records: it is a zone key, not revoked, of a supported algorithm.
    pub is_usable: bool,
    /// Whether a DS record of the parent zone, or a trust anchor, matches it.
    pub matches_ds: bool,
}

/// An RRset of a chain, with its signatures.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedRrset {
    /// The owner: absolute, in presentation form, with the final dot.
    pub owner: String,
    /// The record type.
    pub record_type: &'static str,
    /// All signatures over the RRset.
    pub signatures: Vec<ChainSignature>,
    /// Whether one of them is valid at the instant.
    pub check: CheckResult<DnssecError>,
}

/// One signature over an RRset, unverified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainSignature {
    /// The zone that signed: absolute, in presentation form, with the final dot.
    pub signer: String,
    /// The tag of the key that signed.
    pub key_tag: u16,
    /// The number of the key's algorithm.
    pub algorithm: u8,
    /// Its validity, or `None` if it ends before it starts.
    pub validity: Option<Period>,
}

impl InspectedRrset {
    /// Returns the validity periods of the signatures, valid or not.
    pub fn periods(&self) -> impl Iterator<Item = Period> {
        self.signatures.iter().filter_map(|signature| signature.validity)
    }
}
