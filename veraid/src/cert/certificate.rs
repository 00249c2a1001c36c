//! A certificate's structure.

use crate::Timestamp;
use crate::der::{DerError, Reader, Tag, Value, generalized_time, utc_time};

/// A well-formed certificate, unverified.
///
/// ```text
/// Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }
/// TBSCertificate ::= SEQUENCE {
///     version [0] EXPLICIT INTEGER DEFAULT v1, serialNumber INTEGER, signature AlgorithmIdentifier,
///     issuer Name, validity SEQUENCE { notBefore Time, notAfter Time }, subject Name,
///     subjectPublicKeyInfo, issuerUniqueID [1], subjectUniqueID [2], extensions [3] EXPLICIT }
/// ```
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    /// The octets that the signature covers.
    pub(crate) signed: &'a [u8],
    /// `None` if it is absent, which means v1.
    pub(crate) version: Option<u8>,
    pub(crate) serial: &'a [u8],
    pub(crate) signed_algorithm: Value<'a>,
    pub(crate) issuer: &'a [u8],
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) subject: Value<'a>,
    pub(crate) subject_public_key_info: Value<'a>,
    pub(crate) extensions: Option<Value<'a>>,
    pub(crate) algorithm: Value<'a>,
    pub(crate) signature: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads a certificate that borrows the octets.
    ///
    /// # Errors
    /// [`DerError`] if the structure is not that of a certificate in DER. A serial number may have
    /// superfluous zero octets: deployed producers write them.
    pub fn from_der(octets: &'a [u8]) -> Result<Self, DerError> {
        let certificate = Reader::read_single(octets, Tag::SEQUENCE)?;
        Self::from_contents(&certificate)
    }

    /// Reads a certificate under another tag.
    pub(crate) fn from_contents(value: &Value<'a>) -> Result<Self, DerError> {
        let mut certificate = value.reader();
        let signed = certificate.read(Tag::SEQUENCE)?;
        let algorithm = certificate.read(Tag::SEQUENCE)?;
        let signature = read_bit_string(&mut certificate)?;
        certificate.end()?;

        let mut fields = signed.reader();
        let version = read_version(&mut fields)?;
        let serial = read_serial(&mut fields)?;
        let signed_algorithm = fields.read(Tag::SEQUENCE)?;
        let issuer = fields.read(Tag::SEQUENCE)?.encoded;
        let (not_before, not_after) = read_validity(&mut fields)?;
        let subject = fields.read(Tag::SEQUENCE)?;
        let subject_public_key_info = fields.read(Tag::SEQUENCE)?;
        let extensions = read_extensions(&mut fields)?;
        fields.end()?;
        Ok(Self {
            signed: signed.encoded,
            version,
            serial,
            signed_algorithm,
            issuer,
            not_before,
            not_after,
            subject,
            subject_public_key_info,
            extensions,
            algorithm,
            signature,
        })
    }

    /// Returns the start of the validity, unverified.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Returns the last instant of the validity, unverified.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Returns the subject's common name, unverified, or `None` if it is malformed.
    #[must_use]
    pub fn common_name(&self) -> Option<String> {
        super::name::read_common_name(&self.subject).ok()
    }

    /// Returns the DER of the `SubjectPublicKeyInfo`, whose digest is in a TXT record.
    #[must_use]
    pub const fn subject_public_key_info(&self) -> &'a [u8] {
        self.subject_public_key_info.encoded
    }
}

/// A BIT STRING of whole octets.
pub(crate) fn read_bit_string<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DerError> {
    let value = reader.read(Tag::BIT_STRING)?;
    match value.contents {
        [0, octets @ ..] => Ok(octets),
        _ => Err(value.error("BIT STRING of whole octets")),
    }
}

fn read_version(fields: &mut Reader<'_>) -> Result<Option<u8>, DerError> {
    let Some(explicit) = fields.optional(Tag::constructed(0))? else {
        return Ok(None);
    };
    let mut explicit = explicit.reader();
    let version = explicit.small_integer(Tag::INTEGER)?;
    explicit.end()?;
    Ok(Some(version))
}

/// One certificate in 512 has superfluous zeros here, so only the sign and the size are checked
/// (RFC 5280, 4.1.2.2).
pub(crate) fn read_serial<'a>(fields: &mut Reader<'a>) -> Result<&'a [u8], DerError> {
    let value = fields.read(Tag::INTEGER)?;
    let is_negative = value.contents.first().is_none_or(|first| *first >= 0x80);
    if is_negative || value.contents.len() > 21 {
        return Err(value.error("serial number"));
    }
    let zeros = value.contents.iter().take_while(|octet| **octet == 0).count();
    Ok(value.contents.get(zeros..).unwrap_or_default())
}

fn read_validity(fields: &mut Reader<'_>) -> Result<(Timestamp, Timestamp), DerError> {
    let mut validity = fields.nested(Tag::SEQUENCE)?;
    let not_before = read_time(&mut validity)?;
    let not_after = read_time(&mut validity)?;
    validity.end()?;
    Ok((not_before, not_after))
}

fn read_time(validity: &mut Reader<'_>) -> Result<Timestamp, DerError> {
    match validity.optional(Tag::UTC_TIME)? {
        Some(time) => utc_time(&time),
        None => generalized_time(&validity.read(Tag::GENERALIZED_TIME)?),
    }
}

fn read_extensions<'a>(fields: &mut Reader<'a>) -> Result<Option<Value<'a>>, DerError> {
    let Some(explicit) = fields.optional(Tag::constructed(3))? else {
        return Ok(None);
    };
    let mut explicit = explicit.reader();
    let extensions = explicit.read(Tag::SEQUENCE)?;
    explicit.end()?;
    Ok(Some(extensions))
}
