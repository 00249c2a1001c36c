//! A member's certificate with all that proves it.

use super::MalformedBundle;
use super::signature_bundle::read_fields;
use crate::cert::Certificate;

/// A member id bundle whose structure and certificates could be read.
///
/// ```text
/// MemberIdBundle ::= SEQUENCE {
///     version                 [0] INTEGER (0),
///     dnssecChain             [1] SET OF OCTET STRING,
///     organisationCertificate [2] Certificate,
///     memberCertificate       [3] Certificate }          -- all tags are IMPLICIT
/// ```
///
/// Nothing in it is to be believed before [`Verification`](crate::Verification) has verified it.
#[derive(Clone, Debug)]
pub struct MemberIdBundle<'a> {
    pub(crate) chain: Vec<&'a [u8]>,
    pub(crate) organisation_certificate: Certificate<'a>,
    pub(crate) member_certificate: Certificate<'a>,
}

impl<'a> MemberIdBundle<'a> {
    /// Reads a bundle; the octets are borrowed.
    ///
    /// # Errors
    /// [`MalformedBundle`] if the structure, the version or one of the certificates can't be read.
    pub fn from_der(octets: &'a [u8]) -> Result<Self, MalformedBundle> {
        let (chain, organisation, member) = read_fields(octets)?;
        Ok(Self {
            chain,
            organisation_certificate: Certificate::from_contents(&organisation)
                .map_err(MalformedBundle::OrganisationCertificate)?,
            member_certificate: Certificate::from_contents(&member)
                .map_err(MalformedBundle::MemberCertificate)?,
        })
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

    /// The member's certificate, as yet unverified.
    #[must_use]
    pub const fn member_certificate(&self) -> &Certificate<'a> {
        &self.member_certificate
    }
}
