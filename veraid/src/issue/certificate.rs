//! The certificates of organisations and members.

use jiff::{RoundMode, TimestampRound, Unit};

use super::algorithm::pss_algorithm;
use super::tbs_certificate::{TbsCertificate, common_name};
use super::unsigned::{SigningKey, sealed};
use super::{IssueError, Issued, Unsigned};
use crate::budget::Budget;
use crate::cert::{Organisation, RsaPublicKey, verify_member, verify_organisation};
use crate::crypto::DirectVerifier;
use crate::der::Tag;
use crate::der::writer::{bit_string, encode};
use crate::period::ValidityTracker;
use crate::{
    Certificate, CertificateError, Hash, Limits, Member, OrganisationName, Period, Timestamp,
};

/// A self-signed certificate of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganisationCertificate {
    octets: Vec<u8>,
    name: OrganisationName,
    period: Period,
}

/// A certificate that an organisation issued to one of its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberCertificate {
    octets: Vec<u8>,
    member: Member,
    period: Period,
}

impl OrganisationCertificate {
    /// Prepares a self-signed certificate for an organisation's key.
    ///
    /// The period's ends are rounded down to the second. The common name has no final dot.
    ///
    /// # Errors
    /// [`IssueError::PublicKey`] unless it is an RSA key of 2048, 3072 or 4096 bits.
    pub fn prepare(
        name: &OrganisationName,
        subject_public_key_info: &[u8],
        hash: Hash,
        period: Period,
    ) -> Result<Unsigned<Self>, IssueError> {
        let key = SigningKey::new(subject_public_key_info, hash).map_err(IssueError::PublicKey)?;
        let subject = common_name(name.as_str());
        let period = whole_seconds(period);
        let to_be_signed = TbsCertificate {
            hash,
            issuer: &subject,
            issuer_public_key_info: subject_public_key_info,
            subject: &subject,
            subject_public_key_info,
            period,
            is_organisation: true,
        };
        let to_be_signed = to_be_signed.encode()?;
        let octets = with_placeholder(&to_be_signed, &key);
        let value = Self { octets, name: name.clone(), period };
        Ok(Unsigned::new(value, to_be_signed, key))
    }

    /// Reads a certificate, and verifies all but the time.
    ///
    /// # Errors
    /// [`IssueError::OrganisationCertificate`] if a verifier would not accept it at any time.
    pub fn from_der(octets: Vec<u8>) -> Result<Self, IssueError> {
        let mut validity = always();
        let organisation = Certificate::from_der(&octets)
            .map_err(CertificateError::from)
            .and_then(|certificate| verified_organisation(&certificate, &mut validity))
            .map_err(IssueError::OrganisationCertificate)?;
        let name = organisation.name;
        Ok(Self { octets, name, period: validity.valid })
    }

    /// Returns the certificate's DER.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.octets
    }

    /// Returns the organisation.
    #[must_use]
    pub const fn name(&self) -> &OrganisationName {
        &self.name
    }

    /// Returns the validity of the certificate.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// Returns the certificate's parts.
    pub(super) fn parts(&self) -> Result<Certificate<'_>, IssueError> {
        let parts = Certificate::from_der(&self.octets);
        parts.map_err(|error| IssueError::OrganisationCertificate(error.into()))
    }
}

impl MemberCertificate {
    /// Prepares a certificate for a member's key, which the organisation's key is to sign with
    /// this hash.
    ///
    /// The period is limited to the one of the organisation's certificate, and its ends are rounded
    /// down to the second. The key must have no other certificate, not of another member or
    /// organisation either: a signature for one name could be presented as the other's.
    ///
    /// # Errors
    /// [`IssueError::PublicKey`] unless it is an RSA key of 2048, 3072 or 4096 bits, and
    /// [`IssueError::OutsideOrganisation`] if the two periods do not overlap.
    pub fn prepare(
        member: &Member,
        subject_public_key_info: &[u8],
        organisation: &OrganisationCertificate,
        hash: Hash,
        period: Period,
    ) -> Result<Unsigned<Self>, IssueError> {
        RsaPublicKey::from_der(subject_public_key_info, &Limits::default())
            .map_err(IssueError::PublicKey)?;
        let outside = IssueError::OutsideOrganisation {
            requested: period,
            organisation: organisation.period,
        };
        let period = whole_seconds(period).intersection(organisation.period).ok_or(outside)?;
        let issuer = organisation.parts()?;
        let key = SigningKey::new(issuer.subject_public_key_info(), hash)
            .map_err(IssueError::OrganisationCertificate)?;
        let to_be_signed = TbsCertificate {
            hash,
            issuer: issuer.subject.encoded,
            issuer_public_key_info: issuer.subject_public_key_info(),
            subject: &common_name(&member.to_string()),
            subject_public_key_info,
            period,
            is_organisation: false,
        };
        let to_be_signed = to_be_signed.encode()?;
        let octets = with_placeholder(&to_be_signed, &key);
        let value = Self { octets, member: member.clone(), period };
        Ok(Unsigned::new(value, to_be_signed, key))
    }

    /// Reads a certificate that the organisation issued, and verifies all but the time.
    ///
    /// # Errors
    /// [`IssueError::MemberCertificate`] if a verifier would not accept it at any time, and
    /// [`IssueError::OrganisationCertificate`] likewise.
    pub fn from_der(
        octets: Vec<u8>,
        organisation: &OrganisationCertificate,
    ) -> Result<Self, IssueError> {
        let mut validity = always();
        let issuer = verified_organisation(&organisation.parts()?, &mut validity)
            .map_err(IssueError::OrganisationCertificate)?;
        let certificate = Certificate::from_der(&octets)
            .map_err(|error| IssueError::MemberCertificate(error.into()))?;
        let mut validity = always();
        let member = verified_member(&certificate, &issuer, &mut validity)
            .map_err(IssueError::MemberCertificate)?;
        Ok(Self { octets, member, period: validity.valid })
    }

    /// Returns the certificate's DER.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.octets
    }

    /// Returns the member.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// Returns the validity of the certificate.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }
}

impl Issued for OrganisationCertificate {}
impl sealed::EncodedValue for OrganisationCertificate {
    fn octets(&self) -> &[u8] {
        &self.octets
    }

    fn octets_mut(&mut self) -> &mut Vec<u8> {
        &mut self.octets
    }
}

impl Issued for MemberCertificate {}
impl sealed::EncodedValue for MemberCertificate {
    fn octets(&self) -> &[u8] {
        &self.octets
    }

    fn octets_mut(&mut self) -> &mut Vec<u8> {
        &mut self.octets
    }
}

/// Verifies an organisation's certificate as a verifier does.
pub(super) fn verified_organisation<'a>(
    certificate: &Certificate<'a>,
    validity: &mut ValidityTracker,
) -> Result<Organisation<'a>, CertificateError> {
    let mut verifier = DirectVerifier;
    let mut budget = Budget::new(&mut verifier);
    verify_organisation(certificate, &Limits::default(), validity, &mut budget)
}

/// Verifies a member's certificate as a verifier does.
pub(super) fn verified_member(
    certificate: &Certificate<'_>,
    organisation: &Organisation<'_>,
    validity: &mut ValidityTracker,
) -> Result<Member, CertificateError> {
    let (limits, mut verifier) = (Limits::default(), DirectVerifier);
    let mut budget = Budget::new(&mut verifier);
    Ok(verify_member(certificate, organisation, &limits, validity, &mut budget)?.member)
}

/// An unbounded validity.
pub(super) fn always() -> ValidityTracker {
    ValidityTracker::new(Period::UNBOUNDED)
}

fn with_placeholder(to_be_signed: &[u8], key: &SigningKey<'_>) -> Vec<u8> {
    let signature = bit_string(&key.placeholder());
    encode(Tag::SEQUENCE, &[to_be_signed, &pss_algorithm(key.hash), &signature])
}

/// Certificates have whole seconds. Rounding down makes a certificate that starts now valid now.
fn whole_seconds(period: Period) -> Period {
    let floor = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
    let whole = |instant: Timestamp| match instant.round(floor) {
        // The last timestamp means that the certificate does not expire.
        Ok(rounded) if instant < Timestamp::MAX => rounded,
        _ => instant,
    };
    Period::new(whole(period.start()), whole(period.end())).unwrap_or(period)
}
