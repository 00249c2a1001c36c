//! Certificates in which every field can be changed.

use serde::Serialize;

use super::algorithm::SignatureAlgorithm;
use super::extension::{Critical, Extension, ExtensionValue, KeyIds};
use super::name::{Name, bmp, common_name, name_node};
use crate::der::{Edit, Node};
use crate::hash::Hash;
use crate::key::{Key, KeyName};
use crate::octets::Octets;

#[derive(Clone, Serialize)]
pub(crate) struct Certificate {
    /// The contents of the INTEGER. `None` omits it, which means v1.
    pub(crate) version: Option<Octets>,
    /// The contents of the INTEGER.
    pub(crate) serial: Octets,
    pub(crate) algorithm: SignatureAlgorithm,
    /// The signed algorithm, if it is another one.
    pub(crate) signed_algorithm: Option<SignatureAlgorithm>,
    /// The issuer's subject, unless given.
    pub(crate) issuer: Option<Name>,
    pub(crate) not_before: Time,
    pub(crate) not_after: Time,
    pub(crate) subject: Name,
    pub(crate) key: KeyName,
    pub(crate) key_edit: Option<Edit>,
    pub(crate) extensions: Vec<Extension>,
    /// The signing key, if it is not the issuer's.
    pub(crate) signer: Option<KeyName>,
    /// A change of the signed part, before it is signed.
    pub(crate) edit: Option<Edit>,
    /// The octets that replace the signature.
    pub(crate) signature: Option<Octets>,
}

/// The contents and the type of a time.
#[derive(Clone, Serialize)]
pub(crate) enum Time {
    Utc(String),
    Generalized(String),
}

pub(crate) fn utc(text: &str) -> Time {
    Time::Utc(text.to_owned())
}

pub(crate) fn generalized(text: &str) -> Time {
    Time::Generalized(text.to_owned())
}

impl Certificate {
    /// Returns an organisation's certificate as the deployed library issues it, but in DER.
    pub(crate) fn organisation() -> Self {
        let authority =
            ExtensionValue::BasicConstraints { authority: Some(0xff), path_length: Some(0) };
        Self {
            serial: [0x3a, 0x11, 0x52, 0x0d].into(),
            not_before: utc("261101000000Z"),
            not_after: utc("270130000000Z"),
            ..Self::new("example.com", "organisation-2048", authority)
        }
    }

    /// Returns a member's certificate.
    pub(crate) fn member() -> Self {
        let member = ExtensionValue::BasicConstraints { authority: None, path_length: None };
        Self::new("alice", "member-2048", member)
    }

    /// Returns the certificate of a CA that the organisation issues.
    pub(crate) fn intermediate() -> Self {
        let authority =
            ExtensionValue::BasicConstraints { authority: Some(0xff), path_length: Some(0) };
        Self { serial: [0x22].into(), ..Self::new("intermediate", "intermediate-2048", authority) }
    }

    fn new(subject: &str, key: KeyName, constraints: ExtensionValue) -> Self {
        let extension = |critical, value| Extension { critical, value };
        Self {
            version: Some([2].into()),
            serial: [0x51, 0x07, 0xa9, 0x60].into(),
            algorithm: SignatureAlgorithm::pss(Hash::Sha256),
            signed_algorithm: None,
            issuer: None,
            not_before: utc("261122000000Z"),
            not_after: utc("261222000000Z"),
            subject: common_name(bmp(subject)),
            key,
            key_edit: None,
            extensions: vec![
                extension(Critical::Yes, constraints),
                extension(Critical::No, ExtensionValue::AuthorityKeyId(None)),
                extension(Critical::No, ExtensionValue::SubjectKeyId(None)),
            ],
            signer: None,
            edit: None,
            signature: None,
        }
    }

    /// Returns the extension of this kind, for changes.
    fn extension(&mut self, is_kind: impl Fn(&ExtensionValue) -> bool) -> &mut Extension {
        let found = self.extensions.iter_mut().find(|extension| is_kind(&extension.value));
        found.expect("the certificate has the extension")
    }

    /// Returns the basic constraints, for changes.
    pub(crate) fn constraints(&mut self) -> &mut Extension {
        self.extension(|value| matches!(value, ExtensionValue::BasicConstraints { .. }))
    }

    /// Returns the contents of the cA flag, for changes.
    pub(crate) fn authority(&mut self) -> &mut Option<u8> {
        match &mut self.constraints().value {
            ExtensionValue::BasicConstraints { authority, .. } => authority,
            _ => panic!("these are the basic constraints"),
        }
    }

    /// Returns the path length, for changes.
    pub(crate) fn path_length(&mut self) -> &mut Option<u8> {
        match &mut self.constraints().value {
            ExtensionValue::BasicConstraints { path_length, .. } => path_length,
            _ => panic!("these are the basic constraints"),
        }
    }

    /// Returns the subject key identifier, which is not a digest of the key, for changes.
    pub(crate) fn subject_key_id(&mut self) -> &mut Option<Octets> {
        match &mut self.extension(|value| matches!(value, ExtensionValue::SubjectKeyId(_))).value {
            ExtensionValue::SubjectKeyId(octets) => octets,
            _ => panic!("this is the subject key identifier"),
        }
    }

    /// Returns the authority key identifier, which is not a digest of the issuer's key, for
    /// changes.
    pub(crate) fn authority_key_id(&mut self) -> &mut Option<Octets> {
        match &mut self.extension(|value| matches!(value, ExtensionValue::AuthorityKeyId(_))).value
        {
            ExtensionValue::AuthorityKeyId(octets) => octets,
            _ => panic!("this is the authority key identifier"),
        }
    }

    pub(crate) fn subject_public_key_info(&self) -> Vec<u8> {
        Key::named(self.key).subject_public_key_info().edited(self.key_edit.as_ref()).encode()
    }

    pub(crate) fn issuer_node(&self, issuer: &Self) -> Node {
        name_node(self.issuer.as_ref().unwrap_or(&issuer.subject))
    }

    /// Returns the certificate, signed by the issuer, which may be the subject.
    pub(crate) fn node(&self, issuer: &Self) -> Node {
        let identifier = self.algorithm.identifier();
        let signed = self.signed_node(issuer);
        let key = Key::named(self.signer.unwrap_or(issuer.key));
        let signature = self.signature.as_ref().map(|octets| octets.0.clone());
        let signature = signature.unwrap_or_else(|| self.algorithm.sign(key, &signed.encode()));
        let signature = Node::primitive(3, [&[0], signature.as_slice()].concat());
        Node::sequence(vec![signed, identifier, signature])
    }

    fn signed_node(&self, issuer: &Self) -> Node {
        let key_info = self.subject_public_key_info();
        let key_ids = KeyIds {
            subject: Hash::Sha256.digest(&key_info),
            authority: Hash::Sha256.digest(&issuer.subject_public_key_info()),
        };
        let version =
            self.version.iter().map(|octets| Node::explicit(0, Node::integer(octets.0.clone())));
        let mut fields: Vec<Node> = version.collect();
        fields.extend([
            Node::integer(self.serial.0.clone()),
            self.signed_algorithm.as_ref().unwrap_or(&self.algorithm).identifier(),
            self.issuer_node(issuer),
            Node::sequence(vec![self.not_before.node(), self.not_after.node()]),
            name_node(&self.subject),
            Node::verbatim(key_info),
        ]);
        let extensions = self.extensions.iter().map(|extension| extension.node(&key_ids)).collect();
        fields.push(Node::explicit(3, Node::sequence(extensions)));
        Node::sequence(fields).edited(self.edit.as_ref())
    }
}

impl Time {
    fn node(&self) -> Node {
        match self {
            Self::Utc(text) => Node::primitive(0x17, text.as_bytes()),
            Self::Generalized(text) => Node::primitive(0x18, text.as_bytes()),
        }
    }
}
