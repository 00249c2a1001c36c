//! The newest checkpoint of a log that a process knows, in a file beside the key of the log.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::Builder;

use super::{AuditVerifierKey, Checkpoint};
use crate::access_token::new_key_file::{create_complete, is_young, keep_owner, owner_only};

/// How many previous checkpoints of the same size are kept.
const MAX_KEPT: u32 = 1000;

/// A file with the newest checkpoint that a process has signed or verified: the signed note. The
/// writers of the database cannot change it.
#[derive(Debug)]
pub(crate) struct CheckpointFile(PathBuf);

impl CheckpointFile {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Returns the checkpoint; `None` if the file does not exist. Errors name the file.
    pub(crate) fn read(&self, key: &AuditVerifierKey) -> io::Result<Option<Checkpoint>> {
        let note = match fs::read_to_string(&self.0) {
            Ok(note) => note,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.error(&error)),
        };
        let checkpoint = Checkpoint::verify(&note, key);
        checkpoint.map(Some).map_err(|error| self.error(&io::Error::other(error)))
    }

    /// Writes a checkpoint, unless the file has a larger one, such as of another process.
    pub(crate) fn advance(
        &self,
        checkpoint: &Checkpoint,
        key: &AuditVerifierKey,
    ) -> io::Result<()> {
        match self.read(key)? {
            Some(known) if known.size() >= checkpoint.size() => Ok(()),
            _ => self.write(checkpoint).map_err(|error| self.error(&error)),
        }
    }

    /// Replaces the checkpoint, and keeps the previous one, which is evidence, under another name.
    /// A process that ends in between leaves the previous one under both.
    pub(super) fn replace(
        &self,
        checkpoint: &Checkpoint,
        key: &AuditVerifierKey,
    ) -> io::Result<()> {
        let replace = || {
            if self.0.try_exists()? {
                let known = self.read(key).ok().flatten();
                let known = known.map(|known| known.size().to_string());
                self.keep(known.as_deref().unwrap_or("invalid"))?;
            }
            self.write(checkpoint)
        };
        replace().map_err(|error| self.error(&error))
    }

    /// Creates the file for a key that is created next. Returns whether this process has to create
    /// the key, and not another one at the same time.
    pub(super) fn create_before(&self, checkpoint: &Checkpoint, key: &Path) -> io::Result<bool> {
        let create = || {
            while !create_complete(&self.0, checkpoint.note().as_bytes())? {
                if self.wait_for_key(key)? {
                    return Ok(false);
                }
                // It is what a process has left that ended before it created the key.
                self.keep("invalid")?;
                self.remove()?;
            }
            Ok(true)
        };
        create().map_err(|error: io::Error| self.error(&error))
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.0)
    }

    /// Waits while another process may be creating the key. Returns whether the key exists.
    fn wait_for_key(&self, key: &Path) -> io::Result<bool> {
        while !key.try_exists()? {
            if !is_young(&fs::metadata(&self.0)?)? {
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(true)
    }

    /// Keeps the checkpoint under a name with this ending, too.
    fn keep(&self, ending: &str) -> io::Result<()> {
        for number in 1..=MAX_KEPT {
            let number = if number == 1 { String::new() } else { format!("-{number}") };
            let kept = with_ending(&self.0, &format!(".{ending}{number}"));
            let is_new = match fs::hard_link(&self.0, &kept) {
                Ok(()) => true,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
                // Not all file systems have hard links, nor may all users create them.
                Err(_) => create_complete(&kept, &fs::read(&self.0)?)?,
            };
            if is_new || fs::read(&kept)? == fs::read(&self.0)? {
                return Ok(());
            }
        }
        Err(io::Error::other(format!("{MAX_KEPT} files with the ending .{ending} exist")))
    }

    /// Writes a checkpoint: a reader finds this one or the previous one, also after a power
    /// failure.
    fn write(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let replaced = match fs::metadata(&self.0) {
            Ok(replaced) => Some(replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Unlike with `NamedTempFile::new_in`, errors do not name the temporary file.
        let create = |path: &Path| owner_only().open(path);
        let mut file = Builder::new().make_in(folder.unwrap_or(Path::new(".")), create)?;
        if let Some(replaced) = replaced {
            keep_owner(file.as_file(), &replaced, 0o777)?;
        }
        file.as_file_mut().write_all(checkpoint.note().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&self.0).map(drop).map_err(|error| error.error)
    }

    fn error(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.0.display()))
    }
}

/// Returns the path with this ending of its name.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(ending);
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditKey;

    #[test]
    fn keeps_the_largest_checkpoint_of_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = CheckpointFile(folder.path().join("key.checkpoint"));
        let key = AuditKey::generate("log").unwrap();
        let public = key.verifier_key();
        let checkpoint = |size| Checkpoint::sign(size, [1; 32], &[&key]).unwrap();
        assert_eq!(file.read(public).unwrap(), None);
        for (size, expected) in [(3, 3), (2, 3), (5, 5)] {
            file.advance(&checkpoint(size), public).unwrap();
            assert_eq!(file.read(public).unwrap(), Some(checkpoint(expected)));
        }
        file.replace(&checkpoint(4), public).unwrap();
        assert_eq!(file.read(public).unwrap(), Some(checkpoint(4)));
        let previous = folder.path().join("key.checkpoint.5");
        assert_eq!(fs::read_to_string(previous).unwrap(), checkpoint(5).note());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(file.0.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let other = AuditKey::generate("log").unwrap();
        for error in [
            file.read(other.verifier_key()).unwrap_err(),
            file.advance(&checkpoint(9), other.verifier_key()).unwrap_err(),
        ] {
            let error = error.to_string();
            assert!(
                error.contains("key.checkpoint: ") && error.contains("no valid signature"),
                "{error}"
            );
        }
        fs::write(&file.0, "").unwrap();
        assert!(file.read(public).unwrap_err().to_string().contains("malformed"));
        file.replace(&checkpoint(4), public).unwrap();
        assert_eq!(fs::read(folder.path().join("key.checkpoint.invalid")).unwrap(), b"");
    }

    /// Accepting twice loses no evidence, and repeating it after an interruption adds none.
    #[test]
    fn keeps_each_previous_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let file = CheckpointFile(folder.path().join("newest"));
        let key = AuditKey::generate("log").unwrap();
        let checkpoint = |root| Checkpoint::sign(5, [root; 32], &[&key]).unwrap();
        for root in 1..=4 {
            file.write(&checkpoint(root)).unwrap();
            file.keep("5").unwrap();
            file.keep("5").unwrap();
        }
        file.replace(&checkpoint(9), key.verifier_key()).unwrap();
        assert_eq!(file.read(key.verifier_key()).unwrap(), Some(checkpoint(9)));
        for (name, root) in [("newest.5", 1), ("newest.5-2", 2), ("newest.5-4", 4)] {
            let kept = fs::read_to_string(folder.path().join(name)).unwrap();
            assert_eq!(kept, checkpoint(root).note(), "{name}");
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 5);
    }

    /// An administrator's command replaces the file of a service.
    #[cfg(unix)]
    #[test]
    fn replaced_file_keeps_owner_and_mode() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

        let folder = tempfile::tempdir().unwrap();
        let file = CheckpointFile(folder.path().join("newest"));
        let key = AuditKey::generate("log").unwrap();
        let checkpoint = |size| Checkpoint::sign(size, [1; 32], &[&key]).unwrap();
        file.write(&checkpoint(1)).unwrap();
        fs::set_permissions(&file.0, fs::Permissions::from_mode(0o640)).unwrap();
        let owner = |path: &Path| {
            let found = fs::metadata(path).unwrap();
            (found.uid(), found.gid(), found.permissions().mode() & 0o777)
        };
        // Only the superuser can give files away.
        let is_root = owner(folder.path()).0 == 0;
        if is_root {
            chown(&file.0, Some(1234), Some(5678)).unwrap();
        }
        let expected = owner(&file.0);
        file.advance(&checkpoint(2), key.verifier_key()).unwrap();
        file.replace(&checkpoint(3), key.verifier_key()).unwrap();
        assert_eq!(file.read(key.verifier_key()).unwrap(), Some(checkpoint(3)));
        assert_eq!((owner(&file.0), expected.2), (expected, 0o640));
    }
}
