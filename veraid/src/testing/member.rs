//! A mock member, with a key, a certificate and a member id bundle.

use super::{MockError, MockOrganisation};
use crate::issue::{MemberCertificate, RsaSigner, SignatureRequest, Signer as _, member_id_bundle};
use crate::{Member, MemberIdBundle, ObjectIdentifier, Period};

/// A member of a [`MockOrganisation`]. For tests only.
///
/// ```
/// use veraid::testing::MockMember;
/// use veraid::{ObjectIdentifier, Period};
///
/// # fn sign(alice: &MockMember, period: Period) -> Result<(), Box<dyn std::error::Error>> {
/// let service: ObjectIdentifier = "1.3.6.1.4.1.58708.1.1".parse()?;
/// let by_alice = alice.sign(b"Hello", &service, period)?;
/// let for_alice = alice.organisation().sign(b"Hello", alice.member(), &service, period)?;
/// let proof_of_alice = alice.id_bundle()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MockMember {
    organisation: MockOrganisation,
    member: Member,
    key: RsaSigner,
    certificate: MemberCertificate,
}

impl MockMember {
    /// Creates a member with this key, and a certificate for the intersection of the period and the
    /// organisation's.
    ///
    /// # Errors
    /// [`MockError::Issue`] if the periods do not overlap.
    pub fn new(
        organisation: MockOrganisation,
        member: Member,
        key: RsaSigner,
        period: Period,
    ) -> Result<Self, MockError> {
        let issuer = organisation.key();
        let certificate = MemberCertificate::prepare(
            &member,
            key.subject_public_key_info(),
            organisation.certificate(),
            issuer.hash(),
            period,
        )?
        .sign(issuer)?;
        Ok(Self { organisation, member, key, certificate })
    }

    /// Returns the octets of the member id bundle.
    ///
    /// # Errors
    /// [`MockError::Issue`] if the organisation's chain is not about its TXT records.
    pub fn id_bundle(&self) -> Result<Vec<u8>, MockError> {
        let organisation = &self.organisation;
        let certificate = organisation.certificate();
        Ok(member_id_bundle(certificate, &self.certificate, organisation.chain())?)
    }

    /// Signs as the member, for a period that includes both ends.
    ///
    /// # Errors
    /// [`MockError::Issue`] if the certificates are not valid when the period starts.
    pub fn sign(
        &self,
        plaintext: &[u8],
        service: &ObjectIdentifier,
        period: Period,
    ) -> Result<Vec<u8>, MockError> {
        let octets = self.id_bundle()?;
        let id = MemberIdBundle::from_der(&octets)?;
        let request = SignatureRequest::new(service, plaintext, period);
        Ok(request.by_member(&id, self.key.hash())?.sign(&self.key)?.into_bytes())
    }

    /// Returns the organisation.
    #[must_use]
    pub const fn organisation(&self) -> &MockOrganisation {
        &self.organisation
    }

    /// Returns the member.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// Returns the member's key.
    #[must_use]
    pub const fn key(&self) -> &RsaSigner {
        &self.key
    }

    /// Returns the member's certificate.
    #[must_use]
    pub const fn certificate(&self) -> &MemberCertificate {
        &self.certificate
    }
}
