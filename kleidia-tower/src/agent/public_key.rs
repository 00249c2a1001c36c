//! The public key of an agent: RSA-4096, checked before its first use.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use http_guard::log_text;
use http_guard::pem::pem_blocks;
use pkcs1::RsaPublicKeyRef;
use pkcs1::der::pem::{self, LineEnding};
use pkcs1::der::{self, Decode as _};
use spki::SubjectPublicKeyInfoRef;

use super::{PublicKeyError, rsa_requirements};

/// The public key of an agent, with which a service encrypts secrets for it.
///
/// It is parsed from a PEM text of at most [`MAX_PEM_OCTETS`](Self::MAX_PEM_OCTETS) octets with a
/// single block. Other text may surround it, lines have any length, and white space in them is
/// ignored. The block is a `SubjectPublicKeyInfo` (RFC 5280, 4.1) with the label `PUBLIC KEY` (RFC
/// 7468, 13), as OpenSSL and browsers export it. `RSA PUBLIC KEY` (PKCS #1) is rejected, since it
/// doesn't name the key's algorithm.
///
/// The key must be RSA. Its modulus has exactly 4096 bits and no factor below 752. Its public
/// exponent is odd, at least 65,537, and has at most 33 bits. Equal keys have equal PEM texts.
///
/// ```
/// use kleidia_tower::agent::{AgentPublicKey, PublicKeyError};
///
/// let ed25519 = "-----BEGIN PUBLIC KEY-----
/// MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
/// -----END PUBLIC KEY-----
/// ";
/// let error = ed25519.parse::<AgentPublicKey>().unwrap_err();
/// assert_eq!(error, PublicKeyError::Algorithm { found: "1.3.101.112".to_owned() });
/// ```
#[derive(Clone)]
pub struct AgentPublicKey {
    key: PublicEncryptingKey,
    pem: String,
    fingerprint: String,
}

/// An error from [`AgentPublicKey::encrypt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptionError {
    /// The plaintext does not fit into one block of RSA-OAEP.
    #[error(
        "the plaintext has {octets} octets, expected at most {}",
        AgentPublicKey::MAX_PLAINTEXT_OCTETS
    )]
    TooLong {
        /// The length of the plaintext.
        octets: usize,
    },
    /// The cryptographic library failed.
    #[error("the cryptographic library failed to encrypt")]
    Failed,
}

impl AgentPublicKey {
    /// The length of the modulus in bits.
    pub const BITS: usize = 4096;
    /// The smallest public exponent.
    pub const MIN_EXPONENT: u32 = 65_537;
    /// The maximum length of a public exponent in bits, as for zones and certificates: 2^32 + 1 is
    /// in use, and the cryptographic library rejects larger ones.
    pub const MAX_EXPONENT_BITS: usize = 33;
    /// The maximum length of a PEM text. A valid key has 800 octets.
    pub const MAX_PEM_OCTETS: usize = 4096;
    /// The maximum length of a plaintext: that of the modulus, less two digests and two octets
    /// (RFC 8017, 7.1.1).
    pub const MAX_PLAINTEXT_OCTETS: usize = Self::CIPHERTEXT_OCTETS - 2 * 32 - 2;
    /// The length of every ciphertext in octets.
    pub const CIPHERTEXT_OCTETS: usize = Self::BITS / 8;

    pub(super) const LABEL: &str = "PUBLIC KEY";

    /// Encrypts a secret by RSA-OAEP with SHA-256, MGF1 with SHA-256 and an empty label (RFC 8017,
    /// 7.1). It does not authenticate the sender: anyone can encrypt with a public key.
    ///
    /// # Errors
    /// [`EncryptionError::TooLong`] if the plaintext has more than
    /// [`MAX_PLAINTEXT_OCTETS`](Self::MAX_PLAINTEXT_OCTETS), which are 446. It may be empty.
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

    /// Returns the key in PEM, in its canonical form: lines of 64 characters that end with LF.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.pem.clone()
    }

    /// Returns the fingerprint, for people to compare: `SHA256:` and the digest of the
    /// `SubjectPublicKeyInfo` in Base64 without padding.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Parses a `SubjectPublicKeyInfo` in DER.
    pub(super) fn from_der(octets: &[u8]) -> Result<Self, PublicKeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(octets).map_err(invalid_der)?;
        if info.algorithm.oid != pkcs1::ALGORITHM_OID {
            return Err(PublicKeyError::Algorithm { found: log_text(info.algorithm.oid) });
        }
        if info.algorithm != pkcs1::ALGORITHM_ID {
            return Err(PublicKeyError::Parameters);
        }
        let key = info.subject_public_key.as_bytes().unwrap_or_default();
        let key = RsaPublicKeyRef::from_der(key).map_err(invalid_der)?;
        rsa_requirements::check(key.modulus.as_bytes(), key.public_exponent.as_bytes())?;

        let key = PublicEncryptingKey::from_der(octets).map_err(|_| PublicKeyError::Rejected)?;
        // DER is canonical, so the input is also the encoding of the key.
        let pem = pem::encode_string(Self::LABEL, LineEnding::LF, octets).map_err(invalid_pem)?;
        let digest = digest::digest(&digest::SHA256, octets);
        let fingerprint = format!("SHA256:{}", BASE64_STANDARD_NO_PAD.encode(digest));
        Ok(Self { key, pem, fingerprint })
    }
}

impl FromStr for AgentPublicKey {
    type Err = PublicKeyError;

    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        if text.len() > Self::MAX_PEM_OCTETS {
            return Err(PublicKeyError::TooLong { octets: text.len() });
        }
        let blocks = pem_blocks(text.as_bytes());
        // A block can begin within a malformed one.
        let (block, found) =
            (blocks.first(), text.split(['\n', '\r']).filter(|line| begins(line)).count());
        let block = block.filter(|_| found == 1).ok_or(PublicKeyError::Blocks { found })?;
        if block.label != Self::LABEL {
            return Err(PublicKeyError::Label { found: log_text(block.label) });
        }
        if block.is_encrypted() {
            return Err(PublicKeyError::Pem { reason: "encrypted block".to_owned() });
        }
        let strict = block.to_strict();
        let (_, octets) = pem::decode_vec(&strict).map_err(invalid_pem)?;
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

/// Returns whether a block begins in a line.
fn begins(line: &str) -> bool {
    const BEGIN: &str = "-----BEGIN ";
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    line.trim_ascii_start().starts_with(BEGIN)
}

fn invalid_pem(error: pem::Error) -> PublicKeyError {
    PublicKeyError::Pem { reason: log_text(error) }
}

fn invalid_der(error: der::Error) -> PublicKeyError {
    PublicKeyError::Der { reason: log_text(error) }
}
