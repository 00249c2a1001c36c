//! The newest checkpoint of a log that a process knows, in a file beside the key of the log.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use super::{AuditVerifierKey, Checkpoint};
use crate::access_token::new_key_file::owner_only;

/// A file with the newest checkpoint that a process has signed or verified: the signed note. The
/// writers of the database cannot change it.
#[derive(Debug)]
pub(crate) struct CheckpointFile(PathBuf);

impl CheckpointFile {
    /// Returns the file that belongs to a key file: its name has the ending `.checkpoint`.
    pub(super) fn beside(key: &Path) -> Self {
        Self(with_ending(key, ".checkpoint"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
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
            _ => self.write(checkpoint),
        }
    }

    /// Replaces the checkpoint, and renames the file with the previous one, which is evidence.
    pub(super) fn replace(
        &self,
        checkpoint: &Checkpoint,
        key: &AuditVerifierKey,
    ) -> io::Result<()> {
        if self.0.try_exists()? {
            let known = self.read(key).ok().flatten();
            let size = known.map_or_else(|| "invalid".to_owned(), |known| known.size().to_string());
            fs::rename(&self.0, with_ending(&self.0, &format!(".{size}")))
                .map_err(|error| self.error(&error))?;
        }
        self.write(checkpoint)
    }

    /// Writes a checkpoint: a reader finds this one or the previous one, also after a power
    /// failure.
    pub(super) fn write(&self, checkpoint: &Checkpoint) -> io::Result<()> {
        let folder = self.0.parent().filter(|folder| !folder.as_os_str().is_empty());
        // Unlike with `NamedTempFile::new_in`, errors do not name the temporary file.
        let create = |path: &Path| owner_only().open(path);
        let written = Builder::new().make_in(folder.unwrap_or(Path::new(".")), create);
        let written = written.and_then(|mut file| {
            file.as_file_mut().write_all(checkpoint.note().as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.0).map_err(|error| error.error)
        });
        written.map(drop).map_err(|error| self.error(&error))
    }

    fn error(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{}: {error}", self.0.display()))
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
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
        let file = CheckpointFile::beside(&folder.path().join("key"));
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
}
