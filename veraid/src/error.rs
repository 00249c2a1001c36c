//! Why a bundle is refused.

use crate::{
    CertificateError, DnssecError, ObjectIdentifier, OrganisationName, Period, SignatureError,
};

/// Why a bundle is refused, by the stage that refused it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerificationError {
    /// The DNSSEC chain does not prove the organisation's TXT records.
    #[error("the DNSSEC chain is refused: {0}")]
    Dnssec(#[from] DnssecError),
    /// The organisation's certificate is refused.
    #[error("the organisation certificate is refused: {0}")]
    OrganisationCertificate(#[source] CertificateError),
    /// The member's certificate is refused.
    #[error("the member certificate is refused: {0}")]
    MemberCertificate(#[source] CertificateError),
    /// The CMS signature is refused.
    #[error("the signature is refused: {0}")]
    Signature(#[source] SignatureError),
    /// No TXT record names the organisation's key for the service.
    #[error(
        "none of the {records} TXT records of {organisation} names its key for service {service}"
    )]
    KeyNotPublished {
        /// The organisation.
        organisation: OrganisationName,
        /// The service that was asked for.
        service: ObjectIdentifier,
        /// How many records there are.
        records: usize,
    },
    /// Several TXT records of the same kind name the organisation's key.
    #[error("{found} TXT records of {organisation} name its key, not 1")]
    KeyPublishedTwice {
        /// The organisation.
        organisation: OrganisationName,
        /// How many there are.
        found: usize,
    },
    /// What holds lies longer before the end of the asked period than the TXT record allows.
    #[error("all that holds lies more than {ttl_override} s before the end of {requested}")]
    TtlOverride {
        /// The period that was asked for.
        requested: Period,
        /// The TTL override of the TXT record, in seconds.
        ttl_override: u32,
    },
    /// There is no instant at which everything holds at once.
    #[error("there is no instant in {requested} at which everything holds at once")]
    NoCommonInstant {
        /// What was left of the period that was asked for.
        requested: Period,
    },
}

/// A refused certificate is that, wherever it was attached or used.
impl From<SignatureError> for VerificationError {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::OrganisationCertificate(error) => Self::OrganisationCertificate(error),
            SignatureError::MemberCertificate(error) => Self::MemberCertificate(error),
            error => Self::Signature(error),
        }
    }
}
