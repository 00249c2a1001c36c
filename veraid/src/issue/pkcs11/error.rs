//! The errors of keys in tokens.

use std::io;
use std::path::PathBuf;

use cryptoki::error::{Error, RvError};

use super::super::{KeyError, SigningError};

/// The error of a key in a token. It contains no PIN.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs11Error {
    /// The library cannot be loaded or initialised.
    #[error("failed to load the PKCS #11 library {}: {reason}", path.display())]
    Module {
        /// The path of the library.
        path: PathBuf,
        /// The error of the loader or the library.
        reason: String,
    },
    /// No token that is present matches the URI.
    #[error("no token for {uri}")]
    TokenNotFound {
        /// The URI, without its paths.
        uri: String,
    },
    /// Several tokens match the URI.
    #[error("expected 1 token for {uri}, found {found}")]
    AmbiguousToken {
        /// The URI, without its paths.
        uri: String,
        /// The number found.
        found: usize,
    },
    /// The token has no such private RSA key.
    #[error("no private RSA key for {uri}")]
    KeyNotFound {
        /// The URI, without its paths.
        uri: String,
    },
    /// The token has several such private RSA keys.
    #[error("expected 1 private RSA key for {uri}, found {found}")]
    AmbiguousKey {
        /// The URI, without its paths.
        uri: String,
        /// The number found.
        found: usize,
    },
    /// The token has such a key already, so none is generated.
    #[error("the token already has a key for {uri}")]
    KeyExists {
        /// The URI, without its paths.
        uri: String,
    },
    /// The key that has the URI now is another one.
    #[error("the key for {uri} is not the one that was opened")]
    KeyChanged {
        /// The URI, without its paths.
        uri: String,
    },
    /// The public key is missing, or its size is unsupported.
    #[error(transparent)]
    PublicKey(#[from] KeyError),
    /// The token does not return the modulus and the exponent.
    #[error("the token does not tell the public key for {uri}")]
    NoPublicKey {
        /// The URI, without its paths.
        uri: String,
    },
    /// The token requires a login, and the URI has no `pin-source`.
    #[error("the token requires a PIN: add pin-source=file:PATH")]
    PinRequired,
    /// The library was initialised again, which ended the session.
    #[error("the session with the token has ended")]
    SessionLost,
    /// The file with the PIN cannot be read.
    #[error("failed to read the PIN from {}: {source}", path.display())]
    PinSource {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The token has rejected the PIN. It is not tried again before it changes, since tokens are
    /// locked after a few attempts.
    #[error("the token rejected the PIN, which is not tried again before it changes")]
    PinRejected,
    /// A call of the library failed.
    #[error("PKCS #11: {0}")]
    Call(#[source] Pkcs11CallError),
}

/// The error of a call of a PKCS #11 library.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Pkcs11CallError {
    reason: String,
    code: Option<RvError>,
}

impl Pkcs11Error {
    /// Returns whether the same call may succeed later: the token is missing, busy or out of order,
    /// or was replaced while it was in use.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::TokenNotFound { .. } | Self::SessionLost => true,
            Self::PinSource { source, .. } => source.kind() != io::ErrorKind::PermissionDenied,
            Self::Call(error) => error.code.as_ref().is_some_and(is_passing),
            _ => false,
        }
    }
}

impl Pkcs11Error {
    /// Returns whether the library may have to be initialised again.
    pub(super) const fn may_need_restart(&self) -> bool {
        match self {
            Self::TokenNotFound { .. } => true,
            Self::Call(error) => matches!(error.code, Some(RvError::CryptokiNotInitialized)),
            _ => false,
        }
    }

    /// Creates the error of a call. There is no `From`: the public interface does not have the types
    /// of `cryptoki`.
    pub(super) fn call(error: Error) -> Self {
        Self::Call(match error {
            // The texts of return values are paragraphs.
            Error::Pkcs11(code, function) => {
                Pkcs11CallError { reason: format!("{function:?}: {code:?}"), code: Some(code) }
            }
            other => Pkcs11CallError { reason: other.to_string(), code: None },
        })
    }
}

impl From<Pkcs11Error> for SigningError {
    fn from(error: Pkcs11Error) -> Self {
        if error.is_retryable() { Self::unavailable(error) } else { Self::signer(error) }
    }
}

/// Returns whether a return value tells of a state that may pass.
fn is_passing(code: &RvError) -> bool {
    matches!(
        code,
        RvError::CryptokiNotInitialized
            | RvError::DeviceError
            | RvError::DeviceMemory
            | RvError::DeviceRemoved
            | RvError::FunctionCanceled
            | RvError::FunctionFailed
            | RvError::GeneralError
            | RvError::HostMemory
            | RvError::KeyHandleInvalid
            | RvError::ObjectHandleInvalid
            | RvError::OperationActive
            | RvError::SessionClosed
            | RvError::SessionCount
            | RvError::SessionHandleInvalid
            | RvError::SlotIdInvalid
            | RvError::TokenNotPresent
            | RvError::TokenNotRecognized
            | RvError::UserNotLoggedIn
    )
}

#[cfg(test)]
mod tests {
    use cryptoki::context::Function;

    use super::*;

    #[test]
    fn tells_what_passes() {
        for (code, is_retryable) in [
            (RvError::DeviceRemoved, true),
            (RvError::SessionHandleInvalid, true),
            (RvError::PinLocked, false),
            (RvError::MechanismInvalid, false),
        ] {
            let error = Pkcs11Error::call(Error::Pkcs11(code, Function::Sign));
            assert_eq!(error.is_retryable(), is_retryable, "{error}");
            assert_eq!(SigningError::from(error).is_retryable(), is_retryable);
        }
        let error = Pkcs11Error::call(Error::Pkcs11(RvError::DeviceError, Function::Sign));
        assert_eq!(error.to_string(), "PKCS #11: Sign: DeviceError");
    }
}
