//! A layer's configuration, and the result of verification without caches.

use std::time::Duration;

use fastrand::Rng;
use http::HeaderValue;
use kliento_core::{Error, Timestamp, TokenBundle, TokenVerification, VerifiedToken};
use kliento_tower::{KlientoAuthLayer, Rejection, TrustAnchors, WorkloadIdentity};

use crate::bundles::AUDIENCES;
use crate::exchange::Outcome;

/// The requirements of a layer.
pub(crate) struct Requirements {
    audiences: Vec<&'static str>,
    max_validity: Duration,
    min_modulus_bits: usize,
    clock_skew: Duration,
}

impl Requirements {
    /// Creates random requirements; no key is large enough for the first.
    pub(crate) fn new(number: usize, rng: &mut Rng) -> Self {
        let count = rng.usize(2..=AUDIENCES.len());
        let minutes = rng.choice([20, 60, 60, 120]).unwrap();
        Self {
            audiences: rng.choose_multiple(AUDIENCES, count),
            max_validity: Duration::from_secs(minutes * 60),
            min_modulus_bits: if number == 0 { 3072 } else { 2048 },
            clock_skew: Duration::from_secs([5, 0, 300][number % 3]),
        }
    }

    /// Returns a layer with these requirements.
    pub(crate) fn layer(&self) -> KlientoAuthLayer {
        let layer = KlientoAuthLayer::new(self.audiences[0]);
        let layer = layer.with_max_validity(self.max_validity).unwrap();
        let layer = layer.with_min_modulus_bits(self.min_modulus_bits).unwrap();
        let layer = layer.with_clock_skew(self.clock_skew).unwrap();
        let others = self.audiences.iter().skip(1);
        others.fold(layer, |layer, audience| layer.with_audience(*audience))
    }

    /// Verifies a bundle without caches.
    pub(crate) fn verify(
        &self,
        credentials: &HeaderValue,
        anchors: &TrustAnchors,
        now: Timestamp,
    ) -> Result<VerifiedToken, Error> {
        let verification = TokenVerification::new(&self.audiences, anchors.as_slice())
            .with_max_validity(self.max_validity)
            .with_min_modulus_bits(self.min_modulus_bits)
            .with_clock_skew(self.clock_skew)
            .unwrap();
        TokenBundle::from_authorization(credentials)?.verify(&verification, now)
    }
}

/// Returns whether the layer's decision equals the oracle's in every respect.
pub(crate) fn agree(decision: &Outcome, oracle: &Result<VerifiedToken, Error>) -> bool {
    match (decision, oracle) {
        (Ok(identity), Ok(token)) => matches_token(identity, token),
        (Err(Rejection::InvalidCredentials(found)), Err(expected)) => **found == *expected,
        _ => false,
    }
}

fn matches_token(identity: &WorkloadIdentity, token: &VerifiedToken) -> bool {
    identity.subject() == token.subject_id()
        && identity.organisation() == token.organisation()
        && identity.member() == token.member()
        && identity.signer() == token.signer()
        && identity.audience() == token.audience()
        && identity.claims() == token.claims()
        && identity.period() == token.period()
}
