//! What a chain shows, zone by zone, whether or not it holds.

mod inspector;

use super::DnssecError;
use crate::Period;
use crate::inspect::CheckResult;

/// The zones of a chain from the root down, and the TXT records of their owner.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedChain {
    /// The zones that the chain shows above the records, from the root down.
    pub zones: Vec<InspectedZone>,
    /// The TXT records, each a list of character-strings, in canonical order.
    pub records: Vec<Vec<Vec<u8>>>,
    /// The set that they are, and whether the last zone signed it.
    pub rrset: InspectedRrset,
}

/// A zone of a chain.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedZone {
    /// Its name: absolute, in presentation form, with the final dot.
    pub name: String,
    /// The DS records in the parent zone; none for the root.
    pub delegation: Option<InspectedDsRrset>,
    /// The keys of the zone.
    pub keys: Vec<InspectedKey>,
    /// The set that the keys are. That none of them is trusted is a failure of this set.
    pub rrset: InspectedRrset,
}

/// The DS records that name the keys of a zone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedDsRrset {
    /// The records.
    pub records: Vec<DsFields>,
    /// The set that they are.
    pub rrset: InspectedRrset,
}

/// The number fields of a DS record (RFC 4034, 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DsFields {
    /// The tag of the key that it names.
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
    /// Whether it may sign records: it is a zone's key, not revoked, of a known algorithm.
    pub is_usable: bool,
    /// Whether the parent's DS records, or the trust anchors, name it.
    pub matches_ds: bool,
}

/// A set of records of a chain, with the signatures over it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedRrset {
    /// Whose records they are: absolute, in presentation form, with the final dot.
    pub owner: String,
    /// Their type.
    pub record_type: &'static str,
    /// All signatures over the set, as they are there.
    pub signatures: Vec<ChainSignature>,
    /// Whether one of them is right, and holds at the instant.
    pub check: CheckResult<DnssecError>,
}

/// One signature over a set of records, as it is there; nothing of it is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainSignature {
    /// The zone that signed: absolute, in presentation form, with the final dot.
    pub signer: String,
    /// The tag of the key that signed.
    pub key_tag: u16,
    /// The number of the key's algorithm.
    pub algorithm: u8,
    /// When it holds, or `None` if it ends before it starts.
    pub validity: Option<Period>,
}

impl InspectedRrset {
    /// When the signatures hold, whatever they are worth.
    pub fn periods(&self) -> impl Iterator<Item = Period> {
        self.signatures.iter().filter_map(|signature| signature.validity)
    }
}
