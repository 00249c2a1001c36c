//! The contents of a CMS signature, valid or not.

use std::borrow::Cow;

use super::attributes::SignedAttributes;
use super::{SignatureError, SignatureRequirements, SignedData, SignerKind, verify_signed_data};
use crate::budget::Budget;
use crate::cert::{InspectedCertificate, Organisation, verify_member};
use crate::crypto::Hash;
use crate::inspect::CheckResult;
use crate::period::{NoOverlap, ValidityTracker};
use crate::{Certificate, Member, ObjectIdentifier, Period, Timestamp, Verification};

/// The CMS signature of a bundle, unverified. Malformed parts are `None`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct InspectedSignature<'a> {
    /// The signed octets.
    pub plaintext: Option<Cow<'a, [u8]>>,
    /// The signer that the attribution requires.
    pub signer: Option<SignerKind>,
    /// The member to whom the organisation attributes its signature.
    pub attribution: Option<Member>,
    /// The service of the signature.
    pub service: Option<ObjectIdentifier>,
    /// The start and the end of the signed period, which may be in the wrong order.
    pub period: Option<(Timestamp, Timestamp)>,
    /// The hash of the signature over the signed attributes.
    pub signature_hash: Option<Hash>,
    /// The hash of the plaintext.
    pub digest_hash: Option<Hash>,
    /// The result of the check at the instant.
    pub check: CheckResult<SignatureError>,
}

/// Inspects a signature and its member's certificate independently of each other.
pub(crate) fn inspect_signature<'a>(
    content_info: &'a [u8],
    organisation: Option<&Organisation<'_>>,
    verification: &Verification<'_>,
    at: ValidityTracker,
    budget: &mut Budget<'_>,
) -> (Option<InspectedCertificate>, InspectedSignature<'a>) {
    let mut inspected = InspectedSignature::default();
    let signed_data = match SignedData::read(content_info) {
        Ok(signed_data) => signed_data,
        Err(error) => return (None, inspected.with_error(error)),
    };
    inspected.signature_hash = Some(signed_data.signature_hash);
    inspected.digest_hash = Some(signed_data.digest_hash);
    inspected.plaintext = Some(signed_data.plaintext.clone());
    match SignedAttributes::read(&signed_data.attributes) {
        Ok(attributes) => inspected.set_attributes(attributes),
        Err(error) => return (None, inspected.with_error(error)),
    }
    let Some(organisation) = organisation else {
        let certificate = inspected.member_certificate(&signed_data);
        return (certificate.as_ref().map(InspectedCertificate::unchecked), inspected);
    };
    let requirements = SignatureRequirements {
        organisation,
        service: verification.service,
        limits: &verification.limits,
    };
    let certificate = inspected.member_certificate(&signed_data).map(|certificate| {
        // Time is checked separately, so that expired parts are still checked.
        let mut unbounded = ValidityTracker::new(Period::UNBOUNDED);
        let limits = requirements.limits;
        let verified = verify_member(&certificate, organisation, limits, &mut unbounded, budget);
        InspectedCertificate::inspect(&certificate, verified, at).0
    });
    let mut unbounded = ValidityTracker::new(Period::UNBOUNDED);
    inspected.check = match verify_signed_data(&signed_data, &requirements, &mut unbounded, budget)
    {
        Ok(_) => inspected.check_at(at),
        // That error is reported at the certificate.
        Err(SignatureError::MemberCertificate(_)) => CheckResult::NotChecked,
        Err(error) => CheckResult::Invalid(error),
    };
    (certificate, inspected)
}

/// Returns the starts of the validity of a signature and of its signer's certificate.
pub(crate) fn validity_starts(content_info: &[u8]) -> Vec<Timestamp> {
    let Ok(signed_data) = SignedData::read(content_info) else {
        return Vec::new();
    };
    let certificates = signed_data.signer_certificates();
    let mut validity_starts: Vec<_> = certificates.iter().map(Certificate::not_before).collect();
    let attributes = SignedAttributes::read(&signed_data.attributes);
    validity_starts.extend(attributes.map(|attributes| attributes.metadata.start));
    validity_starts
}

impl<'a> InspectedSignature<'a> {
    fn set_attributes(&mut self, attributes: SignedAttributes<'_>) {
        let by_organisation = attributes.attribution.is_some();
        self.signer =
            Some(if by_organisation { SignerKind::Organisation } else { SignerKind::Member });
        self.period = Some((attributes.metadata.start, attributes.metadata.end));
        self.service = Some(attributes.metadata.service);
        self.attribution = attributes.attribution;
    }

    fn member_certificate(&self, signed_data: &SignedData<'a>) -> Option<Certificate<'a>> {
        let is_members = self.signer == Some(SignerKind::Member);
        is_members.then(|| signed_data.signer_certificates().pop()).flatten()
    }

    fn check_at(&self, mut at: ValidityTracker) -> CheckResult<SignatureError> {
        let period = self.period.and_then(|(start, end)| Period::new(start, end));
        match period.map(|validity| at.narrow(validity)) {
            Some(Err(NoOverlap { requested, validity })) => {
                CheckResult::Invalid(SignatureError::NotValid { requested, validity })
            }
            _ => CheckResult::Valid,
        }
    }

    fn with_error(self, error: SignatureError) -> Self {
        Self { check: CheckResult::Invalid(error), ..self }
    }
}
