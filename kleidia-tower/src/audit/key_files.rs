//! The file of an audit key, and the checkpoint beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::checkpoint_file::CheckpointFile;
use super::key::generate_text;
use super::tree::LogTree;
use super::{AuditKey, AuditKeyError, AuditVerifierKey, Checkpoint};
use crate::access_token::KeyFileError;
use crate::access_token::key_file::read_secret;
use crate::access_token::new_key_file::create_if_missing;

impl AuditKey {
    /// Reads the key from a file, and creates the file before with a random key and a random name
    /// if it is missing. It blocks.
    ///
    /// Lines that start with `#` are comments. A new file is complete from the start, also if
    /// several processes start at the same time. On Unix only its owner can access it (mode 0600),
    /// and an event of level warn is logged if users other than the owner and the group can.
    ///
    /// # Errors
    /// [`AuditKeyError`] if the file cannot be created or read, or does not contain one key.
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, AuditKeyError> {
        let path = path.as_ref();
        Self::create_named(path, random_name)?;
        Self::open(path)
    }

    /// Creates a file with a random key and a random name, as [`Self::open_or_create`] does.
    ///
    /// # Errors
    /// [`AuditKeyError::Exists`] if the file exists; others if it cannot be created.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, AuditKeyError> {
        let path = path.as_ref();
        let is_new = Self::create_named(path, random_name)?;
        if is_new { Self::open(path) } else { Err(AuditKeyError::Exists) }
    }

    /// Creates the file if it is missing, and returns whether it was. Beside a new key is a
    /// checkpoint of an empty log, which says that the key has signed nothing else.
    fn create_named(
        path: &Path,
        name: impl FnOnce() -> Result<String, AuditKeyError>,
    ) -> Result<bool, AuditKeyError> {
        let generate = || name().and_then(|name| generate_text(&name)).map_err(io::Error::other);
        let is_new = create_if_missing(path, generate).map_err(KeyFileError::Create)?;
        if is_new {
            Self::open(path)?.accept(None).map_err(AuditKeyError::Checkpoint)?;
        }
        Ok(is_new)
    }

    /// Reads the key that is to replace another key of a log from a file, and creates the file
    /// before with a random key of the same name if it is missing. Pass it to
    /// [`AuditStore::replace_key`](super::AuditStore::replace_key).
    ///
    /// # Errors
    /// [`AuditKeyError`] as for [`Self::open_or_create`], or if the key has another name.
    pub fn open_or_create_successor(
        path: impl AsRef<Path>,
        replaced: &AuditVerifierKey,
    ) -> Result<Self, AuditKeyError> {
        let path = path.as_ref();
        Self::create_named(path, || Ok(replaced.name().to_owned()))?;
        let key = Self::open(path)?;
        let (expected, found) = (replaced.name(), key.verifier_key().name());
        if expected == found {
            return Ok(key);
        }
        Err(AuditKeyError::OtherName { expected: expected.to_owned(), found: found.to_owned() })
    }

    /// Reads the key from a file, as [`Self::open_or_create`] does.
    ///
    /// # Errors
    /// [`AuditKeyError`] if the file cannot be read, or does not contain one key.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, AuditKeyError> {
        let path = path.as_ref();
        let octets = read_secret(path, &AtomicBool::new(false))?;
        let key: Self = str::from_utf8(&octets).map_err(KeyFileError::Encoding)?.parse()?;
        let file = Some(Arc::new(CheckpointFile::beside(path)));
        Ok(Self { file, ..key })
    }

    /// Returns the same key without the file of its newest checkpoint.
    #[must_use]
    pub fn without_checkpoint_file(self) -> Self {
        Self { file: None, ..self }
    }

    /// Returns the path of the checkpoint beside a key file.
    #[must_use]
    pub fn checkpoint_path(key_file: &Path) -> PathBuf {
        CheckpointFile::beside(key_file).path().to_owned()
    }

    /// Makes the store continue from another checkpoint than the newest one that it knows, such as
    /// that of a restored backup, or from an empty log (`None`). It blocks, and takes effect for
    /// keys that are opened later.
    ///
    /// First verify the log that has this checkpoint. Then the log no longer continues the
    /// checkpoints that were signed since the backup. The file with the newest one is renamed: its
    /// size is appended to its name. A key without a file only checks the checkpoint.
    ///
    /// # Errors
    /// [`io::Error`] if the checkpoint is not one of this key, or cannot be written.
    pub fn accept(&self, checkpoint: Option<&Checkpoint>) -> io::Result<()> {
        let empty = LogTree::default();
        let checkpoint = match checkpoint {
            None => Checkpoint::sign(0, empty.root(), &[self]).ok_or("invalid name"),
            Some(given) => {
                Checkpoint::verify(given.note(), self.verifier_key()).map_err(|_| "not of this key")
            }
        };
        let checkpoint = checkpoint.map_err(io::Error::other)?;
        self.file.as_ref().map_or(Ok(()), |file| file.replace(&checkpoint, self.verifier_key()))
    }

    /// Returns the file with the newest known checkpoint, if the key is one of a file.
    pub(crate) const fn file(&self) -> Option<&Arc<CheckpointFile>> {
        self.file.as_ref()
    }
}

/// Returns a random name for the key of a new file.
fn random_name() -> Result<String, AuditKeyError> {
    let number = getrandom::u64().map_err(|error| AuditKeyError::Random(error.into()))?;
    Ok(format!("kleidia-audit-{number:016x}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn file_is_created_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit-key");
        assert!(matches!(AuditKey::open(&path), Err(AuditKeyError::File(KeyFileError::Read(_)))));
        let created = AuditKey::open_or_create(&path).unwrap();
        let read = AuditKey::open_or_create(&path).unwrap();
        assert_eq!(created.verifier_key(), read.verifier_key());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn new_key_has_a_checkpoint_of_an_empty_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit-key");
        let key = AuditKey::create(&path).unwrap();
        assert!(matches!(AuditKey::create(&path), Err(AuditKeyError::Exists)));
        let read = |key: &AuditKey| key.file().unwrap().read(key.verifier_key()).unwrap();
        assert_eq!(read(&key).map(|checkpoint| checkpoint.size()), Some(0));
        let checkpoint = Checkpoint::sign(7, [9; 32], &[&key]).unwrap();
        key.accept(Some(&checkpoint)).unwrap();
        assert_eq!(read(&key), Some(checkpoint.clone()));
        assert!(folder.path().join("audit-key.checkpoint.0").exists());
        let other = AuditKey::create(folder.path().join("other")).unwrap();
        assert!(other.accept(Some(&checkpoint)).is_err());
        // An existing key may have signed anything.
        fs::remove_file(AuditKey::checkpoint_path(&path)).unwrap();
        let opened = AuditKey::open_or_create(&path).unwrap();
        assert_eq!(read(&opened), None);
    }
}
