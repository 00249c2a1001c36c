//! The structure of `SignedData`.

use std::borrow::Cow;

use super::SignatureError;
use super::attributes::ID_DATA;
use crate::cert::{Certificate, read_hash, read_pss_hash};
use crate::crypto::Hash;
use crate::der::{DerError, ObjectIdentifier, Reader, Tag, Value, oid_contents};
use crate::{LimitExceeded, Limits};

pub(crate) const ID_SIGNED_DATA: &[u8] = oid_contents!("1.2.840.113549.1.7.2");

/// ```text
/// ContentInfo ::= SEQUENCE { contentType (id-signedData), content [0] EXPLICIT SignedData }
/// SignedData  ::= SEQUENCE { version (1 | 3), digestAlgorithms SET, encapContentInfo,
///                            certificates [0] SET OPTIONAL, signerInfos SET }
/// SignerInfo  ::= SEQUENCE { version (1), sid IssuerAndSerialNumber, digestAlgorithm, signedAttrs [0],
///                            signatureAlgorithm, signature OCTET STRING, unsignedAttrs [1] OPTIONAL }
/// ```
#[derive(Debug)]
pub(crate) struct SignedData<'a> {
    pub(crate) plaintext: Cow<'a, [u8]>,
    pub(super) certificates: Vec<Value<'a>>,
    /// The issuer's name as it is encoded, and the serial number without leading zeros.
    pub(super) issuer: &'a [u8],
    pub(super) serial: &'a [u8],
    pub(super) digest_hash: Hash,
    pub(super) attributes: Value<'a>,
    pub(super) signature_hash: Hash,
    pub(super) signature: &'a [u8],
}

impl<'a> SignedData<'a> {
    /// Reads the contents of a `ContentInfo`.
    pub(crate) fn read(content_info: &'a [u8]) -> Result<Self, SignatureError> {
        let mut info = Reader::new(content_info);
        require_type(&mut info, ID_SIGNED_DATA)?;
        let mut explicit = info.nested(Tag::constructed(0))?;
        info.end()?;
        let mut signed_data = explicit.nested(Tag::SEQUENCE)?;
        explicit.end()?;
        match signed_data.small_integer(Tag::INTEGER)? {
            1 | 3 => {}
            found => {
                return Err(SignatureError::Version { expected: "1 or 3", found });
            }
        }
        read_digest_algorithms(&mut signed_data)?;
        let plaintext = read_content(&mut signed_data.nested(Tag::SEQUENCE)?)?;
        let certificates = read_certificates(&mut signed_data)?;
        let signer = read_only_signer(&mut signed_data)?;
        signed_data.end()?;
        read_signer(&signer, plaintext, certificates)
    }

    /// Returns the well-formed attached certificates with the signer's issuer and serial number.
    pub(super) fn signer_certificates(&self) -> Vec<Certificate<'a>> {
        let readable =
            self.certificates.iter().filter_map(|value| Certificate::from_contents(value).ok());
        readable.filter(|certificate| self.is_signer(certificate)).collect()
    }

    pub(super) fn is_signer(&self, certificate: &Certificate<'_>) -> bool {
        certificate.issuer == self.issuer && certificate.serial == self.serial
    }
}

fn require_type(reader: &mut Reader<'_>, expected: &[u8]) -> Result<(), SignatureError> {
    require_content_type(reader.object_identifier()?, expected)
}

/// Fails unless both object identifiers are the same.
pub(super) fn require_content_type(found: &[u8], expected: &[u8]) -> Result<(), SignatureError> {
    if found == expected {
        return Ok(());
    }
    let (expected, found) =
        (ObjectIdentifier::from_contents(expected), ObjectIdentifier::from_contents(found));
    Err(SignatureError::ContentType { expected, found })
}

/// `SET OF SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }`.
///
/// Only the signer's own digest algorithm is used.
fn read_digest_algorithms(signed_data: &mut Reader<'_>) -> Result<(), DerError> {
    let mut algorithms = signed_data.nested(Tag::SET)?;
    while !algorithms.is_empty() {
        let mut algorithm = algorithms.nested(Tag::SEQUENCE)?;
        algorithm.object_identifier()?;
        if !algorithm.is_empty() {
            algorithm.any()?;
        }
        algorithm.end()?;
    }
    Ok(())
}

/// `SEQUENCE { eContentType (id-data), eContent [0] EXPLICIT OCTET STRING }`.
fn read_content<'a>(content_info: &mut Reader<'a>) -> Result<Cow<'a, [u8]>, SignatureError> {
    require_type(content_info, ID_DATA)?;
    let mut explicit = match content_info.optional(Tag::constructed(0))? {
        Some(explicit) => explicit.reader(),
        None => return Err(SignatureError::Detached),
    };
    content_info.end()?;
    let content = match explicit.optional(Tag::CONSTRUCTED_OCTET_STRING)? {
        Some(constructed) => read_chunks(&constructed)?,
        None => Cow::Borrowed(explicit.read(Tag::OCTET_STRING)?.contents),
    };
    explicit.end()?;
    Ok(content)
}

/// Deployed producers write the content as a constructed string, which DER forbids.
fn read_chunks<'a>(constructed: &Value<'a>) -> Result<Cow<'a, [u8]>, DerError> {
    let mut chunks = constructed.reader();
    let first = chunks.read(Tag::OCTET_STRING)?.contents;
    if chunks.is_empty() {
        return Ok(Cow::Borrowed(first));
    }
    let mut content = first.to_vec();
    while !chunks.is_empty() {
        content.extend_from_slice(chunks.read(Tag::OCTET_STRING)?.contents);
    }
    Ok(Cow::Owned(content))
}

fn read_certificates<'a>(signed_data: &mut Reader<'a>) -> Result<Vec<Value<'a>>, SignatureError> {
    let Some(set) = signed_data.optional(Tag::constructed(0))? else {
        return Ok(Vec::new());
    };
    let mut set = set.reader();
    let mut certificates = Vec::new();
    while !set.is_empty() {
        certificates.push(set.any()?);
        LimitExceeded::check("attached certificates", certificates.len(), Limits::CERTIFICATES)?;
    }
    Ok(certificates.into_iter().filter(|certificate| certificate.tag == Tag::SEQUENCE).collect())
}

fn read_only_signer<'a>(signed_data: &mut Reader<'a>) -> Result<Value<'a>, SignatureError> {
    let mut signers = signed_data.nested(Tag::SET)?;
    let mut only = None;
    let mut found = 0;
    while !signers.is_empty() {
        only = Some(signers.read(Tag::SEQUENCE)?);
        found += 1;
    }
    only.filter(|_| found == 1).ok_or(SignatureError::SignerCount { found })
}

fn read_signer<'a>(
    signer: &Value<'a>,
    plaintext: Cow<'a, [u8]>,
    certificates: Vec<Value<'a>>,
) -> Result<SignedData<'a>, SignatureError> {
    let mut fields = signer.reader();
    let version = fields.small_integer(Tag::INTEGER)?;
    if version != 1 {
        return Err(SignatureError::Version { expected: "1", found: version });
    }
    let mut sid = fields.nested(Tag::SEQUENCE)?;
    let issuer = sid.read(Tag::SEQUENCE)?.encoded;
    let serial = crate::cert::read_serial(&mut sid)?;
    sid.end()?;
    let digest_hash = read_hash(&fields.read(Tag::SEQUENCE)?)?;
    let attributes = fields.read(Tag::constructed(0))?;
    let signature_hash = read_pss_hash(&fields.read(Tag::SEQUENCE)?)?;
    let signature = fields.read(Tag::OCTET_STRING)?.contents;
    // Unsigned attributes are not authenticated, so they are not read.
    fields.optional(Tag::constructed(1))?;
    fields.end()?;
    Ok(SignedData {
        plaintext,
        certificates,
        issuer,
        serial,
        digest_hash,
        attributes,
        signature_hash,
        signature,
    })
}
