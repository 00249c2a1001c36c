//! The file of a database: created for its owner only, and checked for replacement.

use std::io;
use std::path::{Path, PathBuf, absolute};
use std::sync::{Mutex, PoisonError};

use crate::store::OpenError;
use crate::store::StoreError;

/// The file of an open database.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    file_id: FileId,
}

/// The device and the inode, which distinguish a file from its replacement.
#[cfg(unix)]
type FileId = (u64, u64);
/// Other systems do not replace open files.
#[cfg(not(unix))]
type FileId = ();

/// Closing a file releases all locks that SQLite holds on it in this process
/// (<https://sqlite.org/howtocorrupt.html>, 2.2), so this module opens it only to create it.
static CREATION: Mutex<()> = Mutex::new(());

impl DatabaseFile {
    /// Creates the file if it is missing. SQLite creates its journal files with the same mode.
    pub(super) fn create(path: &Path) -> Result<Self, OpenError> {
        let is_other = |prefix| path.to_str().is_some_and(|path| path.starts_with(prefix));
        if path == Path::new(":memory:") || is_other("file:") || is_other("sqlite:") {
            return Err(OpenError::NotAFile(path.to_owned()));
        }
        let failed = |error: io::Error| OpenError::Database(error.into());
        // The process may change its working directory, and SQLite interprets some relative names.
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

    /// Fails if the file was removed or replaced: SQLite would continue with the old file, and the
    /// writes would be lost. It costs one `stat`.
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
