//! Passwords that are known from data breaches.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use secrecy::SecretString;

use super::normalisation::normalise;

/// A list of passwords that are known from data breaches.
#[async_trait]
pub trait BreachedPasswords: Send + Sync + 'static {
    /// Returns whether the password is in the list.
    ///
    /// # Errors
    /// [`BreachedPasswordError`] if the list is unavailable. New passwords are then rejected with
    /// 503.
    async fn contains(&self, password: &SecretString) -> Result<bool, BreachedPasswordError>;
}

/// An error from looking up a password: the list is unavailable.
#[derive(Debug, thiserror::Error)]
#[error("breached-password list unavailable: {0}")]
pub struct BreachedPasswordError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl BreachedPasswordError {
    /// Creates an error from its cause.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

/// A list from a UTF-8 file with one password per line. It is kept in memory, normalised.
///
/// ```no_run
/// use kleidia_tower::password::BreachedPasswordFile;
///
/// let breached = BreachedPasswordFile::read("breached-passwords.txt")?;
/// # Ok::<(), kleidia_tower::password::BreachedPasswordError>(())
/// ```
pub struct BreachedPasswordFile(HashSet<String>);

#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
struct FileError {
    path: PathBuf,
    source: io::Error,
}

impl BreachedPasswordFile {
    /// Reads the whole file.
    ///
    /// # Errors
    /// [`BreachedPasswordError`] if the file cannot be read or is not UTF-8.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, BreachedPasswordError> {
        let path = path.as_ref();
        let failed =
            |source| BreachedPasswordError::new(FileError { path: path.to_owned(), source });
        let lines = BufReader::new(File::open(path).map_err(failed)?).lines();
        let passwords = lines.map(|line| line.map(|line| normalise(&line.into()).to_string()));
        let mut passwords = passwords.collect::<Result<HashSet<_>, _>>().map_err(failed)?;
        passwords.remove("");
        Ok(Self(passwords))
    }
}

#[async_trait]
impl BreachedPasswords for BreachedPasswordFile {
    async fn contains(&self, password: &SecretString) -> Result<bool, BreachedPasswordError> {
        Ok(self.0.contains(normalise(password).as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_one_password_per_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "123456\r\ncafe\u{301} au lait\n\n").unwrap();
        let breached = BreachedPasswordFile::read(file.path()).unwrap();
        for (password, expected) in
            [("123456", true), ("caf\u{e9} au lait", true), ("", false), ("1234567", false)]
        {
            assert_eq!(breached.contains(&password.into()).await.unwrap(), expected, "{password}");
        }
        let missing = BreachedPasswordFile::read("no/such/file").err().unwrap();
        assert!(missing.to_string().contains("no/such/file"));
    }
}
