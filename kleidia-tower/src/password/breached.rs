//! Passwords that others have lost, and that nobody should use again.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use secrecy::SecretString;

use super::normalisation::normalised;

/// Tells which passwords are known from breaches.
#[async_trait]
pub trait BreachedPasswords: Send + Sync + 'static {
    /// Whether the password is known.
    ///
    /// # Errors
    /// [`BreachedPasswordError`] if that can't be found out: then no password is taken.
    async fn contains(&self, password: &SecretString) -> Result<bool, BreachedPasswordError>;
}

/// It can't be found out which passwords are known.
#[derive(Debug, thiserror::Error)]
#[error("the breached passwords can't be had: {0}")]
pub struct BreachedPasswordError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl BreachedPasswordError {
    /// It can't be found out, for this reason.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}

/// The breached passwords of a file, one a line, in UTF-8; they are kept in memory, normalised.
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
    /// [`BreachedPasswordError`] if it can't be read, or is not in UTF-8.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, BreachedPasswordError> {
        let path = path.as_ref();
        let refuse =
            |source| BreachedPasswordError::new(FileError { path: path.to_owned(), source });
        let lines = BufReader::new(File::open(path).map_err(refuse)?).lines();
        let passwords = lines.map(|line| line.map(|line| normalised(&line.into()).to_string()));
        let mut passwords = passwords.collect::<Result<HashSet<_>, _>>().map_err(refuse)?;
        passwords.remove("");
        Ok(Self(passwords))
    }
}

#[async_trait]
impl BreachedPasswords for BreachedPasswordFile {
    async fn contains(&self, password: &SecretString) -> Result<bool, BreachedPasswordError> {
        Ok(self.0.contains(normalised(password).as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_has_a_password_a_line() {
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
