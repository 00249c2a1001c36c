//! The inspection of a chain, step by step.

use domain::base::Name;
use domain::base::iana::{Rtype, SecurityAlgorithm};
use domain::rdata::Dnskey;

use super::{
    ChainSignature, DsFields, InspectedChain, InspectedDsRrset, InspectedKey, InspectedRrset,
    InspectedZone,
};
use crate::budget::Budget;
use crate::crypto::{PublicKey, bit_length};
use crate::dnssec::chain::{canonical_name, character_strings, zone_candidates};
use crate::dnssec::key::{DsRecord, ZoneKey, matches_any_ds};
use crate::dnssec::response::{Signature, presentation_form};
use crate::dnssec::rrset::{Rrset, ZoneKeys, record_type_name, validity};
use crate::dnssec::{DnssecChain, DnssecError, TrustAnchor};
use crate::inspect::CheckResult;
use crate::{StagedVerifier, Timestamp};

impl DnssecChain<'_> {
    /// Inspects each step to the TXT records of `owner`, from the root down.
    ///
    /// Each step is checked by itself. A step that is invalid, or valid at another time, does not
    /// stop the checks below it. The result therefore proves nothing: use [`Self::verify_at`] to
    /// verify a chain.
    ///
    /// # Errors
    /// [`DnssecError::InvalidOwner`] if the owner is not a valid domain name.
    pub fn inspect(
        &self,
        owner: &str,
        at: Timestamp,
        trust_anchors: &[TrustAnchor],
    ) -> Result<InspectedChain, DnssecError> {
        let owner = canonical_name(owner)?;
        let mut verifier = StagedVerifier::new();
        let mut inspector =
            ChainInspector { chain: self, at, budget: Budget::memoising(&mut verifier) };
        let anchors: Vec<_> =
            trust_anchors.iter().filter_map(DsRecord::from_trust_anchor).collect();
        let (mut zone, inspected) = inspector.zone(Name::root_slice(), &anchors, None);
        let mut zones = vec![inspected];
        for name in zone_candidates(&owner) {
            if let Some((child, inspected)) = inspector.inspect_child(&zone, name) {
                zone = child;
                zones.push(inspected);
            }
        }
        let (records, set) = inspector.txt_records(&zone, owner.for_slice());
        Ok(InspectedChain { zones, records, rrset: set })
    }
}

/// A zone with its keys, authenticated or not.
struct InspectedZoneKeys<'m, 'a> {
    name: &'m Name<[u8]>,
    keys: Vec<ZoneKey<'a>>,
}

struct ChainInspector<'m, 'a, 'v> {
    chain: &'m DnssecChain<'a>,
    at: Timestamp,
    budget: Budget<'v>,
}

impl<'m, 'a> ChainInspector<'m, 'a, '_> {
    /// Inspects the zone at the name, if the chain has DS records there.
    fn inspect_child(
        &mut self,
        parent: &InspectedZoneKeys<'_, 'a>,
        name: &'m Name<[u8]>,
    ) -> Option<(InspectedZoneKeys<'m, 'a>, InspectedZone)> {
        let response = self.chain.first_response(name, Rtype::DS)?;
        let set = match Rrset::collect(name, Rtype::DS, response) {
            Ok(set) => set?,
            Err(limit) => {
                let delegation = InspectedDsRrset {
                    records: Vec::new(),
                    rrset: InspectedRrset::with_error(name, Rtype::DS, limit.into()),
                };
                return Some(self.zone(name, &[], Some(delegation)));
            }
        };
        let named: Vec<_> =
            set.records.iter().filter_map(|record| DsRecord::read(record)).collect();
        let mut check = self.check(&set, parent.name, &parent.keys);
        if named.is_empty() && !matches!(check, CheckResult::Invalid(_)) {
            check = CheckResult::Invalid(DnssecError::UnusableDelegation {
                zone: presentation_form(name),
            });
        }
        let delegation = InspectedDsRrset {
            records: set.records.iter().filter_map(|record| read_delegation(record)).collect(),
            rrset: InspectedRrset::from_rrset(&set, self.at, check),
        };
        Some(self.zone(name, &named, Some(delegation)))
    }

    /// Inspects the zone's keys. A key that matches a DS record must have signed them.
    fn zone(
        &mut self,
        name: &'m Name<[u8]>,
        named: &[DsRecord<'_>],
        delegation: Option<InspectedDsRrset>,
    ) -> (InspectedZoneKeys<'m, 'a>, InspectedZone) {
        let (records, keys, set) = match self.key_set(name) {
            Ok(set) => {
                let keys: Vec<_> =
                    set.records.iter().filter_map(|record| ZoneKey::read(record)).collect();
                let check = self.check_keys(&set, name, &keys, named);
                let inspected_set = InspectedRrset::from_rrset(&set, self.at, check);
                (set.records, keys, inspected_set)
            }
            Err(error) => {
                (Vec::new(), Vec::new(), InspectedRrset::with_error(name, Rtype::DNSKEY, error))
            }
        };
        let inspected_keys = records.iter().filter_map(|record| read_key(record, name, named));
        let inspected = InspectedZone {
            name: presentation_form(name),
            delegation,
            keys: inspected_keys.collect(),
            rrset: set,
        };
        (InspectedZoneKeys { name, keys }, inspected)
    }

    fn key_set(&self, name: &'m Name<[u8]>) -> Result<Rrset<'m, 'a>, DnssecError> {
        let (owner, record_type) = (|| presentation_form(name), record_type_name(Rtype::DNSKEY));
        let response = self.chain.first_response(name, Rtype::DNSKEY);
        let missing = || DnssecError::MissingResponse { owner: owner(), record_type };
        let set = Rrset::collect(name, Rtype::DNSKEY, response.ok_or_else(missing)?)?;
        set.ok_or_else(|| DnssecError::NoRecords { owner: owner(), record_type })
    }

    fn check_keys(
        &mut self,
        set: &Rrset<'_, 'a>,
        name: &Name<[u8]>,
        keys: &[ZoneKey<'a>],
        named: &[DsRecord<'_>],
    ) -> CheckResult<DnssecError> {
        let trusted_keys: Vec<_> =
            keys.iter().filter(|key| matches_any_ds(key, name, named)).copied().collect();
        if trusted_keys.is_empty() {
            return CheckResult::Invalid(DnssecError::UntrustedKeys {
                zone: presentation_form(name),
                expected: named.iter().map(|delegation| delegation.key_tag).collect(),
                found: keys.iter().map(|key| key.tag).collect(),
            });
        }
        self.check(set, name, &trusted_keys)
    }

    fn txt_records(
        &mut self,
        zone: &InspectedZoneKeys<'_, 'a>,
        owner: &Name<[u8]>,
    ) -> (Vec<Vec<Vec<u8>>>, InspectedRrset) {
        match self.chain.txt_rrset(owner) {
            Ok(set) => {
                let check = self.check(&set, zone.name, &zone.keys);
                let records = set.records.iter().map(|record| character_strings(record)).collect();
                (records, InspectedRrset::from_rrset(&set, self.at, check))
            }
            Err(error) => (Vec::new(), InspectedRrset::with_error(owner, Rtype::TXT, error)),
        }
    }

    /// Checks whether the zone signed the RRset.
    ///
    /// A signature that is valid at another time is still checked: a mismatch is the more
    /// important error.
    fn check(
        &mut self,
        set: &Rrset<'_, '_>,
        zone: &Name<[u8]>,
        keys: &[ZoneKey<'_>],
    ) -> CheckResult<DnssecError> {
        if keys.is_empty() {
            return CheckResult::NotChecked;
        }
        let signers = ZoneKeys { zone, keys };
        let Err(error) = set.verify(&signers, self.at, &mut self.budget) else {
            return CheckResult::Valid;
        };
        if let DnssecError::OutsideValidity { validity, .. } = &error {
            let then = set.verify(&signers, validity.start(), &mut self.budget);
            return CheckResult::Invalid(then.err().unwrap_or(error));
        }
        CheckResult::Invalid(error)
    }
}

impl ChainSignature {
    fn from_signature(signature: &Signature<'_>, near: Timestamp) -> Self {
        Self {
            signer: presentation_form(signature.signer_name()),
            key_tag: signature.key_tag(),
            algorithm: signature.algorithm().to_int(),
            validity: validity(signature, near),
        }
    }
}

impl InspectedRrset {
    fn from_rrset(set: &Rrset<'_, '_>, near: Timestamp, check: CheckResult<DnssecError>) -> Self {
        let signatures = set.signatures.iter();
        let signatures =
            signatures.map(|signature| ChainSignature::from_signature(signature, near)).collect();
        Self {
            owner: presentation_form(set.owner),
            record_type: record_type_name(set.record_type),
            signatures,
            check,
        }
    }

    fn with_error(owner: &Name<[u8]>, record_type: Rtype, error: DnssecError) -> Self {
        Self {
            owner: presentation_form(owner),
            record_type: record_type_name(record_type),
            signatures: Vec::new(),
            check: CheckResult::Invalid(error),
        }
    }
}

fn read_delegation(rdata: &[u8]) -> Option<DsFields> {
    let (&[tag_high, tag_low, algorithm, digest_type], _) = rdata.split_first_chunk()?;
    let key_tag = u16::from_be_bytes([tag_high, tag_low]);
    Some(DsFields { key_tag, algorithm, digest_type })
}

fn read_key(rdata: &[u8], zone: &Name<[u8]>, named: &[DsRecord<'_>]) -> Option<InspectedKey> {
    let (&[flags_high, flags_low, protocol, algorithm], key) = rdata.split_first_chunk()?;
    let flags = u16::from_be_bytes([flags_high, flags_low]);
    let record = Dnskey::new(flags, protocol, SecurityAlgorithm::from_int(algorithm), key).ok()?;
    let usable = ZoneKey::read(rdata);
    Some(InspectedKey {
        tag: record.key_tag(),
        algorithm,
        modulus_bits: usable.and_then(|key| modulus_bits(key.public_key)),
        is_usable: usable.is_some(),
        matches_ds: usable.is_some_and(|key| matches_any_ds(&key, zone, named)),
    })
}

fn modulus_bits(key: PublicKey<'_>) -> Option<usize> {
    match key {
        PublicKey::Rsa { modulus, .. } => Some(bit_length(modulus)),
        _ => None,
    }
}
