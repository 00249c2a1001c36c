//! Algorithm identifiers, and their signatures (RFC 4055).

use serde::Serialize;

use crate::der::Node;
use crate::hash::Hash;
use crate::key::Key;
use crate::rsa::PssParameters;

/// The algorithm of a signature, as declared and as used.
#[derive(Clone, Serialize)]
pub(crate) enum SignatureAlgorithm {
    Pss(Pss),
    /// RSASSA-PKCS1-v1_5.
    Pkcs1(Hash),
}

/// The parameters of RSASSA-PSS.
#[derive(Clone, Serialize)]
pub(crate) struct Pss {
    pub(crate) hash: Hash,
    /// The hash of MGF1, if it is another one.
    pub(crate) mask_hash: Option<Hash>,
    /// The declared length of the salt, if it is not the hash's.
    pub(crate) salt_length: Option<u8>,
    /// The length of the salt, if it is not the declared one.
    pub(crate) used_salt_length: Option<u8>,
    pub(crate) trailer: Option<u8>,
    /// Whether the hashes have NULL parameters.
    pub(crate) null: bool,
    /// Whether all parameters are omitted.
    pub(crate) omitted: bool,
}

impl SignatureAlgorithm {
    pub(crate) fn pss(hash: Hash) -> Self {
        Self::Pss(Pss {
            hash,
            mask_hash: None,
            salt_length: None,
            used_salt_length: None,
            trailer: None,
            null: true,
            omitted: false,
        })
    }

    /// Returns the parameters of RSASSA-PSS, for changes.
    pub(crate) fn as_pss(&mut self) -> &mut Pss {
        match self {
            Self::Pss(pss) => pss,
            Self::Pkcs1(_) => panic!("the recipe has no RSASSA-PSS"),
        }
    }

    pub(crate) fn identifier(&self) -> Node {
        match self {
            Self::Pss(pss) => pss.identifier(),
            Self::Pkcs1(hash) => {
                let number = match hash {
                    Hash::Sha1 => 5,
                    Hash::Sha224 => 14,
                    Hash::Sha256 => 11,
                    Hash::Sha384 => 12,
                    Hash::Sha512 => 13,
                };
                Node::sequence(vec![
                    Node::oid(&format!("1.2.840.113549.1.1.{number}")),
                    Node::null(),
                ])
            }
        }
    }

    pub(crate) fn sign(&self, key: &Key, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Pss(pss) => key.sign_pss(pss.used(), message),
            Self::Pkcs1(hash) => key.sign_pkcs1(*hash, message),
        }
    }
}

impl Pss {
    fn mask_hash(&self) -> Hash {
        self.mask_hash.unwrap_or(self.hash)
    }

    fn salt_length(&self) -> u8 {
        self.salt_length.unwrap_or(self.hash.length().to_le_bytes()[0])
    }

    fn used(&self) -> PssParameters {
        PssParameters {
            hash: self.hash,
            mask_hash: self.mask_hash(),
            salt_length: self.used_salt_length.unwrap_or(self.salt_length()).into(),
        }
    }

    fn identifier(&self) -> Node {
        let mask =
            vec![Node::oid("1.2.840.113549.1.1.8"), hash_identifier(self.mask_hash(), self.null)];
        let mut parameters = vec![
            Node::explicit(0, hash_identifier(self.hash, self.null)),
            Node::explicit(1, Node::sequence(mask)),
            Node::explicit(2, Node::integer([self.salt_length()])),
        ];
        parameters.extend(self.trailer.map(|trailer| Node::explicit(3, Node::integer([trailer]))));
        let mut identifier = vec![Node::oid("1.2.840.113549.1.1.10")];
        if !self.omitted {
            identifier.push(Node::sequence(parameters));
        }
        Node::sequence(identifier)
    }
}

/// Returns the identifier of a hash, with or without NULL.
pub(crate) fn hash_identifier(hash: Hash, null: bool) -> Node {
    let mut fields = vec![Node::oid(hash.oid())];
    if null {
        fields.push(Node::null());
    }
    Node::sequence(fields)
}
