//! Replaces a key file, for one process at a time.

use std::fs::{self, Metadata};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::Builder;
use zeroize::Zeroizing;

use super::super::key_text::MAX_KEYS;
use super::super::new_key_file::{keep_owner, owner_only};
use super::super::{KeyFileError, KeyRing};
use super::{KeyRotationError, MARGIN};

/// The right to replace a file: an empty file beside it, which keeps a second rotation out, and is
/// removed in the end.
pub(super) struct Replacement {
    path: PathBuf,
    lock: PathBuf,
}

impl Replacement {
    /// Reserves the name. Symbolic links are followed, so that they stay. What a process has left
    /// that ended in a rotation is removed after a minute.
    pub(super) fn create(path: &Path) -> Result<Self, KeyRotationError> {
        let path = fs::canonicalize(path).map_err(KeyFileError::Read)?;
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        if is_older_than(&lock, MARGIN) {
            drop(fs::remove_file(&lock));
        }
        match owner_only().open(&lock) {
            Ok(_) => Ok(Self { path, lock }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(KeyRotationError::Conflict)
            }
            Err(error) => Err(KeyRotationError::Write(error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file, unless it has changed since it was read.
    pub(super) fn write(
        &self,
        ring: &KeyRing,
        read: &[u8],
        replaced: &Metadata,
    ) -> Result<(), KeyRotationError> {
        let mut text = Zeroizing::new(String::with_capacity(MAX_KEYS * 256));
        for key in ring.iter() {
            text.push_str(&key.to_text());
            text.push('\n');
        }
        let write = || {
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            // Unlike with `NamedTempFile::new_in`, errors do not name the temporary file.
            let create = |path: &Path| owner_only().open(path);
            let mut file = Builder::new().make_in(folder.unwrap_or(Path::new(".")), create)?;
            keep_owner(file.as_file(), replaced, 0o640)?;
            file.as_file_mut().write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            if *Zeroizing::new(fs::read(&self.path)?) != *read {
                return Ok(false);
            }
            file.persist(&self.path).map(|_| true).map_err(|error| error.error)
        };
        match write() {
            Ok(true) => Ok(()),
            Ok(false) => Err(KeyRotationError::Conflict),
            Err(error) => Err(KeyRotationError::Write(error)),
        }
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.lock));
    }
}

fn is_older_than(path: &Path, age: Duration) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|elapsed| elapsed > age))
}
