//! The chain from the trust anchors to a TXT RRset.

use domain::base::Name;
use domain::base::iana::{Rcode, Rtype};

use super::DnssecError;
use super::response::{AnswerRecordData, Response, ResponseError, presentation_form};
use super::rrset::{Rrset, record_type_name, validity};
use super::zone::{Zone, intersect_validity};
use crate::budget::Budget;
use crate::crypto::{DirectVerifier, SignatureVerifier};
use crate::{LimitExceeded, Limits, Period, Timestamp, TrustAnchor};

/// The DNS responses that prove a TXT RRset, as they were received. Nothing in them is verified.
///
/// ```
/// use veraid::{DnssecChain, Timestamp, TrustAnchor};
///
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
/// # let octets = std::fs::read(format!("{folder}/recorded-mattcorallo-com.der"))?;
/// // A chain of the real DNS, recorded in August 2026.
/// let chain = DnssecChain::from_messages(DnssecChain::messages_from_der(&octets)?)?;
/// let at: Timestamp = "2026-08-08T00:00:00Z".parse()?;
/// let owner = "matt.user._bitcoin-payment.mattcorallo.com";
/// let proven = chain.verify_at(owner, at, &TrustAnchor::iana())?;
/// assert_eq!(proven.zone(), "mattcorallo.com.");
/// assert_eq!(proven.period().end().to_string(), "2026-08-11T02:38:40Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DnssecChain<'a> {
    responses: Vec<Response<'a>>,
}

/// A TXT RRset that was verified from the trust anchors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxtRrset {
    records: Vec<Vec<Vec<u8>>>,
    zone: String,
    period: Period,
}

impl TxtRrset {
    /// Returns the records in canonical order, each a list of character-strings (RFC 1035, 3.3.14).
    #[must_use]
    pub fn records(&self) -> &[Vec<Vec<u8>>] {
        &self.records
    }

    /// Returns the zone of the records: absolute, in presentation form, with the final dot.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// Returns the closed period around the requested instant in which the records are valid.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }
}

impl<'a> DnssecChain<'a> {
    /// Reads the responses, which the chain borrows.
    ///
    /// # Errors
    /// [`DnssecError::Message`] if one of them is malformed, [`DnssecError::Limit`] above 64
    /// messages, 65,535 octets or 512 records.
    pub fn from_messages(
        messages: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, DnssecError> {
        let mut responses = Vec::with_capacity(16);
        let (mut octets, mut records) = (0_usize, 0);
        for (position, message) in messages.into_iter().enumerate() {
            octets = octets.saturating_add(message.len());
            LimitExceeded::check("messages in the chain", position + 1, Limits::MESSAGES)?;
            LimitExceeded::check("octets in the chain", octets, Limits::CHAIN_OCTETS)?;
            responses.push(Response::read(message, &mut records).map_err(|error| match error {
                ResponseError::Malformed(reason) => DnssecError::Message { position, reason },
                ResponseError::Limit(limit) => DnssecError::Limit(limit),
            })?);
        }
        Ok(Self { responses })
    }

    /// Verifies the TXT RRset of `owner`, a domain name in presentation form, at an instant.
    ///
    /// # Errors
    /// [`DnssecError`] with the RRset that is not proven, and the reason.
    pub fn verify_at(
        &self,
        owner: &str,
        at: Timestamp,
        trust_anchors: &[TrustAnchor],
    ) -> Result<TxtRrset, DnssecError> {
        self.verify_at_with(owner, at, trust_anchors, &mut DirectVerifier)
    }

    /// Verifies as [`Self::verify_at`] does, with signatures checked by `verifier`.
    ///
    /// # Errors
    /// As [`Self::verify_at`].
    pub fn verify_at_with(
        &self,
        owner: &str,
        at: Timestamp,
        trust_anchors: &[TrustAnchor],
        verifier: &mut dyn SignatureVerifier,
    ) -> Result<TxtRrset, DnssecError> {
        self.verify(owner, at, trust_anchors, &mut Budget::new(verifier))
    }

    /// Returns the owners of the TXT questions in the chain, with the final dot.
    #[must_use]
    pub fn txt_owners(&self) -> Vec<String> {
        let about_txt = self.responses.iter().filter(|response| response.record_type == Rtype::TXT);
        about_txt.map(|response| presentation_form(&response.name)).collect()
    }

    /// Returns the distinct inceptions of the chain's signatures, in order.
    pub(crate) fn inceptions(&self, near: Timestamp) -> Vec<Timestamp> {
        let answers = self.responses.iter().flat_map(|response| &response.answers);
        let validities = answers.filter_map(|answer| match &answer.data {
            AnswerRecordData::Signature(signature) => validity(signature, near),
            AnswerRecordData::Other(_) => None,
        });
        let mut inceptions: Vec<_> = validities.map(Period::start).collect();
        inceptions.sort_unstable();
        inceptions.dedup();
        inceptions
    }

    /// Verifies from the root down to the zone of the records, each zone before the next.
    pub(crate) fn verify(
        &self,
        owner: &str,
        at: Timestamp,
        trust_anchors: &[TrustAnchor],
        budget: &mut Budget<'_>,
    ) -> Result<TxtRrset, DnssecError> {
        let owner_name = canonical_name(owner)?;
        LimitExceeded::check("labels", owner_name.label_count() - 1, Limits::LABELS)?;
        let zone_candidates: Vec<&Name<[u8]>> = zone_candidates(&owner_name).collect();
        let set = self.txt_rrset(owner_name.for_slice())?;
        let mut zone = Zone::root(self, trust_anchors, at, budget)?;
        for name in zone_candidates {
            if let Some(child) = zone.child_zone(name, self, at, budget)? {
                zone = child;
            }
        }
        let signed = zone.verify(&set, at, budget)?;
        let period = intersect_validity(zone.validity, signed, zone.name)?;
        let records = set.records.iter().map(|record| character_strings(record)).collect();
        Ok(TxtRrset { records, zone: presentation_form(zone.name), period })
    }

    /// Returns the first successful response to the question.
    pub(super) fn first_response(
        &self,
        name: &Name<[u8]>,
        record_type: Rtype,
    ) -> Option<&Response<'a>> {
        let mut responses = self.responses.iter();
        responses.find(|response| {
            response.code == Rcode::NOERROR && response.answers_question(name, record_type)
        })
    }

    /// Returns the RRset of the only response to the TXT question.
    pub(super) fn txt_rrset<'m>(
        &'m self,
        owner: &'m Name<[u8]>,
    ) -> Result<Rrset<'m, 'a>, DnssecError> {
        let mut responses =
            self.responses.iter().filter(|response| response.answers_question(owner, Rtype::TXT));
        let (first, others) = (responses.next(), responses.count());
        let response = match first {
            Some(response) if others == 0 => response,
            first => {
                let found = others + usize::from(first.is_some());
                return Err(DnssecError::TxtResponses { owner: presentation_form(owner), found });
            }
        };
        if response.code != Rcode::NOERROR {
            let found = response.code.to_int();
            return Err(DnssecError::ResponseCode { owner: presentation_form(owner), found });
        }
        if response
            .answers
            .iter()
            .any(|answer| matches!(answer.record_type, Rtype::CNAME | Rtype::DNAME))
        {
            return Err(DnssecError::Alias { owner: presentation_form(owner) });
        }
        let set = Rrset::collect(owner, Rtype::TXT, response)?;
        set.ok_or_else(|| DnssecError::NoRecords {
            owner: presentation_form(owner),
            record_type: record_type_name(Rtype::TXT),
        })
    }
}

pub(super) fn canonical_name(owner: &str) -> Result<Name<Vec<u8>>, DnssecError> {
    let name = Name::vec_from_str(owner);
    let mut name = name.map_err(|_| DnssecError::InvalidOwner(owner.to_owned()))?;
    name.make_canonical();
    Ok(name)
}

/// Returns the names of possible zones: the name and its ancestors below the root, from the top
/// down.
pub(super) fn zone_candidates(name: &Name<Vec<u8>>) -> impl Iterator<Item = &Name<[u8]>> {
    let starts: Vec<usize> = name
        .iter()
        .scan(0, |start, label| {
            let this = *start;
            *start += usize::from(label.compose_len());
            Some(this)
        })
        .take(name.label_count() - 1)
        .collect();
    starts.into_iter().rev().map(|start| name.slice_from(start))
}

/// Splits the data of a TXT record. Truncated data yields no strings.
pub(super) fn character_strings(record: &[u8]) -> Vec<Vec<u8>> {
    let mut strings = Vec::new();
    let mut rest = record;
    while let Some((&length, after)) = rest.split_first() {
        let Some((string, next)) = after.split_at_checked(usize::from(length)) else {
            return Vec::new();
        };
        strings.push(string.to_vec());
        rest = next;
    }
    strings
}
