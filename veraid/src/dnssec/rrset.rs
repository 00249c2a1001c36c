//! A set of records, and whether a zone signed it (RFC 4034, 3; RFC 4035, 5.3).

use domain::base::iana::Rtype;
use domain::base::{Name, Rtype as RecordType, ToName};

use super::DnssecError;
use super::key::ZoneKey;
use super::response::{Answer, AnswerData, Response, Signature, shown};
use crate::budget::Budget;
use crate::crypto::SignatureCheck;
use crate::{LimitExceeded, Limits, Period, Timestamp};

/// The records of one owner and type in a response, with the signatures over them.
pub(super) struct RecordSet<'m, 'a> {
    /// In canonical form.
    pub(super) owner: &'m Name<[u8]>,
    pub(super) kind: Rtype,
    kind_name: &'static str,
    /// In canonical order, without duplicates (RFC 4034, 6.3).
    pub(super) records: Vec<&'a [u8]>,
    pub(super) signatures: Vec<&'m Signature<'a>>,
}

/// The zone that must have signed, and those of its keys that may.
pub(super) struct Signers<'m, 'k> {
    pub(super) zone: &'m Name<[u8]>,
    pub(super) keys: &'m [ZoneKey<'k>],
}

impl<'m, 'a> RecordSet<'m, 'a> {
    /// Collects the set that the response's answer has of its question, if there is any.
    pub(super) fn collect(
        owner: &'m Name<[u8]>,
        kind: Rtype,
        response: &'m Response<'a>,
    ) -> Result<Option<Self>, LimitExceeded> {
        let mut set = Self {
            owner,
            kind,
            kind_name: kind_name(kind),
            records: Vec::new(),
            signatures: Vec::new(),
        };
        for Answer { data, kind, .. } in
            response.answers.iter().filter(|answer| answer.owner.name_eq(owner))
        {
            match data {
                AnswerData::Signature(signature) if signature.type_covered() == set.kind => {
                    set.signatures.push(signature);
                }
                AnswerData::Other(record) if *kind == set.kind => set.records.push(record),
                _ => {}
            }
        }
        LimitExceeded::check("records in a set", set.records.len(), Limits::RECORDS_PER_SET)?;
        LimitExceeded::check(
            "signatures over a set",
            set.signatures.len(),
            Limits::RECORDS_PER_SET,
        )?;
        set.records.sort_unstable();
        set.records.dedup();
        Ok((!set.records.is_empty()).then_some(set))
    }

    /// Verifies that the zone signed the set, and returns when the signature holds: of those
    /// that hold at the instant, the one that does so longest.
    pub(super) fn verify(
        &self,
        signers: &Signers<'_, '_>,
        at: Timestamp,
        budget: &mut Budget<'_>,
    ) -> Result<Period, DnssecError> {
        let mut refusal = Refusal::default();
        let mut candidates = Vec::new();
        for signature in &self.signatures {
            match self.is_candidate(signature, signers, at) {
                Ok(validity) => candidates.push((validity, *signature)),
                Err((rank, error)) => refusal.note(rank, error),
            }
        }
        candidates.sort_by_key(|(validity, _)| std::cmp::Reverse(validity.end()));
        for (validity, signature) in candidates.iter().take(Limits::SIGNATURES_PER_SET) {
            if self.is_signed(signature, signers, budget)? {
                return Ok(*validity);
            }
            let error = DnssecError::Signature { owner: shown(self.owner), kind: self.kind_name };
            refusal.note(Rank::Signature, error);
        }
        let unsigned = || DnssecError::Unsigned { owner: shown(self.owner), kind: self.kind_name };
        Err(refusal.farthest.map_or_else(unsigned, |(_, error)| error))
    }

    /// What can be told of a signature without a public-key operation (RFC 4035, 5.3.1).
    fn is_candidate(
        &self,
        signature: &Signature<'_>,
        signers: &Signers<'_, '_>,
        at: Timestamp,
    ) -> Result<Period, (Rank, DnssecError)> {
        let kind = self.kind_name;
        let owner = || shown(self.owner);
        if !signature.signer_name().name_eq(signers.zone) {
            let (expected, found) = (shown(signers.zone), shown(signature.signer_name()));
            return Err((
                Rank::Signer,
                DnssecError::Signer { owner: owner(), kind, expected, found },
            ));
        }
        let (expected, found) = (self.owner.rrsig_label_count(), signature.labels());
        if found != expected {
            return Err((
                Rank::Wildcard,
                DnssecError::Wildcard { owner: owner(), kind, expected, found },
            ));
        }
        if !signers.keys.iter().any(|key| is_key_of(key, signature)) {
            let found = signature.key_tag();
            return Err((Rank::Key, DnssecError::UnknownKey { owner: owner(), kind, found }));
        }
        match validity(signature, at) {
            Some(validity) if validity.contains(at) => Ok(validity),
            Some(validity) => {
                Err((Rank::Time, DnssecError::Time { owner: owner(), kind, at, validity }))
            }
            None => Err((Rank::Signature, DnssecError::Signature { owner: owner(), kind })),
        }
    }

    fn is_signed(
        &self,
        signature: &Signature<'_>,
        signers: &Signers<'_, '_>,
        budget: &mut Budget<'_>,
    ) -> Result<bool, LimitExceeded> {
        let Some(message) = self.signed_message(signature) else {
            return Ok(false);
        };
        let keys = signers.keys.iter().filter(|key| is_key_of(key, signature));
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
            message.extend_from_slice(&self.kind.to_int().to_be_bytes());
            message.extend_from_slice(&[0, 1]);
            message.extend_from_slice(&ttl);
            message.extend_from_slice(&u16::try_from(record.len()).ok()?.to_be_bytes());
            message.extend_from_slice(record);
        }
        Some(message)
    }
}

fn is_key_of(key: &ZoneKey<'_>, signature: &Signature<'_>) -> bool {
    key.tag == signature.key_tag() && key.algorithm == signature.algorithm().to_int()
}

/// When a signature holds: both ends count seconds modulo 2^32, so they mean the instants that
/// lie nearest (RFC 4034, 3.1.5; RFC 1982). `None` if it ends before it starts.
pub(super) fn validity(signature: &Signature<'_>, near: Timestamp) -> Option<Period> {
    let near = near.as_second();
    let resolve = |second: u32| {
        let low = u32::try_from(near.rem_euclid(1 << 32)).ok()?;
        // Exactly half the circle away, there is no nearest.
        let distance = second.wrapping_sub(low).cast_signed();
        let second = near.checked_add(i64::from(distance)).filter(|_| distance != i32::MIN)?;
        Timestamp::from_second(second).ok()
    };
    let inception = resolve(signature.inception().into_int())?;
    Period::new(inception, resolve(signature.expiration().into_int())?)
}

pub(super) fn kind_name(kind: RecordType) -> &'static str {
    match kind {
        Rtype::DNSKEY => "DNSKEY",
        Rtype::DS => "DS",
        _ => "TXT",
    }
}

/// How far a signature came before it was refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Signer,
    Wildcard,
    Key,
    Time,
    Signature,
}

/// The refusal of the signature that came farthest: it says most about what is wrong.
#[derive(Default)]
struct Refusal {
    farthest: Option<(Rank, DnssecError)>,
}

impl Refusal {
    fn note(&mut self, rank: Rank, error: DnssecError) {
        if self.farthest.as_ref().is_none_or(|(farthest, _)| rank > *farthest) {
            self.farthest = Some((rank, error));
        }
    }
}
