//! The keys of access tokens, in a file beside the database.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use kleidia_tower::access_token::KeyFile;

use crate::BoxError;

/// The file, which is made with a random key if there is none.
pub(crate) fn beside(database: &Path) -> Result<KeyFile, BoxError> {
    let mut name = OsString::from(database);
    name.push(".keys");
    let path = PathBuf::from(name);
    match create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(format!("{}: {error}", path.display()).into())
        }
        _ => Ok(KeyFile::open(path)?),
    }
}

/// Whole or not at all: another process may start at the same time.
fn create(path: &Path) -> io::Result<()> {
    if path.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let (mut id, mut secret) = ([0; 8], zeroize::Zeroizing::new([0; 32]));
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    getrandom::fill(&mut *secret).map_err(io::Error::other)?;
    let id = format!("{:016x}", u64::from_be_bytes(id));
    let temporary = path.with_extension(format!("keys.{id}"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    writeln!(file, "{id}:{}", BASE64_STANDARD.encode(*secret))?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&temporary, path);
    std::fs::remove_file(&temporary)?;
    linked
}
