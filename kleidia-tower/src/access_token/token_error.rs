//! Errors of access tokens.

use std::error::Error;
use std::io;

use jsonwebtoken::decode_header;
use jsonwebtoken::errors::ErrorKind;

use crate::{SettingError, Timestamp};

/// An error from issuing or verifying an access token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessTokenError {
    /// The token was not issued with these keys, or not as an access token.
    #[error("invalid access token: {0}")]
    Invalid(InvalidTokenReason),
    /// The token has expired.
    #[error("access token expired at {0}")]
    Expired(Timestamp),
    /// The lifetime of a new token is out of bounds.
    #[error(transparent)]
    Lifetime(#[from] SettingError),
    /// The operating system provides no random octets for the id of a new token.
    #[error("no random octets available: {0}")]
    Random(#[source] io::Error),
    /// The cryptographic provider of `jsonwebtoken` failed to sign or to verify.
    #[error("cryptographic provider failed: {0}")]
    Provider(#[source] Box<dyn Error + Send + Sync>),
}

/// Why an access token is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTokenReason {
    /// The token is not a JWT in compact serialisation (RFC 7515, 7.1).
    #[error("malformed JWT")]
    Malformed,
    /// The algorithm (`alg`) is not HS256.
    #[error("the algorithm is not HS256")]
    Algorithm,
    /// The type (`typ`) is not `at+jwt`.
    #[error("the type is not at+jwt")]
    Type,
    /// The header contains a key, or refers to one by URL.
    #[error("embedded key")]
    EmbeddedKey,
    /// The header has critical parameters (`crit`).
    #[error("critical header parameter")]
    CriticalParameter,
    /// The header has no key ID (`kid`), or no key has this ID.
    #[error("missing or unknown key ID")]
    KeyId,
    /// The signature does not match.
    #[error("wrong signature")]
    Signature,
    /// A claim is missing, malformed or not supported.
    #[error("unexpected claims")]
    Claims,
    /// The issuer (`iss`) is not [`Claims::ISSUER`](super::Claims::ISSUER).
    #[error("wrong issuer")]
    Issuer,
    /// The subject (`sub`) is not the user's identifier.
    #[error("wrong subject")]
    Subject,
}

impl AccessTokenError {
    pub(super) fn provider(error: jsonwebtoken::errors::Error) -> Self {
        Self::Provider(error.into())
    }

    /// Maps an error from decoding this token.
    pub(super) fn from_decoding(error: jsonwebtoken::errors::Error, token: &str) -> Self {
        Self::Invalid(match error.kind() {
            ErrorKind::InvalidAlgorithm => InvalidTokenReason::Algorithm,
            ErrorKind::InvalidSignature => InvalidTokenReason::Signature,
            ErrorKind::InvalidIssuer => InvalidTokenReason::Issuer,
            ErrorKind::InvalidToken | ErrorKind::Base64(_) => InvalidTokenReason::Malformed,
            ErrorKind::Json(_) if decode_header(token).is_err() => InvalidTokenReason::Malformed,
            ErrorKind::Json(_)
            | ErrorKind::InvalidClaimFormat(_)
            | ErrorKind::MissingRequiredClaim(_)
            | ErrorKind::InvalidAudience => InvalidTokenReason::Claims,
            _ => return Self::provider(error),
        })
    }
}

impl From<InvalidTokenReason> for AccessTokenError {
    fn from(reason: InvalidTokenReason) -> Self {
        Self::Invalid(reason)
    }
}
