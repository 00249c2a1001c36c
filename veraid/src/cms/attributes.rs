//! The signed attributes.

use super::SignatureError;
use crate::Member;
use crate::bundle::SignatureMetadata;
use crate::der::{DerError, Tag, Value, oid_contents};

pub(crate) const CONTENT_TYPE: &[u8] = oid_contents!("1.2.840.113549.1.9.3");
pub(crate) const MESSAGE_DIGEST: &[u8] = oid_contents!("1.2.840.113549.1.9.4");
pub(crate) const METADATA: &[u8] = oid_contents!("1.3.6.1.4.1.58708.1.0");
pub(crate) const ATTRIBUTION: &[u8] = oid_contents!("1.3.6.1.4.1.58708.1.2");
pub(crate) const ID_DATA: &[u8] = oid_contents!("1.2.840.113549.1.7.1");

/// The attributes that VeraId reads; others are ignored.
#[derive(Debug)]
pub(super) struct SignedAttributes<'a> {
    pub(super) message_digest: &'a [u8],
    pub(super) metadata: SignatureMetadata,
    /// The member to whom the organisation attributes its signature.
    pub(super) attribution: Option<Member>,
}

impl<'a> SignedAttributes<'a> {
    /// Reads `SET OF SEQUENCE { attrType OBJECT IDENTIFIER, attrValues SET OF ANY }`.
    ///
    /// The order is not checked, because deployed producers don't sort.
    pub(super) fn read(attributes: &Value<'a>) -> Result<Self, SignatureError> {
        let (mut content_type, mut message_digest) = (None, None);
        let (mut metadata, mut attribution) = (None, None);
        let mut list = attributes.reader();
        while !list.is_empty() {
            let mut attribute = list.nested(Tag::SEQUENCE)?;
            let oid = attribute.object_identifier()?;
            let values = attribute.read(Tag::SET)?;
            attribute.end()?;
            let (name, slot) = match oid {
                CONTENT_TYPE => ("contentType", &mut content_type),
                MESSAGE_DIGEST => ("messageDigest", &mut message_digest),
                METADATA => ("metadata", &mut metadata),
                ATTRIBUTION => ("attribution", &mut attribution),
                _ => continue,
            };
            if slot.replace(only_value(name, &values)?).is_some() {
                return Err(SignatureError::DuplicateAttribute(name));
            }
        }
        check_content_type(&require("contentType", content_type)?)?;
        Ok(Self {
            message_digest: expect(&require("messageDigest", message_digest)?, Tag::OCTET_STRING)?,
            metadata: SignatureMetadata::read(require("metadata", metadata)?.encoded)
                .map_err(SignatureError::Metadata)?,
            attribution: attribution.as_ref().map(read_attribution).transpose()?,
        })
    }
}

fn only_value<'a>(
    attribute: &'static str,
    values: &Value<'a>,
) -> Result<Value<'a>, SignatureError> {
    let mut reader = values.reader();
    let mut last = None;
    let mut found = 0;
    while !reader.is_empty() {
        last = Some(reader.any()?);
        found += 1;
    }
    last.filter(|_| found == 1).ok_or(SignatureError::AttributeValues { attribute, found })
}

fn require<'a>(name: &'static str, value: Option<Value<'a>>) -> Result<Value<'a>, SignatureError> {
    value.ok_or(SignatureError::MissingAttribute(name))
}

fn expect<'a>(value: &Value<'a>, tag: Tag) -> Result<&'a [u8], DerError> {
    let mut reader = crate::der::Reader::new(value.encoded);
    Ok(reader.read(tag)?.contents)
}

fn check_content_type(value: &Value<'_>) -> Result<(), SignatureError> {
    let found = crate::der::Reader::new(value.encoded).object_identifier()?;
    super::signed_data::require_content_type(found, ID_DATA)
}

fn read_attribution(value: &Value<'_>) -> Result<Member, SignatureError> {
    let octets = expect(value, Tag::UTF8_STRING)?;
    let text = std::str::from_utf8(octets).map_err(|_| value.error("UTF8String"))?;
    Ok(text.parse()?)
}
