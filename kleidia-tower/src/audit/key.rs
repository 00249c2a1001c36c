//! The secret key of the audit log, which signs its checkpoints and authenticates its records.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use signed_note::{Signer as _, StandardSigner};
use zeroize::Zeroizing;

use super::AuditVerifierKey;
use super::checkpoint_file::CheckpointFile;
use super::record::RecordMac;
use crate::access_token::KeyFileError;

/// The algorithm octet of Ed25519 in a signed note.
const ED25519: u8 = 1;
/// The maximum length of a name in octets.
const MAX_NAME_LENGTH: usize = 100;

/// The secret key of an audit log (Ed25519), with the log's name. Cheap to clone.
///
/// It signs the checkpoints of the log. A key for HMAC that is derived from it authenticates each
/// record until the record is sealed. An attacker who has the key and can write to the database can
/// forge the log. So store the key outside the database, and its
/// [verifier key](Self::verifier_key) where neither is.
///
/// The text form is that of a signer key of C2SP signed notes:
/// `PRIVATE+KEY+<name>+<hash>+<Base64>`.
///
/// A key from a file remembers the newest checkpoint that it has signed or verified in another file
/// ([`AuditKeyFiles`](super::AuditKeyFiles)), by default beside it. Writers of the database cannot
/// change it, so the store seals only what continues this checkpoint. Copy the key and the current
/// checkpoint to another node. The file keeps its owner, its group and its mode when it is replaced;
/// a process that may not keep them does not replace it.
///
/// ```
/// use kleidia_tower::audit::AuditKey;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("portal.db.audit-key");
/// let key = AuditKey::open_or_create(&path)?;
/// println!("{}", key.verifier_key());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AuditKey {
    pub(super) secret: Arc<Secret>,
    pub(super) file: Option<Arc<CheckpointFile>>,
}

pub(super) struct Secret {
    signer: StandardSigner,
    mac: hmac::Key,
    verifier: AuditVerifierKey,
}

/// An error from creating or reading a key of an audit log. It does not contain the key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditKeyError {
    /// The text is not a signer key of Ed25519.
    #[error("malformed audit key, expected PRIVATE+KEY+<name>+<hash>+<Base64>")]
    MalformedKey,
    /// The text is not a verifier key of Ed25519.
    #[error("malformed audit verifier key, expected <name>+<hash>+<Base64>")]
    MalformedVerifierKey,
    /// The name is empty, longer than 100 octets, or has white space, control characters or `+`.
    #[error("invalid name of an audit key")]
    InvalidName,
    /// The operating system provides no random octets.
    #[error("no random octets: {0}")]
    Random(#[source] io::Error),
    /// The key that is to replace another one has another name.
    #[error("the key has the name {found}, expected {expected}")]
    OtherName {
        /// The name of the log.
        expected: String,
        /// The name of the key.
        found: String,
    },
    /// The file exists.
    #[error("the file exists")]
    Exists,
    /// The file of the checkpoint cannot be written.
    #[error("failed to write the checkpoint: {0}")]
    Checkpoint(#[source] io::Error),
    /// The file cannot be created or read.
    #[error(transparent)]
    File(#[from] KeyFileError),
}

impl AuditKey {
    /// Generates a key for a log with this name, which is the origin of its checkpoints. Names
    /// should be unique, as those of domains are.
    ///
    /// # Errors
    /// [`AuditKeyError::InvalidName`] if the name has more than 100 octets, or is not one of signed
    /// notes: not empty, without white space, control characters and `+`. [`AuditKeyError::Random`]
    /// if the operating system provides no random octets.
    pub fn generate(name: &str) -> Result<Self, AuditKeyError> {
        generate_text(name)?.parse()
    }

    /// Returns the key that verifies what this key signs.
    #[must_use]
    pub fn verifier_key(&self) -> &AuditVerifierKey {
        &self.secret.verifier
    }

    pub(super) fn signer(&self) -> &StandardSigner {
        &self.secret.signer
    }

    pub(super) fn authenticate(&self, octets: &[u8]) -> RecordMac {
        let mut mac = RecordMac::default();
        mac.copy_from_slice(hmac::sign(&self.secret.mac, octets).as_ref());
        mac
    }

    pub(super) fn is_authentic(&self, octets: &[u8], mac: &RecordMac) -> bool {
        hmac::verify(&self.secret.mac, octets, mac).is_ok()
    }
}

/// Generates the text of a key.
pub(super) fn generate_text(name: &str) -> Result<Zeroizing<String>, AuditKeyError> {
    let mut key = Zeroizing::new([0; 33]);
    let [algorithm, seed @ ..] = &mut *key;
    *algorithm = ED25519;
    getrandom::fill(seed).map_err(|error| AuditKeyError::Random(error.into()))?;
    let is_valid = signed_note::is_key_name_valid(name) && !name.chars().any(char::is_control);
    if !is_valid || name.len() > MAX_NAME_LENGTH {
        return Err(AuditKeyError::InvalidName);
    }
    let id = signed_note::key_id(name, &public_octets(seed)?);
    let mut text = Zeroizing::new(String::with_capacity(name.len() + 128));
    // The number has no secret in it.
    text.extend(["PRIVATE+KEY+", name, "+", &format!("{id:08x}"), "+"]);
    BASE64_STANDARD.encode_string(*key, &mut text);
    Ok(text)
}

/// Parses the text of a key. Lines that start with `#`, and empty lines, are ignored.
impl FromStr for AuditKey {
    type Err = AuditKeyError;

    fn from_str(text: &str) -> Result<Self, AuditKeyError> {
        let mut lines = text.lines().map(str::trim);
        let mut lines = lines.by_ref().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(AuditKeyError::MalformedKey);
        };
        let signer = StandardSigner::new(line).map_err(|_| AuditKeyError::MalformedKey)?;
        // The name has no `+`, but Base64 has.
        let encoded = line.splitn(5, '+').last().ok_or(AuditKeyError::MalformedKey)?;
        let mut key = Zeroizing::new([0; 36]);
        // Longer than the key, since the decoder rounds up the length that it requires.
        let length = BASE64_STANDARD.decode_slice(encoded, &mut *key);
        let length = length.map_err(|_| AuditKeyError::MalformedKey)?;
        let seed = key.get(1..length).ok_or(AuditKeyError::MalformedKey)?;
        let verifier = verifier_key(signer.name(), seed)?;
        let secret = Arc::new(Secret { signer, mac: mac_key(seed)?, verifier });
        Ok(Self { secret, file: None })
    }
}

fn verifier_key(name: &str, seed: &[u8]) -> Result<AuditVerifierKey, AuditKeyError> {
    let public = public_octets(seed)?;
    let id = signed_note::key_id(name, &public);
    format!("{name}+{id:08x}+{}", BASE64_STANDARD.encode(public)).parse()
}

/// Returns the public key of a seed, as signed notes have it: after the algorithm.
fn public_octets(seed: &[u8]) -> Result<Vec<u8>, AuditKeyError> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed);
    let pair = pair.map_err(|_| AuditKeyError::MalformedKey)?;
    Ok([&[ED25519], pair.public_key().as_ref()].concat())
}

/// Derives the key that authenticates records (HKDF, RFC 5869).
fn mac_key(seed: &[u8]) -> Result<hmac::Key, AuditKeyError> {
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(seed);
    let key = prk.expand(&[b"kleidia audit record"], hmac::HMAC_SHA256);
    key.map(hmac::Key::from).map_err(|_| AuditKeyError::MalformedKey)
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditKey").field("verifier", &self.secret.verifier).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::LogKey;

    #[test]
    fn text_keeps_the_key() {
        let text = generate_text("audit.example.com").unwrap();
        let keys = [text.to_string(), format!("# a comment\n\n {} \r\n", *text)];
        let [one, other] = keys.map(|text| text.parse::<AuditKey>().unwrap());
        assert_eq!(one.verifier_key(), other.verifier_key());
        assert_eq!(one.verifier_key().name(), "audit.example.com");
        let mac = one.authenticate(b"a record");
        assert!(other.is_authentic(b"a record", &mac));
        assert!(!other.is_authentic(b"another record", &mac));
        let another = AuditKey::generate("audit.example.com").unwrap();
        assert!(!another.is_authentic(b"a record", &mac));
    }

    #[test]
    fn rejects_other_texts_without_quoting_them() {
        let text = generate_text("log").unwrap();
        let renamed = text.replace("log", "other");
        let verifier = text.parse::<AuditKey>().unwrap().verifier_key().to_string();
        let twice = format!("{}\n{}", *text, *text);
        for text in ["", "PRIVATE+KEY+log", &renamed, &verifier, &twice, &text[..text.len() - 4]] {
            let error = text.parse::<AuditKey>().unwrap_err();
            assert!(matches!(error, AuditKeyError::MalformedKey), "{error}");
        }
        for text in ["", "log", text.as_str(), &verifier.replace("log", "other")] {
            let error = text.parse::<AuditVerifierKey>().unwrap_err();
            assert!(matches!(error, AuditKeyError::MalformedVerifierKey), "{error}");
        }
        for name in ["", "a b", "a+b", "a\nb", "a\u{1}b", &"n".repeat(MAX_NAME_LENGTH + 1)] {
            let error = AuditKey::generate(name).unwrap_err();
            assert!(matches!(error, AuditKeyError::InvalidName), "{name:?}: {error}");
        }
    }

    #[test]
    fn every_generated_key_is_valid() {
        for _ in 0..100 {
            AuditKey::generate("log").unwrap();
        }
    }

    #[test]
    fn debug_output_has_no_secret() {
        let text = generate_text("log").unwrap();
        let key: AuditKey = text.parse().unwrap();
        let secret = text.splitn(5, '+').last().unwrap();
        assert!(!format!("{key:?} {:?}", LogKey::from(key.clone())).contains(secret));
    }
}
