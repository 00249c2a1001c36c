//! The error of an invalid CMS signature.

use std::time::Duration;

use crate::cert::{AlgorithmError, CertificateError};
use crate::der::{DerError, ObjectIdentifier};
use crate::hex::Hex;
use crate::{Excerpt, LimitExceeded, Period, Timestamp, UserNameError};

fn display_oid(oid: Option<&ObjectIdentifier>) -> String {
    oid.map_or_else(|| "unreadable".to_owned(), |oid| Excerpt(oid).to_string())
}

/// The error of an invalid CMS signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The structure of the `SignedData` is malformed or unsupported.
    #[error("malformed signed data: {0}")]
    Der(#[from] DerError),
    /// The content type is not signed-data, or the content of the signed data is not id-data.
    #[error("unexpected content type: expected {}, found {}", display_oid(expected.as_ref()), display_oid(found.as_ref()))]
    ContentType {
        /// The expected value.
        expected: Option<ObjectIdentifier>,
        /// The value found.
        found: Option<ObjectIdentifier>,
    },
    /// The version of the signed data or of the signer is unsupported.
    #[error("unsupported version: expected {expected}, found {found}")]
    Version {
        /// The expected value.
        expected: &'static str,
        /// The value found.
        found: u8,
    },
    /// The number of signers is not one.
    #[error("expected 1 signer, found {found}")]
    SignerCount {
        /// The number found.
        found: usize,
    },
    /// The signature is detached: the plaintext is missing.
    #[error("detached signature: the content is missing")]
    Detached,
    /// The algorithm of the digest or of the signature is invalid.
    #[error("{0}")]
    Algorithm(#[from] AlgorithmError),
    /// A required signed attribute is missing.
    #[error("missing signed attribute {0}")]
    MissingAttribute(&'static str),
    /// A signed attribute is duplicated.
    #[error("duplicate signed attribute {0}")]
    DuplicateAttribute(&'static str),
    /// A signed attribute does not have exactly one value.
    #[error("expected 1 value of the signed attribute {attribute}, found {found}")]
    AttributeValues {
        /// The attribute.
        attribute: &'static str,
        /// The number of its values.
        found: usize,
    },
    /// The message digest does not match the plaintext.
    #[error("message digest mismatch: expected {expected}, found {found}")]
    MessageDigest {
        /// The digest of the plaintext.
        expected: Hex,
        /// The digest in the attribute.
        found: Hex,
    },
    /// The metadata attribute is malformed.
    #[error("malformed metadata: {0}")]
    Metadata(#[source] DerError),
    /// The signature is for another service.
    #[error("unexpected service: expected {expected}, found {}", Excerpt(.found))]
    Service {
        /// The requested service.
        expected: ObjectIdentifier,
        /// The signed service.
        found: ObjectIdentifier,
    },
    /// The signature's period ends before it starts.
    #[error("inverted signature period: {start} to {end}")]
    Period {
        /// The start.
        start: Timestamp,
        /// The end.
        end: Timestamp,
    },
    /// The signature's period is too long.
    #[error("signature period too long: {found:?}, maximum {maximum:?}")]
    PeriodTooLong {
        /// The maximum.
        maximum: Duration,
        /// The length found.
        found: Duration,
    },
    /// The signature is not valid in the requested period.
    #[error("signature valid {validity}, which does not overlap {requested}")]
    NotValid {
        /// The requested period.
        requested: Period,
        /// The validity of the signature.
        validity: Period,
    },
    /// The attribution is not a valid member name.
    #[error("invalid attribution: {0}")]
    Attribution(#[from] UserNameError),
    /// The signature has an attribution, but the organisation is not the signer.
    #[error("signature with an attribution, but not signed by the organisation")]
    SignerNotOrganisation,
    /// The signature has no attribution, but the organisation is the signer.
    #[error("signature without an attribution, but signed by the organisation")]
    SignerNotMember,
    /// The signer's certificate is not attached.
    #[error("missing signer certificate")]
    SignerCertificateMissing,
    /// Several attached certificates match the signer.
    #[error("ambiguous signer certificate: {found} have the same issuer and serial number")]
    SignerCertificateAmbiguous {
        /// The number found.
        found: usize,
    },
    /// The organisation's certificate does not allow this use of its key.
    #[error("invalid organisation certificate: {0}")]
    OrganisationCertificate(#[source] CertificateError),
    /// The member's certificate is invalid.
    #[error("invalid member certificate: {0}")]
    MemberCertificate(#[source] CertificateError),
    /// The signature does not match the signer's key and the signed attributes.
    #[error("the signature does not match the signer's key")]
    Signature,
    /// A limit is exceeded.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}
