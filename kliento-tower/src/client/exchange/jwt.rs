//! Sources of the JWTs to exchange.

use std::io;
use std::path::PathBuf;
use std::string::FromUtf8Error;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::task::spawn_blocking;

use crate::client::SourceError;
use crate::client::file::read_limited;

/// Provides the JWT to exchange. It is called for each attempt.
///
/// Implemented for [`SecretString`], a constant, for [`JwtEnvVar`], for [`JwtFile`], and for
/// functions that return a future of a [`SecretString`].
///
/// ```
/// use kliento_tower::client::{JwtSource, JwtEnvVar, SourceError};
/// use secrecy::SecretString;
///
/// let sources: [Box<dyn JwtSource>; 3] = [
///     Box::new(SecretString::from("eyJhbGciOiJSUzI1NiJ9.e30.c2ln")),
///     Box::new(JwtEnvVar::new("VERAID_JWT")),
///     Box::new(|| async { Err(SourceError::new("metadata server unavailable")) }),
/// ];
/// # let _ = sources;
/// ```
#[async_trait]
pub trait JwtSource: Send + Sync + 'static {
    /// Returns the JWT, without surrounding white space.
    ///
    /// # Errors
    /// [`SourceError`] if it is unavailable.
    async fn jwt(&self) -> Result<SecretString, SourceError>;
}

/// A JWT in an environment variable.
#[derive(Clone, Debug)]
pub struct JwtEnvVar(String);

/// A JWT in a file that another process renews, such as a projected token of Kubernetes.
///
/// The file is re-read for each exchange, and has at most 64 KiB. Trailing white space is dropped.
#[derive(Clone, Debug)]
pub struct JwtFile(PathBuf);

/// The error of a [`JwtFile`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtFileError {
    /// Reading the file failed.
    #[error("failed to read {}: {source}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is not UTF-8.
    #[error("{} is not UTF-8", path.display())]
    NotUtf8 {
        /// The path of the file.
        path: PathBuf,
    },
}

impl JwtEnvVar {
    /// Creates a source that reads the variable of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }
}

impl JwtFile {
    const MAX_OCTETS: u64 = 64 * 1024;

    /// Creates a source that reads the file at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn read(self) -> Result<SecretString, JwtFileError> {
        let Self(path) = self;
        match read_limited(&path, Self::MAX_OCTETS).map(parse) {
            Ok(Ok(jwt)) => Ok(jwt),
            Ok(Err(_)) => Err(JwtFileError::NotUtf8 { path }),
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
impl JwtSource for JwtEnvVar {
    async fn jwt(&self) -> Result<SecretString, SourceError> {
        let Self(name) = self;
        // The error of `var` would contain a value that is not UTF-8.
        let value = std::env::var(name).ok();
        let value = value.filter(|value| !value.trim_end().is_empty()).map(trim_end);
        value.ok_or_else(|| {
            SourceError::new(format!("the variable {name} is unset, empty or not UTF-8"))
        })
    }
}

#[async_trait]
impl JwtSource for JwtFile {
    async fn jwt(&self) -> Result<SecretString, SourceError> {
        let file = self.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "supervised: awaited, and a panic is an error"
        )]
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

fn parse(octets: Vec<u8>) -> Result<SecretString, FromUtf8Error> {
    String::from_utf8(octets).map(trim_end)
}

fn trim_end(mut text: String) -> SecretString {
    text.truncate(text.trim_end().len());
    text.into()
}
