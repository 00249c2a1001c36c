//! `CredentialPolicy`: which requests pass without an authenticated caller.

use crate::Rejection;

/// Which requests pass without an authenticated caller.
///
/// No policy allows a request whose credentials could not be checked: it gets 503.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialPolicy {
    /// None: each request needs valid credentials.
    #[default]
    Required,
    /// Requests without an `Authorization` header. Invalid credentials, and those of other schemes,
    /// are rejected.
    AllowMissing,
    /// Requests without an `Authorization` header, and requests with invalid credentials.
    AllowMissingOrInvalid,
}

impl CredentialPolicy {
    /// Returns whether a request with this rejection may pass, unauthenticated.
    #[must_use]
    pub fn allows(self, rejection: &impl Rejection) -> bool {
        match self {
            Self::Required => false,
            Self::AllowMissing => rejection.is_missing_credentials(),
            Self::AllowMissingOrInvalid => !rejection.problem().is_server_error(),
        }
    }
}
