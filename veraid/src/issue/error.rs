//! The errors of issuing.

use crate::{CertificateError, DnssecError, Period, TxtRecordError};

/// The error of issuing a certificate, bundle or record that no verifier would accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The subject's key is not an RSA key of 2048, 3072 or 4096 bits.
    #[error("invalid subject key: {0}")]
    PublicKey(#[source] CertificateError),
    /// The organisation's certificate is invalid, or not valid in the requested period.
    #[error("invalid organisation certificate: {0}")]
    OrganisationCertificate(#[source] CertificateError),
    /// The member's certificate is invalid, of another organisation, or not valid in the requested
    /// period.
    #[error("invalid member certificate: {0}")]
    MemberCertificate(#[source] CertificateError),
    /// The member's certificate would never be valid together with the organisation's.
    #[error("organisation certificate valid {organisation}, which does not overlap {requested}")]
    OutsideOrganisation {
        /// The requested period.
        requested: Period,
        /// The period of the organisation's certificate.
        organisation: Period,
    },
    /// The DNSSEC chain is malformed, or of another organisation.
    #[error("invalid DNSSEC chain: {0}")]
    Chain(#[from] DnssecError),
    /// The TXT record is invalid.
    #[error("invalid TXT record: {0}")]
    TxtRecord(#[from] TxtRecordError),
    /// The operating system provides no randomness for a serial number.
    #[error("the operating system provides no randomness")]
    Randomness,
}
