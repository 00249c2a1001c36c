//! The profile of the certificates of organisations and members.

use super::extensions::{Extensions, KeyUsage};
use super::name::read_common_name;
use super::{Certificate, CertificateError, RsaPublicKey, read_pss_hash};
use crate::budget::Budget;
use crate::crypto::{Hash, SignatureCheck};
use crate::period::{NoOverlap, ValidityTracker};
use crate::{Limits, Member, OrganisationName, Period};

/// An organisation whose certificate is self-signed and checked.
///
/// Only a TXT record proves that the key is the organisation's.
#[derive(Clone, Debug)]
pub(crate) struct Organisation<'a> {
    pub(crate) name: OrganisationName,
    pub(crate) key: RsaPublicKey<'a>,
    pub(crate) certificate: Certificate<'a>,
    /// The SHA-256 of its `SubjectPublicKeyInfo`, as checked.
    pub(crate) subject_key_id: Vec<u8>,
    key_usage: Option<KeyUsage>,
}

impl Organisation<'_> {
    /// Fails unless the key may sign more than certificates (RFC 5280, 4.2.1.3).
    pub(crate) fn require_signing_usage(&self) -> Result<(), CertificateError> {
        require_signing_usage(self.key_usage)
    }
}

/// A member whose certificate is checked and signed by the organisation.
#[derive(Clone, Debug)]
pub(crate) struct VerifiedMember<'a> {
    pub(crate) member: Member,
    pub(crate) key: RsaPublicKey<'a>,
}

/// Verifies an organisation's own certificate, and narrows the validity by its period.
pub(crate) fn verify_organisation<'a>(
    certificate: &Certificate<'a>,
    limits: &Limits,
    validity: &mut ValidityTracker,
    budget: &mut Budget<'_>,
) -> Result<Organisation<'a>, CertificateError> {
    let checked = ProfileCheckedCertificate::check(certificate, limits)?;
    checked.require_ca(true)?;
    let name = checked.common_name.parse()?;
    if checked.extensions.key_usage.is_some_and(|usage| !usage.allows_certificates()) {
        return Err(CertificateError::KeyUsage("certificates"));
    }
    require_issuer(certificate, certificate)?;
    // RFC 5280, 4.2.1.1: a self-signed certificate may omit the authority key identifier.
    if let Some(key_id) = checked.extensions.authority_key_id {
        require_key_id(Some(key_id), &checked.subject_key_id)?;
    }
    restrict(validity, checked.validity)?;
    require_signature(certificate, &checked.key, budget)?;
    Ok(Organisation {
        name,
        key: checked.key,
        certificate: certificate.clone(),
        subject_key_id: checked.subject_key_id,
        key_usage: checked.extensions.key_usage,
    })
}

/// Verifies a member's certificate by its organisation, and narrows the validity by its period.
pub(crate) fn verify_member<'a>(
    certificate: &Certificate<'a>,
    organisation: &Organisation<'_>,
    limits: &Limits,
    validity: &mut ValidityTracker,
    budget: &mut Budget<'_>,
) -> Result<VerifiedMember<'a>, CertificateError> {
    let checked = ProfileCheckedCertificate::check(certificate, limits)?;
    checked.require_ca(false)?;
    let member: Member = checked.common_name.parse()?;
    require_signing_usage(checked.extensions.key_usage)?;
    require_issuer(certificate, &organisation.certificate)?;
    require_key_id(checked.extensions.authority_key_id, &organisation.subject_key_id)?;
    restrict(validity, checked.validity)?;
    require_signature(certificate, &organisation.key, budget)?;
    Ok(VerifiedMember { member, key: checked.key })
}

/// A certificate that passed the checks common to both kinds.
struct ProfileCheckedCertificate<'a> {
    common_name: String,
    key: RsaPublicKey<'a>,
    validity: Period,
    extensions: Extensions<'a>,
    subject_key_id: Vec<u8>,
}

impl<'a> ProfileCheckedCertificate<'a> {
    fn check(certificate: &Certificate<'a>, limits: &Limits) -> Result<Self, CertificateError> {
        if certificate.version != Some(2) {
            return Err(CertificateError::Version { found: certificate.version });
        }
        let (not_before, not_after) = (certificate.not_before, certificate.not_after);
        let validity = Period::new(not_before, not_after);
        let validity = validity.ok_or(CertificateError::Validity { not_before, not_after })?;
        let common_name = read_common_name(&certificate.subject)?;
        let key = RsaPublicKey::read(&certificate.subject_public_key_info, limits)?;
        let extensions = Extensions::read(certificate.extensions.as_ref())?;
        let digest = Hash::Sha256.digest(certificate.subject_public_key_info());
        if extensions.subject_key_id != Some(digest.as_ref()) {
            return Err(CertificateError::SubjectKeyId {
                expected: digest.as_ref().into(),
                found: extensions.subject_key_id.map(Into::into),
            });
        }
        Ok(Self {
            common_name,
            key,
            validity,
            extensions,
            subject_key_id: digest.as_ref().to_vec(),
        })
    }

    fn require_ca(&self, expected: bool) -> Result<(), CertificateError> {
        let constraints = self.extensions.basic_constraints;
        let found = constraints.is_some_and(|constraints| constraints.is_ca);
        if expected && !constraints.is_some_and(|constraints| constraints.is_critical) {
            return Err(CertificateError::BasicConstraints);
        }
        if found == expected {
            Ok(())
        } else {
            Err(CertificateError::CertificateAuthority { expected, found })
        }
    }
}

fn require_signing_usage(key_usage: Option<KeyUsage>) -> Result<(), CertificateError> {
    if key_usage.is_none_or(KeyUsage::allows_signatures) {
        Ok(())
    } else {
        Err(CertificateError::KeyUsage("signatures"))
    }
}

fn restrict(validity: &mut ValidityTracker, period: Period) -> Result<(), CertificateError> {
    let no_overlap =
        |NoOverlap { requested, validity }| CertificateError::NotValid { requested, validity };
    validity.narrow(period).map_err(no_overlap)
}

fn require_issuer(
    certificate: &Certificate<'_>,
    issuer: &Certificate<'_>,
) -> Result<(), CertificateError> {
    if certificate.issuer == issuer.subject.encoded {
        return Ok(());
    }
    Err(CertificateError::Issuer {
        expected: issuer.subject.encoded.into(),
        found: certificate.issuer.into(),
    })
}

fn require_key_id(found: Option<&[u8]>, expected: &[u8]) -> Result<(), CertificateError> {
    if found == Some(expected) {
        return Ok(());
    }
    Err(CertificateError::AuthorityKeyId {
        expected: expected.into(),
        found: found.map(Into::into),
    })
}

fn require_signature(
    certificate: &Certificate<'_>,
    issuer: &RsaPublicKey<'_>,
    budget: &mut Budget<'_>,
) -> Result<(), CertificateError> {
    if certificate.signed_algorithm.encoded != certificate.algorithm.encoded {
        return Err(CertificateError::AlgorithmMismatch);
    }
    let hash =
        read_pss_hash(&certificate.algorithm).map_err(CertificateError::SignatureAlgorithm)?;
    let check = SignatureCheck {
        key: issuer.with_pss(hash),
        message: certificate.signed,
        signature: certificate.signature,
    };
    if budget.is_valid(&check)? { Ok(()) } else { Err(CertificateError::Signature) }
}
