//! The trait through which every signature is checked.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA384, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};

use super::{Hash, PublicKey, RsaScheme};

/// A key, a message and a signature. Whether they match does not depend on time.
#[derive(Clone, Copy, Debug)]
pub struct SignatureCheck<'a> {
    /// The key with its signature scheme.
    pub key: PublicKey<'a>,
    /// The signed octets.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

/// Checks signatures for a verification.
///
/// ```
/// use veraid::{DirectVerifier, SignatureCheck, SignatureVerifier};
///
/// #[derive(Default)]
/// struct Counter(u32);
///
/// impl SignatureVerifier for Counter {
///     fn is_valid(&mut self, check: &SignatureCheck<'_>) -> bool {
///         self.0 += 1;
///         DirectVerifier.is_valid(check)
///     }
/// }
/// ```
pub trait SignatureVerifier {
    /// Returns whether the signature matches the key and the message.
    fn is_valid(&mut self, check: &SignatureCheck<'_>) -> bool;

    /// Returns the result of the same check earlier in the same verification, if it was kept.
    ///
    /// A verification over a period does not count such a check as another public-key operation.
    /// A result of another verification must not be returned here: otherwise the limits of a
    /// verification would depend on what the verifier has seen before.
    fn cached_result(&self, check: &SignatureCheck<'_>) -> Option<bool> {
        let _ = check;
        None
    }
}

/// Checks every signature, and keeps no results.
#[derive(Clone, Copy, Debug, Default)]
pub struct DirectVerifier;

impl SignatureVerifier for DirectVerifier {
    fn is_valid(&mut self, check: &SignatureCheck<'_>) -> bool {
        check.verify()
    }
}

impl SignatureCheck<'_> {
    /// Checks the signature with a public-key operation.
    ///
    /// RSA keys below 1024 bits with PKCS #1, and below 2048 bits with PSS, never verify.
    #[must_use]
    pub fn verify(&self) -> bool {
        match self.key {
            PublicKey::Rsa { scheme, modulus, exponent } => {
                let components = RsaPublicKeyComponents { n: modulus, e: exponent };
                components.verify(parameters(scheme), self.message, self.signature).is_ok()
            }
            PublicKey::EcdsaP256(point) => self.verify_ecdsa::<65>(&ECDSA_P256_SHA256_FIXED, point),
            PublicKey::EcdsaP384(point) => self.verify_ecdsa::<97>(&ECDSA_P384_SHA384_FIXED, point),
            PublicKey::Ed25519(key) => {
                UnparsedPublicKey::new(&ED25519, key).verify(self.message, self.signature).is_ok()
            }
        }
    }

    /// Returns the cost of the operation. RSA-2048 with the exponent 65537 costs 9 units.
    ///
    /// The costs follow measurements of the library. A verification spends at most
    /// [`Limits::COST`](crate::Limits::COST) of them.
    #[must_use]
    pub fn cost(&self) -> u32 {
        self.key.cost().saturating_add(self.hashing_cost())
    }

    /// Returns the cost of hashing: one unit for each KiB.
    pub(crate) fn hashing_cost(&self) -> u32 {
        u32::try_from(self.message.len() / 1024).unwrap_or(u32::MAX)
    }

    /// Verifies by the uncompressed point of SEC 1, which the library requires.
    fn verify_ecdsa<const LENGTH: usize>(
        &self,
        algorithm: &'static dyn VerificationAlgorithm,
        point: &[u8],
    ) -> bool {
        let mut uncompressed = [4_u8; LENGTH];
        match uncompressed.split_first_mut() {
            Some((_, coordinates)) if coordinates.len() == point.len() => {
                coordinates.copy_from_slice(point);
            }
            _ => return false,
        }
        UnparsedPublicKey::new(algorithm, uncompressed).verify(self.message, self.signature).is_ok()
    }
}

fn parameters(scheme: RsaScheme) -> &'static RsaParameters {
    match scheme {
        RsaScheme::Pkcs1(Hash::Sha256) => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        RsaScheme::Pkcs1(Hash::Sha384) => &RSA_PKCS1_2048_8192_SHA384,
        RsaScheme::Pkcs1(Hash::Sha512) => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        RsaScheme::Pss(Hash::Sha256) => &RSA_PSS_2048_8192_SHA256,
        RsaScheme::Pss(Hash::Sha384) => &RSA_PSS_2048_8192_SHA384,
        RsaScheme::Pss(Hash::Sha512) => &RSA_PSS_2048_8192_SHA512,
    }
}
