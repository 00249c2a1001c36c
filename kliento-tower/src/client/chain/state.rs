//! The last valid chain, and the last failure.

use std::sync::Arc;
use std::time::Duration;

use kliento_core::{Period, Timestamp};

use super::ChainError;
use super::schedule::Wait;

/// A chain that verifies, and its validity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreshChain {
    der: Vec<u8>,
    period: Period,
    fetched_at: Timestamp,
}

/// What is known of a chain, for operators.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChainStatus {
    /// The last valid chain, which may have expired.
    pub chain: Option<Arc<FreshChain>>,
    /// When the next fetch is due; `None` if it is due now.
    pub next_fetch: Option<Timestamp>,
    /// The error of the last fetch, if it failed.
    pub error: Option<ChainError>,
    /// The error of writing the stored copy, if that failed last.
    pub store_error: Option<ChainError>,
}

#[derive(Debug, Default)]
pub(super) struct ChainState {
    pub(super) chain: Option<Arc<FreshChain>>,
    pub(super) store_error: Option<ChainError>,
    error: Option<Arc<ChainError>>,
    failures: u32,
    wait: Option<Wait>,
    is_restored: bool,
}

impl FreshChain {
    pub(super) const fn new(der: Vec<u8>, period: Period, fetched_at: Timestamp) -> Self {
        Self { der, period, fetched_at }
    }

    /// Returns the chain in the format of [`veraid::DnssecChain::messages_to_der`].
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the period in which the chain is valid.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// Returns the last instant at which the chain is valid.
    #[must_use]
    pub const fn valid_until(&self) -> Timestamp {
        self.period.end()
    }

    /// Returns when the chain was fetched, or read from the stored copy.
    #[must_use]
    pub const fn fetched_at(&self) -> Timestamp {
        self.fetched_at
    }
}

impl ChainState {
    pub(super) fn current(&self, now: Timestamp) -> Result<Arc<FreshChain>, ChainError> {
        let valid = self.chain.as_ref().filter(|chain| chain.period.contains(now));
        valid.cloned().ok_or_else(|| ChainError::Unavailable(self.error.clone()))
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        !self.wait.is_some_and(|wait| wait.contains(now))
    }

    pub(super) fn next_fetch(&self) -> Option<Timestamp> {
        self.wait.map(Wait::until)
    }

    /// Returns whether the stored copy has been read already.
    pub(super) const fn set_restored(&mut self) -> bool {
        std::mem::replace(&mut self.is_restored, true)
    }

    pub(super) fn succeed(&mut self, chain: Arc<FreshChain>, max_interval: Duration) {
        let (now, end) = (chain.fetched_at, chain.valid_until());
        self.wait = Some(Wait::after_success(now, end, max_interval));
        (self.chain, self.error, self.failures) = (Some(chain), None, 0);
    }

    pub(super) fn fail(&mut self, error: ChainError, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.wait = Some(Wait::after_failure(now, self.failures));
        self.error = Some(Arc::new(error));
    }

    pub(super) fn status(&self) -> ChainStatus {
        ChainStatus {
            chain: self.chain.clone(),
            next_fetch: self.next_fetch(),
            error: self.error.as_deref().cloned(),
            store_error: self.store_error.clone(),
        }
    }
}
