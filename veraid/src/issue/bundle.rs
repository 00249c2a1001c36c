//! Encodes both kinds of bundle.

use super::certificate::{always, verified_member, verified_organisation};
use super::unsigned::sealed;
use super::{IssueError, Issued, MemberCertificate, OrganisationCertificate};
use crate::bundle::write_chain;
use crate::der::Tag;
use crate::der::writer::encode;
use crate::{Certificate, DnssecChain, DnssecError, OrganisationName};

/// An issued signature bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureBundleDer(pub(super) Vec<u8>);

impl SignatureBundleDer {
    /// Returns the bundle's octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the bundle's octets.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl Issued for SignatureBundleDer {}
impl sealed::EncodedValue for SignatureBundleDer {
    fn octets(&self) -> &[u8] {
        &self.0
    }

    fn octets_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

/// Encodes a member id bundle.
///
/// The chain has one response for each question, and is sorted in the bundle as DER requires.
/// Chains expire before certificates: issue a new bundle for a more recent chain.
///
/// # Errors
/// [`IssueError::MemberCertificate`] if the certificate is not by this organisation, and
/// [`IssueError::Chain`] if the DNS messages are malformed, or do not contain exactly one
/// response to the question for the organisation's TXT records.
pub fn member_id_bundle(
    organisation: &OrganisationCertificate,
    member: &MemberCertificate,
    dnssec_chain: &[impl AsRef<[u8]>],
) -> Result<Vec<u8>, IssueError> {
    let issuer = organisation.parts()?;
    let certificate = Certificate::from_der(member.as_der())
        .map_err(|error| IssueError::MemberCertificate(error.into()))?;
    let mut validity = always();
    let verified = verified_organisation(&issuer, &mut validity)
        .map_err(IssueError::OrganisationCertificate)?;
    verified_member(&certificate, &verified, &mut validity)
        .map_err(IssueError::MemberCertificate)?;
    let chain = encode_chain(organisation.name(), dnssec_chain)?;
    let member = encode_certificate(Tag::constructed(3), &certificate);
    Ok(encode_bundle(&chain, &issuer, &member))
}

/// `SEQUENCE { version [0], dnssecChain [1], organisationCertificate [2], last [3] }`.
pub(super) fn encode_bundle(chain: &[u8], organisation: &Certificate<'_>, last: &[u8]) -> Vec<u8> {
    let version = encode(Tag::primitive(0), &[&[0]]);
    let organisation = encode_certificate(Tag::constructed(2), organisation);
    encode(Tag::SEQUENCE, &[&version, chain, &organisation, last])
}

/// `[1] SET OF OCTET STRING`, in DER order.
pub(super) fn encode_chain(
    organisation: &OrganisationName,
    messages: &[impl AsRef<[u8]>],
) -> Result<Vec<u8>, IssueError> {
    let chain = DnssecChain::from_messages(messages.iter().map(AsRef::as_ref))?;
    let owner = organisation.txt_owner();
    let is_owner = |found: &String| found.trim_end_matches('.').eq_ignore_ascii_case(&owner);
    let found = chain.txt_owners().iter().filter(|found| is_owner(found)).count();
    if found != 1 {
        return Err(DnssecError::TxtResponses { owner, found }.into());
    }
    Ok(write_chain(Tag::constructed(1), messages))
}

/// A certificate under another tag, otherwise unchanged.
pub(super) fn encode_certificate(tag: Tag, certificate: &Certificate<'_>) -> Vec<u8> {
    let signature = crate::der::writer::bit_string(certificate.signature);
    encode(tag, &[certificate.signed, certificate.algorithm.encoded, &signature])
}
