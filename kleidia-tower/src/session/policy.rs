//! Who may pass without a session.

use crate::Rejection;

/// Who may pass without a session.
///
/// What is our fault is refused under each of them: nobody knows whether it would have passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialPolicy {
    /// Nobody.
    #[default]
    Required,
    /// Requests without an `Authorization` header.
    AllowMissing,
    /// Those, and requests whose credentials are refused.
    AllowMissingOrFailed,
}

impl CredentialPolicy {
    pub(super) fn lets_pass(self, rejection: &Rejection) -> bool {
        match self {
            Self::Required => false,
            Self::AllowMissing => matches!(rejection, Rejection::MissingCredentials),
            Self::AllowMissingOrFailed => !rejection.is_our_fault(),
        }
    }
}
