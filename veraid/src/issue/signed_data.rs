//! Encodes the CMS signature (RFC 5652, 5).

use super::algorithm::{hash_algorithm, pss_algorithm};
use super::unsigned::SigningKey;
use crate::cms::attributes::{ATTRIBUTION, CONTENT_TYPE, ID_DATA, MESSAGE_DIGEST, METADATA};
use crate::cms::signed_data::ID_SIGNED_DATA;
use crate::der::Tag;
use crate::der::writer::{encode, integer, metadata_time, object_identifier, set_of};
use crate::{Certificate, Member, ObjectIdentifier, Period};

/// The contents of the signed attributes.
pub(super) struct SignedAttributes<'a> {
    pub(super) plaintext: &'a [u8],
    pub(super) service: &'a ObjectIdentifier,
    pub(super) period: Period,
    /// The member to whom the organisation attributes its signature. `None` if the member signs.
    pub(super) attribution: Option<&'a Member>,
}

/// The signer, and the certificates to attach.
pub(super) struct SignedDataSigner<'a> {
    pub(super) certificate: &'a Certificate<'a>,
    pub(super) key: SigningKey<'a>,
    /// The DER of the certificates.
    pub(super) attached: Vec<Vec<u8>>,
}

impl SignedAttributes<'_> {
    /// Encodes the attributes in DER order under the tag of a SET, as the signature covers them.
    pub(super) fn encode(&self, key: &SigningKey<'_>) -> Vec<u8> {
        let digest = key.hash.digest(self.plaintext);
        let content_type = object_identifier(ID_DATA);
        let mut attributes = vec![
            attribute(CONTENT_TYPE, &content_type),
            attribute(MESSAGE_DIGEST, &encode(Tag::OCTET_STRING, &[digest.as_ref()])),
            attribute(METADATA, &self.metadata()),
        ];
        if let Some(member) = self.attribution {
            let name = member.to_string();
            attributes.push(attribute(ATTRIBUTION, &encode(Tag::UTF8_STRING, &[name.as_bytes()])));
        }
        set_of(Tag::SET, attributes)
    }

    /// `SEQUENCE { serviceOid [0], validityPeriod [1] SEQUENCE { start [0], end [1] } }`.
    fn metadata(&self) -> Vec<u8> {
        let start = metadata_time(Tag::primitive(0), self.period.start());
        let end = metadata_time(Tag::primitive(1), self.period.end());
        let service = encode(Tag::primitive(0), &[self.service.as_contents()]);
        encode(Tag::SEQUENCE, &[&service, &encode(Tag::constructed(1), &[&start, &end])])
    }
}

fn attribute(oid: &[u8], value: &[u8]) -> Vec<u8> {
    encode(Tag::SEQUENCE, &[&object_identifier(oid), &encode(Tag::SET, &[value])])
}

impl SignedDataSigner<'_> {
    /// A `ContentInfo` under the tag, with a placeholder for the signature at its end.
    ///
    /// The version is 1, as deployed verifiers expect.
    pub(super) fn encode(&self, tag: Tag, plaintext: &[u8], signed_attributes: &[u8]) -> Vec<u8> {
        let content = encode(Tag::OCTET_STRING, &[plaintext]);
        let content = [object_identifier(ID_DATA), encode(Tag::constructed(0), &[&content])];
        let signed_data = [
            integer(&[1]),
            encode(Tag::SET, &[&hash_algorithm(self.key.hash)]),
            encode(Tag::SEQUENCE, &[&content.concat()]),
            set_of(Tag::constructed(0), self.attached.clone()),
            encode(Tag::SET, &[&self.signer_info(signed_attributes)]),
        ];
        let signed_data = encode(Tag::SEQUENCE, &[&signed_data.concat()]);
        let signed_data = encode(Tag::constructed(0), &[&signed_data]);
        encode(tag, &[&object_identifier(ID_SIGNED_DATA), &signed_data])
    }

    fn signer_info(&self, signed_attributes: &[u8]) -> Vec<u8> {
        let serial = integer(self.certificate.serial);
        let mut attributes = signed_attributes.to_vec();
        if let Some(tag) = attributes.first_mut() {
            *tag = Tag::constructed(0).0;
        }
        let fields = [
            integer(&[1]),
            encode(Tag::SEQUENCE, &[self.certificate.issuer, &serial]),
            hash_algorithm(self.key.hash),
            attributes,
            pss_algorithm(self.key.hash),
            encode(Tag::OCTET_STRING, &[&self.key.placeholder()]),
        ];
        encode(Tag::SEQUENCE, &[&fields.concat()])
    }
}
