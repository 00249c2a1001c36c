//! The signature checks of a verification, recorded at the seam so that they can be repeated bare.

use veraid::{PublicKey, SignatureCheck, SignatureVerifier};

use crate::Bundle;

/// The signature checks that one verification does, in order.
#[derive(Debug, Default)]
pub struct Checks(Vec<SignatureCheck<'static>>);

impl Checks {
    /// The checks that the bundle costs at its instant, whatever comes out.
    #[must_use]
    pub fn of(bundle: &Bundle) -> Vec<SignatureCheck<'static>> {
        let mut recorder = Self::default();
        drop(bundle.verify(&mut recorder));
        recorder.into_vec()
    }

    /// The checks so far.
    #[must_use]
    pub fn into_vec(self) -> Vec<SignatureCheck<'static>> {
        self.0
    }
}

impl SignatureVerifier for Checks {
    fn is_valid(&mut self, check: &SignatureCheck<'_>) -> bool {
        let recorded = SignatureCheck {
            key: kept_key(check.key),
            message: kept(check.message),
            signature: kept(check.signature),
        };
        self.0.push(recorded);
        check.verify()
    }

    fn recall(&self, check: &SignatureCheck<'_>) -> Option<bool> {
        let fingerprint = check.fingerprint();
        let is_recorded = self.0.iter().any(|recorded| recorded.fingerprint() == fingerprint);
        is_recorded.then(|| check.verify())
    }
}

/// Measurements are few and short-lived, so what they need is never freed.
fn kept(octets: &[u8]) -> &'static [u8] {
    Box::leak(octets.into())
}

fn kept_key(key: PublicKey<'_>) -> PublicKey<'static> {
    match key {
        PublicKey::Rsa { scheme, modulus, exponent } => {
            PublicKey::Rsa { scheme, modulus: kept(modulus), exponent: kept(exponent) }
        }
        PublicKey::EcdsaP256(point) => PublicKey::EcdsaP256(kept(point)),
        PublicKey::EcdsaP384(point) => PublicKey::EcdsaP384(kept(point)),
        PublicKey::Ed25519(key) => PublicKey::Ed25519(kept(key)),
        other => panic!("a kind of key that is not measured yet: {other:?}"),
    }
}
