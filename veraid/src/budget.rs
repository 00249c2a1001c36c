//! The limits of the work for one bundle, which is charged before it is done.

use std::time::Duration;

use crate::crypto::{SignatureCheck, SignatureVerifier};

/// The limits of one verification, and of what it accepts.
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
    /// The maximum number of public-key operations for one bundle.
    pub const PUBLIC_KEY_OPERATIONS: u32 = 32;
    /// The maximum number of signatures that are tried over one RRset.
    pub const SIGNATURES_PER_RRSET: usize = 8;
    /// The maximum number of keys that are tried for one signature. Several can have its tag.
    pub const KEYS_PER_TAG: usize = 4;
    /// The maximum number of records of one RRset, and of signatures over it.
    pub const RECORDS_PER_RRSET: usize = 64;
    /// The maximum number of messages of one chain.
    pub const MESSAGES: usize = 64;
    /// The maximum number of records of one chain, in all sections of all messages.
    pub const RECORDS: usize = 512;
    /// The maximum number of octets of one chain, in all messages.
    pub const CHAIN_OCTETS: usize = 65_535;
    /// The maximum number of labels of the owner, without the root label. The chain has two
    /// messages for each.
    pub const LABELS: usize = (Self::MESSAGES - 2) / 2;
    /// The maximum number of certificates attached to a signature.
    pub const CERTIFICATES: usize = 32;
    /// The maximum total cost of the operations, in the units of [`SignatureCheck::cost`].
    pub const COST: u32 = 1000;
    /// The maximum number of instants that are tried for a period.
    pub const INSTANTS: usize = 32;

    /// Sets the minimum size of the organisation's and member's RSA keys, in bits.
    ///
    /// Other sizes than 2048, 3072 and 4096 are rejected in any case.
    #[must_use]
    pub const fn with_min_modulus_bits(mut self, bits: usize) -> Self {
        self.min_modulus_bits = bits;
        self
    }

    /// Sets the maximum length of the signature's period, from its start to its end.
    #[must_use]
    pub const fn with_max_signature_period(mut self, period: Duration) -> Self {
        self.max_signature_period = Some(period);
        self
    }

    /// Returns the minimum size of the organisation's and member's RSA keys, in bits. The default
    /// is 2048.
    #[must_use]
    pub const fn min_modulus_bits(&self) -> usize {
        self.min_modulus_bits
    }

    /// Returns the maximum length of the signature's period. The default is no maximum.
    #[must_use]
    pub const fn max_signature_period(&self) -> Option<Duration> {
        self.max_signature_period
    }
}

/// The error of exceeding one of the [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {maximum} {resource}")]
#[non_exhaustive]
pub struct LimitExceeded {
    /// The limited resource.
    pub resource: &'static str,
    /// The limit.
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
    reuses_results: bool,
    operations: u32,
    cost: u32,
    /// For cached results: the key is not used again, but the message is hashed again.
    reuse_cost: u32,
}

impl<'v> Budget<'v> {
    /// A budget that counts every check.
    pub(crate) fn new(verifier: &'v mut dyn SignatureVerifier) -> Self {
        Self {
            verifier,
            reuses_results: false,
            operations: Limits::PUBLIC_KEY_OPERATIONS,
            cost: Limits::COST,
            reuse_cost: Limits::COST,
        }
    }

    /// A budget that counts each distinct check once, for several instants.
    pub(crate) fn memoising(verifier: &'v mut dyn SignatureVerifier) -> Self {
        Self { reuses_results: true, ..Self::new(verifier) }
    }

    /// Checks a signature, if enough of the budget is left.
    pub(crate) fn is_valid(&mut self, check: &SignatureCheck<'_>) -> Result<bool, LimitExceeded> {
        let cached = self.reuses_results.then(|| self.verifier.cached_result(check)).flatten();
        if let Some(is_valid) = cached {
            spend(&mut self.reuse_cost, 1 + check.hashing_cost())?;
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
