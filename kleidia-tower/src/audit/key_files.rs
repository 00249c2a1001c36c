//! The file of an audit key, and that of its newest checkpoint.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::checkpoint_file::{CheckpointFile, with_ending};
use super::key::generate_text;
use super::tree::LogTree;
use super::{AuditKey, AuditKeyError, AuditVerifierKey, Checkpoint};
use crate::access_token::KeyFileError;
use crate::access_token::key_file::read_secret;
use crate::access_token::new_key_file::{create_if_missing, wait_while_incomplete};

/// The files of an audit key: that of the secret key, and that of the newest checkpoint which a
/// process knows.
///
/// A path converts into the files of a key with the checkpoint beside it, in a file whose name has
/// the ending `.checkpoint`.
///
/// ```
/// use std::path::Path;
///
/// use kleidia_tower::audit::AuditKeyFiles;
///
/// // The folder of a secret may be read-only.
/// let files = AuditKeyFiles::new("/run/secrets/audit-key");
/// assert_eq!(files.checkpoint(), Path::new("/run/secrets/audit-key.checkpoint"));
/// let files = files.with_checkpoint("/var/lib/portal/checkpoint");
/// assert_eq!(files.key(), Path::new("/run/secrets/audit-key"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditKeyFiles {
    key: PathBuf,
    checkpoint: PathBuf,
}

impl AuditKeyFiles {
    /// Returns the files of a key with the checkpoint beside it.
    #[must_use]
    pub fn new(key: impl Into<PathBuf>) -> Self {
        let key = key.into();
        Self { checkpoint: with_ending(&key, ".checkpoint"), key }
    }

    /// Sets the file of the newest checkpoint. It is replaced whenever records are sealed, so the
    /// process must be able to create files in its folder.
    #[must_use]
    pub fn with_checkpoint(self, file: impl Into<PathBuf>) -> Self {
        Self { checkpoint: file.into(), ..self }
    }

    /// Returns the file of the secret key.
    #[must_use]
    pub fn key(&self) -> &Path {
        &self.key
    }

    /// Returns the file of the newest checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> &Path {
        &self.checkpoint
    }
}

impl<P: AsRef<Path>> From<P> for AuditKeyFiles {
    fn from(key: P) -> Self {
        Self::new(key.as_ref())
    }
}

impl AuditKey {
    /// Reads the key from a file, and creates the file before with a random key and a random name
    /// if it is missing. It blocks.
    ///
    /// Lines that start with `#` are comments. A new file is complete from the start, also if
    /// several processes start at the same time. Its checkpoint is created before, so that a
    /// process which ends in between leaves nothing that keeps the next one from starting. On Unix
    /// only its owner can access it (mode 0600), and an event of level warn is logged if users
    /// other than the owner and the group can.
    ///
    /// # Errors
    /// [`AuditKeyError`] if the files cannot be created or read, or the first one does not contain
    /// one key.
    pub fn open_or_create(files: impl Into<AuditKeyFiles>) -> Result<Self, AuditKeyError> {
        let files = files.into();
        Self::create_named(&files, random_name)?;
        Self::open(files)
    }

    /// Creates a file with a random key and a random name, as [`Self::open_or_create`] does.
    ///
    /// # Errors
    /// [`AuditKeyError::Exists`] if the file exists; others if it cannot be created.
    pub fn create(files: impl Into<AuditKeyFiles>) -> Result<Self, AuditKeyError> {
        let files = files.into();
        let is_new = Self::create_named(&files, random_name)?;
        if is_new { Self::open(files) } else { Err(AuditKeyError::Exists) }
    }

    /// Creates the files if that of the key is missing, and returns whether it was. A new key has a
    /// checkpoint of an empty log, which says that the key has signed nothing else.
    fn create_named(
        files: &AuditKeyFiles,
        name: impl FnOnce() -> Result<String, AuditKeyError>,
    ) -> Result<bool, AuditKeyError> {
        let path = files.key();
        if !path.try_exists().map_err(KeyFileError::Create)? {
            let text = generate_text(&name()?)?;
            let empty = text.parse::<Self>()?.sign_empty().map_err(AuditKeyError::Checkpoint)?;
            let checkpoint = CheckpointFile::new(files.checkpoint());
            let is_ours = checkpoint.create_before(&empty, path);
            if is_ours.map_err(AuditKeyError::Checkpoint)? {
                let is_new = create_if_missing(path, || Ok(text));
                return Ok(is_new.map_err(|error| {
                    // Otherwise, the next attempt keeps it as evidence.
                    drop(checkpoint.remove());
                    KeyFileError::Create(error)
                })?);
            }
        }
        wait_while_incomplete(path).map_err(KeyFileError::Create)?;
        Ok(false)
    }

    /// Reads the key that is to replace another key of a log from a file, and creates the file
    /// before with a random key of the same name if it is missing. Pass it to
    /// [`AuditStore::replace_key`](super::AuditStore::replace_key).
    ///
    /// # Errors
    /// [`AuditKeyError`] as for [`Self::open_or_create`], or if the key has another name.
    pub fn open_or_create_successor(
        files: impl Into<AuditKeyFiles>,
        replaced: &AuditVerifierKey,
    ) -> Result<Self, AuditKeyError> {
        let files = files.into();
        Self::create_named(&files, || Ok(replaced.name().to_owned()))?;
        let key = Self::open(files)?;
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
    pub fn open(files: impl Into<AuditKeyFiles>) -> Result<Self, AuditKeyError> {
        let files = files.into();
        let octets = read_secret(files.key(), &AtomicBool::new(false))?;
        let key: Self = str::from_utf8(&octets).map_err(KeyFileError::Encoding)?.parse()?;
        let file = Some(Arc::new(CheckpointFile::new(files.checkpoint())));
        Ok(Self { file, ..key })
    }

    /// Returns the same key without the file of its newest checkpoint.
    #[must_use]
    pub fn without_checkpoint_file(self) -> Self {
        Self { file: None, ..self }
    }

    /// Makes the store continue from another checkpoint than the newest one that it knows, such as
    /// that of a restored backup, or from an empty log (`None`). It blocks, and takes effect for
    /// keys that are opened later.
    ///
    /// First verify the log that has this checkpoint. Then the log no longer continues the
    /// checkpoints that were signed since the backup. The newest one is kept in another file, with
    /// its size appended to the name. A key without a file only checks the checkpoint.
    ///
    /// # Errors
    /// [`io::Error`] if the checkpoint is not one of this key, or cannot be written.
    pub fn accept(&self, checkpoint: Option<&Checkpoint>) -> io::Result<()> {
        let checkpoint = match checkpoint {
            None => self.sign_empty()?,
            Some(given) => Checkpoint::verify(given.note(), self.verifier_key())
                .map_err(|_| io::Error::other("not of this key"))?,
        };
        self.file.as_ref().map_or(Ok(()), |file| file.replace(&checkpoint, self.verifier_key()))
    }

    /// Signs the checkpoint of an empty log.
    fn sign_empty(&self) -> io::Result<Checkpoint> {
        let checkpoint = Checkpoint::sign(0, LogTree::default().root(), &[self]);
        checkpoint.ok_or_else(|| io::Error::other("invalid name"))
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
        fs::remove_file(AuditKeyFiles::new(&path).checkpoint()).unwrap();
        let opened = AuditKey::open_or_create(&path).unwrap();
        assert_eq!(read(&opened), None);
    }

    /// A process that is killed at its first start leaves the checkpoint and no key.
    #[test]
    fn interrupted_creation_is_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let files = AuditKeyFiles::new(folder.path().join("audit-key"));
        let killed = AuditKey::generate("killed").unwrap();
        fs::write(files.checkpoint(), killed.sign_empty().unwrap().note()).unwrap();
        let age = std::time::SystemTime::now() - std::time::Duration::from_secs(10);
        let leftover = fs::File::options().write(true).open(files.checkpoint()).unwrap();
        leftover.set_modified(age).unwrap();
        let key = AuditKey::open_or_create(files.clone()).unwrap();
        let known = key.file().unwrap().read(key.verifier_key()).unwrap();
        assert_eq!(known.map(|checkpoint| checkpoint.size()), Some(0));
        assert!(folder.path().join("audit-key.checkpoint.invalid").exists());
    }

    #[test]
    fn processes_that_start_together_have_one_key_and_its_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let files = AuditKeyFiles::new(folder.path().join("audit-key"))
            .with_checkpoint(folder.path().join("newest"));
        let keys: Vec<AuditKey> = std::thread::scope(|scope| {
            let open = || AuditKey::open_or_create(files.clone()).unwrap();
            let tasks: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            tasks.into_iter().map(|task| task.join().unwrap()).collect()
        });
        for key in &keys {
            assert_eq!(key.verifier_key(), keys[0].verifier_key());
            let known = key.file().unwrap().read(key.verifier_key()).unwrap();
            assert_eq!(known.map(|checkpoint| checkpoint.size()), Some(0));
        }
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().collect();
        names.sort_by_key(|name| name.as_ref().unwrap().file_name());
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn failed_creation_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let files = AuditKeyFiles::new(folder.path().join("missing/audit-key"))
            .with_checkpoint(folder.path().join("newest"));
        let failed = AuditKey::create(files.clone());
        assert!(matches!(failed, Err(AuditKeyError::File(KeyFileError::Create(_)))), "{failed:?}");
        assert!(!files.checkpoint().exists());
        // The checkpoint is created first, so no key is ever without one.
        let files = AuditKeyFiles::new(folder.path().join("audit-key"))
            .with_checkpoint(folder.path().join("missing/newest"));
        let failed = AuditKey::create(files.clone());
        assert!(matches!(failed, Err(AuditKeyError::Checkpoint(_))), "{failed:?}");
        assert!(!files.key().exists());
    }
}
