//! Why something is not issued.

use crate::{CertificateError, DnssecError, Period, TxtRecordError};

/// Why something is not issued: no verifier would accept it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The key to be certified is no RSA key of 2048, 3072 or 4096 bits.
    #[error("the key to be certified is refused: {0}")]
    PublicKey(#[source] CertificateError),
    /// The organisation's certificate is refused, or not valid when it must be.
    #[error("the organisation certificate is refused: {0}")]
    OrganisationCertificate(#[source] CertificateError),
    /// The member's certificate is refused, not by this organisation, or not valid when it must be.
    #[error("the member certificate is refused: {0}")]
    MemberCertificate(#[source] CertificateError),
    /// The member's certificate would never be valid together with the organisation's.
    #[error("the period {requested} misses the organisation certificate's, {organisation}")]
    OutsideOrganisation {
        /// The period that was asked for.
        requested: Period,
        /// The period of the organisation's certificate.
        organisation: Period,
    },
    /// The DNSSEC chain can't be read, or is not about the organisation.
    #[error("the DNSSEC chain is refused: {0}")]
    Chain(#[from] DnssecError),
    /// The TXT record is refused.
    #[error("the TXT record is refused: {0}")]
    TxtRecord(#[from] TxtRecordError),
    /// The operating system has no randomness for a serial number.
    #[error("the operating system has no randomness")]
    Randomness,
}
