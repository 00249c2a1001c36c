//! The layer's decision about a case, for the first and for later requests.

use std::time::Duration;

use http::HeaderValue;
use kliento_core::{Error, Timestamp};
use kliento_tower::{
    BundleCache, FixedClock, KlientoAuthLayer, Rejection, SignatureCache, TrustAnchors,
    WorkloadIdentity,
};
use libtest_mimic::Failed;

use crate::case::{Case, Verdict};
use crate::exchange::{Outcome, send};

/// The caches of the layers of all cases, shared to detect decisions of other cases.
#[derive(Default)]
pub(crate) struct SharedCaches {
    cache: BundleCache,
    signature_cache: SignatureCache,
}

impl SharedCaches {
    /// Sends a case through its layer twice.
    pub(crate) fn check(&self, case: &Case, credentials: &HeaderValue) -> Result<(), Failed> {
        let layer = self.layer(case)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let first = runtime.block_on(send(&layer, credentials));
        let again = runtime.block_on(send(&layer, credentials));
        let expected = expected(case, credentials);
        for (when, found) in [("first", &first), ("again", &again)] {
            let verdict = verdict(found)?;
            if verdict != expected {
                let shows = &case.shows;
                let why = format!("{shows}\n{when}\nexpected {expected:#?}\nfound {verdict:#?}");
                return Err(format!("{why}\n{found:?}").into());
            }
        }
        match (first, again) {
            (Ok(first), Ok(again)) if !is_same(&first, &again) && !is_last(&first, case)? => {
                Err("the second request was not a cache hit".into())
            }
            _ => Ok(()),
        }
    }

    fn layer(&self, case: &Case) -> Result<KlientoAuthLayer, Failed> {
        // Cases of signature bundles have no audience.
        let audience = case.audience.as_deref().unwrap_or("https://api.example.com");
        let mut layer = KlientoAuthLayer::new(audience)
            .with_cache(self.cache.clone())
            .with_signature_cache(self.signature_cache.clone())
            .with_trust_anchors(trust_anchors(case)?)
            .with_clock(FixedClock(at(case)?))
            .with_clock_skew(Duration::from_secs(case.clock_skew.unwrap_or_default()))?;
        if let Some(seconds) = case.max_validity {
            layer = layer.with_max_validity(Duration::from_secs(seconds))?;
        }
        if let Some(bits) = case.min_modulus_bits {
            layer = layer.with_min_modulus_bits(bits)?;
        }
        Ok(layer)
    }
}

/// Returns whether two identities are the same allocation, so that one was cached.
fn is_same(first: &WorkloadIdentity, again: &WorkloadIdentity) -> bool {
    std::ptr::eq(first.claims(), again.claims())
}

/// Returns whether the bundle expires now, so that it is not cached.
fn is_last(identity: &WorkloadIdentity, case: &Case) -> Result<bool, Failed> {
    Ok(identity.valid_until() == at(case)?)
}

fn at(case: &Case) -> Result<Timestamp, Failed> {
    Ok(case.at.as_deref().ok_or("the case has no instant")?.parse()?)
}

fn trust_anchors(case: &Case) -> Result<TrustAnchors, Failed> {
    if case.trust_anchors == ["iana"] {
        return Ok(TrustAnchors::iana());
    }
    let anchors: Result<Vec<_>, _> = case.trust_anchors.iter().map(|text| text.parse()).collect();
    Ok(anchors?.into())
}

/// Returns the verdict of the index in the terms of the layer.
fn expected(case: &Case, credentials: &HeaderValue) -> Verdict {
    let mut expected = case.verdict();
    if case.trust_anchors.is_empty() {
        // Without anchors a verifier rejects every bundle, and a server is misconfigured.
        let code = Some("trust-anchors-unavailable".to_owned());
        return Verdict { expect: "unavailable".to_owned(), code, ..Verdict::default() };
    }
    if expected.code.as_deref() == Some("authorization-scheme") {
        // Other schemes are allowed next to Kliento.
        expected.code = Some("scheme-unsupported".to_owned());
    } else if credentials.as_bytes().contains(&b',') {
        expected.code = Some("credentials-multiple".to_owned());
    }
    expected
}

fn verdict(found: &Outcome) -> Result<Verdict, Failed> {
    let rejection = match found {
        Ok(identity) => return Ok(valid(identity)),
        Err(rejection) => rejection,
    };
    let expect = match rejection {
        Rejection::TrustAnchorsUnavailable(_) => "unavailable",
        Rejection::UnsupportedScheme | Rejection::MultipleCredentials => "malformed",
        Rejection::InvalidCredentials(error) => match **error {
            Error::Malformed(_) => "malformed",
            Error::Invalid(_) => "invalid",
        },
        other => return Err(format!("unexpected rejection: {other:?}").into()),
    };
    let code = Some(rejection.reason().to_owned());
    Ok(Verdict { expect: expect.to_owned(), code, ..Verdict::default() })
}

fn valid(identity: &WorkloadIdentity) -> Verdict {
    Verdict {
        expect: "valid".to_owned(),
        subject: Some(identity.subject().to_owned()),
        signer: Some(identity.signer().to_string()),
        claims: Some(identity.claims().clone()),
        valid_from: Some(identity.period().start().to_string()),
        valid_until: Some(identity.valid_until().to_string()),
        ..Verdict::default()
    }
}
