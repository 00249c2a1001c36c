//! A signature with all that proves it.

use super::read_chain;
use crate::cert::Certificate;
use crate::der::{DerError, Reader, Tag, Value};
use crate::{LimitExceeded, Period, SignatureError};

/// A signature bundle whose outer structure and organisation certificate could be read.
///
/// ```text
/// SignatureBundle ::= SEQUENCE {
///     version                 [0] INTEGER (0),
///     dnssecChain             [1] SET OF OCTET STRING,
///     organisationCertificate [2] Certificate,
///     signature               [3] ContentInfo }          -- all tags are IMPLICIT
/// ```
///
/// Nothing in it is to be believed before [`Verification`](crate::Verification) has verified it.
#[derive(Clone, Debug)]
pub struct SignatureBundle<'a> {
    pub(crate) chain: Vec<&'a [u8]>,
    pub(crate) organisation_certificate: Certificate<'a>,
    /// The contents of the `ContentInfo`.
    pub(crate) signature: &'a [u8],
}

/// Why octets are no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedBundle {
    /// The outer structure is not as it should be.
    #[error("the bundle's structure can't be read: {0}")]
    Structure(DerError),
    /// The version is another one than 0.
    #[error("the bundle's version is {found}, not 0")]
    Version {
        /// The version that is there.
        found: u8,
    },
    /// The organisation certificate is no certificate.
    #[error("the organisation certificate can't be read: {0}")]
    OrganisationCertificate(DerError),
    /// The member certificate of a member id bundle is no certificate.
    #[error("the member certificate can't be read: {0}")]
    MemberCertificate(DerError),
    /// There is too much of something.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

impl<'a> SignatureBundle<'a> {
    /// Reads a bundle; the octets are borrowed.
    ///
    /// # Errors
    /// [`MalformedBundle`] if the structure, the version or the organisation certificate can't be
    /// read. The signature and the DNS messages are only read when they are verified.
    pub fn from_der(octets: &'a [u8]) -> Result<Self, MalformedBundle> {
        let (chain, certificate, signature) = read_fields(octets)?;
        let organisation_certificate = Certificate::from_contents(&certificate)
            .map_err(MalformedBundle::OrganisationCertificate)?;
        Ok(Self { chain, organisation_certificate, signature: signature.contents })
    }

    /// The DNS messages of the chain, as they are.
    #[must_use]
    pub fn dnssec_chain(&self) -> &[&'a [u8]] {
        &self.chain
    }

    /// The organisation's certificate, as yet unverified.
    #[must_use]
    pub const fn organisation_certificate(&self) -> &Certificate<'a> {
        &self.organisation_certificate
    }

    /// When the signature is to be valid, by its own word; nothing is verified.
    ///
    /// For whoever holds a bundle and has to know when to get another one. Certificates and the
    /// chain may end before it does.
    ///
    /// ```
    /// use veraid::SignatureBundle;
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/reference/member-user.bin");
    /// # let octets = std::fs::read(file)?;
    /// let period = SignatureBundle::from_der(&octets)?.claimed_period()?;
    /// assert_eq!(period.end().to_string(), "2026-11-22T18:58:00Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SignatureError`] if the signed data or its attributes can't be read, or the period ends
    /// before it starts.
    pub fn claimed_period(&self) -> Result<Period, SignatureError> {
        crate::cms::claimed_period(self.signature)
    }
}

/// Reads what both bundles have: the version, the chain, and what is under `[2]` and `[3]`.
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
