//! The certificate extensions that VeraId reads (RFC 5280, 4.2.1).

use std::collections::BTreeSet;

use super::CertificateError;
use crate::der::{DerError, ObjectIdentifier, Reader, Tag, Value, oid_contents};

pub(crate) const SUBJECT_KEY_IDENTIFIER: &[u8] = oid_contents!("2.5.29.14");
const KEY_USAGE: &[u8] = oid_contents!("2.5.29.15");
pub(crate) const BASIC_CONSTRAINTS: &[u8] = oid_contents!("2.5.29.19");
pub(crate) const AUTHORITY_KEY_IDENTIFIER: &[u8] = oid_contents!("2.5.29.35");

/// The extensions of a certificate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extensions<'a> {
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) subject_key_id: Option<&'a [u8]>,
    pub(super) authority_key_id: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct BasicConstraints {
    pub(super) is_critical: bool,
    pub(super) is_ca: bool,
}

/// The first octet of the bits; the only later bit is `decipherOnly`.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyUsage(u8);

impl KeyUsage {
    /// `digitalSignature` or `nonRepudiation`.
    pub(super) const fn allows_signatures(self) -> bool {
        self.0 & 0xc0 != 0
    }

    /// `keyCertSign`.
    pub(super) const fn allows_certificates(self) -> bool {
        self.0 & 0x04 != 0
    }
}

impl<'a> Extensions<'a> {
    /// Reads `SEQUENCE OF SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue }`.
    pub(super) fn read(extensions: Option<&Value<'a>>) -> Result<Self, CertificateError> {
        let mut known = Self::default();
        let mut seen = BTreeSet::new();
        let Some(extensions) = extensions else {
            return Ok(known);
        };
        let mut list = extensions.reader();
        while !list.is_empty() {
            let mut extension = list.nested(Tag::SEQUENCE)?;
            let oid = extension.object_identifier()?;
            let is_critical = read_critical(&mut extension)?;
            let value = extension.read(Tag::OCTET_STRING)?.contents;
            extension.end()?;
            if !seen.insert(oid) {
                return Err(CertificateError::DuplicateExtension(ObjectIdentifier::from_contents(
                    oid,
                )));
            }
            known.read_one(oid, is_critical, value)?;
        }
        Ok(known)
    }

    fn read_one(
        &mut self,
        oid: &[u8],
        is_critical: bool,
        value: &'a [u8],
    ) -> Result<(), CertificateError> {
        match oid {
            BASIC_CONSTRAINTS => {
                self.basic_constraints = Some(read_basic_constraints(value, is_critical)?);
            }
            KEY_USAGE => self.key_usage = Some(read_key_usage(value)?),
            SUBJECT_KEY_IDENTIFIER => self.subject_key_id = Some(read_subject_key_id(value)?),
            AUTHORITY_KEY_IDENTIFIER => self.authority_key_id = Some(read_authority_key_id(value)?),
            unknown if is_critical => {
                return Err(CertificateError::CriticalExtension(ObjectIdentifier::from_contents(
                    unknown,
                )));
            }
            _ => {}
        }
        Ok(())
    }
}

/// A default value must not be encoded (X.690, 11.5).
fn read_critical(extension: &mut Reader<'_>) -> Result<bool, DerError> {
    match extension.optional(Tag::BOOLEAN)? {
        None => Ok(false),
        Some(value) if value.contents == [0xff] => Ok(true),
        Some(value) => Err(value.error("BOOLEAN that is TRUE")),
    }
}

/// `SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL }`.
///
/// Deployed producers write a path length without cA, so a member's certificate may have it.
fn read_basic_constraints(octets: &[u8], is_critical: bool) -> Result<BasicConstraints, DerError> {
    let mut fields = Reader::read_single(octets, Tag::SEQUENCE)?.reader();
    let is_ca = read_critical(&mut fields)?;
    if !fields.is_empty() {
        fields.small_integer(Tag::INTEGER)?;
    }
    fields.end()?;
    Ok(BasicConstraints { is_critical, is_ca })
}

/// A list of named bits ends with one that is set (X.690, 11.2.2).
fn read_key_usage(octets: &[u8]) -> Result<KeyUsage, DerError> {
    let bits = Reader::read_single(octets, Tag::BIT_STRING)?;
    match bits.contents {
        [unused, first] | [unused, first, _] => {
            let last = bits.contents.last().copied().unwrap_or_default();
            let is_shortest = last != 0 && last.trailing_zeros() == u32::from(*unused);
            is_shortest.then_some(KeyUsage(*first))
        }
        _ => None,
    }
    .ok_or_else(|| bits.error("KeyUsage"))
}

fn read_subject_key_id(octets: &[u8]) -> Result<&[u8], DerError> {
    let key_id = Reader::read_single(octets, Tag::OCTET_STRING)?;
    Ok(key_id.contents)
}

/// `SEQUENCE { keyIdentifier [0] OCTET STRING }`: no producer writes the other fields.
fn read_authority_key_id(octets: &[u8]) -> Result<&[u8], DerError> {
    let mut fields = Reader::read_single(octets, Tag::SEQUENCE)?.reader();
    let key_id = fields.read(Tag::primitive(0))?;
    fields.end()?;
    Ok(key_id.contents)
}
