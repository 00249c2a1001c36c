//! The error of an invalid certificate.

use crate::crypto::Hash;
use crate::der::{DerError, ObjectIdentifier};
use crate::hex::Hex;
use crate::{Excerpt, LimitExceeded, OrganisationNameError, Period, Timestamp, UserNameError};

fn display_oid(oid: Option<&ObjectIdentifier>) -> String {
    oid.map_or_else(|| "?".to_owned(), |oid| Excerpt(oid).to_string())
}

fn display_hex(octets: Option<&Hex>) -> String {
    octets.map_or_else(|| "none".to_owned(), Hex::to_string)
}

/// Returns the number of an encoded version, which counts from 0 (RFC 5280, 4.1.2.1).
fn version_number(encoded: Option<u8>) -> u16 {
    encoded.map_or(1, |encoded| u16::from(encoded) + 1)
}

/// The error of an unsupported or malformed algorithm identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AlgorithmError {
    /// The structure is malformed.
    #[error("malformed algorithm identifier: {0}")]
    Der(#[from] DerError),
    /// VeraId does not support the algorithm.
    #[error("unsupported algorithm {}", display_oid(.0.as_ref()))]
    Unknown(Option<ObjectIdentifier>),
    /// The mask hash of RSASSA-PSS is not the hash of the signature.
    #[error("mask hash mismatch: expected {expected:?}, found {found:?}")]
    MaskHash {
        /// The signature's hash.
        expected: Hash,
        /// The mask's hash.
        found: Hash,
    },
    /// The salt of RSASSA-PSS has not the length of the hash.
    #[error("invalid salt length: expected {expected} octets, found {found}")]
    SaltLength {
        /// The length of the hash.
        expected: usize,
        /// The length of the salt.
        found: u8,
    },
    /// The trailer field of RSASSA-PSS is not 1.
    #[error("invalid trailer field: expected 1, found {0}")]
    Trailer(u8),
}

/// The error of an invalid certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A part of the certificate is malformed.
    #[error("malformed certificate: {0}")]
    Der(#[from] DerError),
    /// The certificate is not of version 3.
    #[error("unsupported certificate version: expected v3, found v{}", version_number(*.found))]
    Version {
        /// The encoded version found, which is one less than its number; `None` means v1.
        found: Option<u8>,
    },
    /// The signed algorithm identifier differs from the one of the signature.
    #[error("the two signature algorithms differ")]
    AlgorithmMismatch,
    /// The signature's algorithm is not a supported form of RSASSA-PSS.
    #[error("invalid signature algorithm: {0}")]
    SignatureAlgorithm(#[source] AlgorithmError),
    /// The public key is not for RSA.
    #[error("invalid public key: {0}")]
    PublicKeyAlgorithm(#[source] AlgorithmError),
    /// The RSA modulus is too small, or its size is unsupported.
    #[error(
        "unsupported RSA modulus of {found} bits: expected 2048, 3072 or 4096, and at least {minimum}"
    )]
    ModulusBits {
        /// The minimum.
        minimum: usize,
        /// The value found.
        found: usize,
    },
    /// The RSA exponent is too large.
    #[error("RSA exponent of {found} bits, maximum {maximum}")]
    ExponentBits {
        /// The maximum.
        maximum: usize,
        /// The value found.
        found: usize,
    },
    /// The subject has no common name, or several.
    #[error("expected {expected} common name, found {found}")]
    CommonNameCount {
        /// The expected number: one.
        expected: usize,
        /// The value found.
        found: usize,
    },
    /// The common name of an organisation is not a valid domain name.
    #[error("invalid common name: {0}")]
    OrganisationName(#[from] OrganisationNameError),
    /// The common name of a member is not a valid user name.
    #[error("invalid common name: {0}")]
    UserName(#[from] UserNameError),
    /// The validity ends before it starts.
    #[error("inverted certificate validity: {not_before} to {not_after}")]
    Validity {
        /// The start.
        not_before: Timestamp,
        /// The end.
        not_after: Timestamp,
    },
    /// The certificate is not valid in the requested period.
    #[error("valid {validity}, which does not overlap {requested}")]
    NotValid {
        /// The requested period.
        requested: Period,
        /// The validity of the certificate.
        validity: Period,
    },
    /// An extension is duplicated.
    #[error("duplicate extension {}", display_oid(.0.as_ref()))]
    DuplicateExtension(Option<ObjectIdentifier>),
    /// A critical extension is unknown.
    #[error("unsupported critical extension {}", display_oid(.0.as_ref()))]
    CriticalExtension(Option<ObjectIdentifier>),
    /// Basic constraints are missing or not critical.
    #[error("missing critical basic constraints")]
    BasicConstraints,
    /// An organisation's certificate lacks the cA flag, or a member's has it.
    #[error("unexpected cA flag: expected {expected}, found {found}")]
    CertificateAuthority {
        /// Whether the flag is required.
        expected: bool,
        /// Whether the flag is set.
        found: bool,
    },
    /// The key usage does not allow the use of the key.
    #[error("key usage does not allow {0}")]
    KeyUsage(&'static str),
    /// The issuer is not the subject of the organisation's certificate.
    #[error("issuer mismatch: expected the organisation's subject {expected}, found {found}")]
    Issuer {
        /// The DER of the organisation's subject.
        expected: Hex,
        /// The DER of the issuer.
        found: Hex,
    },
    /// The subject key identifier is not the SHA-256 digest of the key.
    #[error("subject key identifier mismatch: expected {expected}, found {}", display_hex(.found.as_ref()))]
    SubjectKeyId {
        /// The digest.
        expected: Hex,
        /// The value found.
        found: Option<Hex>,
    },
    /// The authority key identifier is not the organisation's subject key identifier.
    #[error("authority key identifier mismatch: expected {expected}, found {}", display_hex(.found.as_ref()))]
    AuthorityKeyId {
        /// The organisation's subject key identifier.
        expected: Hex,
        /// The value found.
        found: Option<Hex>,
    },
    /// The signature is not by the organisation's key.
    #[error("the signature does not match the organisation's key")]
    Signature,
    /// A limit is exceeded.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}
