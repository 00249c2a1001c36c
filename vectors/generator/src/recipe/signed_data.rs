//! CMS signatures in which every field can be changed (RFC 5652).

use serde::Serialize;

use super::algorithm::{SignatureAlgorithm, hash_identifier};
use super::attribute::SignedAttribute;
use super::certificate::Certificate;
use crate::der::{Edit, Node};
use crate::hash::Hash;
use crate::key::{Key, KeyName};
use crate::octets::Octets;

pub(crate) const ID_DATA: &str = "1.2.840.113549.1.7.1";
pub(crate) const ID_SIGNED_DATA: &str = "1.2.840.113549.1.7.2";

#[derive(Clone, Serialize)]
pub(crate) struct SignedData {
    pub(crate) content_type: &'static str,
    pub(crate) version: u8,
    pub(crate) encapsulated_type: &'static str,
    pub(crate) plaintext: Plaintext,
    pub(crate) content: ContentForm,
    /// `None` omits the field.
    pub(crate) certificates: Option<Vec<Attached>>,
    pub(crate) signers: Vec<Signer>,
}

/// The plaintext, with a number of letters instead of `{padding}`.
#[derive(Clone, Serialize)]
pub(crate) struct Plaintext {
    pub(crate) template: PlaintextTemplate,
    pub(crate) padding: usize,
}

#[derive(Clone, Serialize)]
pub(crate) enum PlaintextTemplate {
    Text(String),
    Octets(Octets),
}

#[derive(Clone, Serialize)]
pub(crate) enum ContentForm {
    Primitive,
    /// A constructed OCTET STRING of chunks that end at these positions.
    Constructed(Vec<usize>),
    /// The contents of a constructed OCTET STRING, which are malformed.
    ConstructedOf(Octets),
    Detached,
    Absent,
}

/// An attached certificate.
#[derive(Clone, Serialize)]
pub(crate) enum Attached {
    Member,
    Organisation,
    /// The member's, issued by the organisation, with another key.
    MemberWithKey(KeyName),
    /// The member's, with a change that leaves its issuer and its serial number.
    EditedMember(Edit),
    /// A CA's, issued by the organisation.
    Intermediate,
    Octets(Octets),
}

#[derive(Clone, Serialize)]
pub(crate) struct Signer {
    pub(crate) version: u8,
    pub(crate) identity: Identity,
    pub(crate) digest: Hash,
    pub(crate) digest_null: bool,
    pub(crate) attributes: Vec<SignedAttribute>,
    pub(crate) attributes_order: AttributesOrder,
    /// A change of the signed attributes, before they are signed.
    pub(crate) attributes_edit: Option<Edit>,
    pub(crate) algorithm: SignatureAlgorithm,
    /// The signing key, if it is not the identity's.
    pub(crate) key: Option<KeyName>,
    pub(crate) covers: Covers,
    /// The octets that replace the signature.
    pub(crate) signature: Option<Octets>,
    pub(crate) unsigned_attributes: Vec<SignedAttribute>,
}

#[derive(Clone, Copy, Serialize)]
pub(crate) enum AttributesOrder {
    /// As in a SET OF in DER.
    Sorted,
    AsListed,
}

/// The octets that the signature covers.
#[derive(Clone, Copy, Serialize)]
pub(crate) enum Covers {
    /// The attributes in the order of the message, under the tag of a SET.
    AsSent,
    /// The attributes in DER order, regardless of the order in the message.
    Sorted,
    /// The attributes under the tag of the message.
    TagAsSent,
    /// The plaintext, as without signed attributes.
    Plaintext,
}

/// The signer identifier.
#[derive(Clone, Serialize)]
pub(crate) enum Identity {
    Member,
    Organisation,
    /// `[0] SubjectKeyIdentifier` of the member.
    MemberKeyId,
    /// The member with another serial number.
    MemberWithSerial(Octets),
}

/// The certificates of a bundle.
pub(crate) struct Certificates<'a> {
    pub(crate) organisation: &'a Certificate,
    pub(crate) member: &'a Certificate,
    pub(crate) intermediate: &'a Certificate,
    pub(crate) member_issuer: &'a Certificate,
}

impl Plaintext {
    pub(crate) fn octets(&self) -> Vec<u8> {
        match &self.template {
            PlaintextTemplate::Text(text) => {
                text.replace("{padding}", &"a".repeat(self.padding)).into_bytes()
            }
            PlaintextTemplate::Octets(octets) => octets.0.clone(),
        }
    }
}

impl SignedData {
    /// The `ContentInfo`.
    pub(crate) fn node(&self, certificates: &Certificates<'_>) -> Node {
        let plaintext = self.plaintext.octets();
        let signers = self.signers.iter().map(|signer| signer.node(&plaintext, certificates));
        let digests =
            self.signers.iter().map(|signer| hash_identifier(signer.digest, signer.digest_null));
        let mut fields = vec![
            Node::integer([self.version]),
            Node::set(digests.take(1).collect()),
            self.content_node(&plaintext),
        ];
        if let Some(attached) = &self.certificates {
            let attached = attached.iter().map(|attached| attached.node(certificates));
            fields.push(Node::set(attached.collect()).with_tag(0xa0));
        }
        fields.push(Node::set(signers.collect()));
        let content = Node::explicit(0, Node::sequence(fields));
        Node::sequence(vec![Node::oid(self.content_type), content])
    }

    fn content_node(&self, plaintext: &[u8]) -> Node {
        let octet_string = match &self.content {
            ContentForm::Primitive => Node::octet_string(plaintext),
            ContentForm::Constructed(ends) => Node::constructed(0x24, chunks(plaintext, ends)),
            ContentForm::ConstructedOf(octets) => Node::primitive(0x24, octets.0.clone()),
            ContentForm::Detached => {
                return Node::sequence(vec![Node::oid(self.encapsulated_type)]);
            }
            ContentForm::Absent => Node::verbatim([]),
        };
        Node::sequence(vec![Node::oid(self.encapsulated_type), Node::explicit(0, octet_string)])
    }
}

fn chunks(plaintext: &[u8], ends: &[usize]) -> Vec<Node> {
    let starts = std::iter::once(&0).chain(ends);
    let ends = ends.iter().copied().chain([plaintext.len()]);
    starts.zip(ends).map(|(start, end)| Node::octet_string(&plaintext[*start..end])).collect()
}

impl Attached {
    fn node(&self, certificates: &Certificates<'_>) -> Node {
        let organisation = certificates.organisation;
        match self {
            Self::Member => certificates.member.node(certificates.member_issuer),
            Self::Organisation => organisation.node(organisation),
            Self::MemberWithKey(key) => {
                Certificate { key, ..certificates.member.clone() }.node(certificates.member_issuer)
            }
            Self::EditedMember(edit) => {
                certificates.member.node(certificates.member_issuer).edited(Some(edit))
            }
            Self::Intermediate => certificates.intermediate.node(organisation),
            Self::Octets(octets) => Node::verbatim(octets.0.clone()),
        }
    }
}

impl Signer {
    fn node(&self, plaintext: &[u8], certificates: &Certificates<'_>) -> Node {
        let attributes = self.attributes_node(&self.attributes, self.attributes_order, plaintext);
        let attributes = attributes.edited(self.attributes_edit.as_ref());
        let mut fields = vec![
            Node::integer([self.version]),
            self.identity.node(certificates),
            hash_identifier(self.digest, self.digest_null),
            attributes.clone(),
            self.algorithm.identifier(),
            Node::octet_string(self.signature(attributes, plaintext, certificates)),
        ];
        if !self.unsigned_attributes.is_empty() {
            let order = AttributesOrder::Sorted;
            fields.push(
                self.attributes_node(&self.unsigned_attributes, order, plaintext).with_tag(0xa1),
            );
        }
        Node::sequence(fields)
    }

    fn attributes_node(
        &self,
        attributes: &[SignedAttribute],
        order: AttributesOrder,
        plaintext: &[u8],
    ) -> Node {
        let nodes = attributes.iter().map(|attribute| attribute.node(self.digest, plaintext));
        let mut nodes: Vec<Node> = nodes.collect();
        if let AttributesOrder::Sorted = order {
            nodes.sort_by_cached_key(Node::encode);
        }
        Node::constructed(0xa0, nodes)
    }

    fn signature(
        &self,
        attributes: Node,
        plaintext: &[u8],
        certificates: &Certificates<'_>,
    ) -> Vec<u8> {
        let key = Key::named(self.key.unwrap_or(self.identity.certificate(certificates).key));
        let message = match self.covers {
            Covers::AsSent => attributes.with_tag(0x31).encode(),
            Covers::Sorted => {
                let sorted =
                    self.attributes_node(&self.attributes, AttributesOrder::Sorted, plaintext);
                sorted.with_tag(0x31).encode()
            }
            Covers::TagAsSent => attributes.encode(),
            Covers::Plaintext => plaintext.to_vec(),
        };
        let signature = self.signature.as_ref().map(|octets| octets.0.clone());
        signature.unwrap_or_else(|| self.algorithm.sign(key, &message))
    }
}

impl Identity {
    fn certificate<'a>(&self, certificates: &Certificates<'a>) -> &'a Certificate {
        match self {
            Self::Organisation => certificates.organisation,
            Self::Member | Self::MemberKeyId | Self::MemberWithSerial(_) => certificates.member,
        }
    }

    fn node(&self, certificates: &Certificates<'_>) -> Node {
        let certificate = self.certificate(certificates);
        let serial = match self {
            Self::MemberKeyId => {
                let key_id = Hash::Sha256.digest(&certificate.subject_public_key_info());
                return Node::primitive(0x80, key_id);
            }
            Self::MemberWithSerial(serial) => serial,
            Self::Member | Self::Organisation => &certificate.serial,
        };
        let issuer = match self {
            Self::Organisation => certificates.organisation,
            _ => certificates.member_issuer,
        };
        Node::sequence(vec![certificate.issuer_node(issuer), Node::integer(serial.0.clone())])
    }
}
