//! Files that are there in full or not at all.

use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Its owner alone (mode 0600): it is a secret.
    Owner,
    /// Whoever the umask lets.
    Everyone,
}

/// Writes a file that must not be there yet.
pub(crate) fn create(path: &Path, octets: &[u8], readers: Readers) -> Result<(), Failure> {
    let file = prepare(path, octets, readers).map_err(|source| failure(path, source))?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => exists(path),
        Err(error) => Err(failure(path, error.error)),
        Ok(_) => Ok(()),
    }
}

/// Fails if something is there, before work is done for a file that must not be.
pub(crate) fn require_absent(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => exists(path),
        Err(_) => Ok(()),
    }
}

/// Writes a file, in the place of the one that may be there.
pub(crate) fn replace(path: &Path, octets: &[u8], readers: Readers) -> Result<(), Failure> {
    let file = prepare(path, octets, readers).map_err(|source| failure(path, source))?;
    file.persist(path).map_err(|error| failure(path, error.error))?;
    Ok(())
}

/// A file beside the one that it is to become.
fn prepare(path: &Path, octets: &[u8], readers: Readers) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kliento-");
    #[cfg(unix)]
    let permissions = {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::Permissions::from_mode(if readers == Readers::Owner { 0o600 } else { 0o666 })
    };
    #[cfg(unix)]
    builder.permissions(permissions);
    #[cfg(not(unix))]
    let _ = readers;
    let mut file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(octets)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn exists(path: &Path) -> Result<(), Failure> {
    Err(Failure::Exists { path: path.to_owned() })
}

fn failure(path: &Path, source: io::Error) -> Failure {
    Failure::Write { path: path.to_owned(), source }
}
