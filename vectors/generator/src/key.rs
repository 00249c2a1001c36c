//! The test keys of `vectors/keys`, and their signatures.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use p256::ecdsa::signature::Signer as _;
use pkcs8::der::{Decode as _, SecretDocument};
use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef};

use crate::der::Node;
use crate::hash::Hash;
use crate::rsa::{PssParameters, RsaKey};

/// The name of a test key: its file name without the extension.
pub(crate) type KeyName = &'static str;

/// A test key.
pub(crate) enum Key {
    Rsa(RsaKey),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(Ed25519KeyPair),
}

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

static KEYS: LazyLock<BTreeMap<String, Key>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../keys");
    let files = folder.read_dir().expect("the folder of test keys can be read");
    let paths = files.map(|file| file.expect("the folder of test keys can be read").path());
    paths
        .map(|path| (path.file_stem().expect("a name").to_string_lossy().into(), Key::read(&path)))
        .collect()
});

impl Key {
    pub(crate) fn named(name: KeyName) -> &'static Self {
        KEYS.get(name).unwrap_or_else(|| panic!("missing test key {name}"))
    }

    fn read(path: &Path) -> Self {
        let (_, document) = SecretDocument::read_pem_file(path).expect("a PEM file");
        let info = PrivateKeyInfoRef::from_der(document.as_bytes()).expect("a PKCS#8 key");
        let (oid, octets) = (info.algorithm.oid, info.private_key.as_bytes());
        match oid {
            RSA_ENCRYPTION => Self::Rsa(RsaKey::new(&octets.try_into().expect("an RSA key"))),
            ED25519 => Self::Ed25519(
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(document.as_bytes())
                    .expect("an Ed25519 key"),
            ),
            _ if info.algorithm.parameters_oid() == Ok(SECP256R1) => {
                Self::P256(p256::SecretKey::try_from(info).expect("a P-256 key").into())
            }
            _ => Self::P384(p384::SecretKey::try_from(info).expect("a P-384 key").into()),
        }
    }

    /// Returns the key of a DNSKEY record (RFC 3110, RFC 6605, RFC 8080).
    pub(crate) fn dns_public_key(&self) -> Vec<u8> {
        match self {
            Self::Rsa(key) => {
                [&[key.exponent.len().to_le_bytes()[0]], key.exponent.as_slice(), &key.modulus]
                    .concat()
            }
            Self::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes()[1..].to_vec(),
            Self::P384(key) => key.verifying_key().to_sec1_point(false).as_bytes()[1..].to_vec(),
            Self::Ed25519(key) => key.public_key().as_ref().to_vec(),
        }
    }

    /// Returns the `SubjectPublicKeyInfo` of an RSA or P-256 key.
    pub(crate) fn subject_public_key_info(&self) -> Node {
        match self {
            Self::Rsa(key) => {
                let algorithm = vec![Node::oid("1.2.840.113549.1.1.1"), Node::null()];
                Node::sequence(vec![Node::sequence(algorithm), Node::bit_string(key.public_key())])
            }
            Self::P256(key) => {
                let algorithm =
                    vec![Node::oid("1.2.840.10045.2.1"), Node::oid("1.2.840.10045.3.1.7")];
                let point = key.verifying_key().to_sec1_point(false);
                let point = Node::verbatim(point.as_bytes());
                Node::sequence(vec![Node::sequence(algorithm), Node::bit_string(point)])
            }
            Self::P384(_) | Self::Ed25519(_) => panic!("no case has such a certificate"),
        }
    }

    /// Signs with RSASSA-PSS, or with the algorithm of the key if it is not RSA.
    pub(crate) fn sign_pss(&self, parameters: PssParameters, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(key) => key.sign_pss(parameters, message),
            other => other.sign_dns(0, message),
        }
    }

    pub(crate) fn sign_pkcs1(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(key) => key.sign_pkcs1(hash, message),
            _ => panic!("PKCS #1 needs an RSA key"),
        }
    }

    /// Signs with a DNSSEC algorithm. RSA uses SHA-256 for algorithms that do not have it.
    pub(crate) fn sign_dns(&self, algorithm: u8, message: &[u8]) -> Vec<u8> {
        match (self, algorithm) {
            (Self::Rsa(key), 5 | 7) => key.sign_pkcs1(Hash::Sha1, message),
            (Self::Rsa(key), 10) => key.sign_pkcs1(Hash::Sha512, message),
            (Self::Rsa(key), _) => key.sign_pkcs1(Hash::Sha256, message),
            (Self::P256(key), _) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            (Self::P384(key), _) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            (Self::Ed25519(key), _) => key.sign(message).as_ref().to_vec(),
        }
    }
}
