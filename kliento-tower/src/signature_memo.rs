//! The signatures that were verified, so that what bundles of an organisation share is checked
//! once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::Cache;
use veraid::{SignatureCheck, SignatureVerifier};

type Fingerprint = [u8; 32];

/// The signatures that were verified, whatever the time is: a new bundle from an organisation seen
/// before skips the public-key work that its chain repeats.
///
/// Only signatures of bundles that verified are in it, so that refused bundles push nothing out.
/// Time is in none of them: periods are compared for every bundle.
///
/// ```
/// use kliento_tower::{KlientoAuthLayer, SignatureMemo};
///
/// let memo = SignatureMemo::new(1_000);
/// let layer = KlientoAuthLayer::new("https://api.example.com").with_signature_memo(memo);
/// ```
#[derive(Clone)]
pub struct SignatureMemo(Arc<Cache<Fingerprint, ()>>);

impl SignatureMemo {
    /// How many signatures a layer remembers by default: 10,000, in about 2 MB.
    pub const DEFAULT_SIGNATURES: usize = 10_000;

    /// A memo of at most about so many signatures; 0 remembers none.
    #[must_use]
    pub fn new(signatures: usize) -> Self {
        Self(Arc::new(Cache::new(signatures)))
    }

    /// How many signatures are remembered, about.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no signature is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A verifier for one bundle, which keeps what it learns to itself until it is told to share.
    pub(crate) fn learner(&self) -> Learner<'_> {
        Learner { memo: self, learned: Mutex::default() }
    }
}

impl Default for SignatureMemo {
    fn default() -> Self {
        Self::new(Self::DEFAULT_SIGNATURES)
    }
}

impl fmt::Debug for SignatureMemo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureMemo").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// Checks the signatures of one bundle, unless they are known.
pub(crate) struct Learner<'m> {
    memo: &'m SignatureMemo,
    learned: Mutex<Vec<Fingerprint>>,
}

impl Learner<'_> {
    /// Lets other bundles profit, once this one has verified.
    pub(crate) fn share(self) {
        let learned = self.learned.into_inner().unwrap_or_else(PoisonError::into_inner);
        for fingerprint in learned {
            self.memo.0.insert(fingerprint, ());
        }
    }
}

impl SignatureVerifier for Learner<'_> {
    fn is_valid(&self, check: &SignatureCheck<'_>) -> bool {
        let fingerprint = check.fingerprint();
        if self.memo.0.get(&fingerprint).is_some() {
            return true;
        }
        let is_valid = check.verify();
        if is_valid {
            self.learned.lock().unwrap_or_else(PoisonError::into_inner).push(fingerprint);
        }
        is_valid
    }
}
