//! How much work one bundle may cost, spent before the work is done.

use std::time::Duration;

use crate::crypto::{SignatureCheck, SignatureVerifier};

/// Bounds on what one verification does, and on what it accepts.
///
/// ```
/// use std::time::Duration;
/// use veraid::Limits;
///
/// let limits = Limits::default()
///     .with_min_modulus_bits(3072)
///     .with_max_signature_period(Duration::from_secs(3600));
/// assert_eq!(limits.min_modulus_bits(), 3072);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    min_modulus_bits: usize,
    max_signature_period: Option<Duration>,
}

impl Default for Limits {
    /// RSA keys of certificates from 2048 bits, signature periods of any length.
    fn default() -> Self {
        Self { min_modulus_bits: 2048, max_signature_period: None }
    }
}

impl Limits {
    /// The public-key operations that one bundle may cost.
    pub const PUBLIC_KEY_OPERATIONS: u32 = 32;
    /// The signatures that are tried over one set of records.
    pub const SIGNATURES_PER_SET: usize = 8;
    /// The keys that are tried for one signature (several can have its key tag).
    pub const KEYS_PER_TAG: usize = 4;
    /// The records of one set, and the signatures over it.
    pub const RECORDS_PER_SET: usize = 64;
    /// The messages of one chain.
    pub const MESSAGES: usize = 64;
    /// The records of one chain, in all sections of all messages.
    pub const RECORDS: usize = 512;
    /// The octets of one chain, in all messages.
    pub const CHAIN_OCTETS: usize = 65_535;
    /// The labels of the owner, without the root's: two messages for each must fit the chain.
    pub const LABELS: usize = (Self::MESSAGES - 2) / 2;
    /// The certificates that a signature may attach.
    pub const CERTIFICATES: usize = 32;
    /// The sum of what the operations cost, in the units of [`SignatureCheck::cost`].
    pub const COST: u32 = 1000;
    /// The instants that are tried where a bundle must hold during a period.
    pub const INSTANTS: usize = 32;

    /// Sets the least size of the organisation's and member's RSA keys, in bits.
    ///
    /// Sizes other than 2048, 3072 and 4096 are refused whatever this is.
    #[must_use]
    pub const fn with_min_modulus_bits(mut self, bits: usize) -> Self {
        self.min_modulus_bits = bits;
        self
    }

    /// Sets how long the period of a signature's metadata may be, from its start to its end.
    #[must_use]
    pub const fn with_max_signature_period(mut self, period: Duration) -> Self {
        self.max_signature_period = Some(period);
        self
    }

    /// The least size of the organisation's and member's RSA keys, in bits; 2048 by default.
    #[must_use]
    pub const fn min_modulus_bits(&self) -> usize {
        self.min_modulus_bits
    }

    /// How long the period of a signature's metadata may be; unlimited by default.
    #[must_use]
    pub const fn max_signature_period(&self) -> Option<Duration> {
        self.max_signature_period
    }
}

/// A bound of [`Limits`] that a bundle went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {maximum} {resource}")]
#[non_exhaustive]
pub struct LimitExceeded {
    /// What there was too much of.
    pub resource: &'static str,
    /// How much is allowed.
    pub maximum: usize,
}

impl LimitExceeded {
    /// Fails if `count` is above `maximum`.
    pub(crate) fn check(resource: &'static str, count: usize, maximum: usize) -> Result<(), Self> {
        if count <= maximum { Ok(()) } else { Err(Self { resource, maximum }) }
    }
}

/// The public-key work that is left for one bundle.
pub(crate) struct Budget<'v> {
    verifier: &'v mut dyn SignatureVerifier,
    recalls_results: bool,
    operations: u32,
    cost: u32,
    /// For recalled checks: no key is used again, but their messages are hashed again.
    recall_cost: u32,
}

impl<'v> Budget<'v> {
    /// A budget that counts every check.
    pub(crate) fn new(verifier: &'v mut dyn SignatureVerifier) -> Self {
        Self {
            verifier,
            recalls_results: false,
            operations: Limits::PUBLIC_KEY_OPERATIONS,
            cost: Limits::COST,
            recall_cost: Limits::COST,
        }
    }

    /// A budget that counts each distinct check once, for several instants.
    pub(crate) fn memoising(verifier: &'v mut dyn SignatureVerifier) -> Self {
        Self { recalls_results: true, ..Self::new(verifier) }
    }

    /// Checks a signature, if enough of the budget is left.
    pub(crate) fn is_valid(&mut self, check: &SignatureCheck<'_>) -> Result<bool, LimitExceeded> {
        let recalled = self.recalls_results.then(|| self.verifier.recall(check)).flatten();
        if let Some(is_valid) = recalled {
            spend(&mut self.recall_cost, 1 + check.hashing_cost())?;
            return Ok(is_valid);
        }
        self.operations = self.operations.checked_sub(1).ok_or(LimitExceeded {
            resource: "public-key operations",
            maximum: Limits::PUBLIC_KEY_OPERATIONS as usize,
        })?;
        spend(&mut self.cost, check.cost())?;
        Ok(self.verifier.is_valid(check))
    }
}

fn spend(left: &mut u32, cost: u32) -> Result<(), LimitExceeded> {
    let maximum = Limits::COST as usize;
    *left = left
        .checked_sub(cost)
        .ok_or(LimitExceeded { resource: "units of public-key work", maximum })?;
    Ok(())
}
