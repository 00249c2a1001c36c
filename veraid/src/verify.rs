//! The verification of a bundle.

use std::borrow::Cow;
use std::time::Duration;

use crate::budget::Budget;
use crate::cert::{Organisation, verify_member, verify_organisation};
use crate::cms::{SignatureRequirements, SignedData, verify_signed_data};
use crate::crypto::{DirectVerifier, SignatureVerifier, StagedVerifier};
use crate::dnssec::DnssecChain;
use crate::period::ValidityTracker;
use crate::published_key::{PublishedKey, select_record};
use crate::{
    DnssecError, LimitExceeded, Limits, Member, MemberIdBundle, ObjectIdentifier, OrganisationName,
    Period, SignatureBundle, SignerKind, Timestamp, TrustAnchor, VerificationError,
    VerificationTime,
};

/// The service, the trust anchors and the limits of a verification.
///
/// It reads no clock and does no I/O.
///
/// ```
/// use veraid::{ObjectIdentifier, SignatureBundle, Timestamp, TrustAnchor, Verification};
///
/// # fn verify(octets: &[u8], now: Timestamp) -> Result<(), Box<dyn std::error::Error>> {
/// let service: ObjectIdentifier = "1.3.6.1.4.1.58708.3.0".parse()?;
/// let trust_anchors = TrustAnchor::iana();
/// let verification = Verification::new(&service, &trust_anchors);
///
/// let bundle = SignatureBundle::from_der(octets)?;
/// let verified = verification.verify_signature_at(&bundle, now)?;
/// println!("{} signed {:?}", verified.organisation(), verified.plaintext());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Verification<'a> {
    pub(crate) service: &'a ObjectIdentifier,
    pub(crate) trust_anchors: &'a [TrustAnchor],
    pub(crate) limits: Limits,
    pub(crate) clock_skew: Duration,
}

/// A verified signature: its signer and its plaintext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature<'a> {
    id: VerifiedMemberId,
    signer: SignerKind,
    plaintext: Cow<'a, [u8]>,
}

/// A verified member of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedMemberId {
    organisation: OrganisationName,
    member: Member,
    period: Period,
}

impl<'a> Verification<'a> {
    /// The maximum clock skew: 5 minutes.
    pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(300);

    /// Creates a verification for a service, with the default [`Limits`] and without clock skew.
    #[must_use]
    pub fn new(service: &'a ObjectIdentifier, trust_anchors: &'a [TrustAnchor]) -> Self {
        Self { service, trust_anchors, limits: Limits::default(), clock_skew: Duration::ZERO }
    }

    /// Sets how far the verifier's clock may be behind the issuer's: 0 to 5 minutes; 0 by default.
    ///
    /// The signature and the certificates are valid that much before they start. They do not stay
    /// valid for longer, and the signatures of the DNSSEC chain have no skew. The period of a
    /// verified bundle starts earlier by the skew, too.
    ///
    /// ```
    /// use std::time::Duration;
    /// use veraid::{ObjectIdentifier, TrustAnchor, Verification};
    ///
    /// let service: ObjectIdentifier = "1.3.6.1.4.1.58708.3.0".parse()?;
    /// let trust_anchors = TrustAnchor::iana();
    /// let verification = Verification::new(&service, &trust_anchors);
    /// assert!(verification.with_clock_skew(Duration::from_secs(5)).is_ok());
    /// assert!(verification.with_clock_skew(Duration::from_secs(301)).is_err());
    /// # Ok::<(), veraid::ParseOidError>(())
    /// ```
    ///
    /// # Errors
    /// [`LimitExceeded`] above [`Self::MAX_CLOCK_SKEW`].
    pub fn with_clock_skew(mut self, skew: Duration) -> Result<Self, LimitExceeded> {
        if skew > Self::MAX_CLOCK_SKEW {
            let maximum = usize::try_from(Self::MAX_CLOCK_SKEW.as_secs()).unwrap_or(usize::MAX);
            return Err(LimitExceeded { resource: "seconds of clock skew", maximum });
        }
        self.clock_skew = skew;
        Ok(self)
    }

    /// Sets the limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Verifies a signature bundle at one instant.
    ///
    /// The period of the result is the whole period around the instant in which the bundle is
    /// valid, with the clock skew at its start. The TTL override of the organisation's TXT record
    /// has no effect.
    ///
    /// # Errors
    /// [`VerificationError`] with the stage that failed, and the expected and the found value.
    pub fn verify_signature_at<'b>(
        &self,
        bundle: &SignatureBundle<'b>,
        at: Timestamp,
    ) -> Result<VerifiedSignature<'b>, VerificationError> {
        self.verify_signature_with(bundle, at, &mut DirectVerifier)
    }

    /// Verifies that a signature bundle is valid at an instant of a period.
    ///
    /// That instant must precede the period's end by at most the TTL override of the organisation's
    /// TXT record. The period of the result is the part of the requested
    /// period in which the bundle is valid.
    ///
    /// # Errors
    /// [`VerificationError`] with the stage that failed, and the expected and the found value.
    pub fn verify_signature_during<'b>(
        &self,
        bundle: &SignatureBundle<'b>,
        period: Period,
    ) -> Result<VerifiedSignature<'b>, VerificationError> {
        self.verify_signature_with(bundle, period, &mut StagedVerifier::new())
    }

    /// Verifies that a member id bundle is valid at one instant.
    ///
    /// # Errors
    /// [`VerificationError`] with the stage that failed, and the expected and the found value.
    pub fn verify_member_id_at(
        &self,
        bundle: &MemberIdBundle<'_>,
        at: Timestamp,
    ) -> Result<VerifiedMemberId, VerificationError> {
        self.verify_member_id_with(bundle, at, &mut DirectVerifier)
    }

    /// Verifies that a member id bundle is valid at an instant of a period, as
    /// [`Self::verify_signature_during`] does.
    ///
    /// # Errors
    /// [`VerificationError`] with the stage that failed, and the expected and the found value.
    pub fn verify_member_id_during(
        &self,
        bundle: &MemberIdBundle<'_>,
        period: Period,
    ) -> Result<VerifiedMemberId, VerificationError> {
        self.verify_member_id_with(bundle, period, &mut StagedVerifier::new())
    }

    /// Verifies a signature bundle, with signatures checked by `verifier`.
    ///
    /// A verification over a period repeats checks, so its verifier must return their
    /// [cached results](SignatureVerifier::cached_result), as [`StagedVerifier`] does. Otherwise
    /// the repeated checks count towards the [`Limits`].
    ///
    /// # Errors
    /// [`VerificationError`] with the stage that failed, and the expected and the found value.
    pub fn verify_signature_with<'b>(
        &self,
        bundle: &SignatureBundle<'b>,
        time: impl Into<VerificationTime>,
        verifier: &mut dyn SignatureVerifier,
    ) -> Result<VerifiedSignature<'b>, VerificationError> {
        let time = time.into();
        let mut budget = time.budget(verifier);
        let mut validity = self.validity_tracker(time.period());
        let chain = DnssecChain::from_messages(bundle.chain.iter().copied())?;
        let signed_data = SignedData::read(bundle.signature)?;
        let certificate = &bundle.organisation_certificate;
        let organisation =
            verify_organisation(certificate, &self.limits, &mut validity, &mut budget)
                .map_err(VerificationError::OrganisationCertificate)?;
        let requirements = SignatureRequirements {
            organisation: &organisation,
            service: self.service,
            limits: &self.limits,
        };
        let (signer, member) =
            verify_signed_data(&signed_data, &requirements, &mut validity, &mut budget)?;
        let period = self.verify_key(&organisation, &chain, time, validity, &mut budget)?;
        let id = VerifiedMemberId { organisation: organisation.name, member, period };
        Ok(VerifiedSignature { id, signer, plaintext: signed_data.plaintext })
    }

    /// Verifies a member id bundle, with signatures checked by `verifier`.
    ///
    /// See [`Self::verify_signature_with`] for the verifier of a period.
    ///
    /// # Errors
    /// [`VerificationError`] with the stage that failed, and the expected and the found value.
    pub fn verify_member_id_with(
        &self,
        bundle: &MemberIdBundle<'_>,
        time: impl Into<VerificationTime>,
        verifier: &mut dyn SignatureVerifier,
    ) -> Result<VerifiedMemberId, VerificationError> {
        let time = time.into();
        let mut budget = time.budget(verifier);
        let mut validity = self.validity_tracker(time.period());
        let chain = DnssecChain::from_messages(bundle.chain.iter().copied())?;
        let certificate = &bundle.organisation_certificate;
        let organisation =
            verify_organisation(certificate, &self.limits, &mut validity, &mut budget)
                .map_err(VerificationError::OrganisationCertificate)?;
        let certificate = &bundle.member_certificate;
        let member =
            verify_member(certificate, &organisation, &self.limits, &mut validity, &mut budget)
                .map_err(VerificationError::MemberCertificate)?
                .member;
        let period = self.verify_key(&organisation, &chain, time, validity, &mut budget)?;
        Ok(VerifiedMemberId { organisation: organisation.name, member, period })
    }

    pub(crate) const fn validity_tracker(&self, requested: Period) -> ValidityTracker {
        ValidityTracker::new(requested).with_clock_skew(self.clock_skew)
    }

    /// Verifies that the organisation publishes its key, and returns when the bundle is valid.
    fn verify_key(
        &self,
        organisation: &Organisation<'_>,
        chain: &DnssecChain<'_>,
        time: VerificationTime,
        validity: ValidityTracker,
        budget: &mut Budget<'_>,
    ) -> Result<Period, VerificationError> {
        let key = PublishedKey::new(organisation, self.service);
        let owner = organisation.name.txt_owner();
        let mut first_error = None;
        let instants = time.candidate_instants(chain, validity.requested);
        LimitExceeded::check("instants to try", instants.len(), Limits::INSTANTS)
            .map_err(DnssecError::Limit)?;
        for at in instants {
            let attempt = chain.verify(&owner, at, self.trust_anchors, budget).map_err(Into::into);
            let attempt = attempt.and_then(|set| {
                let record = select_record(set.records(), &key)?;
                time.combined_validity(set.period(), validity, record.ttl_override())
            });
            match attempt {
                Ok(period) => return Ok(period),
                // A limit is exceeded at the other instants too.
                Err(error @ VerificationError::Dnssec(DnssecError::Limit(_))) => return Err(error),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error
            .unwrap_or(VerificationError::NoCommonInstant { requested: validity.requested }))
    }
}

impl<'a> VerifiedSignature<'a> {
    /// Returns the organisation.
    #[must_use]
    pub const fn organisation(&self) -> &OrganisationName {
        self.id.organisation()
    }

    /// Returns the member that signed, or to whom the organisation attributes the signature.
    #[must_use]
    pub const fn member(&self) -> &Member {
        self.id.member()
    }

    /// Returns whether the member or the organisation signed.
    #[must_use]
    pub const fn signer(&self) -> SignerKind {
        self.signer
    }

    /// Returns the signed octets.
    #[must_use]
    pub fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }

    /// Returns the closed period in which the signature is valid.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.id.period()
    }

    /// Returns the signed octets, without a copy where possible.
    #[must_use]
    pub fn into_plaintext(self) -> Cow<'a, [u8]> {
        self.plaintext
    }
}

impl VerifiedMemberId {
    /// Returns the organisation.
    #[must_use]
    pub const fn organisation(&self) -> &OrganisationName {
        &self.organisation
    }

    /// Returns the member.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// Returns the closed period in which the membership is valid.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }
}
