//! What a CMS signature says, whether or not it holds.

use std::borrow::Cow;

use super::attributes::SignedAttributes;
use super::{Expectation, SignatureError, SignedData, SignerKind, verify_signed_data};
use crate::budget::Budget;
use crate::cert::{InspectedCertificate, Organisation, verify_member};
use crate::crypto::Hash;
use crate::inspect::Finding;
use crate::period::Validity;
use crate::{Certificate, Member, ObjectIdentifier, Period, Timestamp, Verification};

/// The CMS signature of a bundle, by its own word; what can't be read is `None`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct InspectedSignature<'a> {
    /// What was signed.
    pub plaintext: Option<Cow<'a, [u8]>>,
    /// Who must have signed.
    pub signer: Option<SignerKind>,
    /// To whom the organisation attributes its signature.
    pub attribution: Option<Member>,
    /// The service that it is for.
    pub service: Option<ObjectIdentifier>,
    /// When it starts and when it ends, in the order that it says.
    pub period: Option<(Timestamp, Timestamp)>,
    /// The hash of the signature over the signed attributes.
    pub signature_hash: Option<Hash>,
    /// The hash of the plaintext.
    pub digest_hash: Option<Hash>,
    /// Whether it is right, and holds at the instant.
    pub finding: Finding<SignatureError>,
}

/// Looks at a signature and at the certificate of the member who made it, each for itself.
pub(crate) fn inspect_signature<'a>(
    content_info: &'a [u8],
    organisation: Option<&Organisation<'_>>,
    verification: &Verification<'_>,
    at: Timestamp,
    budget: &mut Budget<'_>,
) -> (Option<InspectedCertificate>, InspectedSignature<'a>) {
    let mut shown = InspectedSignature::default();
    let signed_data = match SignedData::read(content_info) {
        Ok(signed_data) => signed_data,
        Err(error) => return (None, shown.failing(error)),
    };
    shown.signature_hash = Some(signed_data.signature_hash);
    shown.digest_hash = Some(signed_data.digest_hash);
    shown.plaintext = Some(signed_data.plaintext.clone());
    match SignedAttributes::read(&signed_data.attributes) {
        Ok(attributes) => shown.take(attributes),
        Err(error) => return (None, shown.failing(error)),
    }
    let Some(organisation) = organisation else {
        let certificate = shown.member_certificate(&signed_data);
        return (certificate.as_ref().map(InspectedCertificate::unchecked), shown);
    };
    let expectation =
        Expectation { organisation, service: verification.service, limits: &verification.limits };
    let certificate = shown.member_certificate(&signed_data).map(|certificate| {
        // Time is looked at apart, so that what is late is still checked.
        let mut ever = Validity::new(Period::ALWAYS);
        let limits = expectation.limits;
        let verified = verify_member(&certificate, organisation, limits, &mut ever, budget);
        InspectedCertificate::of(&certificate, verified, at).0
    });
    let mut ever = Validity::new(Period::ALWAYS);
    shown.finding = match verify_signed_data(&signed_data, &expectation, &mut ever, budget) {
        Ok(_) => shown.finding_at(at),
        // That is shown at the certificate.
        Err(SignatureError::MemberCertificate(_)) => Finding::Unchecked,
        Err(error) => Finding::Fails(error),
    };
    (certificate, shown)
}

/// The instants at which a signature and its signer's certificate begin to hold.
pub(crate) fn starts(content_info: &[u8]) -> Vec<Timestamp> {
    let Ok(signed_data) = SignedData::read(content_info) else {
        return Vec::new();
    };
    let certificates = signed_data.signer_certificates();
    let mut starts: Vec<_> = certificates.iter().map(Certificate::not_before).collect();
    let attributes = SignedAttributes::read(&signed_data.attributes);
    starts.extend(attributes.map(|attributes| attributes.metadata.start));
    starts
}

impl<'a> InspectedSignature<'a> {
    fn take(&mut self, attributes: SignedAttributes<'_>) {
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

    fn finding_at(&self, at: Timestamp) -> Finding<SignatureError> {
        let period = self.period.and_then(|(start, end)| Period::new(start, end));
        match period {
            Some(validity) if !validity.contains(at) => {
                Finding::Fails(SignatureError::NotValid { wanted: Period::at(at), validity })
            }
            _ => Finding::Holds,
        }
    }

    fn failing(self, error: SignatureError) -> Self {
        Self { finding: Finding::Fails(error), ..self }
    }
}
