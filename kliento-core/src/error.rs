//! The error of a rejected token bundle: malformed or invalid.

use veraid::{Excerpt, MalformedBundle, VerificationError};

use crate::{AuthorizationError, TokenError};

/// The error of a rejected token bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bundle is malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The bundle is invalid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// The error of a malformed token bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The header's value is not `Kliento <base64>`.
    #[error(transparent)]
    Authorization(#[from] AuthorizationError),
    /// The bundle is too large.
    #[error("bundle too large: {found} octets, maximum {maximum}")]
    Size {
        /// The maximum.
        maximum: usize,
        /// The number found.
        found: usize,
    },
    /// The structure, the version or the organisation certificate is malformed.
    #[error(transparent)]
    Bundle(#[from] MalformedBundle),
}

/// The error of an invalid token bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The signature bundle is invalid.
    #[error(transparent)]
    Signature(#[from] VerificationError),
    /// The signed octets are not a valid token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token is for another audience.
    #[error(
        "audience mismatch: expected one of {}, found {:?}",
        Excerpt(format_args!("{expected:?}")),
        Excerpt(.found)
    )]
    Audience {
        /// The accepted audiences.
        expected: Vec<String>,
        /// The token's.
        found: String,
    },
}

impl Error {
    /// Returns a stable code in kebab case, for programs and logs.
    ///
    /// ```
    /// use kliento_core::TokenBundle;
    ///
    /// let error = TokenBundle::from_authorization("Bearer x").unwrap_err();
    /// assert_eq!(error.code(), "authorization-scheme");
    /// ```
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(malformed) => malformed.code(),
            Self::Invalid(invalid) => invalid.code(),
        }
    }
}

impl Malformed {
    fn code(&self) -> &'static str {
        match self {
            Self::Authorization(AuthorizationError::Scheme) => "authorization-scheme",
            Self::Authorization(AuthorizationError::TooLong { .. }) => "authorization-too-long",
            Self::Authorization(AuthorizationError::Base64 { .. }) => "authorization-base64",
            Self::Size { .. } => "bundle-too-large",
            Self::Bundle(error) => error.code(),
        }
    }
}

impl Invalid {
    fn code(&self) -> &'static str {
        match self {
            Self::Signature(error) => error.code(),
            Self::Token(_) => "token-malformed",
            Self::Audience { .. } => "audience-mismatch",
        }
    }
}
