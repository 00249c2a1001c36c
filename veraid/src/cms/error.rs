//! Why a CMS signature is refused.

use std::time::Duration;

use crate::cert::{AlgorithmError, CertificateError};
use crate::der::{DerError, ObjectIdentifier};
use crate::hex::Hex;
use crate::{LimitExceeded, Period, Timestamp, UserNameError};

fn display_oid(oid: Option<&ObjectIdentifier>) -> String {
    oid.map_or_else(|| "unreadable".to_owned(), ToString::to_string)
}

/// Why a CMS signature is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The structure is not that of a `SignedData` value as VeraId has it.
    #[error("the signed data can't be read: {0}")]
    Der(#[from] DerError),
    /// The content type is not signed-data, or what it holds is not id-data.
    #[error("the content type is {}, not {}", display_oid(found.as_ref()), display_oid(expected.as_ref()))]
    ContentType {
        /// What it must be.
        expected: Option<ObjectIdentifier>,
        /// What it is.
        found: Option<ObjectIdentifier>,
    },
    /// The version of the signed data or of the signer is another one.
    #[error("the version is {found}, not {expected}")]
    Version {
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: u8,
    },
    /// There is no signer, or there are several.
    #[error("there are {found} signers, not 1")]
    SignerCount {
        /// How many there are.
        found: usize,
    },
    /// The plaintext is not within the signature.
    #[error("the plaintext is not encapsulated")]
    Detached,
    /// The digest's or the signature's algorithm.
    #[error("{0}")]
    Algorithm(#[from] AlgorithmError),
    /// A signed attribute that must be there is not.
    #[error("the signed attribute {0} is missing")]
    MissingAttribute(&'static str),
    /// A signed attribute stands twice.
    #[error("the signed attribute {0} is there twice")]
    DuplicateAttribute(&'static str),
    /// A signed attribute does not have exactly one value.
    #[error("the signed attribute {attribute} has {found} values, not 1")]
    AttributeValues {
        /// Which one.
        attribute: &'static str,
        /// How many values it has.
        found: usize,
    },
    /// The message digest is not the one of the plaintext.
    #[error("the message digest is {found}, where the plaintext has {expected}")]
    MessageDigest {
        /// The plaintext's.
        expected: Hex,
        /// The attribute's.
        found: Hex,
    },
    /// The metadata attribute can't be read.
    #[error("the metadata can't be read: {0}")]
    Metadata(#[source] DerError),
    /// The signature is for another service.
    #[error("the signature is for the service {found}, not {expected}")]
    Service {
        /// The service that was asked for.
        expected: ObjectIdentifier,
        /// The service that is signed.
        found: ObjectIdentifier,
    },
    /// The signature's period ends before it starts.
    #[error("the signature starts at {start} and ends before that, at {end}")]
    Period {
        /// When it starts.
        start: Timestamp,
        /// When it ends.
        end: Timestamp,
    },
    /// The signature's period is longer than is allowed.
    #[error("the signature is valid for {found:?}, longer than {maximum:?}")]
    PeriodTooLong {
        /// The longest that is allowed.
        maximum: Duration,
        /// How long it is.
        found: Duration,
    },
    /// The signature is not valid when it must be.
    #[error("the signature is valid from {validity}, which misses {requested}")]
    NotValid {
        /// When it must be valid, at least once.
        requested: Period,
        /// When it is valid.
        validity: Period,
    },
    /// The attribution is not a member's name.
    #[error("the attribution is refused: {0}")]
    Attribution(#[from] UserNameError),
    /// The signer is not the organisation, to whom a signature with an attribution belongs.
    #[error("the signature has an attribution, but its signer is not the organisation")]
    SignerNotOrganisation,
    /// The signature has no attribution, so that only a member can be its signer.
    #[error("the signature has no attribution, but its signer is the organisation")]
    SignerNotMember,
    /// The certificate that the signer names is not attached.
    #[error("no attached certificate is the signer's")]
    SignerCertificateMissing,
    /// Two attached certificates are the one that the signer names.
    #[error("{found} attached certificates have the signer's issuer and serial number")]
    SignerCertificateAmbiguous {
        /// How many there are.
        found: usize,
    },
    /// The organisation's certificate does not allow that its key signs this.
    #[error("the organisation certificate is refused: {0}")]
    OrganisationCertificate(#[source] CertificateError),
    /// The member's certificate is refused.
    #[error("the member certificate is refused: {0}")]
    MemberCertificate(#[source] CertificateError),
    /// The signature is not the signer's over the signed attributes.
    #[error("the signature is not by the signer's key")]
    Signature,
    /// There is too much of something.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}
