//! The results of the signature checks of one verification.

use std::collections::HashMap;

use super::{SignatureCheck, SignatureVerifier};

type Fingerprint = [u8; 32];

/// Checks the signatures of one verification, and keeps the results.
///
/// Each distinct check is done once. With a cache of signatures, the verifier skips the checks that
/// the cache contains, and the caller adds [`Self::into_verified`] to the cache after a successful
/// verification. The key of a cache entry is [`SignatureCheck::fingerprint`]. An
/// entry never expires, because a check does not depend on time.
///
/// ```
/// use std::collections::HashSet;
/// use veraid::{SignatureBundle, StagedVerifier, Timestamp, Verification, VerificationError};
///
/// fn verify(
///     verification: &Verification<'_>,
///     bundle: &SignatureBundle<'_>,
///     now: Timestamp,
///     cache: &mut HashSet<[u8; 32]>,
/// ) -> Result<(), VerificationError> {
///     let mut verifier = StagedVerifier::with_cache(|fingerprint| cache.contains(fingerprint));
///     verification.verify_signature_with(bundle, now, &mut verifier)?;
///     let verified: Vec<_> = verifier.into_verified().collect();
///     cache.extend(verified);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct StagedVerifier<C = fn(&Fingerprint) -> bool> {
    is_cached: C,
    results: HashMap<Fingerprint, CheckOutcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CheckOutcome {
    Cached,
    Verified,
    Invalid,
}

impl StagedVerifier {
    /// Creates a verifier without a cache.
    #[must_use]
    pub fn new() -> Self {
        Self::with_cache(|_| false)
    }
}

impl Default for StagedVerifier {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Fn(&Fingerprint) -> bool> StagedVerifier<C> {
    /// Creates a verifier that skips checks whose fingerprint is in a cache of valid signatures.
    #[must_use]
    pub fn with_cache(is_cached: C) -> Self {
        Self { is_cached, results: HashMap::new() }
    }

    /// Returns the fingerprints of the valid signatures that were checked.
    pub fn into_verified(self) -> impl Iterator<Item = Fingerprint> {
        let verified = |(_, outcome): &(_, _)| *outcome == CheckOutcome::Verified;
        self.results.into_iter().filter(verified).map(|(fingerprint, _)| fingerprint)
    }
}

impl<C: Fn(&Fingerprint) -> bool> SignatureVerifier for StagedVerifier<C> {
    fn is_valid(&mut self, check: &SignatureCheck<'_>) -> bool {
        let is_cached = &self.is_cached;
        let fingerprint = check.fingerprint();
        let outcome = self.results.entry(fingerprint).or_insert_with(|| {
            if is_cached(&fingerprint) {
                CheckOutcome::Cached
            } else if check.verify() {
                CheckOutcome::Verified
            } else {
                CheckOutcome::Invalid
            }
        });
        *outcome != CheckOutcome::Invalid
    }

    fn cached_result(&self, check: &SignatureCheck<'_>) -> Option<bool> {
        let outcome = self.results.get(&check.fingerprint())?;
        Some(*outcome != CheckOutcome::Invalid)
    }
}
