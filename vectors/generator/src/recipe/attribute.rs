//! The attributes of a signer.

use serde::Serialize;

use super::signed_data::ID_DATA;
use crate::der::Node;
use crate::hash::Hash;
use crate::octets::Octets;

const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
const METADATA: &str = "1.3.6.1.4.1.58708.1.0";
const ATTRIBUTION: &str = "1.3.6.1.4.1.58708.1.2";

#[derive(Clone, Serialize)]
pub(crate) struct SignedAttribute {
    pub(crate) kind: &'static str,
    pub(crate) values: Vec<AttributeValue>,
}

#[derive(Clone, Serialize)]
pub(crate) enum AttributeValue {
    Oid(&'static str),
    /// The digest of the plaintext.
    MessageDigest,
    /// The digest of other octets.
    MessageDigestOf(Octets),
    Metadata(Metadata),
    Utf8(String),
    Printable(String),
    /// The encoded value.
    Other(Octets),
}

/// The service, the start and the end.
#[derive(Clone, Serialize)]
pub(crate) struct Metadata {
    pub(crate) service: &'static str,
    /// The contents of the GeneralizedTime.
    pub(crate) start: String,
    pub(crate) end: String,
}

impl SignedAttribute {
    const fn new(kind: &'static str, values: Vec<AttributeValue>) -> Self {
        Self { kind, values }
    }

    pub(crate) fn content_type() -> Self {
        Self::content_type_with(ID_DATA)
    }

    pub(crate) fn content_type_with(oid: &'static str) -> Self {
        Self::new(CONTENT_TYPE, vec![AttributeValue::Oid(oid)])
    }

    pub(crate) fn message_digest() -> Self {
        Self::new(MESSAGE_DIGEST, vec![AttributeValue::MessageDigest])
    }

    pub(crate) fn metadata(service: &'static str) -> Self {
        let (start, end) = ("20261122180000Z".to_owned(), "20261122180500Z".to_owned());
        Self::new(METADATA, vec![AttributeValue::Metadata(Metadata { service, start, end })])
    }

    pub(crate) fn attribution(member: &str) -> Self {
        Self::new(ATTRIBUTION, vec![AttributeValue::Utf8(member.to_owned())])
    }

    /// 2026-11-22 18:00:00 UTC.
    pub(crate) fn signing_time() -> Self {
        let time = Node::primitive(0x17, *b"261122180000Z").encode();
        Self::new(SIGNING_TIME, vec![AttributeValue::Other(time.into())])
    }

    pub(crate) fn other(kind: &'static str, value: impl Into<Octets>) -> Self {
        Self::new(kind, vec![AttributeValue::Other(value.into())])
    }

    pub(crate) fn node(&self, digest: Hash, plaintext: &[u8]) -> Node {
        let values = self.values.iter().map(|value| value.node(digest, plaintext));
        Node::sequence(vec![Node::oid(self.kind), Node::set(values.collect())])
    }

    /// Returns the metadata, for changes, if the attribute contains it.
    pub(crate) fn as_metadata(&mut self) -> Option<&mut Metadata> {
        match self.values.as_mut_slice() {
            [AttributeValue::Metadata(metadata)] => Some(metadata),
            _ => None,
        }
    }
}

impl AttributeValue {
    fn node(&self, digest: Hash, plaintext: &[u8]) -> Node {
        match self {
            Self::Oid(oid) => Node::oid(oid),
            Self::MessageDigest => Node::octet_string(digest.digest(plaintext)),
            Self::MessageDigestOf(octets) => Node::octet_string(digest.digest(&octets.0)),
            Self::Metadata(metadata) => metadata.node(),
            Self::Utf8(text) => Node::primitive(0x0c, text.as_bytes()),
            Self::Printable(text) => Node::primitive(0x13, text.as_bytes()),
            Self::Other(octets) => Node::verbatim(octets.0.clone()),
        }
    }
}

impl Metadata {
    fn node(&self) -> Node {
        let time = |tag, text: &str| Node::primitive(tag, text.as_bytes());
        let period = vec![time(0x80, &self.start), time(0x81, &self.end)];
        let service = Node::oid(self.service).with_tag(0x80);
        Node::sequence(vec![service, Node::constructed(0xa1, period)])
    }
}
