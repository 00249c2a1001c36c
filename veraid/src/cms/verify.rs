//! The verification of the CMS signature.

use std::borrow::Cow;
use std::fmt;

use super::attributes::SignedAttributes;
use super::{SignatureError, SignedData};
use crate::budget::Budget;
use crate::cert::{Organisation, RsaPublicKey, verify_member};
use crate::crypto::SignatureCheck;
use crate::der::Tag;
use crate::period::{NoOverlap, ValidityTracker};
use crate::{Certificate, Limits, Member, ObjectIdentifier, Period};

/// The kind of signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignerKind {
    /// The member, with a certificate by the organisation.
    Member,
    /// The organisation, which attributes the signature to the member.
    Organisation,
}

impl fmt::Display for SignerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Member => "member",
            Self::Organisation => "organisation",
        })
    }
}

/// The requirements for a signature.
pub(crate) struct SignatureRequirements<'a> {
    pub(crate) organisation: &'a Organisation<'a>,
    pub(crate) service: &'a ObjectIdentifier,
    pub(crate) limits: &'a Limits,
}

/// Verifies a signature by the organisation or one of its members, and narrows the validity by
/// the periods of the signature and of the member's certificate.
///
/// Returns the kind of signer, and the member that signed or to whom the signature is attributed.
///
/// The attribution among the signed attributes determines the required signer. With it, the
/// organisation must sign, so that no member can attribute a signature to another. Without it,
/// a member must sign.
pub(crate) fn verify_signed_data(
    signed_data: &SignedData<'_>,
    requirements: &SignatureRequirements<'_>,
    validity: &mut ValidityTracker,
    budget: &mut Budget<'_>,
) -> Result<(SignerKind, Member), SignatureError> {
    let organisation = requirements.organisation;
    let attributes = SignedAttributes::read(&signed_data.attributes)?;
    require_digest(signed_data, attributes.message_digest)?;
    require_service(&attributes, requirements.service)?;
    let no_overlap =
        |NoOverlap { requested, validity }| SignatureError::NotValid { requested, validity };
    validity.narrow(check_period(&attributes, requirements.limits)?).map_err(no_overlap)?;
    let certificate = signer_certificate(signed_data)?;
    let is_organisation = signed_data.is_signer(&organisation.certificate);
    match attributes.attribution {
        Some(_) if !is_organisation => Err(SignatureError::SignerNotOrganisation),
        Some(member) => {
            organisation
                .require_signing_usage()
                .map_err(SignatureError::OrganisationCertificate)?;
            require_signature(signed_data, &organisation.key, budget)?;
            Ok((SignerKind::Organisation, member))
        }
        None if is_organisation => Err(SignatureError::SignerNotMember),
        None => {
            let certificate = certificate.ok_or(SignatureError::SignerCertificateMissing)?;
            let signer =
                verify_member(&certificate, organisation, requirements.limits, validity, budget)
                    .map_err(SignatureError::MemberCertificate)?;
            require_signature(signed_data, &signer.key, budget)?;
            Ok((SignerKind::Member, signer.member))
        }
    }
}

/// Returns the period in the metadata of a `ContentInfo`'s contents, unverified.
pub(crate) fn claimed_period(content_info: &[u8]) -> Result<Period, SignatureError> {
    let signed_data = SignedData::read(content_info)?;
    read_period(&SignedAttributes::read(&signed_data.attributes)?)
}

/// Returns the plaintext of a `ContentInfo`'s contents, unverified.
pub(crate) fn claimed_plaintext(content_info: &[u8]) -> Result<Cow<'_, [u8]>, SignatureError> {
    Ok(SignedData::read(content_info)?.plaintext)
}

fn require_service(
    attributes: &SignedAttributes<'_>,
    expected: &ObjectIdentifier,
) -> Result<(), SignatureError> {
    let found = &attributes.metadata.service;
    if found == expected {
        return Ok(());
    }
    Err(SignatureError::Service { expected: expected.clone(), found: found.clone() })
}

fn require_digest(signed_data: &SignedData<'_>, found: &[u8]) -> Result<(), SignatureError> {
    let expected = signed_data.digest_hash.digest(&signed_data.plaintext);
    if expected.as_ref() == found {
        return Ok(());
    }
    Err(SignatureError::MessageDigest { expected: expected.as_ref().into(), found: found.into() })
}

fn check_period(
    attributes: &SignedAttributes<'_>,
    limits: &Limits,
) -> Result<Period, SignatureError> {
    let period = read_period(attributes)?;
    let found = period.duration();
    match limits.max_signature_period() {
        Some(maximum) if found > maximum => Err(SignatureError::PeriodTooLong { maximum, found }),
        _ => Ok(period),
    }
}

fn read_period(attributes: &SignedAttributes<'_>) -> Result<Period, SignatureError> {
    let (start, end) = (attributes.metadata.start, attributes.metadata.end);
    Period::new(start, end).ok_or(SignatureError::Period { start, end })
}

/// Returns the signer's attached certificate, which must be unambiguous.
fn signer_certificate<'a>(
    signed_data: &SignedData<'a>,
) -> Result<Option<Certificate<'a>>, SignatureError> {
    let mut candidates = signed_data.signer_certificates();
    let certificate = candidates.pop();
    if candidates.is_empty() {
        return Ok(certificate);
    }
    Err(SignatureError::SignerCertificateAmbiguous { found: candidates.len() + 1 })
}

/// Verifies the signature over the attributes as they were sent, under the tag of a SET (RFC 5652,
/// 5.4).
fn require_signature(
    signed_data: &SignedData<'_>,
    key: &RsaPublicKey<'_>,
    budget: &mut Budget<'_>,
) -> Result<(), SignatureError> {
    let mut message = signed_data.attributes.encoded.to_vec();
    if let Some(tag) = message.first_mut() {
        *tag = Tag::SET.0;
    }
    let check = SignatureCheck {
        key: key.with_pss(signed_data.signature_hash),
        message: &message,
        signature: signed_data.signature,
    };
    if budget.is_valid(&check)? { Ok(()) } else { Err(SignatureError::Signature) }
}
