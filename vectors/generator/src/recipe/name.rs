//! Distinguished names in any string type.

use serde::Serialize;

use crate::der::Node;
use crate::octets::Octets;

pub(crate) const COMMON_NAME: &str = "2.5.4.3";
pub(crate) const ORGANIZATION_NAME: &str = "2.5.4.10";

/// A name: sets of attributes.
pub(crate) type Name = Vec<Vec<Attribute>>;

#[derive(Clone, Serialize)]
pub(crate) struct Attribute {
    pub(crate) kind: &'static str,
    pub(crate) value: Text,
}

/// A value of one of the string types.
#[derive(Clone, Serialize)]
pub(crate) enum Text {
    Bmp(String),
    Utf8(String),
    Printable(String),
    Teletex(String),
    Ia5(String),
    Universal(String),
    /// The tag of a string type, and contents that may be invalid for it.
    Raw(u8, Octets),
}

/// Returns a name with one common name.
pub(crate) fn common_name(value: Text) -> Name {
    vec![vec![Attribute { kind: COMMON_NAME, value }]]
}

pub(crate) fn bmp(text: &str) -> Text {
    Text::Bmp(text.to_owned())
}

pub(crate) fn name_node(name: &Name) -> Node {
    let rdn =
        |attributes: &Vec<Attribute>| Node::set(attributes.iter().map(Attribute::node).collect());
    Node::sequence(name.iter().map(rdn).collect())
}

impl Attribute {
    fn node(&self) -> Node {
        Node::sequence(vec![Node::oid(self.kind), self.value.node()])
    }
}

impl Text {
    fn node(&self) -> Node {
        match self {
            Self::Bmp(text) => {
                let octets = text.encode_utf16().flat_map(u16::to_be_bytes);
                Node::primitive(0x1e, octets.collect::<Vec<_>>())
            }
            Self::Utf8(text) => Node::primitive(0x0c, text.as_bytes()),
            Self::Printable(text) => Node::primitive(0x13, text.as_bytes()),
            Self::Teletex(text) => Node::primitive(0x14, text.as_bytes()),
            Self::Ia5(text) => Node::primitive(0x16, text.as_bytes()),
            Self::Universal(text) => {
                let octets = text.chars().flat_map(|character| u32::from(character).to_be_bytes());
                Node::primitive(0x1c, octets.collect::<Vec<_>>())
            }
            Self::Raw(tag, octets) => Node::primitive(*tag, octets.0.clone()),
        }
    }
}
