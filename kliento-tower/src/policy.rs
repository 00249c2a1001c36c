//! Which requests pass without valid credentials.

/// Which requests pass without valid credentials.
///
/// Under every policy, the layer responds with 503 if the credentials could not be checked, and
/// with 403 if the authorizer denies the workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialPolicy {
    /// Only requests with valid credentials pass.
    #[default]
    Required,
    /// Requests without an `Authorization` header also pass, without an identity. Invalid
    /// credentials and unsupported schemes are rejected.
    AllowMissing,
    /// Requests with missing, invalid or unsupported credentials also pass, without an identity.
    AllowMissingOrInvalid,
}
