//! Errors from reading keys from Vault or OpenBao.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::KeyTextError;

/// An error from reading keys from Vault or OpenBao.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultKeyError {
    /// The client's token contains characters that a header cannot have, such as a line break.
    #[error("the client's token is not a valid header value")]
    Token,
    /// The server responded with an error: 403 without permission to read, 404 if the secret is
    /// missing, its newest version is deleted or the engine has the other version, 503 while the
    /// server is sealed.
    #[error("the server responded with status {status}: {errors:?}")]
    ErrorResponse {
        /// The status of the response.
        status: u16,
        /// The errors that the response contains.
        errors: Vec<String>,
    },
    /// The server did not respond, or not as Vault and OpenBao do.
    #[error("no response from the server: {0}")]
    NoResponse(String),
    /// The server did not respond in time.
    #[error("no response from the server within {0:?}")]
    TimedOut(Duration),
    /// The file with the credentials of a login cannot be read.
    #[error("{}: {source}", .path.display())]
    CredentialsFile {
        /// The path of the file.
        path: PathBuf,
        /// The error from reading it.
        source: io::Error,
    },
    /// The login failed: 400 with a wrong role or secret ID, 403 with a wrong token.
    #[error("login failed: {0}")]
    Login(#[source] Box<Self>),
    /// The client's token expires, cannot be renewed any more, and there is no other.
    #[error("the client's token will expire, and the server does not renew it")]
    TokenExpires,
    /// The secret has no field `keys`, or the field is not text.
    #[error("the secret has no text field `keys`")]
    MissingKeysField,
    /// The text of the field is invalid.
    #[error(transparent)]
    Keys(#[from] KeyTextError),
}

impl VaultKeyError {
    /// Returns whether the server rejected the client's token, or denies what it asked for.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::ErrorResponse { status: 401 | 403, .. })
    }
}
