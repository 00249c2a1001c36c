//! Records the signature checks of a verification, so that they can be repeated alone.

use veraid::{PublicKey, SignatureCheck, SignatureVerifier};

use crate::Bundle;

/// The signature checks of one verification, in order.
#[derive(Debug, Default)]
pub struct Checks(Vec<SignatureCheck<'static>>);

impl Checks {
    /// Returns the checks of a verification of the bundle, whether it is valid or not.
    #[must_use]
    pub fn of(bundle: &Bundle) -> Vec<SignatureCheck<'static>> {
        let mut recorder = Self::default();
        drop(bundle.verify(&mut recorder));
        recorder.into_vec()
    }

    /// Returns the checks so far.
    #[must_use]
    pub fn into_vec(self) -> Vec<SignatureCheck<'static>> {
        self.0
    }
}

impl SignatureVerifier for Checks {
    fn is_valid(&mut self, check: &SignatureCheck<'_>) -> bool {
        let recorded = SignatureCheck {
            key: leak_key(check.key),
            message: leak(check.message),
            signature: leak(check.signature),
        };
        self.0.push(recorded);
        check.verify()
    }

    fn cached_result(&self, check: &SignatureCheck<'_>) -> Option<bool> {
        let key = check.to_key();
        let is_recorded = self.0.iter().any(|recorded| recorded.to_key() == key);
        is_recorded.then(|| check.verify())
    }
}

/// Leaks a copy: measurements are few and short-lived.
fn leak(octets: &[u8]) -> &'static [u8] {
    Box::leak(octets.into())
}

fn leak_key(key: PublicKey<'_>) -> PublicKey<'static> {
    match key {
        PublicKey::Rsa { scheme, modulus, exponent } => {
            PublicKey::Rsa { scheme, modulus: leak(modulus), exponent: leak(exponent) }
        }
        PublicKey::EcdsaP256(point) => PublicKey::EcdsaP256(leak(point)),
        PublicKey::EcdsaP384(point) => PublicKey::EcdsaP384(leak(point)),
        PublicKey::Ed25519(key) => PublicKey::Ed25519(leak(key)),
        other => panic!("unsupported key {other:?}"),
    }
}
