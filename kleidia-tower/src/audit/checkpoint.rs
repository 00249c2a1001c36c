//! The checkpoints of the audit log (C2SP tlog-checkpoint, in a signed note).

use std::fmt;

use signed_note::{Note, NoteError, Signer, StandardVerifier, VerifierList};
use tlog_tiles::Hash;

use super::{AuditKey, AuditVerifierKey};

/// The root of a Merkle tree, or a node of it (RFC 6962, 2.1).
pub type LogHash = [u8; 32];

/// A verified checkpoint: the size of the log and the root of its Merkle tree, signed by the log's
/// key.
///
/// Retain checkpoints outside the database: the database of a log can be replaced by an older one,
/// which only a later checkpoint shows.
///
/// ```
/// use kleidia_tower::audit::{AuditKey, AuditStore, Checkpoint};
/// use kleidia_tower::store::MemoryStore;
/// # use kleidia_tower::audit::{AuditEvent, EventKind, Outcome};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = AuditKey::generate("audit.example.com")?;
/// let store = MemoryStore::with_audit_key(key.clone());
/// # let event = AuditEvent { at: Default::default(), kind: EventKind::Logout, outcome: Outcome::Success,
/// #     user: None, actor: None, session: None, client: Default::default(), request: None, reason: None };
/// # store.append(vec![event]).await?;
/// let checkpoint = store.checkpoint().await?.ok_or("no records")?;
/// let note = checkpoint.note().to_owned();
/// // Later, and elsewhere:
/// assert_eq!(Checkpoint::verify(&note, key.verifier_key())?, checkpoint);
/// assert_eq!(checkpoint.size(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Checkpoint {
    size: u64,
    root: LogHash,
    last_detached: u64,
    note: String,
}

/// What an extension line has before the largest number of a detached record.
const DETACHED: &str = "detached ";

/// The root of the log's tree at a size, as the log's key has signed it: that of a [`Checkpoint`]
/// or of a [`Detachment`](super::Detachment).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedRoot {
    size: u64,
    root: LogHash,
}

/// The reason for which a checkpoint is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The text is not a checkpoint in a signed note.
    #[error("malformed checkpoint")]
    Malformed,
    /// The key has not signed it, or the signature is invalid.
    #[error("no valid signature of the log's key")]
    InvalidSignature,
    /// The key has signed it for another log.
    #[error("checkpoint of another log: expected {expected:?}, found {found:?}")]
    OriginMismatch {
        /// The name of the log.
        expected: String,
        /// The origin of the checkpoint.
        found: String,
    },
}

impl Checkpoint {
    /// Verifies a checkpoint: a signed note with the log's name, its size and its root.
    ///
    /// # Errors
    /// [`CheckpointError`] if it is malformed, or not signed by this key.
    pub fn verify(note: &str, key: &AuditVerifierKey) -> Result<Self, CheckpointError> {
        Self::verify_with_origin(note, key, key.name())
    }

    /// Verifies a signed note of this form whose first line is this origin.
    pub(super) fn verify_with_origin(
        note: &str,
        key: &AuditVerifierKey,
        origin: &str,
    ) -> Result<Self, CheckpointError> {
        let parsed = Note::from_bytes(note.as_bytes()).map_err(|_| CheckpointError::Malformed)?;
        let known = VerifierList::new(vec![Box::new(StandardVerifier::clone(&key.verifier))]);
        parsed.verify(&known).map_err(|_| CheckpointError::InvalidSignature)?;
        let checkpoint = tlog_tiles::Checkpoint::from_bytes(parsed.text());
        let checkpoint = checkpoint.map_err(|_| CheckpointError::Malformed)?;
        if checkpoint.origin() != origin {
            let (expected, found) = (origin.to_owned(), checkpoint.origin().to_owned());
            return Err(CheckpointError::OriginMismatch { expected, found });
        }
        let (size, root) = (checkpoint.size(), checkpoint.hash().0);
        let last_detached = parse_extension(checkpoint.extension());
        let last_detached = last_detached.ok_or(CheckpointError::Malformed)?;
        Ok(Self { size, root, last_detached, note: note.to_owned() })
    }

    /// Signs a checkpoint of a log without detached records, as
    /// [`Self::sign_with_last_detached`] does.
    pub(crate) fn sign(size: u64, root: LogHash, keys: &[&AuditKey]) -> Option<Self> {
        Self::sign_with_last_detached(size, root, 0, keys)
    }

    /// Signs a checkpoint with keys of the same name. Returns `None` for a name that no key has.
    pub(crate) fn sign_with_last_detached(
        size: u64,
        root: LogHash,
        last_detached: u64,
        keys: &[&AuditKey],
    ) -> Option<Self> {
        let origin = keys.first()?.verifier_key().name();
        Self::sign_with_origin(size, root, last_detached, keys, origin)
    }

    /// Signs a note of this form whose first line is this origin.
    pub(super) fn sign_with_origin(
        size: u64,
        root: LogHash,
        last_detached: u64,
        keys: &[&AuditKey],
        origin: &str,
    ) -> Option<Self> {
        let extension = match last_detached {
            0 => String::new(),
            number => format!("{DETACHED}{number}\n"),
        };
        let text = tlog_tiles::Checkpoint::new(origin, size, Hash(root), &extension).ok()?;
        let mut note = Note::new(&text.to_bytes(), &[]).ok()?;
        let signers: Vec<&dyn Signer> =
            keys.iter().map(|key| key.signer() as &dyn Signer).collect();
        note.add_sigs(&signers).map_err(|_: NoteError| ()).ok()?;
        let note = String::from_utf8(note.to_bytes()).ok()?;
        Some(Self { size, root, last_detached, note })
    }

    /// Returns the number of sealed records.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root of the Merkle tree over these records.
    #[must_use]
    pub const fn root(&self) -> &LogHash {
        &self.root
    }

    /// Returns the size and the root, with which a part of the log can be compared.
    #[must_use]
    pub const fn signed_root(&self) -> SignedRoot {
        SignedRoot { size: self.size, root: self.root }
    }

    /// Returns the largest number of a record that was detached when the checkpoint was signed; 0
    /// if there was none. No record up to it is sealed later.
    pub(crate) const fn last_detached(&self) -> u64 {
        self.last_detached
    }

    /// Returns the signed note, to be retained outside the database. It ends with a line break.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }
}

impl SignedRoot {
    /// Returns the number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root of the Merkle tree over these leaves.
    #[must_use]
    pub const fn root(&self) -> &LogHash {
        &self.root
    }
}

/// Returns the number in the extension of a checkpoint, which is empty or one line; 0 if it is
/// empty.
fn parse_extension(extension: &str) -> Option<u64> {
    if extension.is_empty() {
        return Some(0);
    }
    let text = extension.strip_prefix(DETACHED)?.strip_suffix('\n')?;
    let number: u64 = text.parse().ok()?;
    (number > 0 && number.to_string() == text).then_some(number)
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("size", &self.size)
            .field("root", &Hash(self.root))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_its_key_signed() {
        let key = AuditKey::generate("log").unwrap();
        let signed = Checkpoint::sign(7, [9; 32], &[&key]).unwrap();
        assert!(signed.note().starts_with("log\n7\nCQkJ"), "{}", signed.note());
        let verified = Checkpoint::verify(signed.note(), key.verifier_key()).unwrap();
        assert_eq!((verified.size(), verified.root()), (7, &[9; 32]));
        assert_eq!(verified, signed);
        let signed = Checkpoint::sign_with_last_detached(7, [9; 32], 5, &[&key]).unwrap();
        assert!(signed.note().contains("\ndetached 5\n\n"), "{}", signed.note());
        let verified = Checkpoint::verify(signed.note(), key.verifier_key()).unwrap();
        assert_eq!((verified.last_detached(), &verified), (5, &signed));
    }

    #[test]
    fn rejects_other_extensions() {
        let key = AuditKey::generate("log").unwrap();
        for extension in
            ["detached 0\n", "detached 05\n", "detached\n", "other\n", "detached 5\nx\n"]
        {
            let text = tlog_tiles::Checkpoint::new("log", 7, Hash([0; 32]), extension).unwrap();
            let mut note = Note::new(&text.to_bytes(), &[]).unwrap();
            note.add_sigs(&[key.signer()]).unwrap();
            let note = String::from_utf8(note.to_bytes()).unwrap();
            let error = Checkpoint::verify(&note, key.verifier_key()).unwrap_err();
            assert_eq!(error, CheckpointError::Malformed, "{extension:?}");
        }
    }

    #[test]
    fn rejects_other_texts_and_signatures() {
        let key = AuditKey::generate("log").unwrap();
        let note = Checkpoint::sign(7, [9; 32], &[&key]).unwrap().note;
        let namesake = AuditKey::generate("log").unwrap();
        let other = Checkpoint::sign(7, [9; 32], &[&namesake]).unwrap().note;
        let mut foreign = Note::new(b"other\n7\nAAAA\n", &[]).unwrap();
        foreign.add_sigs(&[key.signer()]).unwrap();
        let foreign = String::from_utf8(foreign.to_bytes()).unwrap();
        let text = tlog_tiles::Checkpoint::new("other", 7, Hash([0; 32]), "").unwrap();
        let mut renamed = Note::new(&text.to_bytes(), &[]).unwrap();
        renamed.add_sigs(&[key.signer()]).unwrap();
        let renamed = String::from_utf8(renamed.to_bytes()).unwrap();
        let origin_mismatch = CheckpointError::OriginMismatch {
            expected: key.verifier_key().name().to_owned(),
            found: "other".to_owned(),
        };
        for (text, expected) in [
            (String::new(), CheckpointError::Malformed),
            (note.replace("log\n7", "log\n8"), CheckpointError::InvalidSignature),
            (note.replacen('\n', "\r\n", 1), CheckpointError::Malformed),
            (note.trim_end().to_owned(), CheckpointError::Malformed),
            (other, CheckpointError::InvalidSignature),
            (foreign, CheckpointError::Malformed),
            (renamed, origin_mismatch),
        ] {
            let error = Checkpoint::verify(&text, key.verifier_key()).unwrap_err();
            assert_eq!(error, expected, "{text:?}");
        }
    }
}
