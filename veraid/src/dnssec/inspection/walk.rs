//! The way from the root to the TXT records, each step looked at for itself.

use domain::base::Name;
use domain::base::iana::{Rtype, SecurityAlgorithm};
use domain::rdata::Dnskey;

use super::{
    ChainSignature, DelegationRecord, InspectedChain, InspectedDelegation, InspectedKey,
    InspectedSet, InspectedZone,
};
use crate::budget::Budget;
use crate::crypto::{PublicKey, bit_length};
use crate::dnssec::chain::{canonical_name, character_strings, suffixes};
use crate::dnssec::key::{Delegation, ZoneKey, is_named};
use crate::dnssec::response::{Signature, shown};
use crate::dnssec::rrset::{RecordSet, Signers, kind_name, validity};
use crate::dnssec::{DnssecChain, DnssecError, TrustAnchor};
use crate::inspect::Finding;
use crate::{DirectVerifier, Timestamp};

impl DnssecChain<'_> {
    /// Looks at each step towards the TXT records of `owner`, from the root down.
    ///
    /// Each step is checked for itself: one that fails, or holds at another time, does not keep
    /// those below it from being checked, with the keys that are there. So this proves nothing:
    /// for that there is [`Self::verify_at`].
    ///
    /// # Errors
    /// [`DnssecError::Owner`] if the owner is no domain name.
    pub fn inspect(
        &self,
        owner: &str,
        at: Timestamp,
        trust_anchors: &[TrustAnchor],
    ) -> Result<InspectedChain, DnssecError> {
        let owner = canonical_name(owner)?;
        let verifier = DirectVerifier;
        let mut walk = Walk { chain: self, at, budget: Budget::remembering(&verifier) };
        let anchors: Vec<_> = trust_anchors.iter().filter_map(Delegation::of_anchor).collect();
        let (mut zone, shown) = walk.zone(Name::root_slice(), &anchors, None);
        let mut zones = vec![shown];
        for name in suffixes(&owner) {
            if let Some((child, shown)) = walk.delegated(&zone, name) {
                zone = child;
                zones.push(shown);
            }
        }
        let (records, set) = walk.txt_records(&zone, owner.for_slice());
        Ok(InspectedChain { zones, records, set })
    }
}

/// A zone with the keys that it is taken to have.
struct ShownZone<'m, 'a> {
    name: &'m Name<[u8]>,
    keys: Vec<ZoneKey<'a>>,
}

struct Walk<'m, 'a, 'v> {
    chain: &'m DnssecChain<'a>,
    at: Timestamp,
    budget: Budget<'v>,
}

impl<'m, 'a> Walk<'m, 'a, '_> {
    /// The zone at the name, if the chain shows one there.
    fn delegated(
        &mut self,
        parent: &ShownZone<'_, 'a>,
        name: &'m Name<[u8]>,
    ) -> Option<(ShownZone<'m, 'a>, InspectedZone)> {
        let response = self.chain.first_response(name, Rtype::DS)?;
        let set = match RecordSet::collect(name, Rtype::DS, response) {
            Ok(set) => set?,
            Err(limit) => {
                let delegation = InspectedDelegation {
                    records: Vec::new(),
                    set: InspectedSet::failing(name, Rtype::DS, limit.into()),
                };
                return Some(self.zone(name, &[], Some(delegation)));
            }
        };
        let named: Vec<_> =
            set.records.iter().filter_map(|record| Delegation::read(record)).collect();
        let mut finding = self.check(&set, parent.name, &parent.keys);
        if named.is_empty() && !matches!(finding, Finding::Fails(_)) {
            finding = Finding::Fails(DnssecError::UnusableDelegation { zone: shown(name) });
        }
        let delegation = InspectedDelegation {
            records: set.records.iter().filter_map(|record| read_delegation(record)).collect(),
            set: InspectedSet::of(&set, self.at, finding),
        };
        Some(self.zone(name, &named, Some(delegation)))
    }

    /// The zone's keys, of which one that is named must have signed them all.
    fn zone(
        &mut self,
        name: &'m Name<[u8]>,
        named: &[Delegation<'_>],
        delegation: Option<InspectedDelegation>,
    ) -> (ShownZone<'m, 'a>, InspectedZone) {
        let (records, keys, set) = match self.key_set(name) {
            Ok(set) => {
                let keys: Vec<_> =
                    set.records.iter().filter_map(|record| ZoneKey::read(record)).collect();
                let finding = self.check_keys(&set, name, &keys, named);
                let shown_set = InspectedSet::of(&set, self.at, finding);
                (set.records, keys, shown_set)
            }
            Err(error) => {
                (Vec::new(), Vec::new(), InspectedSet::failing(name, Rtype::DNSKEY, error))
            }
        };
        let shown_keys = records.iter().filter_map(|record| read_key(record, name, named));
        let shown =
            InspectedZone { name: shown(name), delegation, keys: shown_keys.collect(), set };
        (ShownZone { name, keys }, shown)
    }

    fn key_set(&self, name: &'m Name<[u8]>) -> Result<RecordSet<'m, 'a>, DnssecError> {
        let (owner, kind) = (|| shown(name), kind_name(Rtype::DNSKEY));
        let response = self.chain.first_response(name, Rtype::DNSKEY);
        let missing = || DnssecError::MissingResponse { owner: owner(), kind };
        let set = RecordSet::collect(name, Rtype::DNSKEY, response.ok_or_else(missing)?)?;
        set.ok_or_else(|| DnssecError::NoRecords { owner: owner(), kind })
    }

    fn check_keys(
        &mut self,
        set: &RecordSet<'_, 'a>,
        name: &Name<[u8]>,
        keys: &[ZoneKey<'a>],
        named: &[Delegation<'_>],
    ) -> Finding<DnssecError> {
        let entry_keys: Vec<_> =
            keys.iter().filter(|key| is_named(key, name, named)).copied().collect();
        if entry_keys.is_empty() {
            return Finding::Fails(DnssecError::UntrustedKeys {
                zone: shown(name),
                expected: named.iter().map(|delegation| delegation.key_tag).collect(),
                found: keys.iter().map(|key| key.tag).collect(),
            });
        }
        self.check(set, name, &entry_keys)
    }

    fn txt_records(
        &mut self,
        zone: &ShownZone<'_, 'a>,
        owner: &Name<[u8]>,
    ) -> (Vec<Vec<Vec<u8>>>, InspectedSet) {
        match self.chain.txt_record_set(owner) {
            Ok(set) => {
                let finding = self.check(&set, zone.name, &zone.keys);
                let records = set.records.iter().map(|record| character_strings(record)).collect();
                (records, InspectedSet::of(&set, self.at, finding))
            }
            Err(error) => (Vec::new(), InspectedSet::failing(owner, Rtype::TXT, error)),
        }
    }

    /// Whether the zone signed the set. What holds at another time is still checked: a signature
    /// that is not right is worse than one that is late.
    fn check(
        &mut self,
        set: &RecordSet<'_, '_>,
        zone: &Name<[u8]>,
        keys: &[ZoneKey<'_>],
    ) -> Finding<DnssecError> {
        if keys.is_empty() {
            return Finding::Unchecked;
        }
        let signers = Signers { zone, keys };
        let Err(error) = set.verify(&signers, self.at, &mut self.budget) else {
            return Finding::Holds;
        };
        if let DnssecError::Time { validity, .. } = &error {
            let then = set.verify(&signers, validity.start(), &mut self.budget);
            return Finding::Fails(then.err().unwrap_or(error));
        }
        Finding::Fails(error)
    }
}

impl ChainSignature {
    fn of(signature: &Signature<'_>, near: Timestamp) -> Self {
        Self {
            signer: shown(signature.signer_name()),
            key_tag: signature.key_tag(),
            algorithm: signature.algorithm().to_int(),
            validity: validity(signature, near),
        }
    }
}

impl InspectedSet {
    fn of(set: &RecordSet<'_, '_>, near: Timestamp, finding: Finding<DnssecError>) -> Self {
        let signatures = set.signatures.iter();
        let signatures = signatures.map(|signature| ChainSignature::of(signature, near)).collect();
        Self { owner: shown(set.owner), kind: kind_name(set.kind), signatures, finding }
    }

    fn failing(owner: &Name<[u8]>, kind: Rtype, error: DnssecError) -> Self {
        Self {
            owner: shown(owner),
            kind: kind_name(kind),
            signatures: Vec::new(),
            finding: Finding::Fails(error),
        }
    }
}

fn read_delegation(rdata: &[u8]) -> Option<DelegationRecord> {
    let (&[tag_high, tag_low, algorithm, digest_type], _) = rdata.split_first_chunk()?;
    let key_tag = u16::from_be_bytes([tag_high, tag_low]);
    Some(DelegationRecord { key_tag, algorithm, digest_type })
}

fn read_key(rdata: &[u8], zone: &Name<[u8]>, named: &[Delegation<'_>]) -> Option<InspectedKey> {
    let (&[flags_high, flags_low, protocol, algorithm], key) = rdata.split_first_chunk()?;
    let flags = u16::from_be_bytes([flags_high, flags_low]);
    let record = Dnskey::new(flags, protocol, SecurityAlgorithm::from_int(algorithm), key).ok()?;
    let usable = ZoneKey::read(rdata);
    Some(InspectedKey {
        tag: record.key_tag(),
        algorithm,
        modulus_bits: usable.and_then(|key| modulus_bits(key.public_key)),
        is_usable: usable.is_some(),
        is_named: usable.is_some_and(|key| is_named(&key, zone, named)),
    })
}

fn modulus_bits(key: PublicKey<'_>) -> Option<usize> {
    match key {
        PublicKey::Rsa { modulus, .. } => Some(bit_length(modulus)),
        _ => None,
    }
}
