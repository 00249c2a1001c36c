//! RRsets, and the verification of their signatures (RFC 4034, 3; RFC 4035, 5.3).

use domain::base::iana::Rtype;
use domain::base::{Name, Rtype as RecordType, ToName};

use super::DnssecError;
use super::key::ZoneKey;
use super::response::{AnswerRecord, AnswerRecordData, Response, Signature, presentation_form};
use crate::budget::Budget;
use crate::crypto::SignatureCheck;
use crate::{LimitExceeded, Limits, Period, Timestamp};

/// The RRset of one owner and type in a response, with its signatures.
pub(super) struct Rrset<'m, 'a> {
    /// In canonical form.
    pub(super) owner: &'m Name<[u8]>,
    pub(super) record_type: Rtype,
    record_type_name: &'static str,
    /// In canonical order, without duplicates (RFC 4034, 6.3).
    pub(super) records: Vec<&'a [u8]>,
    pub(super) signatures: Vec<&'m Signature<'a>>,
}

/// The zone that must have signed the RRset, and its usable keys.
pub(super) struct ZoneKeys<'m, 'k> {
    pub(super) zone: &'m Name<[u8]>,
    pub(super) keys: &'m [ZoneKey<'k>],
}

impl<'m, 'a> Rrset<'m, 'a> {
    /// Collects the RRset from the answer section of a response, or returns `None` if it is empty.
    pub(super) fn collect(
        owner: &'m Name<[u8]>,
        record_type: Rtype,
        response: &'m Response<'a>,
    ) -> Result<Option<Self>, LimitExceeded> {
        let mut set = Self {
            owner,
            record_type,
            record_type_name: record_type_name(record_type),
            records: Vec::new(),
            signatures: Vec::new(),
        };
        for AnswerRecord { data, record_type, .. } in
            response.answers.iter().filter(|answer| answer.owner.name_eq(owner))
        {
            match data {
                AnswerRecordData::Signature(signature)
                    if signature.type_covered() == set.record_type =>
                {
                    set.signatures.push(signature);
                }
                AnswerRecordData::Other(record) if *record_type == set.record_type => {
                    set.records.push(record);
                }
                _ => {}
            }
        }
        LimitExceeded::check("records in an RRset", set.records.len(), Limits::RECORDS_PER_RRSET)?;
        LimitExceeded::check(
            "signatures over an RRset",
            set.signatures.len(),
            Limits::RECORDS_PER_RRSET,
        )?;
        set.records.sort_unstable();
        set.records.dedup();
        Ok((!set.records.is_empty()).then_some(set))
    }

    /// Verifies that the zone signed the RRset, and returns when the signature is valid.
    ///
    /// Of several signatures that are valid at the instant, it uses the one that expires last.
    pub(super) fn verify(
        &self,
        zone_keys: &ZoneKeys<'_, '_>,
        at: Timestamp,
        budget: &mut Budget<'_>,
    ) -> Result<Period, DnssecError> {
        let mut failure = MostSpecificError::default();
        let mut candidates = Vec::new();
        for signature in &self.signatures {
            match self.check_rrsig_fields(signature, zone_keys, at) {
                Ok(validity) => candidates.push((validity, *signature)),
                Err((stage, error)) => failure.observe(stage, error),
            }
        }
        candidates.sort_by_key(|(validity, _)| std::cmp::Reverse(validity.end()));
        for (validity, signature) in candidates.iter().take(Limits::SIGNATURES_PER_RRSET) {
            if self.is_signed(signature, zone_keys, budget)? {
                return Ok(*validity);
            }
            let (owner, record_type) = (presentation_form(self.owner), self.record_type_name);
            failure.observe(FailureStage::Signature, DnssecError::Signature { owner, record_type });
        }
        Err(failure.best.map_or_else(
            || DnssecError::Unsigned {
                owner: presentation_form(self.owner),
                record_type: self.record_type_name,
            },
            |(_, error)| error,
        ))
    }

    /// Checks the fields of an RRSIG, before any public-key operation (RFC 4035, 5.3.1).
    fn check_rrsig_fields(
        &self,
        signature: &Signature<'_>,
        zone_keys: &ZoneKeys<'_, '_>,
        at: Timestamp,
    ) -> Result<Period, (FailureStage, DnssecError)> {
        let record_type = self.record_type_name;
        let owner = || presentation_form(self.owner);
        if !signature.signer_name().name_eq(zone_keys.zone) {
            let (expected, found) =
                (presentation_form(zone_keys.zone), presentation_form(signature.signer_name()));
            return Err((
                FailureStage::Signer,
                DnssecError::Signer { owner: owner(), record_type, expected, found },
            ));
        }
        let (expected, found) = (self.owner.rrsig_label_count(), signature.labels());
        if found != expected {
            return Err((
                FailureStage::Wildcard,
                DnssecError::Wildcard { owner: owner(), record_type, expected, found },
            ));
        }
        if !zone_keys.keys.iter().any(|key| matches_rrsig(key, signature)) {
            let found = signature.key_tag();
            return Err((
                FailureStage::Key,
                DnssecError::UnknownKey { owner: owner(), record_type, found },
            ));
        }
        match validity(signature, at) {
            Some(validity) if validity.contains(at) => Ok(validity),
            Some(validity) => Err((
                FailureStage::Time,
                DnssecError::OutsideValidity { owner: owner(), record_type, at, validity },
            )),
            None => Err((
                FailureStage::Signature,
                DnssecError::Signature { owner: owner(), record_type },
            )),
        }
    }

    fn is_signed(
        &self,
        signature: &Signature<'_>,
        zone_keys: &ZoneKeys<'_, '_>,
        budget: &mut Budget<'_>,
    ) -> Result<bool, LimitExceeded> {
        let Some(message) = self.signed_message(signature) else {
            return Ok(false);
        };
        let keys = zone_keys.keys.iter().filter(|key| matches_rrsig(key, signature));
        for key in keys.take(Limits::KEYS_PER_TAG) {
            let check = SignatureCheck {
                key: key.public_key,
                message: &message,
                signature: signature.signature(),
            };
            if budget.is_valid(&check)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `RRSIG_RDATA | RR(1) | RR(2)...` in canonical form (RFC 4034, 3.1.8.1).
    fn signed_message(&self, signature: &Signature<'_>) -> Option<Vec<u8>> {
        let records: usize =
            self.records.iter().map(|record| self.owner.len() + 10 + record.len()).sum();
        let mut message = Vec::with_capacity(18 + 255 + records);
        let head = [
            signature.type_covered().to_int().to_be_bytes(),
            [signature.algorithm().to_int(), signature.labels()],
        ];
        message.extend_from_slice(head.as_flattened());
        let ttl = signature.original_ttl().as_secs().to_be_bytes();
        message.extend_from_slice(&ttl);
        message.extend_from_slice(&signature.expiration().into_int().to_be_bytes());
        message.extend_from_slice(&signature.inception().into_int().to_be_bytes());
        message.extend_from_slice(&signature.key_tag().to_be_bytes());
        signature.signer_name().compose_canonical(&mut message).ok()?;
        for record in &self.records {
            message.extend_from_slice(self.owner.as_slice());
            message.extend_from_slice(&self.record_type.to_int().to_be_bytes());
            message.extend_from_slice(&[0, 1]);
            message.extend_from_slice(&ttl);
            message.extend_from_slice(&u16::try_from(record.len()).ok()?.to_be_bytes());
            message.extend_from_slice(record);
        }
        Some(message)
    }
}

fn matches_rrsig(key: &ZoneKey<'_>, signature: &Signature<'_>) -> bool {
    key.tag == signature.key_tag() && key.algorithm == signature.algorithm().to_int()
}

/// Returns the validity of a signature, or `None` if it ends before it starts.
///
/// Both ends are seconds modulo 2^32, and mean the nearest such instants (RFC 4034, 3.1.5; RFC
/// 1982).
pub(super) fn validity(signature: &Signature<'_>, near: Timestamp) -> Option<Period> {
    let near = near.as_second();
    let resolve = |second: u32| {
        let low = u32::try_from(near.rem_euclid(1 << 32)).ok()?;
        // Two instants are equally near.
        let offset = second.wrapping_sub(low).cast_signed();
        let second = near.checked_add(i64::from(offset)).filter(|_| offset != i32::MIN)?;
        Timestamp::from_second(second).ok()
    };
    let inception = resolve(signature.inception().into_int())?;
    Period::new(inception, resolve(signature.expiration().into_int())?)
}

pub(super) fn record_type_name(record_type: RecordType) -> &'static str {
    match record_type {
        Rtype::DNSKEY => "DNSKEY",
        Rtype::DS => "DS",
        _ => "TXT",
    }
}

/// The check that a signature failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FailureStage {
    Signer,
    Wildcard,
    Key,
    Time,
    Signature,
}

/// The error of the signature that passed the most checks.
#[derive(Default)]
struct MostSpecificError {
    best: Option<(FailureStage, DnssecError)>,
}

impl MostSpecificError {
    fn observe(&mut self, stage: FailureStage, error: DnssecError) {
        if self.best.as_ref().is_none_or(|(best, _)| stage > *best) {
            self.best = Some((stage, error));
        }
    }
}
