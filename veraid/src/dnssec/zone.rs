//! Zones whose keys are proven, from the root down.

use domain::base::Name;
use domain::base::iana::Rtype;

use super::DnssecError;
use super::chain::DnssecChain;
use super::key::{Delegation, ZoneKey, is_named};
use super::response::shown;
use super::rrset::{RecordSet, Signers};
use crate::budget::Budget;
use crate::{Period, Timestamp, TrustAnchor};

/// A zone and its keys, which the trust anchors prove.
pub(super) struct Zone<'m, 'a> {
    /// In canonical form.
    pub(super) name: &'m Name<[u8]>,
    keys: Vec<ZoneKey<'a>>,
    /// When the proof holds.
    pub(super) validity: Period,
}

impl<'m, 'a> Zone<'m, 'a> {
    /// The root, by a key that a trust anchor names.
    pub(super) fn root(
        chain: &'m DnssecChain<'a>,
        anchors: &[TrustAnchor],
        at: Timestamp,
        budget: &mut Budget<'_>,
    ) -> Result<Self, DnssecError> {
        if anchors.is_empty() {
            return Err(DnssecError::NoTrustAnchor);
        }
        let delegations: Vec<_> = anchors.iter().filter_map(Delegation::of_anchor).collect();
        Self::prove(Name::root_slice(), chain, &delegations, at, budget)
    }

    /// The zone that this one delegates at the name, or `None` if the chain shows none there.
    pub(super) fn delegated(
        &self,
        name: &'m Name<[u8]>,
        chain: &'m DnssecChain<'a>,
        at: Timestamp,
        budget: &mut Budget<'_>,
    ) -> Result<Option<Self>, DnssecError> {
        let Some(response) = chain.first_response(name, Rtype::DS) else {
            return Ok(None);
        };
        let Some(set) = RecordSet::collect(name, Rtype::DS, response)? else {
            return Ok(None);
        };
        let delegation_validity = self.verify(&set, at, budget)?;
        let delegations: Vec<_> =
            set.records.iter().filter_map(|record| Delegation::read(record)).collect();
        if delegations.is_empty() {
            return Err(DnssecError::UnusableDelegation { zone: shown(name) });
        }
        let mut zone = Self::prove(name, chain, &delegations, at, budget)?;
        zone.narrow(delegation_validity)?;
        zone.narrow(self.validity)?;
        Ok(Some(zone))
    }

    /// Verifies that one of the zone's keys signed the set, and returns when that holds.
    pub(super) fn verify(
        &self,
        set: &RecordSet<'_, '_>,
        at: Timestamp,
        budget: &mut Budget<'_>,
    ) -> Result<Period, DnssecError> {
        set.verify(&Signers { zone: self.name, keys: &self.keys }, at, budget)
    }

    /// Verifies the zone's DNSKEY set by one of the keys that a delegation names.
    fn prove(
        name: &'m Name<[u8]>,
        chain: &'m DnssecChain<'a>,
        delegations: &[Delegation<'_>],
        at: Timestamp,
        budget: &mut Budget<'_>,
    ) -> Result<Self, DnssecError> {
        let response = chain.first_response(name, Rtype::DNSKEY);
        let missing = || DnssecError::MissingResponse { owner: shown(name), kind: "DNSKEY" };
        let set = RecordSet::collect(name, Rtype::DNSKEY, response.ok_or_else(missing)?)?;
        let set =
            set.ok_or_else(|| DnssecError::NoRecords { owner: shown(name), kind: "DNSKEY" })?;
        let keys: Vec<_> = set.records.iter().filter_map(|record| ZoneKey::read(record)).collect();
        let entry_keys: Vec<_> =
            keys.iter().filter(|key| is_named(key, name, delegations)).copied().collect();
        if entry_keys.is_empty() {
            return Err(DnssecError::UntrustedKeys {
                zone: shown(name),
                expected: delegations.iter().map(|delegation| delegation.key_tag).collect(),
                found: keys.iter().map(|key| key.tag).collect(),
            });
        }
        let validity = set.verify(&Signers { zone: name, keys: &entry_keys }, at, budget)?;
        Ok(Self { name, keys, validity })
    }

    fn narrow(&mut self, period: Period) -> Result<(), DnssecError> {
        self.validity = narrowed(self.validity, period, self.name)?;
        Ok(())
    }
}

/// What both periods share; all of them hold at one instant, so they share that at least.
pub(super) fn narrowed(
    period: Period,
    other: Period,
    name: &Name<[u8]>,
) -> Result<Period, DnssecError> {
    let missed = || DnssecError::Time {
        owner: shown(name),
        kind: "DNSKEY",
        at: other.start(),
        validity: period,
    };
    period.intersection(other).ok_or_else(missed)
}
