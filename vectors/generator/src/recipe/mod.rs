//! The recipes of files.

mod algorithm;
mod attribute;
mod certificate;
mod extension;
mod header;
mod name;
mod signed_data;

use serde::Serialize;

pub(crate) use algorithm::{Pss, SignatureAlgorithm};
pub(crate) use attribute::{AttributeValue, Metadata, SignedAttribute};
pub(crate) use certificate::{Certificate, Time, generalized, utc};
pub(crate) use extension::{Critical, Extension, ExtensionValue};
pub(crate) use header::{Alphabet, Header, Padding};
pub(crate) use name::{Attribute, COMMON_NAME, ORGANIZATION_NAME, Text, bmp, common_name};
pub(crate) use signed_data::{
    Attached, AttributesOrder, Certificates, ContentForm, Covers, ID_DATA, ID_SIGNED_DATA,
    Identity, Plaintext, PlaintextTemplate, SignedData, Signer,
};

use crate::der::{Edit, Node};
use crate::dns::{Chain, deployed_chain};
use crate::hash::Hash;
use crate::octets::Octets;

/// The service of Kliento's tokens.
pub(crate) const KLIENTO: &str = "1.3.6.1.4.1.58708.3.0";
/// The service of VeraId for tests.
pub(crate) const TEST_SERVICE: &str = "1.3.6.1.4.1.58708.1.1";

/// The kind of a file.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    TokenBundle,
    SignatureBundle,
    MemberIdBundle,
    Authorization,
    Chain,
}

/// The recipe of a file. Parts that a kind of file does not contain have no effect on it.
#[derive(Clone, Serialize)]
pub(crate) struct Recipe {
    pub(crate) kind: Kind,
    /// The contents of the bundle's version, or `None` to omit it.
    pub(crate) version: Option<Octets>,
    pub(crate) chain: Chain,
    pub(crate) organisation: Certificate,
    pub(crate) member: Certificate,
    pub(crate) member_issuer: Issuer,
    pub(crate) signature: SignedData,
    /// A change of the bundle or chain, outside the signed parts.
    pub(crate) edit: Option<Edit>,
    /// Octets after the bundle or chain.
    pub(crate) trailing: Octets,
    pub(crate) header: Header,
}

/// The issuer of the member's certificate.
#[derive(Clone, Copy, Serialize)]
pub(crate) enum Issuer {
    Organisation,
    Intermediate,
}

impl Recipe {
    /// Returns the recipe of a token that a member signs.
    pub(crate) fn member_token() -> Self {
        let token = r#"{"audience":"https://api.example.com","claims":{"permission":"read-only"}}"#;
        let plaintext =
            Plaintext { template: PlaintextTemplate::Text(token.to_owned()), padding: 0 };
        Self {
            kind: Kind::TokenBundle,
            version: Some([0].into()),
            chain: deployed_chain(),
            organisation: Certificate::organisation(),
            member: Certificate::member(),
            member_issuer: Issuer::Organisation,
            signature: SignedData {
                content_type: ID_SIGNED_DATA,
                version: 1,
                encapsulated_type: ID_DATA,
                plaintext,
                content: ContentForm::Primitive,
                certificates: Some(vec![Attached::Member]),
                signers: vec![member_signer()],
            },
            edit: None,
            trailing: Octets::default(),
            header: Header::default(),
        }
    }

    /// Returns the recipe of a token that the organisation signs on behalf of a member.
    pub(crate) fn organisation_token() -> Self {
        let mut recipe = Self::member_token();
        recipe.signature.certificates = Some(Vec::new());
        let signer = recipe.signer();
        signer.identity = Identity::Organisation;
        signer.attributes.push(SignedAttribute::attribution("alice"));
        recipe
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let key_info = self.organisation.subject_public_key_info();
        match self.kind {
            Kind::Chain => self.encoded(self.chain.node(&key_info)),
            Kind::Authorization => self.header.value(&self.bundle()).into_bytes(),
            _ => self.bundle(),
        }
    }

    fn bundle(&self) -> Vec<u8> {
        let key_info = self.organisation.subject_public_key_info();
        let version = self.version.iter().map(|octets| Node::primitive(0x80, octets.0.clone()));
        let mut fields: Vec<Node> = version.collect();
        fields.push(self.chain.node(&key_info).with_tag(0xa1));
        fields.push(self.organisation.node(&self.organisation).with_tag(0xa2));
        let intermediate = Certificate::intermediate();
        let member_issuer = match self.member_issuer {
            Issuer::Organisation => &self.organisation,
            Issuer::Intermediate => &intermediate,
        };
        fields.push(if self.kind == Kind::MemberIdBundle {
            self.member.node(member_issuer).with_tag(0xa3)
        } else {
            let certificates = Certificates {
                organisation: &self.organisation,
                member: &self.member,
                intermediate: &intermediate,
                member_issuer,
            };
            self.signature.node(&certificates).with_tag(0xa3)
        });
        self.encoded(Node::sequence(fields))
    }

    fn encoded(&self, node: Node) -> Vec<u8> {
        let octets = node.edited(self.edit.as_ref()).encode();
        [octets.as_slice(), &self.trailing.0].concat()
    }

    /// Returns the only signer, for changes.
    pub(crate) fn signer(&mut self) -> &mut Signer {
        &mut self.signature.signers[0]
    }

    /// Returns the metadata of the only signer, for changes.
    pub(crate) fn metadata(&mut self) -> &mut Metadata {
        let attributes = &mut self.signer().attributes;
        attributes.iter_mut().find_map(SignedAttribute::as_metadata).expect("there is metadata")
    }

    /// Sets the token, in which `{padding}` is a placeholder for letters.
    pub(crate) fn set_token(&mut self, json: impl Into<String>) {
        self.signature.plaintext.template = PlaintextTemplate::Text(json.into());
    }
}

fn member_signer() -> Signer {
    Signer {
        version: 1,
        identity: Identity::Member,
        digest: Hash::Sha256,
        digest_null: true,
        attributes: vec![
            SignedAttribute::content_type(),
            SignedAttribute::message_digest(),
            SignedAttribute::metadata(KLIENTO),
        ],
        attributes_order: AttributesOrder::Sorted,
        attributes_edit: None,
        algorithm: SignatureAlgorithm::pss(Hash::Sha256),
        key: None,
        covers: Covers::AsSent,
        signature: None,
        unsigned_attributes: Vec::new(),
    }
}
