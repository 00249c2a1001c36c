//! What becomes of requests without credentials, or with bad ones.

/// What becomes of requests that don't prove who is calling.
///
/// Whatever the policy is, credentials that could not be checked because of us are answered with
/// 503, and a workload that proved who it is but is not admitted with 403.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialPolicy {
    /// Only requests with good credentials pass.
    #[default]
    Required,
    /// Requests without an `Authorization` header pass too, without an identity. Bad credentials,
    /// and those of schemes that the layer was not told of, are refused.
    AllowMissing,
    /// Requests without good credentials pass too, without an identity.
    AllowMissingOrFailed,
}
