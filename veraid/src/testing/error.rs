//! The error of creating or changing a mock.

use crate::issue::{IssueError, KeyError, SigningError};
use crate::{
    MalformedBundle, OrganisationNameError, ParseTrustAnchorError, Period, TxtRecordError,
    UserNameError,
};

/// The error of creating or changing a mock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MockError {
    /// The domain name is invalid.
    #[error("invalid domain name {0:?}")]
    Name(String),
    /// The octets are not a PKCS #8 key of the algorithm, or the size is unsupported.
    #[error("invalid key for DNSSEC algorithm {algorithm}")]
    Key {
        /// The number of the algorithm.
        algorithm: u8,
    },
    /// The modulus of the key is too short for the hash.
    #[error("key with tag {0} is too short for its algorithm")]
    Signing(u16),
    /// No other key with the same tag was found.
    #[error("no other key with tag {0} found")]
    NoKeyTagCollision(u16),
    /// The digest type is not 1, 2 or 4.
    #[error("unsupported DS digest type {0}")]
    DigestType(u8),
    /// A character-string, record or message is longer than its form allows.
    #[error("{0} is too long")]
    TooLong(&'static str),
    /// The period has no whole second, or more than 2^31.
    #[error("no RRSIG can have the validity {0}")]
    Period(Period),
    /// No zone has that name.
    #[error("no zone {0}")]
    NoZone(String),
    /// The root's key is not a valid trust anchor.
    #[error("the root's key is not a valid trust anchor: {0}")]
    TrustAnchor(#[from] ParseTrustAnchorError),
    /// The organisation's name is invalid.
    #[error(transparent)]
    OrganisationName(#[from] OrganisationNameError),
    /// The user name is invalid.
    #[error(transparent)]
    UserName(#[from] UserNameError),
    /// The TXT record is invalid.
    #[error(transparent)]
    TxtRecord(#[from] TxtRecordError),
    /// The key of an organisation or a member is invalid.
    #[error(transparent)]
    RsaKey(#[from] KeyError),
    /// The key of an organisation or a member failed to sign.
    #[error(transparent)]
    Signer(#[from] SigningError),
    /// No verifier would accept the result.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The member id bundle is malformed.
    #[error(transparent)]
    MalformedBundle(#[from] MalformedBundle),
}
