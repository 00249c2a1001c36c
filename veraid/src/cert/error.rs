//! Why a certificate is refused.

use crate::crypto::Hash;
use crate::der::{DerError, ObjectIdentifier};
use crate::hex::Hex;
use crate::{LimitExceeded, OrganisationNameError, Period, Timestamp, UserNameError};

/// Why an algorithm identifier is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AlgorithmError {
    /// The structure is not that of an algorithm identifier.
    #[error("the algorithm can't be read: {0}")]
    Der(#[from] DerError),
    /// The algorithm is none of those that VeraId has.
    #[error("the algorithm {} is not allowed", .0.as_ref().map_or("?".to_owned(), ToString::to_string))]
    Unknown(Option<ObjectIdentifier>),
    /// The mask of RSASSA-PSS uses another hash than the signature.
    #[error("the mask uses {found:?} where the signature uses {expected:?}")]
    MaskHash {
        /// The signature's hash.
        expected: Hash,
        /// The mask's hash.
        found: Hash,
    },
    /// The salt of RSASSA-PSS is not as long as the hash.
    #[error("the salt has {found} octets, not {expected}")]
    SaltLength {
        /// The length of the hash.
        expected: usize,
        /// The length of the salt.
        found: u8,
    },
    /// The trailer of RSASSA-PSS is not the one there is.
    #[error("the trailer field is {0}, not 1")]
    Trailer(u8),
}

/// Why a certificate is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// A part of it can't be read.
    #[error("it can't be read: {0}")]
    Der(#[from] DerError),
    /// It is not of version 3.
    #[error("its version is {found:?}, not 2 (which means v3)")]
    Version {
        /// The version's number; `None` means v1.
        found: Option<u8>,
    },
    /// The algorithm that is signed is another one than the algorithm of the signature.
    #[error("it names two signature algorithms that differ")]
    AlgorithmMismatch,
    /// The signature's algorithm is not RSASSA-PSS as VeraId has it.
    #[error("its signature algorithm: {0}")]
    SignatureAlgorithm(#[source] AlgorithmError),
    /// The public key is not for RSA.
    #[error("its public key: {0}")]
    PublicKeyAlgorithm(#[source] AlgorithmError),
    /// The RSA modulus is too small or of a size that VeraId does not have.
    #[error("its RSA modulus has {found} bits, not 2048, 3072 or 4096 and at least {minimum}")]
    ModulusBits {
        /// The least that is allowed.
        minimum: usize,
        /// What it has.
        found: usize,
    },
    /// The RSA exponent is too large.
    #[error("its RSA exponent has {found} bits, more than {maximum}")]
    ExponentBits {
        /// The most that is allowed.
        maximum: usize,
        /// What it has.
        found: usize,
    },
    /// The subject has no common name, or several.
    #[error("its subject has {found} common names, not {expected}")]
    CommonNameCount {
        /// One.
        expected: usize,
        /// What it has.
        found: usize,
    },
    /// The common name of an organisation is no domain name.
    #[error("its common name is {0}")]
    OrganisationName(#[from] OrganisationNameError),
    /// The common name of a member is no user's name.
    #[error("its common name: {0}")]
    UserName(#[from] UserNameError),
    /// It ends before it starts.
    #[error("it starts at {not_before} and ends before that, at {not_after}")]
    Validity {
        /// When it starts.
        not_before: Timestamp,
        /// When it ends.
        not_after: Timestamp,
    },
    /// It is not valid when it must be.
    #[error("it is valid from {validity}, which misses {requested}")]
    NotValid {
        /// When it must be valid, at least once.
        requested: Period,
        /// When it is valid.
        validity: Period,
    },
    /// An extension stands twice.
    #[error("it has the extension {} twice", .0.as_ref().map_or("?".to_owned(), ToString::to_string))]
    DuplicateExtension(Option<ObjectIdentifier>),
    /// A critical extension is unknown.
    #[error("its critical extension {} is unknown", .0.as_ref().map_or("?".to_owned(), ToString::to_string))]
    CriticalExtension(Option<ObjectIdentifier>),
    /// Basic constraints are absent or not critical.
    #[error("it has no critical basic constraints")]
    BasicConstraints,
    /// An organisation's certificate is no CA's, or a member's is.
    #[error("its cA flag is {found}, not {expected}")]
    CertificateAuthority {
        /// Whether it must be a CA's.
        expected: bool,
        /// Whether it is.
        found: bool,
    },
    /// The key usage does not allow what the key was used for.
    #[error("its key usage does not allow {0}")]
    KeyUsage(&'static str),
    /// The issuer's name is another one than the subject of the organisation's certificate.
    #[error("its issuer {found} is not the organisation's subject {expected}")]
    Issuer {
        /// The DER of the organisation's subject.
        expected: Hex,
        /// The DER of the issuer.
        found: Hex,
    },
    /// The subject key identifier is not the SHA-256 digest of the key.
    #[error("its subject key identifier is {found:?}, not {expected}")]
    SubjectKeyId {
        /// The digest.
        expected: Hex,
        /// What it has.
        found: Option<Hex>,
    },
    /// The authority key identifier is not the organisation's subject key identifier.
    #[error("its authority key identifier is {found:?}, not {expected}")]
    AuthorityKeyId {
        /// The organisation's subject key identifier.
        expected: Hex,
        /// What it has.
        found: Option<Hex>,
    },
    /// The signature is not the organisation's.
    #[error("its signature is not by the organisation's key")]
    Signature,
    /// There is too much of something.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}
