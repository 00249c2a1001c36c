//! The whole verification of a bundle.

use std::borrow::Cow;

use crate::budget::Budget;
use crate::cert::{Organisation, verify_member, verify_organisation};
use crate::cms::{Expectation, SignedData, verify_signed_data};
use crate::crypto::{DirectVerifier, SignatureVerifier};
use crate::dnssec::DnssecChain;
use crate::period::Validity;
use crate::published_key::{PublishedKey, select_record};
use crate::{
    DnssecError, LimitExceeded, Limits, Member, MemberIdBundle, ObjectIdentifier, OrganisationName,
    Period, SignatureBundle, SignerKind, Timestamp, TrustAnchor, VerificationError,
};

/// How bundles are verified: for which service, from which trust anchors, within which limits.
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
#[derive(Clone, Copy)]
pub struct Verification<'a> {
    pub(crate) service: &'a ObjectIdentifier,
    pub(crate) trust_anchors: &'a [TrustAnchor],
    pub(crate) limits: Limits,
    verifier: &'a dyn SignatureVerifier,
}

/// A signature that verified, with what it proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSignature<'a> {
    id: VerifiedMemberId,
    signer: SignerKind,
    plaintext: Cow<'a, [u8]>,
}

/// A member of an organisation, and when that is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedMemberId {
    organisation: OrganisationName,
    member: Member,
    period: Period,
}

impl<'a> Verification<'a> {
    /// Verification for a service, with the default [`Limits`] and every signature checked anew.
    #[must_use]
    pub fn new(service: &'a ObjectIdentifier, trust_anchors: &'a [TrustAnchor]) -> Self {
        Self { service, trust_anchors, limits: Limits::default(), verifier: &DirectVerifier }
    }

    /// Sets the limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets who checks signatures, so that those that are known need not be checked again.
    #[must_use]
    pub fn with_verifier(mut self, verifier: &'a dyn SignatureVerifier) -> Self {
        self.verifier = verifier;
        self
    }

    /// Verifies that everything in a signature bundle holds at one instant.
    ///
    /// The period of the result is all the time around the instant in which it holds. The TTL
    /// override of the organisation's TXT record has no effect on an instant.
    ///
    /// # Errors
    /// [`VerificationError`], which tells the stage and both sides of what differed.
    pub fn verify_signature_at<'b>(
        &self,
        bundle: &SignatureBundle<'b>,
        at: Timestamp,
    ) -> Result<VerifiedSignature<'b>, VerificationError> {
        self.verify_signature(bundle, When::At(at))
    }

    /// Verifies that everything in a signature bundle holds at once, for at least one instant of
    /// a period and no earlier before its end than the TTL override of the organisation's TXT
    /// record allows.
    ///
    /// The period of the result is the part of the asked one in which it holds.
    ///
    /// # Errors
    /// [`VerificationError`], which tells the stage and both sides of what differed.
    pub fn verify_signature_during<'b>(
        &self,
        bundle: &SignatureBundle<'b>,
        period: Period,
    ) -> Result<VerifiedSignature<'b>, VerificationError> {
        self.verify_signature(bundle, When::During(period))
    }

    /// Verifies that a member id bundle holds at one instant.
    ///
    /// # Errors
    /// [`VerificationError`], which tells the stage and both sides of what differed.
    pub fn verify_member_id_at(
        &self,
        bundle: &MemberIdBundle<'_>,
        at: Timestamp,
    ) -> Result<VerifiedMemberId, VerificationError> {
        self.verify_member_id(bundle, When::At(at))
    }

    /// Verifies that a member id bundle holds for at least one instant of a period.
    ///
    /// # Errors
    /// [`VerificationError`], which tells the stage and both sides of what differed.
    pub fn verify_member_id_during(
        &self,
        bundle: &MemberIdBundle<'_>,
        period: Period,
    ) -> Result<VerifiedMemberId, VerificationError> {
        self.verify_member_id(bundle, When::During(period))
    }

    fn verify_signature<'b>(
        &self,
        bundle: &SignatureBundle<'b>,
        when: When,
    ) -> Result<VerifiedSignature<'b>, VerificationError> {
        let mut budget = when.budget(self.verifier);
        let mut validity = Validity::new(when.period());
        let chain = DnssecChain::from_messages(bundle.chain.iter().copied())?;
        let signed_data = SignedData::read(bundle.signature)?;
        let certificate = &bundle.organisation_certificate;
        let organisation =
            verify_organisation(certificate, &self.limits, &mut validity, &mut budget)
                .map_err(VerificationError::OrganisationCertificate)?;
        let expectation = Expectation {
            organisation: &organisation,
            service: self.service,
            limits: &self.limits,
        };
        let (signer, member) =
            verify_signed_data(&signed_data, &expectation, &mut validity, &mut budget)?;
        let period = self.verify_key(&organisation, &chain, when, validity, &mut budget)?;
        let id = VerifiedMemberId { organisation: organisation.name, member, period };
        Ok(VerifiedSignature { id, signer, plaintext: signed_data.plaintext })
    }

    fn verify_member_id(
        &self,
        bundle: &MemberIdBundle<'_>,
        when: When,
    ) -> Result<VerifiedMemberId, VerificationError> {
        let mut budget = when.budget(self.verifier);
        let mut validity = Validity::new(when.period());
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
        let period = self.verify_key(&organisation, &chain, when, validity, &mut budget)?;
        Ok(VerifiedMemberId { organisation: organisation.name, member, period })
    }

    /// Verifies that the organisation publishes its key, and returns when everything holds.
    fn verify_key(
        &self,
        organisation: &Organisation<'_>,
        chain: &DnssecChain<'_>,
        when: When,
        validity: Validity,
        budget: &mut Budget<'_>,
    ) -> Result<Period, VerificationError> {
        let key = PublishedKey::of(organisation, self.service);
        let owner = organisation.name.txt_owner();
        let mut refusal = None;
        let instants = when.instants(chain, validity.wanted);
        LimitExceeded::check("instants to try", instants.len(), Limits::INSTANTS)
            .map_err(DnssecError::Limit)?;
        for at in instants {
            let attempt = chain.verify(&owner, at, self.trust_anchors, budget).map_err(Into::into);
            let attempt = attempt.and_then(|set| {
                let record = select_record(set.records(), &key)?;
                when.result(set.period(), validity, record.ttl_override())
            });
            match attempt {
                Ok(period) => return Ok(period),
                // What went over a limit does so at the other instants too.
                Err(error @ VerificationError::Dnssec(DnssecError::Limit(_))) => return Err(error),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        Err(refusal.unwrap_or(VerificationError::NoInstant { wanted: validity.wanted }))
    }
}

/// When a bundle must hold.
#[derive(Clone, Copy)]
enum When {
    At(Timestamp),
    During(Period),
}

impl When {
    const fn period(self) -> Period {
        match self {
            Self::At(at) => Period::at(at),
            Self::During(period) => period,
        }
    }

    fn budget(self, verifier: &dyn SignatureVerifier) -> Budget<'_> {
        match self {
            Self::At(_) => Budget::new(verifier),
            Self::During(_) => Budget::remembering(verifier),
        }
    }

    /// The instants to try. Periods share an instant if and only if they share the latest of
    /// their starts, so the starts within what is wanted are enough.
    fn instants(self, chain: &DnssecChain<'_>, wanted: Period) -> Vec<Timestamp> {
        let mut instants = vec![wanted.start()];
        if let Self::During(_) = self {
            let inceptions = chain.inceptions(wanted.start());
            instants.extend(
                inceptions.into_iter().filter(|at| *at > wanted.start() && *at <= wanted.end()),
            );
        }
        instants
    }

    /// When everything holds, given when the chain does.
    fn result(
        self,
        chain: Period,
        validity: Validity,
        ttl_override: u32,
    ) -> Result<Period, VerificationError> {
        let wanted = match self {
            Self::At(_) => validity.holds,
            Self::During(_) => {
                // `docs/protocol.md`, "TXT records": `[max(start, end - override), end]` of what was asked for.
                let age = std::time::Duration::from_secs(ttl_override.into());
                let start = self.period().end().saturating_sub(age).unwrap_or(Timestamp::MIN);
                let start = start.max(validity.wanted.start());
                let aged = VerificationError::TtlOverride { wanted: self.period(), ttl_override };
                Period::new(start, validity.wanted.end()).ok_or(aged)?
            }
        };
        chain.intersection(wanted).ok_or(VerificationError::NoInstant { wanted })
    }
}

impl<'a> VerifiedSignature<'a> {
    /// The organisation.
    #[must_use]
    pub const fn organisation(&self) -> &OrganisationName {
        self.id.organisation()
    }

    /// The member who signed, or to whom the organisation attributes the signature.
    #[must_use]
    pub const fn member(&self) -> &Member {
        self.id.member()
    }

    /// Whose key signed.
    #[must_use]
    pub const fn signer(&self) -> SignerKind {
        self.signer
    }

    /// What was signed.
    #[must_use]
    pub fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }

    /// The closed period in which all of this holds.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.id.period()
    }

    /// What was signed.
    #[must_use]
    pub fn into_plaintext(self) -> Cow<'a, [u8]> {
        self.plaintext
    }
}

impl VerifiedMemberId {
    /// The organisation.
    #[must_use]
    pub const fn organisation(&self) -> &OrganisationName {
        &self.organisation
    }

    /// The member.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// The closed period in which this holds.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }
}
