//! Why a mock can't be made.

use crate::issue::{IssueError, KeyError, SigningError};
use crate::{
    MalformedBundle, OrganisationNameError, ParseTrustAnchorError, Period, TxtRecordError,
    UserNameError,
};

/// Why a mock can't be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MockError {
    /// The text is no domain name.
    #[error("{0:?} is no domain name")]
    Name(String),
    /// The octets are no PKCS #8 key of the algorithm, or there is none of that size.
    #[error("no key of DNSSEC algorithm {algorithm}")]
    Key {
        /// The number of the algorithm.
        algorithm: u8,
    },
    /// The key can't sign: its modulus is shorter than what its hash needs.
    #[error("the key with tag {0} can't sign")]
    Signing(u16),
    /// No other key with the same tag was found.
    #[error("no other key with tag {0}")]
    NoKeyTagCollision(u16),
    /// A digest of a type that mocks can't compute: they can 1, 2 and 4.
    #[error("digest type {0} can't be computed")]
    DigestType(u8),
    /// A character-string, record or message is longer than its form allows.
    #[error("{0} is too long")]
    TooLong(&'static str),
    /// The period has no whole second, or is longer than signatures can tell (2^31 seconds).
    #[error("no signature can hold in {0}")]
    Period(Period),
    /// There is no zone of that name.
    #[error("there is no zone {0}")]
    NoZone(String),
    /// The root's key can't be a trust anchor.
    #[error("the root's key can't be a trust anchor: {0}")]
    TrustAnchor(#[from] ParseTrustAnchorError),
    /// The text is no organisation's name.
    #[error(transparent)]
    OrganisationName(#[from] OrganisationNameError),
    /// The text is no user's name.
    #[error(transparent)]
    UserName(#[from] UserNameError),
    /// There is no such TXT record.
    #[error(transparent)]
    TxtRecord(#[from] TxtRecordError),
    /// There is no key for an organisation or member.
    #[error(transparent)]
    RsaKey(#[from] KeyError),
    /// An organisation's or member's key did not sign.
    #[error(transparent)]
    Signer(#[from] SigningError),
    /// No verifier would accept what was to be issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The member id bundle can't be read.
    #[error(transparent)]
    MalformedBundle(#[from] MalformedBundle),
}
