//! Member id bundles.

use super::MalformedBundle;
use super::signature_bundle::read_fields;
use crate::cert::Certificate;

/// A well-formed member id bundle, unverified.
///
/// ```text
/// MemberIdBundle ::= SEQUENCE {
///     version                 [0] INTEGER (0),
///     dnssecChain             [1] SET OF OCTET STRING,
///     organisationCertificate [2] Certificate,
///     memberCertificate       [3] Certificate }          -- all tags are IMPLICIT
/// ```
///
/// Its contents are unverified: see [`Verification`](crate::Verification).
#[derive(Clone, Debug)]
pub struct MemberIdBundle<'a> {
    pub(crate) chain: Vec<&'a [u8]>,
    pub(crate) organisation_certificate: Certificate<'a>,
    pub(crate) member_certificate: Certificate<'a>,
}

impl<'a> MemberIdBundle<'a> {
    /// Reads a bundle that borrows the octets.
    ///
    /// # Errors
    /// [`MalformedBundle`] if the structure, the version or one of the certificates is malformed.
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

    /// Returns the DNS messages of the chain.
    #[must_use]
    pub fn dnssec_chain(&self) -> &[&'a [u8]] {
        &self.chain
    }

    /// Replaces the DNS messages of the chain, which expires before the certificates do.
    #[must_use]
    pub fn with_dnssec_chain(self, chain: Vec<&'a [u8]>) -> Self {
        Self { chain, ..self }
    }

    /// Returns the organisation's certificate, unverified.
    #[must_use]
    pub const fn organisation_certificate(&self) -> &Certificate<'a> {
        &self.organisation_certificate
    }

    /// Returns the member's certificate, unverified.
    #[must_use]
    pub const fn member_certificate(&self) -> &Certificate<'a> {
        &self.member_certificate
    }
}
