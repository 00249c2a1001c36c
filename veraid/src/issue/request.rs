//! The plaintext, the service and the period of a signature.

use super::bundle::{encode_bundle, encode_certificate, encode_chain};
use super::certificate::{verified_member, verified_organisation};
use super::signed_data::{SignedAttributes, SignedDataSigner};
use super::unsigned::SigningKey;
use super::{IssueError, OrganisationCertificate, SignatureBundleDer, Unsigned};
use crate::der::Tag;
use crate::period::ValidityTracker;
use crate::{Certificate, Hash, Member, MemberIdBundle, ObjectIdentifier, Period};

/// The plaintext, the service and the period of a signature.
///
/// The bundle contains the plaintext, which is hashed with the hash of the signature. The period
/// includes both ends. Its milliseconds are kept, and deployed verifiers read them.
#[derive(Clone, Copy, Debug)]
pub struct SignatureRequest<'a> {
    service: &'a ObjectIdentifier,
    plaintext: &'a [u8],
    period: Period,
}

impl<'a> SignatureRequest<'a> {
    /// Creates a request to sign the plaintext for the service.
    #[must_use]
    pub const fn new(service: &'a ObjectIdentifier, plaintext: &'a [u8], period: Period) -> Self {
        Self { service, plaintext, period }
    }

    /// Prepares a signature by a member, whose key is to sign with this hash.
    ///
    /// The period must start within both certificates. Its end is not limited to theirs, since
    /// verifiers do that.
    ///
    /// # Errors
    /// [`IssueError::OrganisationCertificate`] and [`IssueError::MemberCertificate`] if the
    /// bundle's certificates are invalid, or not valid at the start of the period, and
    /// [`IssueError::Chain`] if its chain is malformed or of another organisation.
    pub fn by_member(
        &self,
        id: &MemberIdBundle<'_>,
        hash: Hash,
    ) -> Result<Unsigned<SignatureBundleDer>, IssueError> {
        let mut validity = ValidityTracker::new(Period::at(self.period.start()));
        let (issuer, certificate) = (&id.organisation_certificate, &id.member_certificate);
        let organisation = verified_organisation(issuer, &mut validity)
            .map_err(IssueError::OrganisationCertificate)?;
        verified_member(certificate, &organisation, &mut validity)
            .map_err(IssueError::MemberCertificate)?;
        let key = SigningKey::new(certificate.subject_public_key_info(), hash)
            .map_err(IssueError::MemberCertificate)?;
        let attached = vec![encode_certificate(Tag::SEQUENCE, certificate)];
        let chain = encode_chain(&organisation.name, id.dnssec_chain())?;
        let signer = SignedDataSigner { certificate, key, attached };
        Ok(self.prepare(&chain, issuer, &signer, None))
    }

    /// Prepares a signature by the organisation, whose key is to sign with this hash, on behalf
    /// of a member.
    ///
    /// The period must start within the certificate. Its end is not limited to the certificate's,
    /// since verifiers do that.
    ///
    /// # Errors
    /// [`IssueError::OrganisationCertificate`] if the certificate is not valid when the period
    /// starts, and [`IssueError::Chain`] if the chain is malformed or of another organisation.
    pub fn by_organisation(
        &self,
        organisation: &OrganisationCertificate,
        dnssec_chain: &[impl AsRef<[u8]>],
        member: &Member,
        hash: Hash,
    ) -> Result<Unsigned<SignatureBundleDer>, IssueError> {
        let certificate = &organisation.parts()?;
        let mut validity = ValidityTracker::new(Period::at(self.period.start()));
        verified_organisation(certificate, &mut validity)
            .map_err(IssueError::OrganisationCertificate)?;
        let key = SigningKey::new(certificate.subject_public_key_info(), hash)
            .map_err(IssueError::OrganisationCertificate)?;
        let chain = encode_chain(organisation.name(), dnssec_chain)?;
        let signer = SignedDataSigner { certificate, key, attached: Vec::new() };
        Ok(self.prepare(&chain, certificate, &signer, Some(member)))
    }

    fn prepare(
        &self,
        chain: &[u8],
        organisation: &Certificate<'_>,
        signer: &SignedDataSigner<'_>,
        attribution: Option<&Member>,
    ) -> Unsigned<SignatureBundleDer> {
        let (service, plaintext, period) = (self.service, self.plaintext, self.period);
        let attributes = SignedAttributes { plaintext, service, period, attribution };
        let to_be_signed = attributes.encode(&signer.key);
        let signature = signer.encode(Tag::constructed(3), plaintext, &to_be_signed);
        let octets = encode_bundle(chain, organisation, &signature);
        Unsigned::new(SignatureBundleDer(octets), to_be_signed, signer.key)
    }
}
