//! Encodes the signed part of a certificate (RFC 5280, 4.1).

use super::IssueError;
use super::algorithm::pss_algorithm;
use crate::cert::extensions::{
    AUTHORITY_KEY_IDENTIFIER, BASIC_CONSTRAINTS, SUBJECT_KEY_IDENTIFIER,
};
use crate::cert::name::COMMON_NAME;
use crate::crypto::random_octets;
use crate::der::Tag;
use crate::der::writer::{certificate_time, encode, integer, object_identifier, set_of, text};
use crate::{Hash, Period};

/// The parts of a certificate from which the others follow.
pub(super) struct TbsCertificate<'a> {
    /// The hash with which the issuer signs.
    pub(super) hash: Hash,
    /// The issuer's name as it is encoded in its certificate.
    pub(super) issuer: &'a [u8],
    pub(super) issuer_public_key_info: &'a [u8],
    /// The subject's name, encoded.
    pub(super) subject: &'a [u8],
    pub(super) subject_public_key_info: &'a [u8],
    pub(super) period: Period,
    pub(super) is_organisation: bool,
}

impl TbsCertificate<'_> {
    pub(super) fn encode(&self) -> Result<Vec<u8>, IssueError> {
        let (start, end) = (self.period.start(), self.period.end());
        let fields = [
            encode(Tag::constructed(0), &[&integer(&[2])]),
            serial_number()?,
            pss_algorithm(self.hash),
            self.issuer.to_vec(),
            encode(Tag::SEQUENCE, &[&certificate_time(start), &certificate_time(end)]),
            self.subject.to_vec(),
            self.subject_public_key_info.to_vec(),
            encode(Tag::constructed(3), &[&self.extensions()]),
        ];
        Ok(encode(Tag::SEQUENCE, &[&fields.concat()]))
    }

    fn extensions(&self) -> Vec<u8> {
        let true_value = encode(Tag::BOOLEAN, &[&[0xff]]);
        let constraints = if self.is_organisation {
            encode(Tag::SEQUENCE, &[&true_value, &integer(&[0])])
        } else {
            // RFC 5280, 4.2.1.9: without cA there must be no path length.
            encode(Tag::SEQUENCE, &[])
        };
        let key_id = |octets| Hash::Sha256.digest(octets).as_ref().to_vec();
        let authority = key_id(self.issuer_public_key_info);
        let authority = encode(Tag::SEQUENCE, &[&encode(Tag::primitive(0), &[&authority])]);
        let subject = encode(Tag::OCTET_STRING, &[&key_id(self.subject_public_key_info)]);
        let extensions = [
            extension(BASIC_CONSTRAINTS, &true_value, &constraints),
            extension(AUTHORITY_KEY_IDENTIFIER, &[], &authority),
            extension(SUBJECT_KEY_IDENTIFIER, &[], &subject),
        ];
        encode(Tag::SEQUENCE, &[&extensions.concat()])
    }
}

/// `critical` is absent where it is FALSE, its default.
fn extension(oid: &[u8], critical: &[u8], value: &[u8]) -> Vec<u8> {
    let value = encode(Tag::OCTET_STRING, &[value]);
    encode(Tag::SEQUENCE, &[&object_identifier(oid), critical, &value])
}

/// A `Name` of one common name.
pub(super) fn common_name(name: &str) -> Vec<u8> {
    let attribute = [object_identifier(COMMON_NAME), text(name)];
    let attribute = encode(Tag::SEQUENCE, &[&attribute.concat()]);
    encode(Tag::SEQUENCE, &[&set_of(Tag::SET, vec![attribute])])
}

/// A positive number of 16 octets, of which 126 bits are random (RFC 5280, 4.1.2.2).
fn serial_number() -> Result<Vec<u8>, IssueError> {
    let mut serial: [u8; 16] = random_octets().ok_or(IssueError::Randomness)?;
    // Neither negative nor, with leading zeros, shorter.
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x3f) | 0x40;
    }
    Ok(integer(&serial))
}
