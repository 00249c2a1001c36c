//! Signature bundles.

use std::borrow::Cow;

use super::read_chain;
use crate::cert::Certificate;
use crate::der::{DerError, Reader, Tag, Value};
use crate::{LimitExceeded, Period, SignatureError};

/// A signature bundle with a well-formed structure and organisation certificate, unverified.
///
/// ```text
/// SignatureBundle ::= SEQUENCE {
///     version                 [0] INTEGER (0),
///     dnssecChain             [1] SET OF OCTET STRING,
///     organisationCertificate [2] Certificate,
///     signature               [3] ContentInfo }          -- all tags are IMPLICIT
/// ```
///
/// Its contents are unverified: see [`Verification`](crate::Verification).
#[derive(Clone, Debug)]
pub struct SignatureBundle<'a> {
    pub(crate) chain: Vec<&'a [u8]>,
    pub(crate) organisation_certificate: Certificate<'a>,
    /// The contents of the `ContentInfo`.
    pub(crate) signature: &'a [u8],
}

/// The error of a malformed bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedBundle {
    /// The outer structure is malformed.
    #[error("malformed bundle: {0}")]
    Structure(DerError),
    /// The version is not 0.
    #[error("unsupported bundle version: expected 0, found {found}")]
    Version {
        /// The version found.
        found: u8,
    },
    /// The organisation certificate is malformed.
    #[error("malformed organisation certificate: {0}")]
    OrganisationCertificate(DerError),
    /// The member certificate of a member id bundle is malformed.
    #[error("malformed member certificate: {0}")]
    MemberCertificate(DerError),
    /// A limit is exceeded.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

impl<'a> SignatureBundle<'a> {
    /// Reads a bundle that borrows the octets.
    ///
    /// # Errors
    /// [`MalformedBundle`] if the structure, the version or the organisation certificate is
    /// malformed. The signature and the DNS messages are parsed when they are verified.
    pub fn from_der(octets: &'a [u8]) -> Result<Self, MalformedBundle> {
        let (chain, certificate, signature) = read_fields(octets)?;
        let organisation_certificate = Certificate::from_contents(&certificate)
            .map_err(MalformedBundle::OrganisationCertificate)?;
        Ok(Self { chain, organisation_certificate, signature: signature.contents })
    }

    /// Returns the DNS messages of the chain.
    #[must_use]
    pub fn dnssec_chain(&self) -> &[&'a [u8]] {
        &self.chain
    }

    /// Returns the organisation's certificate, unverified.
    #[must_use]
    pub const fn organisation_certificate(&self) -> &Certificate<'a> {
        &self.organisation_certificate
    }

    /// Returns the period of the signature's metadata, without verifying it.
    ///
    /// For clients that need to know when to replace a bundle. Certificates and the chain may
    /// expire earlier.
    ///
    /// ```
    /// use veraid::SignatureBundle;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/member-user.bin");
    /// # let octets = std::fs::read(file)?;
    /// let period = SignatureBundle::from_der(&octets)?.claimed_period()?;
    /// assert_eq!(period.end().to_string(), "2026-11-22T18:58:00Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SignatureError`] if the signed data or its attributes are malformed, or the period ends
    /// before it starts.
    pub fn claimed_period(&self) -> Result<Period, SignatureError> {
        crate::cms::claimed_period(self.signature)
    }

    /// Returns the signed plaintext, without verifying it.
    ///
    /// For clients that need to know what a bundle is for.
    ///
    /// # Errors
    /// [`SignatureError`] if the signed data is malformed.
    pub fn claimed_plaintext(&self) -> Result<Cow<'_, [u8]>, SignatureError> {
        crate::cms::claimed_plaintext(self.signature)
    }
}

/// Reads the fields common to both bundles: the version, the chain, and the values `[2]` and `[3]`.
pub(super) fn read_fields(
    octets: &[u8],
) -> Result<(Vec<&[u8]>, Value<'_>, Value<'_>), MalformedBundle> {
    let bundle = Reader::read_single(octets, Tag::SEQUENCE).map_err(MalformedBundle::Structure)?;
    let mut bundle = bundle.reader();
    match bundle.small_integer(Tag::primitive(0)).map_err(MalformedBundle::Structure)? {
        0 => {}
        found => return Err(MalformedBundle::Version { found }),
    }
    let chain = read_chain(&mut bundle)?;
    let second = bundle.read(Tag::constructed(2)).map_err(MalformedBundle::Structure)?;
    let third = bundle.read(Tag::constructed(3)).map_err(MalformedBundle::Structure)?;
    bundle.end().map_err(MalformedBundle::Structure)?;
    Ok((chain, second, third))
}
