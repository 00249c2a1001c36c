//! Files that are written atomically.

use std::io::{self, Write as _};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::failure::Failure;

/// The permissions of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileMode {
    /// Readable and writable by its owner only (0600), for secrets.
    Private,
    /// What the umask allows.
    Public,
}

/// Writes a new file, which must not exist.
pub(crate) fn create(path: &Path, octets: &[u8], mode: FileMode) -> Result<(), Failure> {
    let file = prepare(path, octets, mode).map_err(|source| failure(path, source))?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => exists(path),
        Err(error) => Err(failure(path, error.error)),
        Ok(_) => Ok(()),
    }
}

/// Returns an error if the path exists.
pub(crate) fn check_absent(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => exists(path),
        Err(_) => Ok(()),
    }
}

/// Writes a file, and replaces an existing one.
pub(crate) fn replace(path: &Path, octets: &[u8], mode: FileMode) -> Result<(), Failure> {
    let file = prepare(path, octets, mode).map_err(|source| failure(path, source))?;
    file.persist(path).map_err(|error| failure(path, error.error))?;
    Ok(())
}

/// Writes a temporary file in the same directory.
fn prepare(path: &Path, octets: &[u8], mode: FileMode) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kliento-");
    #[cfg(unix)]
    let permissions = {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::Permissions::from_mode(if mode == FileMode::Private { 0o600 } else { 0o666 })
    };
    #[cfg(unix)]
    builder.permissions(permissions);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(octets)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn exists(path: &Path) -> Result<(), Failure> {
    Err(Failure::FileExists { path: path.to_owned() })
}

fn failure(path: &Path, source: io::Error) -> Failure {
    Failure::Write { path: path.to_owned(), source }
}
