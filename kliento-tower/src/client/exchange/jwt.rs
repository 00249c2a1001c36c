//! Where the JWTs come from that are exchanged.

use std::io;
use std::path::PathBuf;
use std::string::FromUtf8Error;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::task::spawn_blocking;

use crate::client::SourceError;
use crate::client::file::read_at_most;

/// Tells the JWT that is to be exchanged now; it is asked at each attempt.
///
/// It is implemented for [`SecretString`], which never changes, for [`JwtVariable`], for
/// [`JwtFile`], and for functions that give a future of one.
///
/// ```
/// use kliento_tower::client::{JwtSource, JwtVariable, SourceError};
/// use secrecy::SecretString;
///
/// let sources: [Box<dyn JwtSource>; 3] = [
///     Box::new(SecretString::from("eyJhbGciOiJSUzI1NiJ9.e30.c2ln")),
///     Box::new(JwtVariable::new("VERAID_JWT")),
///     Box::new(|| async { Err(SourceError::new("the metadata server does not answer")) }),
/// ];
/// # let _ = sources;
/// ```
#[async_trait]
pub trait JwtSource: Send + Sync + 'static {
    /// The JWT, without white space around it.
    ///
    /// # Errors
    /// [`SourceError`] if there is none.
    async fn jwt(&self) -> Result<SecretString, SourceError>;
}

/// A JWT in an environment variable.
#[derive(Clone, Debug)]
pub struct JwtVariable(String);

/// A JWT in a file that is renewed, such as a projected token of Kubernetes.
///
/// It is read anew for each exchange, and has at most 64 KiB. White space at its end is dropped.
#[derive(Clone, Debug)]
pub struct JwtFile(PathBuf);

/// Why a file gives no JWT.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtFileError {
    /// The file can't be read.
    #[error("{} can't be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file is no text.
    #[error("{} is no text", path.display())]
    Text {
        /// The file.
        path: PathBuf,
    },
}

impl JwtVariable {
    /// The variable of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl JwtFile {
    const MAX_OCTETS: u64 = 64 * 1024;

    /// The file at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn read(self) -> Result<SecretString, JwtFileError> {
        let Self(path) = self;
        match read_at_most(&path, Self::MAX_OCTETS).map(text) {
            Ok(Ok(jwt)) => Ok(jwt),
            Ok(Err(_)) => Err(JwtFileError::Text { path }),
            Err(source) => Err(JwtFileError::Read { path, source }),
        }
    }
}

#[async_trait]
impl JwtSource for SecretString {
    async fn jwt(&self) -> Result<SecretString, SourceError> {
        Ok(self.clone())
    }
}

#[async_trait]
impl JwtSource for JwtVariable {
    async fn jwt(&self) -> Result<SecretString, SourceError> {
        let Self(name) = self;
        // The error of `var` would show what is no text.
        let value = std::env::var(name).ok();
        let value = value.filter(|value| !value.trim_end().is_empty()).map(trimmed);
        value.ok_or_else(|| SourceError::new(format!("the variable {name} has no text")))
    }
}

#[async_trait]
impl JwtSource for JwtFile {
    async fn jwt(&self) -> Result<SecretString, SourceError> {
        let file = self.clone();
        let read = spawn_blocking(move || file.read()).await.map_err(SourceError::new)?;
        read.map_err(SourceError::new)
    }
}

#[async_trait]
impl<F, J> JwtSource for F
where
    F: Fn() -> J + Send + Sync + 'static,
    J: Future<Output = Result<SecretString, SourceError>> + Send,
{
    async fn jwt(&self) -> Result<SecretString, SourceError> {
        self().await
    }
}

#[async_trait]
impl<T: JwtSource + ?Sized> JwtSource for Arc<T> {
    async fn jwt(&self) -> Result<SecretString, SourceError> {
        (**self).jwt().await
    }
}

fn text(octets: Vec<u8>) -> Result<SecretString, FromUtf8Error> {
    String::from_utf8(octets).map(trimmed)
}

fn trimmed(mut text: String) -> SecretString {
    text.truncate(text.trim_end().len());
    text.into()
}
