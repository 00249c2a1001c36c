//! Verifies a case.

use std::time::Duration;

use kliento_core::{Error, Timestamp, TokenBundle, TokenVerification, TrustAnchor};
use libtest_mimic::Failed;
use veraid::{
    DnssecChain, Limits, MemberIdBundle, ObjectIdentifier, Period, SignatureBundle, TxtRrset,
    Verification, VerifiedMemberId, VerifiedSignature,
};

use crate::case::{Case, Kind, Verdict};

/// The verdict, and the text of the error, if any.
type Verified = (Verdict, String);

pub(crate) fn verify(case: &Case, octets: Vec<u8>) -> Result<Verified, Failed> {
    let anchors = trust_anchors(case)?;
    match case.kind {
        Kind::TokenBundle => token(case, TokenBundle::from_bytes(octets), &anchors),
        Kind::Authorization => token(case, TokenBundle::from_authorization(octets), &anchors),
        Kind::SignatureBundle => signature(case, &octets, &anchors),
        Kind::MemberIdBundle => member_id(case, &octets, &anchors),
        Kind::Chain => chain(case, &octets, &anchors),
    }
}

fn trust_anchors(case: &Case) -> Result<Vec<TrustAnchor>, Failed> {
    if case.trust_anchors == ["iana"] {
        return Ok(TrustAnchor::iana());
    }
    Ok(case.trust_anchors.iter().map(|anchor| anchor.parse()).collect::<Result<_, _>>()?)
}

fn at(case: &Case) -> Result<Timestamp, Failed> {
    Ok(case.at.as_deref().ok_or("the case has no instant")?.parse()?)
}

/// Returns the requested period, if the case has no instant.
fn during(case: &Case) -> Result<Option<Period>, Failed> {
    let Some(window) = &case.during else {
        return Ok(None);
    };
    let period = Period::new(window.start.parse()?, window.end.parse()?);
    Ok(Some(period.ok_or("the period ends before it starts")?))
}

fn token(
    case: &Case,
    bundle: Result<TokenBundle, Error>,
    anchors: &[TrustAnchor],
) -> Result<Verified, Failed> {
    let audiences = [case.audience.as_deref().ok_or("the case has no audience")?];
    let mut verification = TokenVerification::new(&audiences, anchors);
    if let Some(seconds) = case.max_validity {
        verification = verification.with_max_validity(Duration::from_secs(seconds));
    }
    if let Some(bits) = case.min_modulus_bits {
        verification = verification.with_min_modulus_bits(bits);
    }
    verification = verification.with_clock_skew(clock_skew(case))?;
    let at = at(case)?;
    let token = match bundle.and_then(|bundle| bundle.verify(&verification, at)) {
        Ok(token) => token,
        Err(error @ Error::Malformed(_)) => return Ok(rejected("malformed", error.code(), &error)),
        Err(error @ Error::Invalid(_)) => return Ok(rejected("invalid", error.code(), &error)),
    };
    let verdict = Verdict {
        subject: Some(token.subject_id()),
        signer: Some(token.signer().to_string()),
        claims: Some(token.claims().clone()),
        ..valid(token.period())
    };
    Ok((verdict, String::new()))
}

fn signature(case: &Case, octets: &[u8], anchors: &[TrustAnchor]) -> Result<Verified, Failed> {
    let bundle = match SignatureBundle::from_der(octets) {
        Ok(bundle) => bundle,
        Err(error) => return Ok(rejected("malformed", error.code(), &error)),
    };
    let service = service(case)?;
    let verification = Verification::new(&service, anchors).with_limits(limits(case));
    let verification = verification.with_clock_skew(clock_skew(case))?;
    let verified = match during(case)? {
        Some(period) => verification.verify_signature_during(&bundle, period),
        None => verification.verify_signature_at(&bundle, at(case)?),
    };
    let subject =
        |verified: &VerifiedSignature<'_>| verified.member().subject_id(verified.organisation());
    Ok(match verified {
        Ok(verified) => {
            let verdict = Verdict {
                subject: Some(subject(&verified)),
                signer: Some(verified.signer().to_string()),
                plaintext: Some(String::from_utf8(verified.plaintext().to_vec())?),
                ..valid(verified.period())
            };
            (verdict, String::new())
        }
        Err(error) => rejected("invalid", error.code(), &error),
    })
}

fn member_id(case: &Case, octets: &[u8], anchors: &[TrustAnchor]) -> Result<Verified, Failed> {
    let bundle = match MemberIdBundle::from_der(octets) {
        Ok(bundle) => bundle,
        Err(error) => return Ok(rejected("malformed", error.code(), &error)),
    };
    let service = service(case)?;
    let verification = Verification::new(&service, anchors).with_limits(limits(case));
    let verification = verification.with_clock_skew(clock_skew(case))?;
    let verified = match during(case)? {
        Some(period) => verification.verify_member_id_during(&bundle, period),
        None => verification.verify_member_id_at(&bundle, at(case)?),
    };
    let subject = |id: &VerifiedMemberId| Some(id.member().subject_id(id.organisation()));
    Ok(match verified {
        Ok(id) => (Verdict { subject: subject(&id), ..valid(id.period()) }, String::new()),
        Err(error) => rejected("invalid", error.code(), &error),
    })
}

fn service(case: &Case) -> Result<ObjectIdentifier, Failed> {
    Ok(case.service.as_deref().ok_or("the case has no service")?.parse()?)
}

fn clock_skew(case: &Case) -> Duration {
    Duration::from_secs(case.clock_skew.unwrap_or_default())
}

fn limits(case: &Case) -> Limits {
    let limits = Limits::default();
    let limits = case.min_modulus_bits.map_or(limits, |bits| limits.with_min_modulus_bits(bits));
    let period = case.max_validity.map(Duration::from_secs);
    period.map_or(limits, |period| limits.with_max_signature_period(period))
}

fn chain(case: &Case, octets: &[u8], anchors: &[TrustAnchor]) -> Result<Verified, Failed> {
    let messages = match DnssecChain::messages_from_der(octets) {
        Ok(messages) => messages,
        Err(error) => return Ok(rejected("malformed", error.code(), &error)),
    };
    let owner = case.owner.as_deref().ok_or("the case has no owner")?;
    let at = at(case)?;
    let set =
        DnssecChain::from_messages(messages).and_then(|chain| chain.verify_at(owner, at, anchors));
    Ok(match set {
        Ok(set) => {
            let records = Some(records(&set)?);
            let verdict =
                Verdict { zone: Some(set.zone().to_owned()), records, ..valid(set.period()) };
            (verdict, String::new())
        }
        Err(error) => rejected("invalid", error.code(), &error),
    })
}

fn records(set: &TxtRrset) -> Result<Vec<Vec<String>>, Failed> {
    let record = |strings: &Vec<Vec<u8>>| strings.iter().cloned().map(String::from_utf8).collect();
    let mut records: Vec<_> = set.records().iter().map(record).collect::<Result<_, _>>()?;
    records.sort();
    Ok(records)
}

fn valid(period: Period) -> Verdict {
    Verdict {
        expect: "valid".to_owned(),
        valid_from: Some(period.start().to_string()),
        valid_until: Some(period.end().to_string()),
        ..Verdict::default()
    }
}

fn rejected(expect: &str, code: &str, error: &dyn std::error::Error) -> Verified {
    let verdict =
        Verdict { expect: expect.to_owned(), code: Some(code.to_owned()), ..Verdict::default() };
    (verdict, error.to_string())
}
