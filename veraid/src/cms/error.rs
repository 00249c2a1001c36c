//! The error of an invalid CMS signature.

use std::time::Duration;

use crate::cert::{AlgorithmError, CertificateError};
use crate::der::{DerError, ObjectIdentifier};
use crate::hex::Hex;
use crate::{LimitExceeded, Period, Timestamp, UserNameError};

fn display_oid(oid: Option<&ObjectIdentifier>) -> String {
    oid.map_or_else(|| "unreadable".to_owned(), ToString::to_string)
}

/// The error of an invalid CMS signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The structure is not that of a `SignedData` value as VeraId has it.
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
    /// The version of the signed data or of the signer is another one.
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
    /// The plaintext is not within the signature.
    #[error("detached signature: the content is missing")]
    Detached,
    /// The digest's or the signature's algorithm.
    #[error("{0}")]
    Algorithm(#[from] AlgorithmError),
    /// A signed attribute that must be there is not.
    #[error("missing signed attribute {0}")]
    MissingAttribute(&'static str),
    /// A signed attribute stands twice.
    #[error("duplicate signed attribute {0}")]
    DuplicateAttribute(&'static str),
    /// A signed attribute does not have exactly one value.
    #[error("expected 1 value of the signed attribute {attribute}, found {found}")]
    AttributeValues {
        /// Which one.
        attribute: &'static str,
        /// How many values it has.
        found: usize,
    },
    /// The message digest is not the one of the plaintext.
    #[error("message digest mismatch: expected {expected}, found {found}")]
    MessageDigest {
        /// The plaintext's.
        expected: Hex,
        /// The attribute's.
        found: Hex,
    },
    /// The metadata attribute is malformed.
    #[error("malformed metadata: {0}")]
    Metadata(#[source] DerError),
    /// The signature is for another service.
    #[error("unexpected service: expected {expected}, found {found}")]
    Service {
        /// The requested service.
        expected: ObjectIdentifier,
        /// The service that is signed.
        found: ObjectIdentifier,
    },
    /// The signature's period ends before it starts.
    #[error("inverted signature period: {start} to {end}")]
    Period {
        /// When it starts.
        start: Timestamp,
        /// When it ends.
        end: Timestamp,
    },
    /// The signature's period is longer than is allowed.
    #[error("signature period too long: {found:?}, maximum {maximum:?}")]
    PeriodTooLong {
        /// The longest that is allowed.
        maximum: Duration,
        /// How long it is.
        found: Duration,
    },
    /// The signature is not valid when it must be.
    #[error("signature valid {validity}, which does not overlap {requested}")]
    NotValid {
        /// When it must be valid, at least once.
        requested: Period,
        /// When it is valid.
        validity: Period,
    },
    /// The attribution is not a member's name.
    #[error("invalid attribution: {0}")]
    Attribution(#[from] UserNameError),
    /// The signer is not the organisation, to whom a signature with an attribution belongs.
    #[error("signature with an attribution, but not signed by the organisation")]
    SignerNotOrganisation,
    /// The signature has no attribution, so that only a member can be its signer.
    #[error("signature without an attribution, but signed by the organisation")]
    SignerNotMember,
    /// The certificate that the signer names is not attached.
    #[error("missing signer certificate")]
    SignerCertificateMissing,
    /// Two attached certificates are the one that the signer names.
    #[error("ambiguous signer certificate: {found} have the same issuer and serial number")]
    SignerCertificateAmbiguous {
        /// The number found.
        found: usize,
    },
    /// The organisation's certificate does not allow that its key signs this.
    #[error("invalid organisation certificate: {0}")]
    OrganisationCertificate(#[source] CertificateError),
    /// The member's certificate is invalid.
    #[error("invalid member certificate: {0}")]
    MemberCertificate(#[source] CertificateError),
    /// The signature is not the signer's over the signed attributes.
    #[error("the signature does not match the signer's key")]
    Signature,
    /// A limit is exceeded.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}
