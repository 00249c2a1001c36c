//! The public key of an agent: RSA-4096, checked before anything is encrypted to it.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use pkcs1::RsaPublicKeyRef;
use pkcs1::der::pem::{self, LineEnding};
use pkcs1::der::{self, Decode as _};
use spki::SubjectPublicKeyInfoRef;

use super::{PublicKeyError, rsa_requirements};

/// The public key of an agent, to which secrets are encrypted (KLEIDIA.md, "Agents").
///
/// It is read from one PEM block of at most [`MAX_PEM_OCTETS`](Self::MAX_PEM_OCTETS) octets, with
/// nothing before it and white space alone behind it: a `SubjectPublicKeyInfo` (RFC 5280, 4.1) with
/// the label `PUBLIC KEY` (RFC 7468, 13), which OpenSSL writes and browsers export. PKCS #1's
/// `RSA PUBLIC KEY` is refused: one form is enough, and that one doesn't name the key's algorithm.
///
/// The key is RSA with a modulus of exactly 4096 bits, without factors below 752, and with an odd
/// public exponent of 65,537 to 2^32 - 1. Equal keys have equal texts, whatever they were read from.
///
/// ```
/// use kleidia_tower::agent::{AgentPublicKey, PublicKeyError};
///
/// let ed25519 = "-----BEGIN PUBLIC KEY-----
/// MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
/// -----END PUBLIC KEY-----
/// ";
/// let refused = ed25519.parse::<AgentPublicKey>().unwrap_err();
/// assert_eq!(refused, PublicKeyError::Algorithm { found: "1.3.101.112".to_owned() });
/// ```
#[derive(Clone)]
pub struct AgentPublicKey {
    key: PublicEncryptingKey,
    pem: String,
    fingerprint: String,
}

/// Why something was not encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptionError {
    /// There is more of it than fits into one block of RSA-OAEP.
    #[error("{octets} octets can't be encrypted, only {}", AgentPublicKey::MAX_PLAINTEXT_OCTETS)]
    TooLong {
        /// How many octets there are.
        octets: usize,
    },
    /// The cryptographic library failed.
    #[error("the cryptographic library fails to encrypt")]
    Failed,
}

impl AgentPublicKey {
    /// How many bits the modulus has.
    pub const BITS: usize = 4096;
    /// The smallest public exponent.
    pub const MIN_EXPONENT: u32 = 65_537;
    /// The most octets that a key is read from, which has 800 of them in PEM.
    pub const MAX_PEM_OCTETS: usize = 4096;
    /// The most octets that fit into a block: the modulus, less two digests and two octets
    /// (RFC 8017, 7.1.1).
    pub const MAX_PLAINTEXT_OCTETS: usize = Self::CIPHERTEXT_OCTETS - 2 * 32 - 2;
    /// How many octets are made of a plaintext, whatever its length.
    pub const CIPHERTEXT_OCTETS: usize = Self::BITS / 8;

    pub(super) const LABEL: &str = "PUBLIC KEY";

    /// Encrypts a secret by RSA-OAEP with SHA-256, MGF1 with SHA-256 and an empty label (RFC 8017,
    /// 7.1). Whoever has the public key can do so: it tells the agent nothing of who sends it.
    ///
    /// # Errors
    /// [`EncryptionError::TooLong`] beyond [`MAX_PLAINTEXT_OCTETS`](Self::MAX_PLAINTEXT_OCTETS),
    /// which are 446; an empty plaintext is encrypted as any other.
    pub fn encrypt(&self, plaintext: &[u8]) -> Result<Vec<u8>, EncryptionError> {
        if plaintext.len() > Self::MAX_PLAINTEXT_OCTETS {
            return Err(EncryptionError::TooLong { octets: plaintext.len() });
        }
        let failed = |_| EncryptionError::Failed;
        let key = OaepPublicEncryptingKey::new(self.key.clone()).map_err(failed)?;
        let mut ciphertext = vec![0; Self::CIPHERTEXT_OCTETS];
        key.encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, &mut ciphertext, None).map_err(failed)?;
        Ok(ciphertext)
    }

    /// The key in PEM, with lines of 64 characters that end in LF: the only text of this key.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.pem.clone()
    }

    /// `SHA256:` and the digest of the `SubjectPublicKeyInfo` in Base64 without padding, for people
    /// to compare.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Reads a `SubjectPublicKeyInfo`.
    pub(super) fn from_der(octets: &[u8]) -> Result<Self, PublicKeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(octets).map_err(malformed)?;
        if info.algorithm.oid != pkcs1::ALGORITHM_OID {
            return Err(PublicKeyError::Algorithm { found: info.algorithm.oid.to_string() });
        }
        if info.algorithm != pkcs1::ALGORITHM_ID {
            return Err(PublicKeyError::Parameters);
        }
        let key = info.subject_public_key.as_bytes().unwrap_or_default();
        let key = RsaPublicKeyRef::from_der(key).map_err(malformed)?;
        rsa_requirements::check(key.modulus.as_bytes(), key.public_exponent.as_bytes())?;

        let key = PublicEncryptingKey::from_der(octets).map_err(|_| PublicKeyError::Refused)?;
        // DER, as it was read, is the only encoding there is, so nothing is encoded again.
        let pem = pem::encode_string(Self::LABEL, LineEnding::LF, octets).map_err(unreadable)?;
        let digest = digest::digest(&digest::SHA256, octets);
        let fingerprint = format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest));
        Ok(Self { key, pem, fingerprint })
    }
}

impl FromStr for AgentPublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        const BEGIN: &str = "-----BEGIN ";
        if text.len() > Self::MAX_PEM_OCTETS {
            return Err(PublicKeyError::TooLong { octets: text.len() });
        }
        let text = text.trim_ascii_end();
        // The decoder skips what comes before a block, where another one could hide.
        let found = text.matches(BEGIN).count();
        if found != 1 || !text.starts_with(BEGIN) {
            return Err(PublicKeyError::Blocks { found });
        }
        let label = pem::decode_label(text.as_bytes()).map_err(unreadable)?;
        if label != Self::LABEL {
            return Err(PublicKeyError::Label { found: label.to_owned() });
        }
        let (_, octets) = pem::decode_vec(text.as_bytes()).map_err(unreadable)?;
        Self::from_der(&octets)
    }
}

impl PartialEq for AgentPublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.pem == other.pem
    }
}

impl Eq for AgentPublicKey {}

impl fmt::Debug for AgentPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentPublicKey({})", self.fingerprint)
    }
}

fn unreadable(error: pem::Error) -> PublicKeyError {
    PublicKeyError::Pem { reason: error.to_string() }
}

fn malformed(error: der::Error) -> PublicKeyError {
    PublicKeyError::Der { reason: error.to_string() }
}
