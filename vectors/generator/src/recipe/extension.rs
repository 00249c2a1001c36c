//! The extensions of certificates.

use serde::Serialize;

use crate::der::Node;
use crate::octets::Octets;

#[derive(Clone, Serialize)]
pub(crate) struct Extension {
    pub(crate) critical: Critical,
    pub(crate) value: ExtensionValue,
}

#[derive(Clone, Copy, Serialize)]
pub(crate) enum Critical {
    Yes,
    /// Omitted, as in DER.
    No,
    /// The contents of a BOOLEAN, which DER forbids there.
    Encoded(u8),
}

#[derive(Clone, Serialize)]
pub(crate) enum ExtensionValue {
    BasicConstraints {
        authority: Option<u8>,
        path_length: Option<u8>,
    },
    /// The contents of a BIT STRING.
    KeyUsage(Octets),
    /// The digest of the key, unless given.
    SubjectKeyId(Option<Octets>),
    /// The digest of the issuer's key, unless given.
    AuthorityKeyId(Option<Octets>),
    /// The identifier and the value.
    Other(&'static str, Octets),
}

/// The digests of the keys of a certificate and of its issuer.
pub(crate) struct KeyIds {
    pub(crate) subject: Vec<u8>,
    pub(crate) authority: Vec<u8>,
}

impl Extension {
    pub(crate) fn node(&self, key_ids: &KeyIds) -> Node {
        let mut fields = vec![Node::oid(self.value.oid())];
        match self.critical {
            Critical::Yes => fields.push(Node::primitive(1, [0xff])),
            Critical::No => {}
            Critical::Encoded(octet) => fields.push(Node::primitive(1, [octet])),
        }
        fields.push(Node::octet_string(self.value.encode(key_ids)));
        Node::sequence(fields)
    }
}

impl ExtensionValue {
    const fn oid(&self) -> &'static str {
        match self {
            Self::BasicConstraints { .. } => "2.5.29.19",
            Self::KeyUsage(_) => "2.5.29.15",
            Self::SubjectKeyId(_) => "2.5.29.14",
            Self::AuthorityKeyId(_) => "2.5.29.35",
            Self::Other(oid, _) => oid,
        }
    }

    fn encode(&self, key_ids: &KeyIds) -> Vec<u8> {
        let node = match self {
            Self::BasicConstraints { authority, path_length } => {
                let authority = authority.map(|octet| Node::primitive(1, [octet]));
                let path_length = path_length.map(|octet| Node::integer([octet]));
                Node::sequence(authority.into_iter().chain(path_length).collect())
            }
            Self::KeyUsage(bits) => Node::primitive(3, bits.0.clone()),
            Self::SubjectKeyId(octets) => Node::octet_string(
                octets.as_ref().map_or(key_ids.subject.clone(), |octets| octets.0.clone()),
            ),
            Self::AuthorityKeyId(octets) => {
                let octets =
                    octets.as_ref().map_or(key_ids.authority.clone(), |octets| octets.0.clone());
                Node::sequence(vec![Node::primitive(0x80, octets)])
            }
            Self::Other(_, octets) => Node::verbatim(octets.0.clone()),
        };
        node.encode()
    }
}
