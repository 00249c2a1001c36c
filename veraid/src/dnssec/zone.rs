//! Zones with authenticated keys, from the root down.

use domain::base::Name;
use domain::base::iana::Rtype;

use super::DnssecError;
use super::chain::DnssecChain;
use super::key::{DsRecord, ZoneKey, matches_any_ds};
use super::response::presentation_form;
use super::rrset::{Rrset, ZoneKeys};
use crate::budget::Budget;
use crate::{Period, Timestamp, TrustAnchor};

/// A zone whose keys were verified from the trust anchors.
pub(super) struct Zone<'m, 'a> {
    /// In canonical form.
    pub(super) name: &'m Name<[u8]>,
    keys: Vec<ZoneKey<'a>>,
    /// The validity of the keys.
    pub(super) validity: Period,
}

impl<'m, 'a> Zone<'m, 'a> {
    /// Authenticates the root by the trust anchors.
    pub(super) fn root(
        chain: &'m DnssecChain<'a>,
        anchors: &[TrustAnchor],
        at: Timestamp,
        budget: &mut Budget<'_>,
    ) -> Result<Self, DnssecError> {
        if anchors.is_empty() {
            return Err(DnssecError::NoTrustAnchor);
        }
        let ds_records: Vec<_> = anchors.iter().filter_map(DsRecord::from_trust_anchor).collect();
        Self::authenticate_keys(Name::root_slice(), chain, &ds_records, at, budget)
    }

    /// Authenticates the child zone at the name, or returns `None` if it has no DS records.
    pub(super) fn child_zone(
        &self,
        name: &'m Name<[u8]>,
        chain: &'m DnssecChain<'a>,
        at: Timestamp,
        budget: &mut Budget<'_>,
    ) -> Result<Option<Self>, DnssecError> {
        let Some(response) = chain.first_response(name, Rtype::DS) else {
            return Ok(None);
        };
        let Some(set) = Rrset::collect(name, Rtype::DS, response)? else {
            return Ok(None);
        };
        let delegation_validity = self.verify(&set, at, budget)?;
        let ds_records: Vec<_> =
            set.records.iter().filter_map(|record| DsRecord::read(record)).collect();
        if ds_records.is_empty() {
            return Err(DnssecError::UnusableDelegation { zone: presentation_form(name) });
        }
        let mut zone = Self::authenticate_keys(name, chain, &ds_records, at, budget)?;
        zone.narrow(delegation_validity)?;
        zone.narrow(self.validity)?;
        Ok(Some(zone))
    }

    /// Verifies that one of the zone's keys signed the RRset, and returns when the signature is
    /// valid.
    pub(super) fn verify(
        &self,
        set: &Rrset<'_, '_>,
        at: Timestamp,
        budget: &mut Budget<'_>,
    ) -> Result<Period, DnssecError> {
        set.verify(&ZoneKeys { zone: self.name, keys: &self.keys }, at, budget)
    }

    /// Authenticates the zone's DNSKEY RRset by a key that matches a DS record.
    fn authenticate_keys(
        name: &'m Name<[u8]>,
        chain: &'m DnssecChain<'a>,
        ds_records: &[DsRecord<'_>],
        at: Timestamp,
        budget: &mut Budget<'_>,
    ) -> Result<Self, DnssecError> {
        let response = chain.first_response(name, Rtype::DNSKEY);
        let missing = || DnssecError::MissingResponse {
            owner: presentation_form(name),
            record_type: "DNSKEY",
        };
        let set = Rrset::collect(name, Rtype::DNSKEY, response.ok_or_else(missing)?)?;
        let set = set.ok_or_else(|| DnssecError::NoRecords {
            owner: presentation_form(name),
            record_type: "DNSKEY",
        })?;
        let keys: Vec<_> = set.records.iter().filter_map(|record| ZoneKey::read(record)).collect();
        let trusted_keys: Vec<_> =
            keys.iter().filter(|key| matches_any_ds(key, name, ds_records)).copied().collect();
        if trusted_keys.is_empty() {
            return Err(DnssecError::UntrustedKeys {
                zone: presentation_form(name),
                expected: ds_records.iter().map(|delegation| delegation.key_tag).collect(),
                found: keys.iter().map(|key| key.tag).collect(),
            });
        }
        let validity = set.verify(&ZoneKeys { zone: name, keys: &trusted_keys }, at, budget)?;
        Ok(Self { name, keys, validity })
    }

    fn narrow(&mut self, period: Period) -> Result<(), DnssecError> {
        self.validity = intersect_validity(self.validity, period, self.name)?;
        Ok(())
    }
}

/// Intersects two periods, which share at least the instant of verification.
pub(super) fn intersect_validity(
    period: Period,
    other: Period,
    name: &Name<[u8]>,
) -> Result<Period, DnssecError> {
    let no_overlap = || DnssecError::OutsideValidity {
        owner: presentation_form(name),
        record_type: "DNSKEY",
        at: other.start(),
        validity: period,
    };
    period.intersection(other).ok_or_else(no_overlap)
}
