//! The error of an invalid bundle.

use std::time::Duration;

use crate::{
    CertificateError, DnssecError, ObjectIdentifier, OrganisationName, Period, SignatureError,
};

/// The error of an invalid bundle, by stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerificationError {
    /// The DNSSEC chain does not prove the organisation's TXT records.
    #[error("invalid DNSSEC chain: {0}")]
    Dnssec(#[from] DnssecError),
    /// The organisation's certificate is invalid.
    #[error("invalid organisation certificate: {0}")]
    OrganisationCertificate(#[source] CertificateError),
    /// The member's certificate is invalid.
    #[error("invalid member certificate: {0}")]
    MemberCertificate(#[source] CertificateError),
    /// The CMS signature is invalid.
    #[error("invalid signature: {0}")]
    Signature(#[source] SignatureError),
    /// No TXT record publishes the organisation's key for the service.
    #[error(
        "no TXT record of {organisation} publishes its key for service {service} ({records} records)"
    )]
    KeyNotPublished {
        /// The organisation.
        organisation: OrganisationName,
        /// The requested service.
        service: ObjectIdentifier,
        /// The number of TXT records.
        records: usize,
    },
    /// Several TXT records of the same kind publish the organisation's key.
    #[error("expected 1 TXT record of {organisation} with its key, found {found}")]
    KeyPublishedTwice {
        /// The organisation.
        organisation: OrganisationName,
        /// The number found.
        found: usize,
    },
    /// The valid part of the requested period ends more than the TTL override before its end.
    #[error(
        "valid only more than the TTL override of {} s before the end of {requested}",
        .ttl_override.as_secs()
    )]
    TtlOverride {
        /// The requested period.
        requested: Period,
        /// The TTL override of the TXT record.
        ttl_override: Duration,
    },
    /// There is no instant at which all parts are valid.
    #[error("no instant in {requested} at which all parts are valid")]
    NoCommonInstant {
        /// The remaining part of the requested period.
        requested: Period,
    },
}

/// An invalid certificate has the same error, attached or not.
impl From<SignatureError> for VerificationError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::OrganisationCertificate(error) => Self::OrganisationCertificate(error),
            SignatureError::MemberCertificate(error) => Self::MemberCertificate(error),
            error => Self::Signature(error),
        }
    }
}
