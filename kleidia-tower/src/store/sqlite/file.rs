//! The database's file: made for its owner alone, and still the one that was opened.

use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::{Mutex, PoisonError};

use super::OpenError;
use crate::store::StoreError;

/// The file of a database that is open.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    file_id: FileId,
}

/// What tells files apart that have one name after another.
#[cfg(unix)]
type FileId = (u64, u64);
/// Where a file that is open can't be replaced.
#[cfg(not(unix))]
type FileId = ();

/// A file that is closed loses the locks that SQLite has on it anywhere in the process
/// (<https://sqlite.org/howtocorrupt.html>, 2.2), so it is only opened here before it exists.
static CREATION: Mutex<()> = Mutex::new(());

impl DatabaseFile {
    /// Creates the file if there is none; SQLite gives those beside it the same mode.
    pub(super) fn create(path: &Path) -> Result<Self, OpenError> {
        let is_other = |prefix| path.to_str().is_some_and(|path| path.starts_with(prefix));
        if path == Path::new(":memory:") || is_other("file:") || is_other("sqlite:") {
            return Err(OpenError::NotAFile(path.to_owned()));
        }
        let failed = |error: io::Error| OpenError::Database(error.into());
        // However the process changes its directory, and whatever SQLite makes of some names.
        let path = absolute(path).map_err(failed)?;
        let created = {
            let _creation = CREATION.lock().unwrap_or_else(PoisonError::into_inner);
            options().write(true).create_new(true).open(&path)
        };
        match created {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed(error)),
            _ => {
                let file_id = file_id(&path).map_err(failed)?;
                Ok(Self { path, file_id })
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// SQLite goes on with a file that was removed or replaced, and nobody would ever see what it
    /// writes. This is one look into the system's cache.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let file_id = file_id(&self.path).map_err(StoreError::unavailable)?;
        let is_same = file_id == self.file_id;
        is_same
            .then_some(())
            .ok_or_else(|| StoreError::unavailable("the database file was replaced"))
    }
}

#[cfg(unix)]
fn options() -> std::fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = std::fs::OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn options() -> std::fs::OpenOptions {
    std::fs::OpenOptions::new()
}

#[cfg(unix)]
fn file_id(path: &Path) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = path.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_id(path: &Path) -> io::Result<FileId> {
    path.metadata().map(drop)
}
