//! Why a token bundle is refused: malformed, or invalid.

use veraid::{MalformedBundle, VerificationError};

use crate::{AuthorizationError, TokenError};

/// Why a token bundle is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It could not be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It could be read, but does not prove what was asked.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// Why a token bundle could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The header's value is not `Kliento <base64>`.
    #[error(transparent)]
    Authorization(#[from] AuthorizationError),
    /// The bundle is too large.
    #[error("the bundle has {found} octets, more than {maximum}")]
    Size {
        /// The most that is allowed.
        maximum: usize,
        /// How many there are.
        found: usize,
    },
    /// The structure, the version or the organisation certificate can't be read.
    #[error(transparent)]
    Bundle(#[from] MalformedBundle),
}

/// Why a token bundle does not prove what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The signature bundle is refused.
    #[error(transparent)]
    Signature(#[from] VerificationError),
    /// What was signed is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token is for somebody else.
    #[error("the token is for the audience {found:?}, not for {expected:?}")]
    Audience {
        /// The audiences that were asked for.
        expected: Vec<String>,
        /// The token's.
        found: String,
    },
}

impl Error {
    /// A stable name of the reason, in kebab case, for programs and logs.
    ///
    /// ```
    /// use kliento::TokenBundle;
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
