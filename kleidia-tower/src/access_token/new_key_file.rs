//! Creates a key file at the first start.

use std::io::{self, Write as _};
use std::path::Path;

use http_guard::event;
use tempfile::NamedTempFile;

use super::SigningKey;

/// Creates the file with one random key if it is missing.
///
/// The file gets its name when it is complete, and never replaces another one: another process may
/// create it at the same time.
pub(super) fn create_if_missing(path: &Path) -> io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    let key = SigningKey::generate().map_err(io::Error::other)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Only the owner can access a temporary file.
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    writeln!(file, "{}", *key.to_text())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => event!(info, path = %path.display(), "key file created"),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error.error),
    }
    Ok(())
}
