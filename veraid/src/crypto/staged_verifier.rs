//! The results of the signature checks of one verification.

use std::collections::HashMap;

use super::{CheckKey, SignatureCheck, SignatureVerifier};

/// Checks the signatures of one verification, and keeps the results.
///
/// Each distinct check is done once. With a cache of signatures, the verifier skips the checks that
/// the cache contains, and the caller adds [`Self::into_verified`] to the cache after a successful
/// verification. The key of a cache entry is [`SignatureCheck::to_key`]. An entry never expires,
/// because a check does not depend on time.
///
/// ```
/// use std::collections::HashSet;
/// use veraid::{
///     CheckKey, SignatureBundle, StagedVerifier, Timestamp, Verification, VerificationError,
/// };
///
/// fn verify(
///     verification: &Verification<'_>,
///     bundle: &SignatureBundle<'_>,
///     now: Timestamp,
///     cache: &mut HashSet<CheckKey>,
/// ) -> Result<(), VerificationError> {
///     let mut verifier = StagedVerifier::with_cache(|key| cache.contains(key));
///     verification.verify_signature_with(bundle, now, &mut verifier)?;
///     let verified: Vec<_> = verifier.into_verified().collect();
///     cache.extend(verified);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct StagedVerifier<C = fn(&CheckKey) -> bool> {
    is_cached: C,
    results: HashMap<CheckKey, CheckOutcome>,
}

/// At least the checks of a bundle below a domain of the second level.
const TYPICAL_CHECKS: usize = 14;

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

impl<C: Fn(&CheckKey) -> bool> StagedVerifier<C> {
    /// Creates a verifier that skips checks that are in a cache of valid signatures.
    #[must_use]
    pub fn with_cache(is_cached: C) -> Self {
        Self { is_cached, results: HashMap::with_capacity(TYPICAL_CHECKS) }
    }

    /// Returns the keys of the valid signatures that were checked.
    pub fn into_verified(self) -> impl Iterator<Item = CheckKey> {
        let verified = |(_, outcome): &(_, _)| *outcome == CheckOutcome::Verified;
        self.results.into_iter().filter(verified).map(|(key, _)| key)
    }
}

impl<C: Fn(&CheckKey) -> bool> SignatureVerifier for StagedVerifier<C> {
    fn is_valid(&mut self, check: &SignatureCheck<'_>) -> bool {
        let is_cached = &self.is_cached;
        let outcome = self.results.entry(check.to_key()).or_insert_with_key(|key| {
            if is_cached(key) {
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
        let outcome = self.results.get(&check.to_key())?;
        Some(*outcome != CheckOutcome::Invalid)
    }
}
