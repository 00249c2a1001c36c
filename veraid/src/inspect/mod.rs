//! Step-by-step results for a bundle, to find out why it is rejected.

mod check_result;
mod partial_bundle;

use std::time::Duration;

use crate::budget::Budget;
use crate::cert::{InspectedCertificate, Organisation, verify_organisation};
use crate::cms::{InspectedSignature, inspect_signature};
use crate::crypto::StagedVerifier;
use crate::dnssec::{DnssecChain, DnssecError, InspectedChain};
use crate::period::{ValidityTracker, before};
use crate::published_key::{PublishedKey, select_record};
use crate::{
    Certificate, MalformedBundle, Period, SignatureBundle, Timestamp, TxtRecord, Verification,
    VerificationError, VerifiedSignature,
};

use self::partial_bundle::PartialBundle;

pub use self::check_result::CheckResult;

/// The parts of a signature bundle, as far as they are readable.
///
/// Only [`Self::outcome`] says whether the bundle is valid. The other fields are unverified, and
/// each check is about one step only.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection<'a> {
    /// The result of the verification.
    pub outcome: Outcome<'a>,
    /// The periods in which the bundle is valid, in order.
    pub valid_periods: Vec<Period>,
    /// The number of DNS messages.
    pub messages: usize,
    /// The errors of the malformed DNS messages.
    pub malformed_messages: Vec<DnssecError>,
    /// The DNSSEC chain to the TXT records, if their owner is known.
    pub chain: Option<InspectedChain>,
    /// The TXT record that publishes the organisation's key.
    pub record: Option<TxtRecord>,
    /// Whether exactly one record publishes the key.
    pub key_publication: CheckResult<VerificationError>,
    /// The organisation's certificate.
    pub organisation_certificate: Option<InspectedCertificate>,
    /// The certificate of the signing member.
    pub member_certificate: Option<InspectedCertificate>,
    /// The CMS signature.
    pub signature: Option<InspectedSignature<'a>>,
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The bundle is malformed.
    Malformed(MalformedBundle),
    /// The bundle is invalid.
    Invalid(VerificationError),
    /// The bundle is valid at the instant.
    Valid(VerifiedSignature<'a>),
}

impl Verification<'_> {
    /// Inspects a signature bundle, and checks each step whatever the results of the others.
    ///
    /// It costs several times as much as a verification. Use it to find out why a bundle is
    /// rejected, not to accept one.
    ///
    /// ```
    /// use veraid::{ObjectIdentifier, Outcome, TrustAnchor, Verification};
    ///
    /// # let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/member-user.bin");
    /// # let octets = std::fs::read(file)?;
    /// let service: ObjectIdentifier = "1.3.6.1.4.1.58708.3.0".parse()?;
    /// let trust_anchors: [TrustAnchor; 1] =
    ///     ["19522 8 2 81BCD7E55DD8B40BE69DD64E6AF9B1BCEAACE85C32A6BCAD895B75AFEF828499".parse()?];
    /// let inspection = Verification::new(&service, &trust_anchors)
    ///     .inspect(&octets, "2027-01-01T00:00:00Z".parse()?);
    ///
    /// assert!(matches!(inspection.outcome, Outcome::Invalid(_)));
    /// assert_eq!(inspection.valid_periods[0].end().to_string(), "2026-11-22T18:58:00Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn inspect<'a>(&self, octets: &'a [u8], at: Timestamp) -> Inspection<'a> {
        let (partial, valid_periods, outcome) = match SignatureBundle::from_der(octets) {
            Ok(bundle) => {
                let verified = self.verify_signature_at(&bundle, at);
                let outcome = verified.map_or_else(Outcome::Invalid, Outcome::Valid);
                (PartialBundle::from_bundle(&bundle), self.valid_periods(&bundle, at), outcome)
            }
            Err(error) => (PartialBundle::read(octets), Vec::new(), Outcome::Malformed(error)),
        };
        let inspection = Inspection {
            outcome,
            valid_periods,
            messages: partial.chain.len(),
            malformed_messages: Vec::new(),
            chain: None,
            record: None,
            key_publication: CheckResult::NotChecked,
            organisation_certificate: None,
            member_certificate: None,
            signature: None,
        };
        self.inspect_steps(&partial, at, inspection)
    }

    fn inspect_steps<'a>(
        &self,
        partial: &PartialBundle<'a>,
        at: Timestamp,
        mut inspection: Inspection<'a>,
    ) -> Inspection<'a> {
        let mut verifier = StagedVerifier::new();
        let mut budget = Budget::memoising(&mut verifier);
        let certificate = partial.organisation_certificate.as_ref();
        let time = self.validity_tracker(Period::at(at));
        let organisation = certificate.and_then(|certificate| {
            // Time is checked separately, so that expired parts are still checked.
            let mut unbounded = ValidityTracker::new(Period::UNBOUNDED);
            let outcome =
                verify_organisation(certificate, &self.limits, &mut unbounded, &mut budget);
            let (inspected, organisation) =
                InspectedCertificate::inspect(certificate, outcome, time);
            inspection.organisation_certificate = Some(inspected);
            organisation
        });
        if let Some(content_info) = partial.signature {
            let (member_certificate, signature) =
                inspect_signature(content_info, organisation.as_ref(), self, time, &mut budget);
            inspection.member_certificate = member_certificate;
            inspection.signature = Some(signature);
        }
        self.inspect_chain(partial, organisation.as_ref(), at, &mut inspection);
        inspection
    }

    fn inspect_chain(
        &self,
        partial: &PartialBundle<'_>,
        organisation: Option<&Organisation<'_>>,
        at: Timestamp,
        inspection: &mut Inspection<'_>,
    ) {
        let (chain, malformed) = partial.readable_chain();
        inspection.malformed_messages = malformed;
        let Some(chain) = chain else { return };
        let Some(owner) = txt_owner(&chain, organisation, partial) else { return };
        let Ok(chain) = chain.inspect(&owner, at, self.trust_anchors) else { return };
        if let Some(organisation) = organisation {
            let key = PublishedKey::new(organisation, self.service);
            match select_record(&chain.records, &key) {
                Ok(record) => {
                    inspection.record = Some(record);
                    inspection.key_publication = CheckResult::Valid;
                }
                Err(error) => inspection.key_publication = CheckResult::Invalid(error),
            }
        }
        inspection.chain = Some(chain);
    }

    /// Returns all periods in which the bundle is valid.
    ///
    /// Each of them starts where the validity of a part starts, so those instants are enough.
    fn valid_periods(&self, bundle: &SignatureBundle<'_>, near: Timestamp) -> Vec<Period> {
        let starts = starts(bundle, near, self.clock_skew);
        let attempts = starts.into_iter().map(|at| self.verify_signature_at(bundle, at));
        let mut valid: Vec<_> = attempts.flatten().map(|verified| verified.period()).collect();
        valid.sort_unstable_by_key(|period| (period.start(), period.end()));
        valid.dedup();
        valid
    }
}

/// Returns the starts of all validity periods of the bundle, with the clock skew.
fn starts(bundle: &SignatureBundle<'_>, near: Timestamp, clock_skew: Duration) -> Vec<Timestamp> {
    let chain = DnssecChain::from_messages(bundle.dnssec_chain().iter().copied());
    let mut starts = chain.map(|chain| chain.inceptions(near)).unwrap_or_default();
    let certificate = bundle.organisation_certificate().not_before();
    let signature = crate::cms::validity_starts(bundle.signature);
    starts.extend(signature.into_iter().chain([certificate]).map(|at| before(at, clock_skew)));
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// Returns the owner of the TXT records: of the organisation in the certificate, or else in the
/// chain.
fn txt_owner(
    chain: &DnssecChain<'_>,
    organisation: Option<&Organisation<'_>>,
    partial: &PartialBundle<'_>,
) -> Option<String> {
    let by_name = |certificate: &Certificate<'_>| {
        let name: crate::OrganisationName = certificate.common_name()?.parse().ok()?;
        Some(name.txt_owner())
    };
    organisation
        .map(|organisation| organisation.name.txt_owner())
        .or_else(|| partial.organisation_certificate.as_ref().and_then(by_name))
        .or_else(|| chain.txt_owners().into_iter().next())
}
