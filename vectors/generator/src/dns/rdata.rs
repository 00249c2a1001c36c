//! The data of records.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Serialize;

use super::wire::{
    TYPE_DNSKEY, TYPE_DS, TYPE_RRSIG, TYPE_TXT, key_tag, labels, name_octets, second, signed_owner,
};
use super::zone::{KeyRef, Zone};
use crate::hash::Hash;
use crate::key::Key;
use crate::octets::Octets;

#[derive(Clone, Serialize)]
pub(crate) enum Rdata {
    Dnskey(KeyRef),
    Ds(Ds),
    Txt(TxtRdata),
    Rrsig(Rrsig),
    /// Data of another type, or data that is malformed for its type.
    Other(u16, Octets),
}

/// A DS record.
#[derive(Clone, Serialize)]
pub(crate) struct Ds {
    pub(crate) of: KeyRef,
    /// The key's value, unless given.
    pub(crate) tag: Option<u16>,
    pub(crate) algorithm: Option<u8>,
    pub(crate) digest_type: u8,
    pub(crate) digest: Option<Octets>,
}

/// The strings of a TXT record. Names of hashes in braces are placeholders for digests of the
/// organisation's key.
#[derive(Clone, Serialize)]
pub(crate) struct TxtRdata {
    pub(crate) strings: Vec<String>,
}

/// The context of records.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) zones: &'a [Zone],
    /// The organisation's `SubjectPublicKeyInfo`.
    pub(crate) key_info: &'a [u8],
}

/// A signature over the records of a type in the same section.
#[derive(Clone, Serialize)]
pub(crate) struct Rrsig {
    pub(crate) covers: u16,
    pub(crate) by: KeyRef,
    /// The value of the owner, the key or the zone, unless given.
    pub(crate) labels: Option<u8>,
    pub(crate) tag: Option<u16>,
    pub(crate) algorithm: Option<u8>,
    pub(crate) signer: Option<String>,
    pub(crate) original_ttl: u32,
    /// As `YYYYMMDDHHmmSS` (RFC 4034, 3.2).
    pub(crate) inception: String,
    pub(crate) expiration: String,
    pub(crate) signed: Signed,
}

/// The octets that a signature covers.
#[derive(Clone, Serialize)]
pub(crate) enum Signed {
    /// The canonical form (RFC 4034, 6).
    Canonical,
    /// The records in the order of the message.
    AsListed,
    /// The owner in the case of the message.
    OwnerAsWritten,
    /// The signer's name in the case of the message.
    SignerAsWritten,
    /// The TTL of the records instead of the original TTL.
    TtlAsSent,
    /// All records but the first.
    AllButFirst,
    /// The records, and one more that is missing.
    AndAnother,
    /// Nothing: the signature consists of octets that depend on a seed.
    Noise(u8, usize),
}

/// An RRset as a signature covers it.
pub(crate) struct Covered<'a> {
    pub(crate) owner: &'a str,
    pub(crate) ttl: u32,
    /// In the order of the answer section.
    pub(crate) rdata: Vec<Vec<u8>>,
}

impl Rdata {
    pub(crate) const fn kind(&self) -> u16 {
        match self {
            Self::Dnskey(_) => TYPE_DNSKEY,
            Self::Ds(_) => TYPE_DS,
            Self::Txt(_) => TYPE_TXT,
            Self::Rrsig(_) => TYPE_RRSIG,
            Self::Other(kind, _) => *kind,
        }
    }

    /// Returns the data of any record but a signature.
    pub(crate) fn octets(&self, subject: Subject<'_>) -> Vec<u8> {
        match self {
            Self::Dnskey(key) => key.resolve(subject.zones).rdata(),
            Self::Ds(ds) => ds.octets(subject.zones),
            Self::Txt(txt) => txt.octets(subject.key_info),
            Self::Other(_, octets) => octets.0.clone(),
            Self::Rrsig(_) => panic!("a signature depends on the records that it covers"),
        }
    }
}

impl KeyRef {
    pub(super) fn resolve(self, zones: &[Zone]) -> &super::ZoneKey {
        &zones[self.zone].keys[self.key]
    }
}

impl Ds {
    pub(crate) const fn new(of: KeyRef) -> Self {
        Self { of, tag: None, algorithm: None, digest_type: 2, digest: None }
    }

    /// `key tag, algorithm, digest type, digest` (RFC 4034, 5.1).
    pub(crate) fn octets(&self, zones: &[Zone]) -> Vec<u8> {
        let key = self.of.resolve(zones);
        let hash = match self.digest_type {
            1 => Hash::Sha1,
            4 => Hash::Sha384,
            _ => Hash::Sha256,
        };
        let digest = hash.digest(&[name_octets(&zones[self.of.zone].name), key.rdata()].concat());
        let digest = self.digest.as_ref().map_or(digest, |octets| octets.0.clone());
        let tag = self.tag.unwrap_or(key.tag()).to_be_bytes();
        [&tag, [self.algorithm.unwrap_or(key.algorithm), self.digest_type].as_slice(), &digest]
            .concat()
    }
}

impl TxtRdata {
    fn octets(&self, key_info: &[u8]) -> Vec<u8> {
        let string = |template: &String| {
            let text = fill_template(template, key_info);
            [&[u8::try_from(text.len()).expect("at most 255 octets")], text.as_bytes()].concat()
        };
        self.strings.iter().flat_map(string).collect()
    }
}

/// Replaces placeholders by the digests of a key, padded or not.
pub(crate) fn fill_template(template: &str, key_info: &[u8]) -> String {
    let hashes = [("sha256", Hash::Sha256), ("sha384", Hash::Sha384), ("sha512", Hash::Sha512)];
    hashes.into_iter().fold(template.to_owned(), |text, (name, hash)| {
        let digest = hash.digest(key_info);
        let text = text.replace(&format!("{{{name}}}"), &STANDARD_NO_PAD.encode(&digest));
        text.replace(&format!("{{{name}-padded}}"), &STANDARD.encode(&digest))
    })
}

impl Rrsig {
    /// Returns the fields (RFC 4034, 3.1) and the signature.
    pub(crate) fn octets(&self, covered: &Covered<'_>, zones: &[Zone]) -> Vec<u8> {
        let key = self.by.resolve(zones);
        let algorithm = self.algorithm.unwrap_or(key.algorithm);
        let own_labels = labels(covered.owner).iter().filter(|label| **label != "*").count();
        let labels = self.labels.unwrap_or(own_labels.to_le_bytes()[0]);
        let signer = self.signer.as_ref().unwrap_or(&zones[self.by.zone].name);
        let head = [
            self.covers.to_be_bytes().as_slice(),
            &[algorithm, labels],
            &self.original_ttl.to_be_bytes(),
            &second(&self.expiration).to_be_bytes(),
            &second(&self.inception).to_be_bytes(),
            &self.tag.unwrap_or(key_tag(&key.rdata())).to_be_bytes(),
        ]
        .concat();
        let signed_signer = match self.signed {
            Signed::SignerAsWritten => signer.clone(),
            _ => signer.to_lowercase(),
        };
        let message =
            [head.clone(), name_octets(&signed_signer), self.signed_records(covered, labels)]
                .concat();
        let signature = match self.signed {
            Signed::Noise(seed, length) => super::zone::noise(seed, length),
            _ => Key::named(key.key).sign_dns(algorithm, &message),
        };
        [head, name_octets(signer), signature].concat()
    }

    fn signed_records(&self, covered: &Covered<'_>, labels: u8) -> Vec<u8> {
        let owner = signed_owner(covered.owner, labels);
        let (owner, ttl, is_sorted) = match self.signed {
            Signed::AsListed => (owner.to_lowercase(), self.original_ttl, false),
            Signed::OwnerAsWritten => (owner, self.original_ttl, true),
            Signed::TtlAsSent => (owner.to_lowercase(), covered.ttl, true),
            _ => (owner.to_lowercase(), self.original_ttl, true),
        };
        let mut records = covered.rdata.clone();
        match self.signed {
            Signed::AllButFirst => drop(records.remove(0)),
            Signed::AndAnother => records.push(b"\x07another".to_vec()),
            _ => {}
        }
        if is_sorted {
            records.sort_unstable();
            records.dedup();
        }
        let owner = name_octets(&owner);
        let record = |rdata: Vec<u8>| {
            let length = u16::try_from(rdata.len()).expect("it fits a record").to_be_bytes();
            [
                &owner,
                self.covers.to_be_bytes().as_slice(),
                &[0, 1],
                &ttl.to_be_bytes(),
                &length,
                &rdata,
            ]
            .concat()
        };
        records.into_iter().flat_map(record).collect()
    }
}
